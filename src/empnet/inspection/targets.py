"""Checks of a target scalar: the part explained by the composition, the residual, and outliers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import numpy as np

from empnet.errors import EmpnetError
from empnet.inspection.frames import Frames
from empnet.inspection.record import Finding, Level, PropertyFacts
from empnet.system.composition import Pooling, choose_pooling, composition_left, fit_composition
from empnet.system.one_hot import symbol

__all__ = ["is_energy", "isolated_findings", "ordinary", "property_facts", "residuals", "target_findings"]

OUTLYING = 10.0
"""Minimum deviation of an outlier in robust standard deviations. For any distribution, at most 1 % of the values are
more than 10 standard deviations from the mean (Chebyshev)."""

FAR_FROM_ZERO = 0.5  # zeros are suspicious if all other numbers are larger than this share of their median
ROBUST = 1.4826  # standard deviation over median absolute deviation, for a normal distribution
HALF_DIGITS = float(np.sqrt(np.finfo(np.float64).eps))  # rounding errors of a fit are far smaller, a signal is larger
MANY = 0.1  # maximum share of outliers: with more, the distribution has two parts
A_FEW = 3  # maximum number of outliers in small data
ROUNDS = 5  # maximum number of fits, each without the outliers of the last
NAMED = 4  # maximum number of outliers to name
ENERGIES = re.compile(r"energ|^(E|U0|U|H|G)$|^(e|u0)_|_(e|u0)$", re.IGNORECASE)


def is_energy(name: str) -> bool:
    """Return whether a property is an energy, judged by its name.

    Example:
        >>> is_energy("dft_energy"), is_energy("U0"), is_energy("gap")
        (True, True, False)
    """
    return bool(ENERGIES.search(name))


def property_facts(frames: Frames, name: str, unit: str) -> PropertyFacts | None:
    """Return the facts about a property.

    Arguments:
        frames: The data.
        name: Name of the property.
        unit: Unit of the property, for messages.

    Returns:
        The facts; None if no frame has a finite value.
    """
    there = np.isfinite(frames.properties[name])
    if not there.any():
        return None
    if (bound := there & ~frames.isolated).any():
        there = bound  # without free atoms, which have no geometry to explain
    counts, species = frames.composition
    counts, y = counts[there], frames.properties[name][there]
    pooling, why = _pooling(counts, y, name, unit)
    left = composition_left(counts, y, pooling or "sum")
    shares = fit_composition(counts, y, pooling or "sum")
    distinct = np.linalg.matrix_rank(counts) == len(species)  # otherwise the shares are not unique
    return PropertyFacts(
        name=name,
        unit=unit,
        frames=int(there.sum()),
        mean=float(y.mean()),
        deviation=float(y.std()),
        left=float(np.sqrt(np.mean(np.square(left)))),
        pooling=pooling,
        why=why,
        per_species={symbol(kind): float(b) for kind, b in zip(species, shares, strict=True)} if distinct else {},
    )


def _pooling(counts: np.ndarray, y: np.ndarray, name: str, unit: str) -> tuple[Pooling | Literal[""], str]:
    try:
        return choose_pooling(counts, y, name, unit)
    except EmpnetError as error:  # the data do not decide
        return "", str(error)


def residuals(frames: Frames, name: str, pooling: str) -> np.ndarray:
    """Return the residuals of the composition fit; for an extensive property, divided by the number of particles.

    Arguments:
        frames: The data.
        name: Name of the property.
        pooling: Pooling as in :class:`PropertyFacts`.

    Returns:
        Residuals, shape (S,); nan where a frame has no value.
    """
    y = frames.properties[name]
    there = np.isfinite(y) & ~frames.isolated
    left = np.full(len(y), np.nan)
    if not there.any():
        return left
    counts, _ = frames.composition
    kind: Pooling = "mean" if pooling == "mean" else "sum"
    left[there] = _robustly_left(counts[there], y[there], kind)
    return left / frames.sizes if pooling == "sum" else left


def ordinary(frames: Frames, y: np.ndarray) -> np.ndarray:
    """Return a mask of frames whose value is close to the composition fit.

    Arguments:
        frames: The data.
        y: Value of each frame, such as its energy, shape (S,); nan where a frame has none.

    Returns:
        Mask, shape (S,). If more than a tenth of the values are far from the fit, they are a part of the data, and all
        frames with a value are True. Free atoms are False, because their energy has another zero.
    """
    there = np.isfinite(y) & ~frames.isolated
    if there.sum() < 2 * A_FEW - 1:
        return there
    counts, _ = frames.composition
    left = _robustly_left(counts[there], y[there], "sum") / frames.sizes[there]
    away = np.abs(left - np.median(left))
    scale = ROBUST * float(np.median(away))
    near = away <= max(OUTLYING * scale, HALF_DIGITS * float(np.abs(y[there]).max()))
    kept = there.copy()
    if (~near).sum() <= max(1, MANY * there.sum()):
        kept[there] = near
    return kept


def _robustly_left(counts: np.ndarray, y: np.ndarray, kind: Pooling) -> np.ndarray:
    """Return the residuals of a robust fit to the composition, which is not changed by outliers."""
    use = np.ones(len(y), dtype=bool)
    for _ in range(ROUNDS):
        fit = fit_composition(counts[use], y[use], kind)
        left = y - (counts if kind == "sum" else counts / counts.sum(axis=1, keepdims=True)) @ fit
        away = np.abs(left - np.median(left)) / np.sqrt(counts.sum(axis=1))
        scale = ROBUST * float(np.median(away))
        near = away <= max(OUTLYING * scale, HALF_DIGITS * float(np.abs(y).max()))
        # every species and at least half of the frames must stay in the fit
        if (near == use).all() or 2 * near.sum() < len(y) or not (counts[near] > 0).any(axis=0).all():
            break
        use = near
    return left


def target_findings(frames: Frames, facts: PropertyFacts, *, wanted: bool) -> list[Finding]:
    """Report faults of a property as a target of training.

    Arguments:
        frames: The data.
        facts: Facts about the property.
        wanted: Whether the property is a target; for a target, it is an error if there is nothing to learn.
    """
    y = frames.properties[facts.name]
    y = y[np.isfinite(y) & ~frames.isolated]
    level: Level = "error" if wanted else "note"
    if len(y) < 2:
        return []
    if np.ptp(y) == 0:
        what = "0" if y[0] == 0 else f"{y[0]:g} {facts.unit}"
        text = f"it is {what} in all {len(y)} frames: there is nothing to learn"
        return [Finding(level, facts.name, text, "is this the right key?")]
    if _explained(frames, facts, len(y)):
        text = (
            f"the composition alone explains it: the standard deviation is {facts.deviation:.4g} {facts.unit}, the "
            f"residual of the fit {facts.left:.1g} {facts.unit}, so nothing is left to learn from the geometry"
        )
        return [Finding(level, facts.name, text, "count particles instead, or choose another property")]
    return _zeros(y, facts) + _outliers(frames, facts)


def isolated_findings(frames: Frames, units: Mapping[str, str]) -> list[Finding]:
    """Report free atoms among the frames, and their energies.

    Arguments:
        frames: The data.
        units: Unit of each inspected property, by name.
    """
    alone = np.flatnonzero(frames.isolated)
    if not len(alone):
        return []
    kinds = frames.species[frames.first[alone]]
    energies = []
    for name, unit in units.items():
        if is_energy(name):
            y = frames.properties[name][alone]
            each = [f"{symbol(int(z))} {np.nanmean(y[kinds == z]):.6g}" for z in np.unique(kinds[np.isfinite(y)])]
            energies += [f"{name}: {', '.join(each)} {unit}"] if each else []
    text = f"{len(alone)} of {len(frames)} frames are free atoms ({'; '.join(energies) or 'without an energy'})"
    remedy = "training keeps them in the training set, and fits the baseline to the other frames"
    return [Finding("note", "free atoms", text, remedy, frames.where(int(alone[0])))]


def _explained(frames: Frames, facts: PropertyFacts, n: int) -> bool:
    """Return whether the composition fit is exact although there are more than twice as many values as parameters."""
    counts, _ = frames.composition
    rounding = 1e3 * np.finfo(np.float64).eps * abs(facts.mean)
    return 2 * counts.shape[1] < n and facts.left <= max(HALF_DIGITS * facts.deviation, rounding)


def _zeros(y: np.ndarray, facts: PropertyFacts) -> list[Finding]:
    """Report zeros among numbers far from zero: these values were probably never computed."""
    others = np.abs(y[y != 0])
    zeros = len(y) - len(others)
    if not 0 < zeros < len(others) or np.ptp(others) == 0 or others.min() < FAR_FROM_ZERO * np.median(others):
        return []
    text = (
        f"exactly 0 in {zeros} of {len(y)} frames, but at least {others.min():.4g} {facts.unit} in size in the others"
    )
    return [Finding("warning", facts.name, f"{text}; suspected: missing values", "remove those frames")]


def _outliers(frames: Frames, facts: PropertyFacts) -> list[Finding]:
    left = residuals(frames, facts.name, facts.pooling)
    middle = float(np.nanmedian(left))
    scale = ROBUST * float(np.nanmedian(np.abs(left - middle)))
    if not scale > HALF_DIGITS * facts.deviation / max(1, int(frames.sizes.max())):
        return []  # more than half of the values are equal: the spread has no scale
    score = np.nan_to_num(np.abs(left - middle) / scale)
    out = np.flatnonzero(score > OUTLYING)
    if not 0 < len(out) <= max(A_FEW, MANY * facts.frames):
        return []
    worst = out[np.argsort(-score[out])][:NAMED]
    each = " per particle" if facts.pooling == "sum" else ""
    named = ", ".join(f"frame {frames.numbers[k]} by {left[k] - middle:+.3g} {facts.unit}{each}" for k in worst)
    text = (
        f"{len(out)} of {facts.frames} frames lie more than {OUTLYING:.0f} robust standard deviations ({scale:.3g} "
        f"{facts.unit}{each}) from the composition fit, the farthest: {named}"
    )
    few = len(out) <= max(A_FEW, facts.frames / 100)  # more are not accidents, but a part of the data
    remedy = (
        "look at them: failed calculations, another unit or level of theory"
        if few
        else "a part of the data differs from the rest: is this intended?"
    )
    return [Finding("warning" if few else "note", facts.name, text, remedy, frames.where(int(worst[0])))]
