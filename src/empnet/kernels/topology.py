"""A neighbour list as the compiled loops take it, cut into one chunk of particles for each thread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from empnet.runtime.compiled import n_threads
from empnet.system.batch import Pairs

__all__ = ["Topology"]


@dataclass(frozen=True, slots=True, eq=False)
class Topology:
    """A neighbour list and the rows of a table that each pair reads: all derivatives of a sum share it.

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
        """Return the topology of a neighbour list whose pairs read a table at given rows."""
        rows, columns, transposed = (x.numpy() for x in (pairs.row_pointers, pairs.column_pointers, pairs.transposed))
        return cls(rows, columns, transposed, pairs.first.numpy(), pairs.second.numpy(), q.numpy(), tuple(T.shape))

    def chunks(self) -> np.ndarray:
        """Return the bounds of one chunk of particles for each thread, with about equal numbers of pairs."""
        n, number = len(self.rows) - 1, n_threads()
        if number == 1:
            return np.array([0, n])
        wanted = np.linspace(0, self.rows[-1], number + 1)
        bounds = np.searchsorted(self.rows, wanted)
        bounds[0], bounds[-1] = 0, n
        return np.maximum.accumulate(np.minimum(bounds, n))

    @property
    def by_rows_and_columns(self) -> tuple[np.ndarray, ...]:
        """Arguments of loops that write to particles: each particle visits all its pairs, listed either way."""
        return self.chunks(), self.rows, self.columns, self.transposed, self.first, self.second, self.q

    @property
    def by_rows(self) -> tuple[np.ndarray, ...]:
        """Arguments of loops that write to pairs or tables: each pair is visited once."""
        return self.rows, self.second, self.q

    def tables(self, dtype: np.dtype) -> np.ndarray:
        """Return memory for a private table of each chunk."""
        return np.empty((len(self.chunks()) - 1, *self.table), dtype)
