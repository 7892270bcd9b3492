"""A system turned, mirrored, moved, reordered, doubled or put into a box: the questions of an audit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float64, Int64

from empnet.system.system import System

__all__ = ["boxed", "doubled", "mapped", "moved", "on_grid", "opened", "reordered", "two_far_apart"]

GRID = 2.0**-32
"""Positions on multiples of this, in angstrom, can be moved by any multiple of it up to 2^20 without rounding."""


def mapped(system: System, matrix: Float64[np.ndarray, "3 3"]) -> System:
    """The system turned about its middle, or mirrored, its cell with it.

    Arguments:
        system: The system.
        matrix: An orthogonal matrix.

    Example:
        >>> mapped(System([[0, 0, 0], [0, 0, 2.0]]), -np.eye(3)).positions.tolist()
        [[0.0, 0.0, 2.0], [0.0, 0.0, 0.0]]
    """
    centre = system.positions.mean(axis=0)
    cell = None if system.cell is None else system.cell @ matrix.T
    return replace(system, positions=(system.positions - centre) @ matrix.T + centre, cell=cell)


def on_grid(system: System) -> System:
    """The system with positions rounded to :data:`GRID`, about the origin: then :func:`moved` rounds nothing.

    Arguments:
        system: The system.

    Example:
        >>> on_grid(System([[1e6, 0, 0], [1e6, 0, 1.0]])).positions.tolist()
        [[0.0, 0.0, -0.5], [0.0, 0.0, 0.5]]
    """
    positions = system.positions - system.positions.mean(axis=0)
    return replace(system, positions=np.round(positions / GRID) * GRID)


def moved(system: System, shift: Float64[np.ndarray, " 3"]) -> System:
    """The system elsewhere.

    Arguments:
        system: The system, best from :func:`on_grid`.
        shift: Where to, in angstrom; rounded to :data:`GRID`.

    Example:
        >>> moved(System([[0, 0, 0]]), np.array([1.0, 0.0, 0.0])).positions.tolist()
        [[1.0, 0.0, 0.0]]
    """
    return replace(system, positions=system.positions + np.round(shift / GRID) * GRID)


def reordered(system: System, rows: Int64[np.ndarray, " n"]) -> System:
    """The system's particles in another order; a particle that is named twice is there twice.

    Arguments:
        system: The system.
        rows: Which particles, shape (n,), int64.

    Example:
        >>> reordered(System([[0, 0, 0], [0, 0, 1.0]], [1, 8]), np.array([1, 0])).species.tolist()
        [8, 1]
    """
    return replace(
        system,
        positions=system.positions[rows],
        species=None if system.species is None else system.species[rows],
        features=None if system.features is None else system.features[rows],
        arrays={name: values[rows] for name, values in system.arrays.items()},
    )


def _twice(system: System, shift: np.ndarray) -> System:
    both = reordered(system, np.tile(np.arange(len(system)), 2))
    return replace(both, positions=np.concatenate([system.positions, system.positions + shift]))


def opened(system: System) -> System:
    """Return the same particles as a cluster in empty space.

    Arguments:
        system: The system, periodic or not.
    """
    return replace(system, cell=None, pbc=(False, False, False))


def two_far_apart(system: System, cutoff: float) -> System:
    """Two copies of the open system, with two cutoffs of empty space between them.

    Arguments:
        system: The system; if it is periodic, its particles as a cluster.
        cutoff: Range of a message in angstrom.

    Example:
        >>> two_far_apart(System([[0, 0, 0]]), cutoff=5.0).positions.tolist()
        [[0.0, 0.0, 0.0], [10.0, 0.0, 0.0]]
    """
    return _twice(opened(system), np.array([np.ptp(system.positions[:, 0]) + 2 * cutoff, 0.0, 0.0]))


def boxed(system: System, gap: float) -> System:
    """An open system in a periodic brick, so that it meets its own images across a gap.

    Arguments:
        system: The system; one that is periodic already stays as it is.
        gap: Empty space between images along each axis, angstrom.

    Example:
        >>> boxed(System([[0, 0, 0], [0, 0, 1.0]]), gap=2.5).cell.diagonal().tolist()
        [2.5, 2.5, 3.5]
    """
    if any(system.pbc):
        return system
    return replace(system, cell=np.diag(np.ptp(system.positions, axis=0) + gap), pbc=(True, True, True))


def doubled(system: System) -> System:
    """The 2 x 1 x 1 supercell of a periodic system (along its first axis that repeats).

    Arguments:
        system: A periodic system.

    Example:
        >>> doubled(System([[0, 0, 0]], cell=np.eye(3) * 3, pbc=True)).cell.diagonal().tolist()
        [6.0, 3.0, 3.0]
    """
    assert system.cell is not None  # own invariant: periodic systems have one
    axis = system.pbc.index(True)
    cell = np.array(system.cell)
    cell[axis] *= 2
    return replace(_twice(system, system.cell[axis]), cell=cell)
