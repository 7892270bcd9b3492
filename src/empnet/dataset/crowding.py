"""Foresight of the number of pairs, before a neighbour list fills the memory."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from empnet.errors import EmpnetError
from empnet.system.system import System

__all__ = ["MOST_PAIRS", "WANTED", "refuse_crowding", "usual_cutoff"]

MOST_PAIRS = 20_000_000
"""Largest number of ordered pairs of one system: 400 MB of neighbour list."""

LARGE = 5_000
"""Number of particles from which the pairs are foreseen: fewer cannot have too many."""

SAMPLE = 200
"""Number of particles whose neighbours are counted."""

WANTED = 24
"""Mean number of neighbours of a cutoff that is chosen from the data: about two rings on a surface."""


def refuse_crowding(system: System, cutoff: float) -> None:
    """Raise if a large open system has too many neighbours within the cutoff; the message names a cutoff that fits.

    Arguments:
        system: The system.
        cutoff: The cutoff, in the unit of the positions.

    Raises:
        EmpnetError: If more than 20 million pairs are foreseen.
    """
    if len(system) < LARGE or any(system.pbc):
        return
    tree, sample = cKDTree(system.positions), _sample(len(system))
    mean = float(np.mean(tree.query_ball_point(system.positions[sample], cutoff, return_length=True) - 1))
    if mean * len(system) <= MOST_PAIRS:
        return
    raise EmpnetError(
        f"the cutoff {cutoff:g} gives each of {len(system):,} points about {mean:,.0f} neighbours",
        where=system.origin,
        wanted=f"at most {MOST_PAIRS // 10**6} million pairs",
        remedy=f"--cutoff {usual_cutoff([system]):.2g} gives about {WANTED} neighbours",
    )


def usual_cutoff(systems: list[System], wanted: int = WANTED) -> float:
    """Return the cutoff with a wanted mean number of neighbours.

    Arguments:
        systems: Open systems, of two particles or more.
        wanted: Mean number of neighbours.

    Example:
        >>> line = System(np.arange(100)[:, None] * [1.0, 0, 0])
        >>> usual_cutoff([line], wanted=3)  # two neighbours at 1, and two at 2
        2.0
    """
    distances, total = [], 0
    for system in systems:
        sample = _sample(len(system))
        nearest = min(4 * wanted + 1, len(system))
        found = cKDTree(system.positions).query(system.positions[sample], nearest)[0][:, 1:]
        distances.append(found.ravel())
        total += len(sample)
    ascending = np.sort(np.concatenate(distances))
    return float(ascending[min(wanted * total, len(ascending)) - 1])


def _sample(n: int) -> np.ndarray:
    return np.random.default_rng(0).permutation(n)[:SAMPLE]
