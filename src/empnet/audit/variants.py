"""Changed systems for the tests of an audit: rotated, reflected, moved, reordered, doubled or in a box."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float64, Int64

from empnet.system.system import System

__all__ = ["boxed", "doubled", "mapped", "moved", "on_grid", "opened", "reordered", "two_far_apart"]

GRID = 2.0**-32
"""Spacing of a grid of positions, in angstrom: shifts between its points, up to 2^20 angstrom, need no rounding."""


def mapped(system: System, matrix: Float64[np.ndarray, "3 3"]) -> System:
    """Return the system rotated about its middle, or reflected, together with its cell.

    Arguments:
        system: The system.
        matrix: An orthogonal matrix, shape (3, 3).

    Example:
        >>> mapped(System([[0, 0, 0], [0, 0, 2.0]]), -np.eye(3)).positions.tolist()
        [[0.0, 0.0, 2.0], [0.0, 0.0, 0.0]]
    """
    centre = system.positions.mean(axis=0)
    cell = None if system.cell is None else system.cell @ matrix.T
    return replace(system, positions=(system.positions - centre) @ matrix.T + centre, cell=cell)


def on_grid(system: System) -> System:
    """Return the system centred at the origin, with positions rounded to :data:`GRID`: :func:`moved` is then exact.

    Arguments:
        system: The system.

    Example:
        >>> on_grid(System([[1e6, 0, 0], [1e6, 0, 1.0]])).positions.tolist()
        [[0.0, 0.0, -0.5], [0.0, 0.0, 0.5]]
    """
    positions = system.positions - system.positions.mean(axis=0)
    return replace(system, positions=np.round(positions / GRID) * GRID)


def moved(system: System, shift: Float64[np.ndarray, " 3"]) -> System:
    """Return the system moved by a shift.

    Arguments:
        system: The system, preferably from :func:`on_grid`.
        shift: The shift in angstrom, shape (3,); it is rounded to :data:`GRID`.

    Example:
        >>> moved(System([[0, 0, 0]]), np.array([1.0, 0.0, 0.0])).positions.tolist()
        [[1.0, 0.0, 0.0]]
    """
    return replace(system, positions=system.positions + np.round(shift / GRID) * GRID)


def reordered(system: System, rows: Int64[np.ndarray, " n"]) -> System:
    """Return the system with its particles in another order; a row that is given twice is copied twice.

    Arguments:
        system: The system.
        rows: Rows of the particles, shape (n,), int64.

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
    """Return two copies of the open system, with two cutoffs of empty space between them.

    Arguments:
        system: The system; if it is periodic, its particles are taken as a cluster.
        cutoff: Interaction cutoff in angstrom.

    Example:
        >>> two_far_apart(System([[0, 0, 0]]), cutoff=5.0).positions.tolist()
        [[0.0, 0.0, 0.0], [10.0, 0.0, 0.0]]
    """
    return _twice(opened(system), np.array([np.ptp(system.positions[:, 0]) + 2 * cutoff, 0.0, 0.0]))


def boxed(system: System, gap: float) -> System:
    """Return an open system in a periodic rectangular box, so that it interacts with its own images across a gap.

    Arguments:
        system: The system; a periodic system is returned unchanged.
        gap: Empty space between images along each axis, in angstrom.

    Example:
        >>> boxed(System([[0, 0, 0], [0, 0, 1.0]]), gap=2.5).cell.diagonal().tolist()
        [2.5, 2.5, 3.5]
    """
    if any(system.pbc):
        return system
    return replace(system, cell=np.diag(np.ptp(system.positions, axis=0) + gap), pbc=(True, True, True))


def doubled(system: System) -> System:
    """Return the 2 x 1 x 1 supercell of a periodic system (doubled along its first periodic axis).

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
