"""The sum over pairs in compiled loops, for CPUs: O(P) memory, derivatives of every order from five small kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from empnet.data.batch import Pairs
from empnet.data.compiled import n_threads
from empnet.nn.kernels import loops
from empnet.nn.kernels.geometry import pair_weights

__all__ = ["pair_sums", "pair_weights"]

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
        lists = (pairs.row_pointers, pairs.column_pointers, pairs.transposed, pairs.first, pairs.second, q)
        return cls(*(x.numpy() for x in lists), tuple(T.shape))

    def chunks(self) -> np.ndarray:
        """Bounds of particles that cut the list into parts of about as many pairs, one for each thread."""
        n, number = len(self.rows) - 1, n_threads()
        if number == 1:
            return np.array([0, n])
        wanted = np.linspace(0, self.rows[-1], number + 1)
        bounds = np.searchsorted(self.rows, wanted)
        bounds[0], bounds[-1] = 0, n
        return np.maximum.accumulate(np.minimum(bounds, n))


class Partial(torch.autograd.Function):
    """The form with one slot left open; its derivative is the same form with the gradient in that slot."""

    @staticmethod
    def forward(ctx: Any, slot: int, topology: Topology, *slots: Tensor | None) -> Tensor:  # type: ignore[override]
        """Evaluate the form; ``slots`` are w, T, Y, f, g, with None for the open one (and for Y without angles)."""
        ctx.slot, ctx.topology = slot, topology
        ctx.save_for_backward(*slots)
        return _evaluate(SLOTS[slot], topology, slots)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """One form for each slot that wants a derivative."""
        full = list(ctx.saved_tensors)
        full[ctx.slot] = gradient
        wanted = ctx.needs_input_grad[2:]
        return (None, None, *(_partial(s, ctx.topology, full) if wanted[s] else None for s in range(len(SLOTS))))


def _partial(slot: int, topology: Topology, full: list[Tensor | None]) -> Tensor:
    """The form with ``slot`` left open."""
    open_ = [None if s == slot else value for s, value in enumerate(full)]
    result: Tensor = Partial.apply(slot, topology, *open_)  # type: ignore[no-untyped-call]
    return result


def _evaluate(slot: str, topology: Topology, slots: tuple[Tensor | None, ...]) -> Tensor:
    w, T, Y, f, g = (None if value is None else value.detach().contiguous().numpy() for value in slots)
    like = next(value for value in slots if value is not None)
    at, degrees = topology, topology.table[1]
    shapes = {"w": (len(at.q), 4), "T": at.table, "Y": (len(at.q), degrees**2), "f": (len(at.rows) - 1, at.table[2])}
    out = like.new_empty(shapes.get(slot, (len(at.rows) - 1, degrees**2, at.table[2])))
    there, chunks = out.numpy(), at.chunks()
    lists = (chunks, at.rows, at.columns, at.transposed, at.first, at.second, at.q)
    if slot == "g":
        loops.to_g(*lists, w, T, Y, f, there)
    elif slot == "f" and Y is None:  # then f and g can be exchanged
        loops.to_g(*lists, w, T, None, g[:, 0], there[:, None])
    elif slot == "f":
        loops.to_f(*lists, w, T, Y, g, there)
    elif slot == "w":
        loops.to_w(at.rows, at.second, at.q, T, Y, f, g, there)
    elif slot == "Y":
        loops.to_Y(at.rows, at.second, at.q, w, T, f, g, there)
    else:
        tables = np.empty((len(chunks) - 1, *at.table), there.dtype)
        loops.to_T(chunks, at.rows, at.second, at.q, w, Y, f, g, tables, there)
    return out


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
    topology, slots = Topology.of(pairs, q, T), [w, T, Y, f, None]
    if not torch.is_grad_enabled():
        return _evaluate("g", topology, tuple(slots))
    return _partial(SLOTS.index("g"), topology, slots)
