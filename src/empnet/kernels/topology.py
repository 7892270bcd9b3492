"""A neighbour list and the rows of a table that each pair reads: all derivatives of a sum share it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from empnet.native.structures import NeighbourRecord
from empnet.system.batch import Pairs

__all__ = ["Topology"]


@dataclass(frozen=True, slots=True, eq=False)
class Topology:
    """A neighbour list as libempnet takes it, and the shape of the tables.

    Arguments:
        record: The list.
        table: Shape of a table: rows, degrees L + 1, features F.
    """

    record: NeighbourRecord
    table: tuple[int, int, int]

    @classmethod
    def of(cls, pairs: Pairs, q: Tensor, T: Tensor) -> Topology:
        """Return the topology of a neighbour list whose pairs read a table at given rows."""
        rows, degrees, F = T.shape
        return cls(NeighbourRecord.of(pairs, q.contiguous()), (rows, degrees, F))

    @property
    def n_particles(self) -> int:
        """N."""
        return int(self.record.N)

    @property
    def n_pairs(self) -> int:
        """P."""
        return int(self.record.P)

    @property
    def degree(self) -> int:
        """L, the highest degree."""
        return self.table[1] - 1

    @property
    def n_components(self) -> int:
        """S = (L + 1)^2."""
        return self.table[1] ** 2
