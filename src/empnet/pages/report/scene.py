"""The drawing of a system: places, colours and radii of its particles, bonds, and the cell."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from ase.data import chemical_symbols, covalent_radii
from ase.data.colors import jmol_colors
from jaxtyping import Float64, Int64
from matplotlib.colors import to_hex

from empnet.dataset.neighbours import neighbour_list
from empnet.dataset.rows import species_of
from empnet.pages.svg import COLOURS
from empnet.system.one_hot import symbol
from empnet.system.system import System

__all__ = ["MOST", "Look", "Scene", "colour_of", "formula_of", "scene_of"]

MOST = 3_000
"""Largest number of drawn particles; a larger system is drawn as this many random particles."""

BOND = 1.2
"""Largest length of a drawn bond, as a multiple of the sum of the atoms' covalent radii: hardly any bond is longer, and
atoms without a bond are at a distance of more than 1.3 times that sum."""

ATOMIC = (0.5, 4.0)
"""Range of the median distance to the nearest neighbour, in angstrom, for atoms; other systems are point clouds."""

BRIGHTEST = 0.85
"""Largest brightness of a colour: white hydrogen would be invisible on white paper."""


@dataclass(frozen=True, slots=True)
class Look:
    """Colour and size of a species' particles.

    Arguments:
        name: Symbol or number of the species.
        colour: Colour as ``#rrggbb``.
        radius: Radius in angstrom.
    """

    name: str
    colour: str
    radius: float


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Drawing of a system, centred and rotated so that its widest side faces the viewer.

    Arguments:
        positions: Positions of the drawn particles, in angstrom, shape (n, 3).
        kinds: Index in ``looks`` of each particle, shape (n,).
        looks: Colour and size of each species.
        bonds: Pairs of particles, shape (b, 2).
        cell: Ends of the cell's edges, in angstrom, shape (12, 2, 3); without a cell, shape (0, 2, 3).
        particles: Number of particles in the system; for a large system, more than are drawn.
    """

    positions: Float64[np.ndarray, "n 3"]
    kinds: Int64[np.ndarray, " n"]
    looks: tuple[Look, ...]
    bonds: Int64[np.ndarray, "b 2"]
    cell: Float64[np.ndarray, "edges 2 3"]
    particles: int

    def to_json(self) -> dict[str, Any]:
        """Return plain values for the viewer's script."""
        return {
            "looks": [[look.name, look.colour, round(look.radius, 3)] for look in self.looks],
            "kinds": self.kinds.tolist(),
            "positions": self.positions.round(3).tolist(),
            "bonds": self.bonds.tolist(),
            "cell": self.cell.round(3).tolist(),
        }


def colour_of(species: int) -> str:
    """Return the colour of a species: the usual one for an element, otherwise a colour of the series.

    Example:
        >>> colour_of(8), colour_of(0)
        ('#ff0d0d', '#3b82c4')
    """
    if 0 < species < len(jmol_colors):
        colour = jmol_colors[species]
        return to_hex(np.minimum(colour, BRIGHTEST) if colour.min() > BRIGHTEST else colour)
    return COLOURS[species % len(COLOURS)]


def scene_of(system: System) -> Scene:
    """Return the drawing of a system.

    Arguments:
        system: The system; if it is periodic, its particles are drawn within the cell.

    Example:
        >>> scene_of(System([[0, 0, 0], [0, 0, 1.0]], species=[1, 8])).bonds.tolist()
        [[0, 1]]
    """
    species, positions = species_of(system), _within_cell(system)
    particles = len(positions)
    if particles > MOST:
        drawn = np.sort(np.random.default_rng(0).choice(particles, MOST, replace=False))
        species, positions = species[drawn], positions[drawn]
    different, kinds = np.unique(species, return_inverse=True)
    near = _nearest(positions)
    atomic = bool(different[0] > 0 and different[-1] < len(chemical_symbols) and ATOMIC[0] < near < ATOMIC[1])
    looks = tuple(
        Look(_name(system, kind), colour_of(kind), 0.35 * float(covalent_radii[kind]) + 0.1 if atomic else 0.35 * near)
        for kind in different.tolist()
    )
    bonds = _bonds(positions, species) if atomic else np.zeros((0, 2), dtype=np.int64)
    cell = _edges(system)
    centre = cell.mean(axis=(0, 1)) if len(cell) else positions.mean(axis=0)
    turn = np.linalg.svd(positions - positions.mean(axis=0), full_matrices=True)[2] if len(positions) > 2 else np.eye(3)
    turn[2] *= np.sign(np.linalg.det(turn))  # a rotation, not a reflection
    turn = _TILT if len(cell) else turn
    return Scene((positions - centre) @ turn.T, kinds, looks, bonds, (cell - centre) @ turn.T, particles)


def _name(system: System, kind: int) -> str:
    """Return a species in words: its symbol, or its number if it is not an element."""
    name = symbol(kind)
    return "particles" if system.species is None else f"species {name}" if name == str(kind) else name


def _tilt(about_y: float, about_x: float) -> np.ndarray:
    (c, s), (C, S) = ((np.cos(a), np.sin(a)) for a in np.radians([about_y, about_x]))
    return np.array([[1, 0, 0], [0, C, -S], [0, S, C]]) @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


_TILT = _tilt(-25.0, 20.0)
"""Rotation for a system with a cell: the view is slightly from the side and from above."""


def _within_cell(system: System) -> np.ndarray:
    positions = np.asarray(system.positions)
    if system.cell is None or not any(system.pbc):
        return positions
    from ase.geometry import wrap_positions

    return wrap_positions(positions, np.asarray(system.cell), pbc=system.pbc)


def _nearest(positions: np.ndarray) -> float:
    """Return the median distance to the nearest neighbour; 1 for a single particle."""
    from scipy.spatial import cKDTree

    if len(positions) < 2:
        return 1.0
    return float(np.median(cKDTree(positions).query(positions, k=2)[0][:, 1])) or 1.0


def _bonds(positions: np.ndarray, species: np.ndarray) -> np.ndarray:
    radii = covalent_radii[species]
    pairs = neighbour_list(System(positions), 2 * BOND * float(radii.max()))
    i, j = pairs.senders.astype(np.int64), pairs.receivers.astype(np.int64)
    d = np.linalg.norm(positions[i] - positions[j], axis=1)
    bonded = (i < j) & (d < BOND * (radii[i] + radii[j]))
    return np.stack([i[bonded], j[bonded]], axis=1)


def _edges(system: System) -> np.ndarray:
    """Return the twelve edges of a periodic system's cell."""
    if system.cell is None or not any(system.pbc):
        return np.zeros((0, 2, 3))
    corners = np.array(list(product((0, 1), repeat=3)))
    ends = [(a, b) for a in corners for b in corners if (b - a).sum() == 1 and (b >= a).all()]
    return np.array(ends) @ np.asarray(system.cell)


def formula_of(scene: Scene) -> str:
    """Return the numbers of the drawn particles by kind, in words.

    Example:
        >>> formula_of(scene_of(System([[0, 0, 0], [0, 0, 1.0]], species=[1, 8])))
        '1 H, 1 O'
    """
    counts = Counter(scene.kinds.tolist())
    return ", ".join(f"{counts[k]} {look.name}" for k, look in enumerate(scene.looks))
