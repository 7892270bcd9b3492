"""Sorting of particles along a curve through space, so that neighbours in space are neighbours in memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from empnet.system.system import System

__all__ = ["SORTED_FROM", "in_given_order", "sorted_in_space", "spatial_order"]

SORTED_FROM = 2_000
"""Number of particles from which sorting pays; data of smaller systems fit into the processor's cache in any order."""

BITS = 21
"""Bits of a cell's number along each axis: three of them fill an int64."""


def spatial_order(
    positions: Float64[np.ndarray, "N 3"],
    cell: Float64[np.ndarray, "3 3"] | None,
    pbc: tuple[bool, bool, bool],
    side: float,
) -> Int64[np.ndarray, " N"]:
    r"""Return the particles' indices along a curve through all small cells of space (Morton's order).

    .. math:: a_x = \lfloor s_x h_x / side \rfloor, \quad
        code = \sum_{b} \left( a_x^{(b)} 2^{3b} + a_y^{(b)} 2^{3b + 1} + a_z^{(b)} 2^{3b + 2} \right)

    with s the fractional coordinate (periodic axes are wrapped into the cell), h the distance between the cell's
    faces, and a^{(b)} the bits of a. Particles of one cell keep their order, so the result is unique.

    References:
        A computer oriented geodetic data base and a new technique in file sequencing, Morton, 1966.

    Arguments:
        positions: Positions r in angstrom, finite, shape (N, 3), float64.
        cell: Lattice vectors as rows in angstrom, shape (3, 3), float64; None if nothing repeats.
        pbc: Whether the system repeats along each lattice vector.
        side: Approximate width of a small cell in angstrom, for example half a cutoff. An open system of more than two
            million small cells along an axis gets wider ones.

    Returns:
        A permutation, shape (N,), int64: ``positions[order]`` is sorted in space.

    Example:
        >>> line = np.array([[0.0, 0, 0], [9.0, 0, 0], [1.0, 0, 0], [8.0, 0, 0]])
        >>> spatial_order(line, None, (False, False, False), side=2.5)
        array([0, 2, 1, 3])
    """
    code = np.zeros(len(positions), dtype=np.int64)
    if len(positions):
        for axis, along in enumerate(_lengths(positions, cell, pbc).T):
            width = max(side, along.max() / (2**BITS - 1))
            code |= _spread((along / width).astype(np.int64)) << axis
    return np.argsort(code, kind="stable")


def _lengths(
    positions: Float64[np.ndarray, "N 3"], cell: Float64[np.ndarray, "3 3"] | None, pbc: tuple[bool, bool, bool]
) -> Float64[np.ndarray, "N 3"]:
    """Return particles' distances from the first face of the cell, or from the first particle along an open axis."""
    if cell is None or not any(pbc):
        return positions - positions.min(axis=0)
    from ase.geometry import complete_cell

    fractions = np.linalg.inv(complete_cell(np.where(np.array(pbc)[:, None], cell, 0.0)))
    s = positions @ fractions
    s -= np.where(pbc, np.floor(s), s.min(axis=0))
    return s / np.linalg.norm(fractions, axis=0)


def _spread(number: Int64[np.ndarray, " N"]) -> Int64[np.ndarray, " N"]:
    """Return the bits of a number of 21 bits, three places apart."""
    for shift, mask in (
        (32, 0x1F00000000FFFF),
        (16, 0x1F0000FF0000FF),
        (8, 0x100F00F00F00F00F),
        (4, 0x10C30C30C30C30C3),
        (2, 0x1249249249249249),
    ):
        number = (number | number << shift) & mask
    return number


def sorted_in_space(system: System, cutoff: float) -> tuple[System, Int64[np.ndarray, " N"]]:
    """Return a system with its particles sorted in space, if it is large enough, and their old indices.

    Results of the whole system stay the same, to rounding, because sums have another order. Results of particles have
    the new order; :func:`in_given_order` restores the old one.

    Arguments:
        system: A system, of any size.
        cutoff: Range of the neighbour list in angstrom.

    Returns:
        The system, and the permutation that sorts its particles, shape (N,), int64. Below :data:`SORTED_FROM`
        particles it is the same object.

    Example:
        >>> from ase.build import bulk
        >>> copper = bulk("Cu", cubic=True) * (10, 10, 10)
        >>> given = System(copper.positions, copper.numbers, cell=copper.cell.array, pbc=(True, True, True))
        >>> near, order = sorted_in_space(given, cutoff=5.0)
        >>> np.array_equal(in_given_order(near.positions, order), given.positions)
        True
    """
    if len(system) < SORTED_FROM:
        return system, np.arange(len(system))
    order = spatial_order(system.positions, system.cell, system.pbc, side=cutoff / 2)
    rows = {
        "positions": system.positions[order],
        "species": None if system.species is None else system.species[order],
        "features": None if system.features is None else system.features[order],
        "arrays": {name: values[order] for name, values in system.arrays.items()},
    }
    return replace(system, **rows), order


def in_given_order(
    values: Shaped[np.ndarray, "N *shape"], order: Int64[np.ndarray, " N"]
) -> Shaped[np.ndarray, "N *shape"]:
    """Return values of a sorted system's particles in the given order.

    Arguments:
        values: Forces, contributions or the like of the sorted particles, shape (N, ...).
        order: Permutation from :func:`sorted_in_space`.

    Returns:
        The values, shape (N, ...): row ``order[n]`` is the former row n.

    Example:
        >>> in_given_order(np.array([5.0, 6.0, 7.0]), np.array([2, 0, 1]))
        array([6., 7., 5.])
    """
    given = np.empty_like(values)
    given[order] = values
    return given
