"""Neighbour pairs within a cutoff for open, periodic and partly periodic systems, without a maximum number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32
from vesin import NeighborList

from empnet.errors import EmpnetError
from empnet.native.library import is_built, native
from empnet.system.system import System

__all__ = ["COINCIDENT", "NeighbourList", "neighbour_list"]

COINCIDENT = 1e-6
"""Distance in angstrom below which two particles coincide, which is an error in the data."""

FEW = 64
"""Maximum number of particles of an open system for which the search is a plain loop over all pairs."""


@dataclass(frozen=True, slots=True, eq=False)
class NeighbourList:
    """Ordered pairs of one system, sorted by receiver.

    Arguments:
        receivers: Index j of the receiving particle, ascending, shape (P,), int32.
        senders: Index i of the sending particle, shape (P,), int32.
        shifts: Lattice vectors S from the receiver's cell to the sender's image, shape (P, 3), int32; the vector of
            the pair is r_i - r_j + S @ cell.
    """

    receivers: Int32[np.ndarray, " P"]
    senders: Int32[np.ndarray, " P"]
    shifts: Int32[np.ndarray, "P 3"]

    def __len__(self) -> int:
        return len(self.receivers)


def neighbour_list(system: System, cutoff: float) -> NeighbourList:
    """Return all ordered pairs of particles within the cutoff, including pairs of a particle and its own images.

    Every neighbour is kept. (With a maximum number of neighbours, the graph would depend on the orientation.)

    Arguments:
        system: The system; periodic along the axes that ``system.pbc`` marks.
        cutoff: Largest distance in angstrom.

    Returns:
        The pairs, sorted by receiver, then sender, then shift. A particle without neighbours has no pairs.

    Raises:
        EmpnetError: If two particles coincide.

    Example:
        >>> pair = neighbour_list(System([[0, 0, 0], [0, 0, 1.0], [0, 0, 9.0]]), cutoff=5.0)
        >>> pair.receivers.tolist(), pair.senders.tolist()
        ([0, 1], [1, 0])
    """
    few = not any(system.pbc) and len(system) <= FEW  # a loop over all pairs is then faster
    found = _all_within(system, cutoff) if few and is_built() else None
    return _search(system, cutoff) if found is None else found


def _all_within(system: System, cutoff: float) -> NeighbourList | None:
    """Return the pairs of an open system by a loop over all pairs; None if two particles coincide."""
    n = len(system)
    receivers, senders = np.empty((2, n * (n - 1)), dtype=np.int32)
    positions = np.ascontiguousarray(system.positions, dtype=np.float64)
    P = native("pairs_within")(n, positions, float(cutoff), COINCIDENT, receivers, senders)
    if P < 0:
        return None
    return NeighbourList(receivers[:P].copy(), senders[:P].copy(), np.zeros((P, 3), dtype=np.int32))


def _search(system: System, cutoff: float) -> NeighbourList:
    cell = np.zeros((3, 3)) if system.cell is None else np.asarray(system.cell)
    search = NeighborList(cutoff=cutoff, full_list=True, n_threads=1)
    periodic = np.asarray(system.pbc) if any(system.pbc) else False
    pairs, shifts, d = search.compute(np.asarray(system.positions), cell, periodic, "PSd")
    _refuse_coincident(system, pairs, d)
    receivers, senders = pairs[:, 0].astype(np.int32), pairs[:, 1].astype(np.int32)
    order = np.lexsort((*shifts.T[::-1], senders, receivers))
    return NeighbourList(receivers[order], senders[order], shifts[order].astype(np.int32))


def _refuse_coincident(system: System, pairs: np.ndarray, d: np.ndarray) -> None:
    too_near = np.flatnonzero(d < COINCIDENT)
    if len(too_near):
        j, i = sorted(int(index) for index in pairs[too_near[0]])
        raise EmpnetError(
            f"particles {j} and {i} coincide (distance {d[too_near[0]]:.1e} angstrom)",
            where=system.origin,
            wanted="particles at different positions",
            remedy="remove one of them from the file",
        )
