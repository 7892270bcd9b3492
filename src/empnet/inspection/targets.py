"""A scalar to be learned: what the composition explains of it, what is left, and values that stand apart."""

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
"""Robust standard deviations; of no distribution do more than 1 % lie so many standard deviations out (Chebyshev)."""

FAR_FROM_ZERO = 0.5  # of the median: the smallest of numbers among which a zero is a stranger
ROBUST = 1.4826  # standard deviations in a median absolute deviation, for a normal distribution
HALF_DIGITS = float(np.sqrt(np.finfo(np.float64).eps))  # rounding in a fit stays far below, a signal above
MANY = 0.1  # of all frames: so many are no outliers, the distribution has two parts
A_FEW = 3  # outliers are mishaps in small data, too
ROUNDS = 5  # of fitting and leaving out
NAMED = 4  # outliers that are named
ENERGIES = re.compile(r"energ|^(E|U0|U|H|G)$|^(e|u0)_|_(e|u0)$", re.IGNORECASE)


def is_energy(name: str) -> bool:
    """Return whether a property is called an energy.

    Example:
        >>> is_energy("dft_energy"), is_energy("U0"), is_energy("gap")
        (True, True, False)
    """
    return bool(ENERGIES.search(name))


def property_facts(frames: Frames, name: str, unit: str) -> PropertyFacts | None:
    """Gather the facts about a property.

    Arguments:
        frames: The data.
        name: The property.
        unit: Its unit, for the words.

    Returns:
        The facts; None if no frame has a finite value.
    """
    there = np.isfinite(frames.properties[name])
    if not there.any():
        return None
    if (bound := there & ~frames.isolated).any():
        there = bound  # free atoms are no part of what geometry has to explain
    counts, species = frames.composition
    counts, y = counts[there], frames.properties[name][there]
    pooling, why = _pooling(counts, y, name, unit)
    left = composition_left(counts, y, pooling or "sum")
    shares = fit_composition(counts, y, pooling or "sum")
    distinct = np.linalg.matrix_rank(counts) == len(species)  # else many shares fit as well
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
    except EmpnetError as error:  # the data cannot tell
        return "", str(error)


def residuals(frames: Frames, name: str, pooling: str) -> np.ndarray:
    """Return the residuals of the composition's fit; of an extensive property, divided by the number of particles.

    Arguments:
        frames: The data.
        name: The property.
        pooling: As in :class:`PropertyFacts`.

    Returns:
        Shape (S,); nan where a frame has no value.
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
    """Return a mask of frames whose value is close to the composition's fit.

    Arguments:
        frames: The data.
        y: A value of each frame, such as its energy; nan where there is none, shape (S,).

    Returns:
        Shape (S,): all with a value, if a tenth or more stand apart: then they are a part of the data. Free atoms,
        whose energy has another zero, are left out.
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
    """Return the residuals of a robust fit on the composition: outliers do not bend it."""
    use = np.ones(len(y), dtype=bool)
    for _ in range(ROUNDS):
        fit = fit_composition(counts[use], y[use], kind)
        left = y - (counts if kind == "sum" else counts / counts.sum(axis=1, keepdims=True)) @ fit
        away = np.abs(left - np.median(left)) / np.sqrt(counts.sum(axis=1))
        scale = ROBUST * float(np.median(away))
        near = away <= max(OUTLYING * scale, HALF_DIGITS * float(np.abs(y).max()))
        # every species must stay in the fit, and a fit to half of the frames is none of all
        if (near == use).all() or 2 * near.sum() < len(y) or not (counts[near] > 0).any(axis=0).all():
            break
        use = near
    return left


def target_findings(frames: Frames, facts: PropertyFacts, *, wanted: bool) -> list[Finding]:
    """Find reasons against learning a property as it is.

    Arguments:
        frames: The data.
        facts: Of the property.
        wanted: Whether somebody wants to learn it: then it is an error if there is nothing to learn.
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
            f"the composition explains it to {facts.left:.1g} {facts.unit} of a standard deviation of "
            f"{facts.deviation:.4g} {facts.unit}: geometry has nothing to add, and nothing is left to learn"
        )
        return [Finding(level, facts.name, text, "count particles instead, or choose another property")]
    return _zeros(y, facts) + _outliers(frames, facts)


def isolated_findings(frames: Frames, units: Mapping[str, str]) -> list[Finding]:
    """Free atoms among the frames, and their energies.

    Arguments:
        frames: The data.
        units: Unit of each property that is looked at, by name.
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
    remedy = "training keeps them on its side, and fits its baseline to the other frames"
    return [Finding("note", "free atoms", text, remedy, frames.where(int(alone[0])))]


def _explained(frames: Frames, facts: PropertyFacts, n: int) -> bool:
    """Return whether the composition's fit is exact, though it has fewer parameters than half the values."""
    counts, _ = frames.composition
    rounding = 1e3 * np.finfo(np.float64).eps * abs(facts.mean)
    return 2 * counts.shape[1] < n and facts.left <= max(HALF_DIGITS * facts.deviation, rounding)


def _zeros(y: np.ndarray, facts: PropertyFacts) -> list[Finding]:
    """Zeros among numbers that are nowhere near zero: values that were never computed."""
    others = np.abs(y[y != 0])
    zeros = len(y) - len(others)
    if not 0 < zeros < len(others) or np.ptp(others) == 0 or others.min() < FAR_FROM_ZERO * np.median(others):
        return []
    text = f"exactly 0 in {zeros} of {len(y)} frames, while no other is below {others.min():.4g} {facts.unit} in size"
    return [Finding("warning", facts.name, f"{text}; suspected: values that are missing", "remove those frames")]


def _outliers(frames: Frames, facts: PropertyFacts) -> list[Finding]:
    left = residuals(frames, facts.name, facts.pooling)
    middle = float(np.nanmedian(left))
    scale = ROBUST * float(np.nanmedian(np.abs(left - middle)))
    if not scale > HALF_DIGITS * facts.deviation / max(1, int(frames.sizes.max())):
        return []  # more than half are equal: no measure of what is usual
    score = np.nan_to_num(np.abs(left - middle) / scale)
    out = np.flatnonzero(score > OUTLYING)
    if not 0 < len(out) <= max(A_FEW, MANY * facts.frames):
        return []
    worst = out[np.argsort(-score[out])][:NAMED]
    each = " a particle" if facts.pooling == "sum" else ""
    named = ", ".join(f"frame {frames.numbers[k]} by {left[k] - middle:+.3g} {facts.unit}{each}" for k in worst)
    text = (
        f"{len(out)} of {facts.frames} frames lie more than {OUTLYING:.0f} robust standard deviations ({scale:.3g} "
        f"{facts.unit}{each}) from what their composition tells, the farthest: {named}"
    )
    few = len(out) <= max(A_FEW, facts.frames / 100)  # more are no mishaps, but a part of the data
    remedy = (
        "look at them: failed calculations, another unit or level of theory"
        if few
        else "a part of the data differs from the rest: is that meant?"
    )
    return [Finding("warning" if few else "note", facts.name, text, remedy, frames.where(int(worst[0])))]
