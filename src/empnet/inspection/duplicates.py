"""Exact and near duplicates in the data, and differences between their targets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from jaxtyping import Int64
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from empnet.inspection.frames import Frames, numbered
from empnet.inspection.geometry import LARGEST, Geometry, shortest_vectors, whole_cells
from empnet.inspection.record import Finding
from empnet.inspection.targets import ROBUST, residuals

__all__ = ["exact_duplicates", "exact_findings", "further_frames", "near_duplicates", "near_findings"]

NEAR = 0.001
"""Tolerance over the typical distance to the nearest particle: 0.001 angstrom in molecules, as in optimisations."""

CANDIDATES = 4
"""Number of frames with the nearest fingerprints to compare closely with each frame."""

AGREES = 1e-6  # tolerance over the spread of a property: the rounding error of six digits


def exact_duplicates(frames: Frames) -> list[np.ndarray]:
    """Return the indices of the frames in each set of exactly equal systems, in ascending order.

    Arguments:
        frames: The data.
    """
    twice = np.flatnonzero(np.bincount(frames.groups, minlength=1)[frames.groups] > 1)  # frames with duplicates
    order = twice[np.argsort(frames.groups[twice], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(frames.groups[order])) + 1) if len(order) else []


def near_duplicates(frames: Frames, geometry: Geometry) -> tuple[np.ndarray, float]:
    """Return pairs of frames with equal composition and distances, even if rotated, moved or reordered.

    Exact duplicates of an earlier frame are left out. In a set of many similar frames, each frame has only one partner.

    Arguments:
        frames: The data.
        geometry: Their distances.

    Returns:
        Pairs of frames, shape (n, 2), with the earlier frame first, and the tolerance in angstrom.
    """
    known = geometry.nearest[np.isfinite(geometry.nearest)]
    tolerance = NEAR * float(np.median(known)) if len(known) else 0.0
    counts, _ = frames.composition
    single = np.unique(frames.groups, return_index=True)[1]
    single = single[frames.sizes[single] > 1]
    wraps = frames.wraps
    kinds = numbered((counts[k].tobytes(), bool(wraps[k])) for k in single)
    order = np.argsort(kinds, kind="stable")
    pairs: list[tuple[int, int]] = []
    for part in np.split(order, np.flatnonzero(np.diff(kinds[order])) + 1):
        if len(part) > 1:
            pairs += _near_pairs(frames, single[part], geometry.fingerprints[single[part]], tolerance)
    return np.array(sorted(set(pairs)), dtype=np.int64).reshape(-1, 2), tolerance


def further_frames(pairs: Int64[np.ndarray, "n 2"]) -> int:
    """Return the number of frames to remove if one frame of each connected set of pairs is kept.

    Arguments:
        pairs: Pairs of frames, shape (n, 2).

    Example:
        >>> further_frames(np.array([[1, 5], [3, 5], [7, 8]]))
        3
    """
    frames, ends = np.unique(pairs, return_inverse=True)
    if not len(frames):
        return 0
    one, two = ends.reshape(-1, 2).T
    graph = coo_matrix((np.ones(len(one)), (one, two)), shape=(len(frames), len(frames)))
    return len(frames) - int(connected_components(graph, directed=False)[0])


def _near_pairs(frames: Frames, members: np.ndarray, points: np.ndarray, tolerance: float) -> Iterator[tuple[int, int]]:
    """Yield each frame with the first frame that has a similar fingerprint and the same surroundings of particles."""
    many = min(CANDIDATES + 1, len(points))
    distance, other = cKDTree(points).query(points, k=many, p=np.inf, distance_upper_bound=tolerance)
    same = cache(lambda one, two: _same_surroundings(frames, one, two, tolerance))  # each pair occurs twice
    for own in range(len(points)):
        for k in other[own][np.isfinite(distance[own]) & (other[own] != own)]:
            one, two = sorted((int(members[own]), int(members[k])))
            if same(one, two):
                yield one, two
                break


def _same_surroundings(frames: Frames, one: int, two: int, tolerance: float) -> bool:
    """Return whether each particle has a counterpart in the other frame: same species, same distances to the others.

    Sorted distances alone do not suffice: they are also equal for different arrangements of species on one lattice.
    Frames that are too large for computing all distances are not compared particle by particle.
    """
    if frames.sizes[one] > LARGEST:
        return True
    (species_1, rows_1), (species_2, rows_2) = _surroundings(frames, one), _surroundings(frames, two)
    for kind in np.unique(species_1):
        apart = cdist(rows_1[species_1 == kind], rows_2[species_2 == kind], "chebyshev") <= tolerance
        if not (apart.any(axis=0).all() and apart.any(axis=1).all()):
            return False
    return True


def _surroundings(frames: Frames, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the species of each particle and its distances to the others, sorted by species, shape (N, N)."""
    members = np.array([frame])
    inside = frames.rows(members)[0]
    positions, species = frames.positions[inside], frames.species[inside]
    vectors = (positions[:, None] - positions[None]).reshape(1, -1, 3)
    if frames.wraps[frame]:
        vectors = shortest_vectors(vectors, whole_cells(frames, members))
    d = np.linalg.norm(vectors[0], axis=1).reshape(len(inside), len(inside))
    order = np.lexsort((d, np.broadcast_to(species, d.shape)), axis=1)
    return species, np.take_along_axis(d, order, axis=1)


def exact_findings(frames: Frames, units: dict[str, str]) -> list[Finding]:
    """Report exact duplicates, and contradictions between their targets.

    Arguments:
        frames: The data.
        units: Unit of each inspected property, by name.
    """
    sets = exact_duplicates(frames)
    if not sets:
        return []
    extra = sum(len(part) - 1 for part in sets)
    text = f"{extra} of {len(frames)} frames are exactly equal to an earlier frame"
    where = f"first: {frames.where(int(sets[0][0]))} and {int(frames.numbers[sets[0][1]])}"
    findings = [Finding("advice", "duplicates", text, "training keeps them in one set of the split", where)]
    first = np.repeat([part[0] for part in sets], [len(part) - 1 for part in sets])
    pairs = np.stack([first, np.concatenate([part[1:] for part in sets])], axis=1)
    return findings + _contradictions(frames, pairs, units, "equal")


def near_findings(frames: Frames, pairs: np.ndarray, tolerance: float, units: dict[str, str]) -> list[Finding]:
    """Report near duplicates, and the differences between their targets.

    Arguments:
        frames: The data.
        pairs: Pairs from :func:`near_duplicates`, shape (n, 2).
        tolerance: Their tolerance in angstrom.
        units: Unit of each inspected property, by name.
    """
    if not len(pairs):
        return []
    involved = len(np.unique(pairs))
    text = (
        f"{involved} of {len(frames)} frames are nearly equal to another frame: all distances agree within "
        f"{tolerance:.2g} angstrom"
    )
    where = f"first: {frames.where(int(pairs[0, 0]))} and {int(frames.numbers[pairs[0, 1]])}"
    remedy = "a random split may separate such pairs into training and test set; mirror images count as equal"
    return [
        Finding("advice", "near duplicates", text, remedy, where),
        *_contradictions(frames, pairs, units, "nearly equal"),
    ]


def _contradictions(frames: Frames, pairs: np.ndarray, units: dict[str, str], word: str) -> list[Finding]:
    """Report duplicates with different targets: for near duplicates, if they differ as much as unrelated systems."""
    findings = []
    for name, unit in units.items():
        y = frames.properties[name]
        apart = np.abs(y[pairs[:, 0]] - y[pairs[:, 1]])
        left = residuals(frames, name, "")
        spread = float(ROBUST * np.nanmedian(np.abs(left - np.nanmedian(left)))) or float(np.nanstd(left))
        limit = AGREES * spread if word == "equal" else spread
        wrong = np.flatnonzero(apart > limit)
        if len(wrong):
            worst = int(wrong[np.argmax(apart[wrong])])
            one, two = pairs[worst]
            text = (
                f"{len(wrong)} of {len(pairs)} pairs of {word} systems have different values, by up to "
                f"{apart[worst]:.4g} {unit} (typical deviation from the composition fit: {spread:.4g} {unit})"
            )
            where = f"{frames.where(int(one))} and {int(frames.numbers[two])}"
            remedy = "no function of the geometry gives both: find out which value is right, or what else differs"
            findings.append(Finding("warning", name, text, remedy, where))
    return findings
