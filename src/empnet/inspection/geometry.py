"""Distances in every frame: nearest particles, and a fingerprint that rotation and reordering do not change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from vesin import NeighborList

from empnet.inspection.frames import Frames

__all__ = ["LARGEST", "N_BLOCKS", "Geometry", "measure", "shortest_vectors", "whole_cells"]

N_BLOCKS = 32
"""Number of values in a fingerprint."""

LARGEST = 256
"""Maximum number of particles for using all pairs; for larger frames, the fingerprint uses the distances to the nearest
particle and to the centre."""

MAX_PAIRS = 2_000_000
"""Maximum number of pairs at a time; limits memory."""

APART = 1e6  # offset in angstrom between pairs of different species in one sorted list


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """Distances and fingerprints of all frames.

    Arguments:
        nearest: Distance from each particle to the nearest other particle (or its own image), shape (P,), angstrom;
            inf for a single particle.
        partner: Species of the nearest particle, shape (P,).
        fingerprints: Sorted distances of each frame as means of at most 32 blocks, shape (S, 32), angstrom. If all
            distances of two frames of one composition agree within t, the fingerprints also agree within t.
    """

    nearest: np.ndarray
    partner: np.ndarray
    fingerprints: np.ndarray


def measure(frames: Frames) -> Geometry:
    """Return the distances within every frame.

    Arguments:
        frames: The data.
    """
    nearest = np.full(len(frames.positions), np.inf)
    found = Geometry(nearest, np.array(frames.species), np.zeros((len(frames), N_BLOCKS)))
    for size, periodic, members in _alike(frames):
        if size > LARGEST:
            for frame in members:
                _measure_large(frames, int(frame), found)
            continue
        chunk = max(1, MAX_PAIRS // (size * size * (8 if periodic else 1)))
        for start in range(0, len(members), chunk):
            _measure_small(frames, members[start : start + chunk], found)
    return found


def _alike(frames: Frames) -> Iterator[tuple[int, bool, np.ndarray]]:
    """Yield size, periodicity and indices of frames of the same size and periodicity."""
    code = frames.sizes * 2 + frames.wraps
    for value in np.unique(code):
        yield int(value) // 2, bool(value % 2), np.flatnonzero(code == value)


def shortest_vectors(vectors: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Return the shortest images of vectors; exact for reduced lattice vectors, the usual case.

    Arguments:
        vectors: Vectors in each of B frames, shape (B, n, 3), angstrom.
        cells: Lattice vectors as rows, shape (B, 3, 3), angstrom.

    Returns:
        Vectors of the same shape.
    """
    fractions = vectors @ np.linalg.inv(cells)
    fractions -= np.round(fractions)
    lengths = np.linalg.norm(cells, axis=2)
    gram = cells @ cells.transpose(0, 2, 1) / (lengths[:, :, None] * lengths[:, None, :])
    best = fractions @ cells
    if np.allclose(gram, np.eye(3), atol=1e-6):  # lattice vectors at right angles: rounding is exact
        return best
    shortest = np.square(best).sum(axis=2)
    step = np.where(fractions > 0, 1.0, -1.0)
    for corner in range(1, 8):
        other = (fractions - step * [corner & 1, corner >> 1 & 1, corner >> 2 & 1]) @ cells
        length = np.square(other).sum(axis=2)
        nearer = length < shortest
        best[nearer], shortest[nearer] = other[nearer], length[nearer]
    return best


def _measure_small(frames: Frames, members: np.ndarray, found: Geometry) -> None:
    size, rows = int(frames.sizes[members[0]]), frames.rows(members)
    lattice = np.zeros((len(members), 0))
    one, two = np.triu_indices(size, 1)
    vectors = frames.positions[rows[:, one]] - frames.positions[rows[:, two]]
    if frames.wraps[members[0]]:
        cells = whole_cells(frames, members)
        vectors = shortest_vectors(vectors, cells)
        lattice = _lattice_lengths(cells)
    d = np.sqrt(np.square(vectors).sum(axis=2))
    square = np.full((len(members), size, size), np.inf)
    square[:, one, two] = square[:, two, one] = d
    square[:, range(size), range(size)] = lattice.min(axis=1, initial=np.inf)[:, None]  # its own images
    other = square.argmin(axis=2)
    found.nearest[rows] = np.take_along_axis(square, other[:, :, None], axis=2)[:, :, 0]
    found.partner[rows] = np.take_along_axis(frames.species[rows], other, axis=1)
    if frames.wraps[members[0]]:
        for frame in members[_skewed(cells)]:
            _nearest_periodic(frames, int(frame), found)
    kinds = np.sort(np.stack([frames.species[rows[:, one]], frames.species[rows[:, two]]]), axis=0)
    rank = np.unique(kinds[0] * 4096 + kinds[1], return_inverse=True)[1].reshape(d.shape) * APART
    ranked = np.sort(d + rank, axis=1) - np.sort(rank, axis=1)
    found.fingerprints[members] = _blocks(np.concatenate([lattice, ranked], axis=1))


def whole_cells(frames: Frames, members: np.ndarray) -> np.ndarray:
    """Return the cells of the chosen frames, shape (B, 3, 3); lattice vectors of non-periodic axes become very long.

    Arguments:
        frames: The data.
        members: Indices of the frames, shape (B,); each frame is periodic along at least one axis.
    """
    cells = np.array(frames.cells[members])
    lengths = np.linalg.norm(cells, axis=2, keepdims=True)
    return np.where(frames.periodic[members][:, :, None], cells, cells / lengths * APART)


def _skewed(cells: np.ndarray) -> np.ndarray:
    """Return whether cells are not reduced: a sum or difference of two vectors is shorter than the longer one."""
    gram = np.abs(cells @ cells.transpose(0, 2, 1))
    square = np.diagonal(gram, axis1=1, axis2=2)
    shorter = np.minimum(square[:, :, None], square[:, None, :])
    skewed: np.ndarray = (gram * ~np.eye(3, dtype=bool) > (0.5 + 1e-6) * shorter).any(axis=(1, 2))
    return skewed


def _lattice_lengths(cells: np.ndarray) -> np.ndarray:
    """Return the sorted lengths of the lattice vectors and of their sums and differences, shape (B, 9)."""
    pairs = [cells[:, i] + sign * cells[:, j] for i, j in ((0, 1), (0, 2), (1, 2)) for sign in (1, -1)]
    return np.sort(np.linalg.norm(np.stack([*cells.transpose(1, 0, 2), *pairs], axis=1), axis=2), axis=1)


def _blocks(values: np.ndarray) -> np.ndarray:
    """Return the means of at most 32 blocks of each row, shape (B, 32); shorter rows are padded with zeros."""
    length = values.shape[1]
    if length <= N_BLOCKS:
        return np.pad(values, ((0, 0), (0, N_BLOCKS - length)))
    starts = np.arange(N_BLOCKS) * length // N_BLOCKS
    return np.add.reduceat(values, starts, axis=1) / np.diff(np.append(starts, length))


def _measure_large(frames: Frames, frame: int, found: Geometry) -> None:
    inside = slice(frames.first[frame], frames.first[frame] + frames.sizes[frame])
    positions = frames.positions[inside]
    if frames.wraps[frame]:
        _nearest_periodic(frames, frame, found)
        parts = (_lattice_lengths(whole_cells(frames, np.array([frame])))[0], np.sort(found.nearest[inside]))
    else:
        d, other = cKDTree(positions).query(positions, k=2)
        found.nearest[inside], found.partner[inside] = d[:, 1], frames.species[inside][other[:, 1]]
        parts = (np.sort(np.linalg.norm(positions - positions.mean(axis=0), axis=1)), np.sort(d[:, 1]))
    halves = [_blocks(part[None])[0, :N_BLOCKS] for part in parts]
    found.fingerprints[frame] = np.concatenate([half.reshape(-1, 2).mean(axis=1) for half in halves])


def _nearest_periodic(frames: Frames, frame: int, found: Geometry) -> None:
    """Find the nearest particle or image of each particle; the search range grows until every particle has one."""
    inside = slice(frames.first[frame], frames.first[frame] + frames.sizes[frame])
    positions, cell, pbc = np.asarray(frames.positions[inside]), np.asarray(frames.cells[frame]), frames.periodic[frame]
    reach = 1.2 * (abs(np.linalg.det(cell)) / len(positions)) ** (1 / 3)
    while True:
        i, j, d = NeighborList(cutoff=float(reach), full_list=True, n_threads=1).compute(positions, cell, pbc, "ijd")
        order = np.lexsort((d, i))
        with_neighbour, at = np.unique(i[order], return_index=True)
        if len(with_neighbour) == len(positions):
            found.nearest[inside] = d[order[at]]
            found.partner[inside] = frames.species[inside][j[order[at]].astype(int)]
            return
        reach *= 1.5
