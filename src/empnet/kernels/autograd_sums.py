"""Sums over pairs as multilinear forms in compiled loops: O(P) memory, derivatives of every order.

Formulas: :func:`empnet.kernels.reference.pair_sums` and :func:`~empnet.kernels.reference.tensor_sums`. Loops:
``pair_sum_loops`` and ``tensor_sum_loops``, for any degree and width. For moments of degree 2, ``autograd_moments`` is
several times as fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int64
from torch import Tensor

from empnet.kernels import pair_sum_loops, tensor_sum_loops
from empnet.kernels.multilinear import Slots, value
from empnet.kernels.topology import Topology
from empnet.system.batch import Pairs

__all__ = ["pair_sums", "pair_sums_at", "tensor_sums", "tensor_sums_at"]

SLOTS = ("w", "T", "Y", "f", "g")


@dataclass(frozen=True, slots=True, eq=False)
class PairSums:
    """The form of :func:`pair_sums`."""

    at: Topology

    def evaluate(self, slot: int, slots: Slots) -> Tensor:
        """Return the form with ``slot`` open."""
        w, T, Y, f, g = (None if x is None else x.detach().contiguous().numpy() for x in slots)
        like = next(x for x in slots if x is not None)
        at = self.at
        n, degrees = len(at.rows) - 1, at.table[1]
        shapes = {"w": (len(at.q), 4), "T": at.table, "Y": (len(at.q), degrees**2), "f": (n, at.table[2])}
        out = like.new_empty(shapes.get(SLOTS[slot], (n, degrees**2, at.table[2])))
        self._fill(SLOTS[slot], w, T, Y, f, g, out.numpy())
        return out

    def _fill(self, slot: str, w: Any, T: Any, Y: Any, f: Any, g: Any, out: np.ndarray) -> None:
        """Write the form with ``slot`` open to ``out``."""
        at = self.at
        if slot == "g":
            pair_sum_loops.forward(*at.by_rows_and_columns, w, T, Y, f, out)
        elif slot == "f" and Y is None and g is not None:  # then f and g can be exchanged
            pair_sum_loops.forward(*at.by_rows_and_columns, w, T, None, g[:, 0], out[:, None])
        elif slot == "f":
            pair_sum_loops.grad_f(*at.by_rows_and_columns, w, T, Y, g, out)
        elif slot == "w":
            pair_sum_loops.grad_w(*at.by_rows, T, Y, f, g, out)
        elif slot == "Y":
            pair_sum_loops.grad_Y(*at.by_rows, w, T, f, g, out)
        else:
            pair_sum_loops.grad_T(at.chunks(), *at.by_rows, w, Y, f, g, at.tables(out.dtype), out)


@dataclass(frozen=True, slots=True, eq=False)
class TensorSums:
    """The form of :func:`tensor_sums`, with slots w, T, V and g; the last two can be exchanged."""

    at: Topology

    def evaluate(self, slot: int, slots: Slots) -> Tensor:
        """Return the form with ``slot`` open."""
        w, T, V, g = (None if x is None else x.detach().contiguous().numpy() for x in slots)
        like = next(x for x in slots if x is not None)
        at = self.at
        shapes = ((len(at.q), 4), at.table)
        out = like.new_empty(shapes[slot] if slot < 2 else (len(at.rows) - 1, at.table[1] ** 2, at.table[2]))
        into = out.numpy()
        if slot == 0:
            tensor_sum_loops.grad_w(*at.by_rows, T, V, g, into)
        elif slot == 1:
            tensor_sum_loops.grad_T(at.chunks(), *at.by_rows, w, V, g, at.tables(into.dtype), into)
        else:
            tensor_sum_loops.forward(*at.by_rows_and_columns, w, T, g if slot == 2 else V, into)
        return out


def pair_sums(
    w: Float[Tensor, "P 4"],
    T: Float[Tensor, "K_2 L_1 F"],
    Y: Float[Tensor, "P S"] | None,
    f: Float[Tensor, "N F"],
    q: Int64[Tensor, " P"],
    pairs: Pairs,
) -> Float[Tensor, "N S F"]:
    """Compute :func:`empnet.kernels.pair_sums` in compiled loops, for any degree and width; tensors on the CPU."""
    return pair_sums_at(Topology.of(pairs, q, T), w, T, Y, f)


def pair_sums_at(at: Topology, w: Tensor, T: Tensor, Y: Tensor | None, f: Tensor) -> Tensor:
    """Compute :func:`pair_sums` for a given topology."""
    return value(PairSums(at), SLOTS.index("g"), [w, T, Y, f, None])


def tensor_sums(
    w: Float[Tensor, "P 4"],
    T: Float[Tensor, "K_2 L_1 F"],
    V: Float[Tensor, "N S F"],
    q: Int64[Tensor, " P"],
    pairs: Pairs,
) -> Float[Tensor, "N S F"]:
    """Compute :func:`empnet.kernels.tensor_sums` in compiled loops, for any degree and width; tensors on the CPU."""
    return tensor_sums_at(Topology.of(pairs, q, T), w, T, V)


def tensor_sums_at(at: Topology, w: Tensor, T: Tensor, V: Tensor) -> Tensor:
    """Compute :func:`tensor_sums` for a given topology."""
    return value(TensorSums(at), 3, [w, T, V, None])
