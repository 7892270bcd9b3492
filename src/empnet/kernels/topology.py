"""Which particles hear which, as compiled loops want it told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from empnet.runtime.compiled import n_threads
from empnet.system.batch import Pairs

__all__ = ["Topology"]


@dataclass(frozen=True, slots=True, eq=False)
class Topology:
    """Which particles hear which, and where in the table each pair reads: what all derivatives share.

    Arguments:
        rows, columns, transposed, first, second: See :class:`~empnet.system.batch.Pairs`.
        q: First of each pair's four coefficients.
        table: Shape of the table.
    """

    rows: np.ndarray
    columns: np.ndarray
    transposed: np.ndarray
    first: np.ndarray
    second: np.ndarray
    q: np.ndarray
    table: tuple[int, ...]

    @classmethod
    def of(cls, pairs: Pairs, q: Tensor, T: Tensor) -> Topology:
        """The topology of a neighbour list and the pairs' places in a table."""
        rows, columns, transposed = (x.numpy() for x in (pairs.row_pointers, pairs.column_pointers, pairs.transposed))
        return cls(rows, columns, transposed, pairs.first.numpy(), pairs.second.numpy(), q.numpy(), tuple(T.shape))

    def chunks(self) -> np.ndarray:
        """Bounds of particles that cut the list into parts of about as many pairs, one for each thread."""
        n, number = len(self.rows) - 1, n_threads()
        if number == 1:
            return np.array([0, n])
        wanted = np.linspace(0, self.rows[-1], number + 1)
        bounds = np.searchsorted(self.rows, wanted)
        bounds[0], bounds[-1] = 0, n
        return np.maximum.accumulate(np.minimum(bounds, n))

    @property
    def lists(self) -> tuple[np.ndarray, ...]:
        """What loops over particles and all their pairs want."""
        return self.chunks(), self.rows, self.columns, self.transposed, self.first, self.second, self.q

    @property
    def half(self) -> tuple[np.ndarray, ...]:
        """What loops over pairs want."""
        return self.rows, self.second, self.q

    def tables(self, dtype: np.dtype) -> np.ndarray:
        """Room for a private table of each chunk."""
        return np.empty((len(self.chunks()) - 1, *self.table), dtype)
