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
        receivers: Shape (P,), int64; so are ``senders``, ``transposed`` and ``q``.
        senders: See :class:`~empnet.data.batch.Pairs`.
        transposed: Pairs in the order of their senders.
        q: First of each pair's four coefficients.
        rows: First pair of each receiver, shape (N + 1,), int64.
        columns: First of ``transposed`` of each sender, shape (N + 1,), int64.
        table: Shape of T.
    """

    receivers: np.ndarray
    senders: np.ndarray
    transposed: np.ndarray
    q: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    table: tuple[int, ...]

    @classmethod
    def of(cls, pairs: Pairs, q: Tensor, T: Tensor) -> Topology:
        """The topology of a neighbour list and the pairs' places in a table."""
        receivers, senders, transposed = pairs.receivers.numpy(), pairs.senders.numpy(), pairs.transposed.numpy()
        rows, columns = pairs.row_pointers.numpy(), pairs.column_pointers.numpy()
        return cls(receivers, senders, transposed, q.numpy(), rows, columns, tuple(T.shape))

    def chunks(self, number: int) -> np.ndarray:
        """Bounds of receivers that cut the list into so many parts of about as many pairs."""
        wanted = np.linspace(0, self.rows[-1], number + 1)
        bounds = np.searchsorted(self.rows, wanted)
        bounds[0], bounds[-1] = 0, len(self.rows) - 1
        return np.maximum.accumulate(np.minimum(bounds, len(self.rows) - 1))


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
    there = out.numpy()
    if slot == "g":
        loops.to_g(at.rows, at.senders, at.q, w, T, Y, f, there)
    elif slot == "f":
        loops.to_f(at.columns, at.transposed, at.receivers, at.q, w, T, Y, g, there)
    elif slot == "w":
        loops.to_w(at.rows, at.senders, at.q, T, Y, f, g, there)
    elif slot == "Y":
        loops.to_Y(at.rows, at.senders, at.q, w, T, f, g, there)
    else:
        chunks = at.chunks(n_threads())
        tables = np.empty((len(chunks) - 1, *at.table), there.dtype)
        loops.to_T(at.rows, chunks, at.senders, at.q, w, Y, f, g, tables, there)
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
    return _partial(SLOTS.index("g"), Topology.of(pairs, q, T), [w, T, Y, f, None])
