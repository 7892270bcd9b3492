"""The sum over pairs in compiled loops, for CPUs: O(P) memory, derivatives of every order from five small kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int64
from torch import Tensor

from empnet.data.batch import Pairs
from empnet.data.compiled import n_threads
from empnet.nn.kernels import loops, tensor_loops
from empnet.nn.kernels.directions import pair_directions
from empnet.nn.kernels.fused_products import gated, mixed, products
from empnet.nn.kernels.geometry import pair_weights
from empnet.nn.kernels.moment_loops import moment_loops, pays
from empnet.nn.kernels.multilinear import Slots, value

__all__ = ["gated", "mixed", "pair_directions", "pair_sums", "pair_weights", "products", "tensor_sums"]

SLOTS = ("w", "T", "Y", "f", "g")


@dataclass(frozen=True, slots=True, eq=False)
class Topology:
    """Which particles hear which, and where in the table each pair reads: what all derivatives share.

    Arguments:
        rows, columns, transposed, first, second: See :class:`~empnet.data.batch.Pairs`.
        q: First of each pair's four coefficients.
        table: Shape of T.
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
        """What loops over particles and their pairs want."""
        return self.chunks(), self.rows, self.columns, self.transposed, self.first, self.second, self.q

    @property
    def of_moments(self) -> bool:
        """Whether there are loops for this degree and number of features."""
        return self.table[1] == 3 and pays(self.table[2])

    def tables(self, dtype: np.dtype) -> np.ndarray:
        """Room for a private table of each chunk."""
        return np.empty((len(self.chunks()) - 1, *self.table), dtype)


@dataclass(frozen=True, slots=True, eq=False)
class PairSums:
    """The form of :func:`pair_sums`."""

    at: Topology

    def evaluate(self, slot: int, slots: Slots) -> Tensor:
        """The form with ``slot`` open."""
        w, T, Y, f, g = (None if x is None else x.detach().contiguous().numpy() for x in slots)
        like = next(x for x in slots if x is not None)
        at = self.at
        n, degrees = len(at.rows) - 1, at.table[1]
        shapes = {"w": (len(at.q), 4), "T": at.table, "Y": (len(at.q), degrees**2), "f": (n, at.table[2])}
        out = like.new_empty(shapes.get(SLOTS[slot], (n, degrees**2, at.table[2])))
        self._fill(SLOTS[slot], w, T, Y, f, g, out.numpy())
        return out

    def _fill(self, slot: str, w: Any, T: Any, Y: Any, f: Any, g: Any, out: np.ndarray) -> None:
        """Write the form with ``slot`` open."""
        at = self.at
        if at.of_moments and (Y is not None or slot == "Y"):
            self._fill_moments(slot, w, T, Y, f, g, out)
        elif slot == "g":
            loops.to_g(*at.lists, w, T, Y, f, out)
        elif slot == "f" and Y is None and g is not None:  # then f and g can be exchanged
            loops.to_g(*at.lists, w, T, None, g[:, 0], out[:, None])
        elif slot == "f":
            loops.to_f(*at.lists, w, T, Y, g, out)
        elif slot == "w":
            loops.to_w(at.rows, at.second, at.q, T, Y, f, g, out)
        elif slot == "Y":
            loops.to_Y(at.rows, at.second, at.q, w, T, f, g, out)
        else:
            loops.to_T(at.chunks(), at.rows, at.second, at.q, w, Y, f, g, at.tables(out.dtype), out)

    def _fill_moments(self, slot: str, w: Any, T: Any, Y: Any, f: Any, g: Any, out: np.ndarray) -> None:
        """The same for degree 2, on flat arrays."""
        at, fast = self.at, moment_loops(self.at.table[2], out.dtype)
        row = 9 * at.table[2]  # spelled out, since of no particles reshape could not tell
        T, g = None if T is None else T.reshape(-1), None if g is None else g.reshape(-1, row)
        if slot == "g":
            fast.to_g(*at.lists, w, T, Y, f, out.reshape(-1, row))
        elif slot == "f":
            fast.to_f(*at.lists, w, T, Y, g, out)
        elif slot == "w":
            fast.to_w(at.rows, at.second, at.q, T, Y, f, g, out)
        elif slot == "Y":
            fast.to_Y(at.rows, at.second, at.q, w, T, f, g, out)
        else:
            tables = at.tables(out.dtype).reshape(-1, out.size)
            fast.to_T(at.chunks(), at.rows, at.second, at.q, w, Y, f, g, tables, out.reshape(-1))


@dataclass(frozen=True, slots=True, eq=False)
class TensorSums:
    """The form of :func:`tensor_sums`, with slots w, T, V and g; the last two can be exchanged."""

    at: Topology

    def evaluate(self, slot: int, slots: Slots) -> Tensor:
        """The form with ``slot`` open."""
        w, T, V, g = (None if x is None else x.detach().contiguous().numpy() for x in slots)
        like = next(x for x in slots if x is not None)
        at = self.at
        shapes = ((len(at.q), 4), at.table)
        out = like.new_empty(shapes[slot] if slot < 2 else (len(at.rows) - 1, at.table[1] ** 2, at.table[2]))
        fill = self._fill_moments if at.of_moments else self._fill
        fill(slot, w, T, V, g, out.numpy())
        return out

    def _fill(self, slot: int, w: Any, T: Any, V: Any, g: Any, out: np.ndarray) -> None:
        at = self.at
        if slot == 0:
            tensor_loops.to_w(at.rows, at.second, at.q, T, V, g, out)
        elif slot == 1:
            tensor_loops.to_T(at.chunks(), at.rows, at.second, at.q, w, V, g, at.tables(out.dtype), out)
        else:
            tensor_loops.to_g(*at.lists, w, T, g if slot == 2 else V, out)

    def _fill_moments(self, slot: int, w: Any, T: Any, V: Any, g: Any, out: np.ndarray) -> None:
        """The same for degree 2, on flat arrays."""
        at, fast = self.at, moment_loops(self.at.table[2], out.dtype)
        row = 9 * at.table[2]
        T = None if T is None else T.reshape(-1)
        V, g = (None if x is None else x.reshape(-1, row) for x in (V, g))
        if slot == 0:
            fast.tensors_to_w(at.rows, at.second, at.q, T, V, g, out)
        elif slot == 1:
            tables = at.tables(out.dtype).reshape(-1, out.size)
            fast.tensors_to_T(at.chunks(), at.rows, at.second, at.q, w, V, g, tables, out.reshape(-1))
        else:
            fast.tensors_to_g(*at.lists, w, T, g if slot == 2 else V, out.reshape(-1, row))


def pair_sums(
    w: Float[Tensor, "P 4"],
    T: Float[Tensor, "K_2 L_1 F"],
    Y: Float[Tensor, "P S"] | None,
    f: Float[Tensor, "N F"],
    q: Int64[Tensor, " P"],
    pairs: Pairs,
) -> Float[Tensor, "N S F"]:
    """What :func:`empnet.nn.kernels.pair_sums` says, in compiled loops; tensors on the CPU, float32 or float64.

    See there for the formula and the arguments.
    """
    return value(PairSums(Topology.of(pairs, q, T)), SLOTS.index("g"), [w, T, Y, f, None])


def tensor_sums(
    w: Float[Tensor, "P 4"],
    T: Float[Tensor, "K_2 L_1 F"],
    V: Float[Tensor, "N S F"],
    q: Int64[Tensor, " P"],
    pairs: Pairs,
) -> Float[Tensor, "N S F"]:
    """What :func:`empnet.nn.kernels.tensor_sums` says, in compiled loops; tensors on the CPU, float32 or float64."""
    return value(TensorSums(Topology.of(pairs, q, T)), 3, [w, T, V, None])
