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

Slots = tuple[Tensor | None, ...]


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


Form = tuple[Topology, Slots]


class Link(torch.autograd.Function):
    """One slot's way into the form: its derivative is the form with the gradient in the open slot, and this one open.

    Each slot has a node of its own, so that only those derivatives are computed that somebody asks for: forces want
    none of the tables, and training none of the distances. What it gives is nothing, spread to the form's shape.
    """

    @staticmethod
    def forward(ctx: Any, slot: int, open_slot: int, form: Form, shape: torch.Size, value: Tensor) -> Tensor:  # type: ignore[override]
        """``form`` is the topology and all slots, which must not be seen as inputs of this node."""
        ctx.slot, ctx.open_slot, (ctx.topology, slots) = slot, open_slot, form
        ctx.save_for_backward(*slots)
        return value.new_zeros(()).expand(shape)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """The form that this slot's derivative is."""
        slots = list(ctx.saved_tensors)
        slots[ctx.open_slot] = gradient
        return None, None, None, None, _partial(ctx.slot, ctx.topology, slots)


class Linked(torch.autograd.Function):
    """A form's value, with the ways into it."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, *links: Tensor) -> Tensor:  # type: ignore[override]
        """The value as it is."""
        ctx.links = len(links)
        return value

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Every way gets the gradient."""
        return None, *[gradient] * ctx.links


def _partial(slot: int, topology: Topology, full: list[Tensor | None]) -> Tensor:
    """The form with ``slot`` left open."""
    slots = tuple(None if s == slot else value for s, value in enumerate(full))
    value = _evaluate(SLOTS[slot], topology, slots)
    if not torch.is_grad_enabled():
        return value
    moving = [(s, x) for s, x in enumerate(slots) if x is not None and x.requires_grad]
    links = [Link.apply(s, slot, (topology, slots), value.shape, x) for s, x in moving]  # type: ignore[no-untyped-call]
    linked: Tensor = Linked.apply(value, *links) if links else value  # type: ignore[no-untyped-call]
    return linked


def _evaluate(slot: str, topology: Topology, slots: Slots) -> Tensor:
    w, T, Y, f, g = (None if value is None else value.detach().contiguous().numpy() for value in slots)
    like = next(value for value in slots if value is not None)
    at, degrees = topology, topology.table[1]
    shapes = {"w": (len(at.q), 4), "T": at.table, "Y": (len(at.q), degrees**2), "f": (len(at.rows) - 1, at.table[2])}
    out = like.new_empty(shapes.get(slot, (len(at.rows) - 1, degrees**2, at.table[2])))
    there, chunks = out.numpy(), at.chunks()
    lists = (chunks, at.rows, at.columns, at.transposed, at.first, at.second, at.q)
    if slot == "g":
        loops.to_g(*lists, w, T, Y, f, there)
    elif slot == "f" and Y is None and g is not None:  # then f and g can be exchanged
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
    return _partial(SLOTS.index("g"), Topology.of(pairs, q, T), [w, T, Y, f, None])
