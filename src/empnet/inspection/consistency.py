"""Comparison of forces with the slope of the energies: wrong sign, wrong unit, or no relation at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from empnet.inspection.forces import largest_forces
from empnet.inspection.frames import Frames, numbered
from empnet.inspection.geometry import shortest_vectors, whole_cells
from empnet.inspection.outlying import outlying
from empnet.inspection.record import Finding
from empnet.inspection.targets import ordinary
from empnet.inspection.time_order import internal_distances
from empnet.system.units import parse_unit

__all__ = [
    "CLOSE",
    "ENERGIES",
    "FORCES",
    "LEAST",
    "MATCH",
    "N_FRAMES",
    "N_PAIRS",
    "SHARP",
    "Slope",
    "consistency_findings",
    "force_energy_slope",
    "per_particle",
    "rival_findings",
    "slope_of",
    "verdict",
]

LEAST = 8
"""Pairs of frames needed for a verdict."""

N_FRAMES = 2000
"""Maximum number of frames of one kind that are searched for nearest pairs."""

N_PAIRS = 100
"""Number of nearest pairs to compare: the nearer two frames are, the less the potential curves between them."""

SHARP = 0.1
"""Relative median deviation of dE / W below which the ratio is one clear number, so that units can be identified."""

AGREE = 0.5
"""Weighted agreement of signs (from -1 to 1) above which work and energy are related: three of four signs agree."""

CLOSE = 0.15
"""Maximum abs(ln(slope)) of correct forces: units of energy differ by more (23.06 and 27.2), noise changes it less."""

BLURRED, FAR, SURE = 0.5, 4.0, 3.3
"""If the median deviation is between SHARP and BLURRED, a comparison can still show a reversed sign or a factor beyond
FAR. Its signs must then agree by SURE standard deviations, which happens by chance once in a thousand times."""

SAME = 1e-9  # relative difference below which two energies count as equal
BETTER = 0.7  # forces belong to an energy if its misfit is below this share of the other energy's misfit

HEAVIEST = 10.0
"""Maximum weight of a pair over the median weight; outliers are removed before."""

MATCH = 0.08  # tolerance in ln(factor) for identifying units: half way between 23.06 and 27.2
ENERGIES = ("eV", "Hartree", "kcal/mol", "kJ/mol")
FORCES = ("eV/angstrom", "Hartree/bohr", "kcal/mol/angstrom", "kJ/mol/angstrom", "eV/bohr", "Hartree/angstrom",
          "kcal/mol/bohr", "kJ/mol/nm")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Slope:
    """Ratio of energy differences to the work of the forces between similar frames.

    Arguments:
        pairs: Number of pairs of frames.
        value: Weighted median of dE / W with W = -(F_1 + F_2) / 2 . (r_2 - r_1): 1 for correct forces.
        spread: Weighted median of |dE / W - value| / |value|.
        agreement: sum |W| sign(W dE) / sum |W|: 1 if all signs agree, -1 if all are opposite, 0 for unrelated numbers.
    """

    pairs: int
    value: float
    spread: float
    agreement: float


def force_energy_slope(frames: Frames, energy: str, forces: str) -> Slope | None:
    """Compare energy differences with the work of the mean force between similar frames of one kind.

    The mean of the forces at both ends is exact for a harmonic potential, so frames need not be very near. Molecules
    are first rotated onto each other (W. Kabsch, Acta Cryst. A 32, 922, 1976); crystals must have the same cell.

    Arguments:
        frames: The data.
        energy: Key of the energies.
        forces: Key of the forces.

    Returns:
        The comparison; None if there are fewer than eight pairs of similar frames.
    """
    parts = [_work(frames, energy, forces, pairs) for pairs in _near_pairs(frames, energy, forces)]
    if not parts:
        return None
    work, difference, far = (np.concatenate(values) for values in zip(*parts, strict=True))
    use = np.flatnonzero((work != 0) & (difference != 0))
    use = use[np.argsort(far[use])[:N_PAIRS]]
    if len(use) < LEAST:
        return None
    return slope_of(difference[use], work[use])


def slope_of(difference: np.ndarray, work: np.ndarray) -> Slope:
    """Return the weighted median of dE / W and its reliability; the weight of a pair is at most ten median weights.

    Arguments:
        difference: dE of each pair, shape (n,).
        work: W of each pair, not zero, shape (n,).
    """
    ratio, weight = difference / work, np.abs(work)
    # Larger steps carry more information, but a few frames with absurd forces must not dominate.
    weight = np.minimum(weight, HEAVIEST * np.median(weight))
    value = _weighted_median(ratio, weight)
    spread = _weighted_median(np.abs(ratio / value - 1), weight)
    return Slope(len(ratio), value, spread, float(np.sum(weight * np.sign(ratio)) / weight.sum()))


def rival_findings(frames: Frames, energy: str, rival: str, forces: str) -> list[Finding]:
    """Report which of two energies in the data fits the forces.

    VASP's energy for sigma to zero and its free energy differ by the entropy of the electrons. The forces are the
    slope of the free energy.

    Arguments:
        frames: The data.
        energy: Key of the energies in use.
        rival: Key of the other energies.
        forces: Key of the forces.
    """
    y, z = frames.properties[energy], frames.properties[rival]
    both = np.isfinite(y) & np.isfinite(z)
    apart = np.abs(z - y)[both]
    if not both.any() or not apart.max() > SAME * np.abs(y[both]).max():
        return []
    used, other = _misfit(frames, energy, forces, both), _misfit(frames, rival, forces, both)
    far = f"{apart.max():.3g} (in the data's unit)"
    text = f"the data also have '{rival}', which differs by up to {far}; '{energy}' is used"
    choice = f"to choose the other one: --property {rival}"
    if used is None or other is None:
        text += "; too few similar frames to decide which of the two the forces belong to"
        return [Finding("note", energy, text, f"with VASP, they belong to free_energy; {choice}")]
    text += f"; energy differences deviate from the work of the forces by {used:.2%}, those of '{rival}' by {other:.2%}"
    if other < BETTER * used:
        return [Finding("warning", energy, f"{text}: the forces belong to '{rival}'", choice)]
    if used < BETTER * other:
        return [Finding("note", energy, f"{text}: the forces belong to '{energy}'")]
    return [Finding("note", energy, f"{text}: both fit equally well", choice)]


def _misfit(frames: Frames, energy: str, forces: str, there: np.ndarray) -> float | None:
    """Return the weighted median of |dE / W - 1| between similar frames; None if there are fewer than eight pairs."""
    only = replace(frames, properties={energy: np.where(there, frames.properties[energy], np.nan)})
    parts = [_work(only, energy, forces, pairs) for pairs in _near_pairs(only, energy, forces)]
    if not parts:
        return None
    work, difference, far = (np.concatenate(values) for values in zip(*parts, strict=True))
    use = np.flatnonzero(work != 0)
    use = use[np.argsort(far[use])[:N_PAIRS]]
    if len(use) < LEAST:
        return None
    weight = np.abs(work[use])
    return _weighted_median(np.abs(difference[use] / work[use] - 1), np.minimum(weight, HEAVIEST * np.median(weight)))


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    half = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    return float(values[order[min(half, len(order) - 1)]])


def _near_pairs(frames: Frames, energy: str, forces: str) -> Iterator[np.ndarray]:
    """Yield, for each kind of frames, pairs of a frame and its most similar frame, shape (n, 2)."""
    y, f = frames.properties[energy], frames.vectors[forces]
    usual = ordinary(frames, y) & ~outlying(largest_forces(frames, forces))
    for members in frames.repeated(least=2):
        complete = usual[members] & np.isfinite(f[frames.rows(members)]).all(axis=(1, 2))
        members = members[complete]
        if len(members) < 2:
            continue
        members = members[np.linspace(0, len(members) - 1, min(len(members), N_FRAMES)).astype(int)]
        x = internal_distances(frames, members)
        x -= x.mean(axis=0)
        square = np.square(x).sum(axis=1)
        apart = square[:, None] + square[None] - 2 * x @ x.T
        comparable = frames.groups[members][:, None] != frames.groups[members][None]
        cell = numbered(np.round(frames.cells[k], 6).tobytes() for k in members)
        comparable &= cell[:, None] == cell[None]
        apart = np.where(comparable, apart, np.inf)
        nearest = apart.argmin(axis=1)
        found = np.isfinite(apart.min(axis=1))
        pairs = np.sort(np.stack([members, members[nearest]], axis=1)[found], axis=1)
        if len(pairs):
            yield np.unique(pairs, axis=0)


def _work(frames: Frames, energy: str, forces: str, pairs: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return W, dE and the mean square step of pairs of frames of one kind."""
    one, two = frames.rows(pairs[:, 0]), frames.rows(pairs[:, 1])
    r_1, r_2 = frames.positions[one], frames.positions[two]
    f_1, f_2 = frames.vectors[forces][one], frames.vectors[forces][two]
    if frames.wraps[pairs[0, 0]]:
        step = shortest_vectors(r_2 - r_1, whole_cells(frames, pairs[:, 0]))
        step -= step.mean(axis=1, keepdims=True)
    else:
        r_1, r_2 = r_1 - r_1.mean(axis=1, keepdims=True), r_2 - r_2.mean(axis=1, keepdims=True)
        turn = _rotations(r_2, r_1)
        step, f_2 = r_2 @ turn - r_1, f_2 @ turn
    work = -np.sum((f_1 + f_2) / 2 * step, axis=(1, 2))
    y = frames.properties[energy]
    return work, y[pairs[:, 1]] - y[pairs[:, 0]], np.square(step).sum(axis=2).mean(axis=1)


def _rotations(moved: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """Return the rotations R, shape (n, 3, 3), that bring moved @ R nearest to fixed."""
    u, _, vt = np.linalg.svd(moved.transpose(0, 2, 1) @ fixed)
    sign = np.linalg.det(u @ vt)
    u[:, :, 2] *= sign[:, None]
    rotations: np.ndarray = u @ vt
    return rotations


def consistency_findings(frames: Frames, energy: str, forces: str) -> list[Finding]:
    """Report forces that do not fit the energies in sign or unit.

    Arguments:
        frames: The data.
        energy: Key of the energies.
        forces: Key of the forces.
    """
    slope = force_energy_slope(frames, energy, forces)
    if slope is None:
        return []
    size = abs(slope.value)
    measured = (
        f"between {slope.pairs} pairs of similar frames, energy differences are {slope.value:.3g} times the work of "
        f"the forces (half of them within {slope.spread:.0%}; signs agree by {slope.agreement:.0%})"
    )
    found = verdict(slope)
    if found == "unclear":
        text = f"{measured}: frames are too far apart, or forces do not belong to the energies"
        return [Finding("note", forces, text, "these frames do not show sign and unit")]
    if found == "fits":
        return [Finding("note", forces, f"they fit '{energy}' in sign and unit: {measured}")]
    sign = "their sign is reversed (gradients instead of forces)" if slope.value < 0 else ""
    unit = "" if abs(np.log(size)) < CLOSE else _mixed(size)
    if "no pair of units" in unit and (n := per_particle(frames, slope)):
        unit = f"energies per particle ({n} of them in each frame)"
    if slope.spread > SHARP:
        unit = "" if 1 / FAR < size < FAR else f"energies and forces that differ by a factor of about {size:.2g}"
    suspected = " and ".join(part for part in (sign, unit) if part)
    return [Finding("warning", forces, f"suspected: {suspected}; {measured}", "correct the forces or the energies")]


def per_particle(frames: Frames, slope: Slope) -> int:
    """Return the number of particles per frame if energies seem to be divided by it; otherwise 0.

    Arguments:
        frames: The data.
        slope: Comparison of energy differences with the work of the forces.
    """
    n = int(frames.sizes[0])
    divided = n > 1 and bool((frames.sizes == n).all()) and slope.spread < SHARP
    return n if divided and abs(np.log(abs(slope.value) * n)) < MATCH else 0


def verdict(slope: Slope) -> Literal["fits", "wrong", "unclear"]:
    """Return whether the forces fit the energies, are wrong, or cannot be judged.

    Arguments:
        slope: Comparison of energy differences with the work of the forces.
    """
    usual = slope.value > 0 and abs(np.log(abs(slope.value))) < CLOSE
    if abs(slope.agreement) < AGREE or (slope.spread > SHARP and not usual and not _far_off(slope)):
        return "unclear"
    return "fits" if usual else "wrong"


def _far_off(slope: Slope) -> bool:
    """Return whether even a blurred comparison is clear: a reversed sign, or a factor too large for curvature."""
    if slope.spread > BLURRED or abs(slope.agreement) * np.sqrt(slope.pairs) < SURE:
        return False
    return slope.value < 0 or not 1 / FAR < slope.value < FAR


def _mixed(size: float) -> str:
    """Describe the units of energy and force that explain a factor."""
    found = []
    for energy in ENERGIES:
        for force in FORCES:
            factor = parse_unit(force).factor / parse_unit(energy).factor
            miss = abs(np.log(size / factor))
            if miss < MATCH:
                found.append((miss, f"energies in {energy} with forces in {force}"))
    lines = [text for _, text in sorted(found)[:2]]
    return " or ".join(lines) if lines else f"a factor of {size:.3g} that no pair of units explains"
