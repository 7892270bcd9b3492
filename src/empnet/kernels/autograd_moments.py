"""Moments of the neighbours in compiled loops, with the second derivatives that training on forces needs.

Formula: :func:`empnet.kernels.reference.moments`. Loops: ``moment_loops`` and ``moment_gradient_loops``, for degree 2
and the widths of ``fast_loops``; other sizes, and derivatives of the third order, use the sums of ``autograd_sums``.

The form of ``moment_loops`` has seven slots: w, Y, phi, x, chi, V and g. It is opened in three groups: pairs (w and Y),
features (x and V) and tables (phi and chi). Each group has a node of its own, because forces need no gradient of
tables, and training on them needs none of the pairs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from empnet.kernels.autograd_sums import pair_sums_at, tensor_sums_at
from empnet.kernels.fast_loops import has_fast_loops
from empnet.kernels.moment_loops import MomentLoops, moment_loops
from empnet.kernels.multilinear import AttachGradients, Slots
from empnet.kernels.topology import Topology
from empnet.system.batch import Pairs

__all__ = ["moments"]

GROUPS = {"pairs": (0, 1), "features": (3, 5), "tables": (2, 4)}
"""The slots, of w, Y, phi, x, chi, V, g, that are opened together."""

NETWORK = (2, 3, 4, 5, 6)
"""All slots but those of the pairs: training asks for no gradient of the pairs."""


class Loops:
    """The loops on tensors; no graph is recorded.

    Arguments:
        at: The topology.
        slots: w, Y, phi, x, chi, V and, for gradients, g; chi and V are None without tensors.
    """

    def __init__(self, at: Topology, slots: Slots) -> None:
        self.at, self.like = at, slots[0]
        self.w, self.Y, self.phi, self.x, self.chi, self.V, *g = map(_flat, slots)
        self.g = g[0] if g else None
        F = at.table[2]
        self.tensors = slots[5] is not None
        self.loops: MomentLoops = moment_loops(F, self.w.dtype, self.tensors)
        self.shapes = {
            "g": (len(at.rows) - 1, 9, F),
            "x": (len(at.rows) - 1, F),
            "w": (len(at.q), 4),
            "Y": (len(at.q), 9),
        }
        if not self.tensors:
            self.chi, self.V = np.empty(0, self.w.dtype), np.empty((1, 9 * F), self.w.dtype)

    def _new(self, slot: str) -> tuple[Tensor, np.ndarray]:
        """Return an empty tensor for a slot, and the same memory as loops take it."""
        assert self.like is not None  # own invariant: w is always there
        tensor = self.like.new_empty(self.shapes[slot])
        return tensor, _flat(tensor)

    def _new_tensors(self) -> tuple[Tensor | None, np.ndarray]:
        """Return an empty gradient of V, or None and unused memory without tensors."""
        return self._new("g") if self.tensors else (None, self.V)

    def forward(self) -> Tensor:
        """Return the moments themselves."""
        A, out = self._new("g")
        self.loops.forward(*self.at.by_rows_and_columns, self.w, self.Y, self.phi, self.x, self.chi, self.V, out)
        return A

    def gradients(self, group: str) -> Slots:
        """Return the gradients of a group of slots."""
        return {"pairs": self.grad_pairs, "features": self.grad_features, "tables": self.grad_tables}[group]()

    def grad_pairs(self) -> Slots:
        """Return the gradients of w and Y."""
        (grad_w, out_w), (grad_Y, out_Y) = self._new("w"), self._new("Y")
        given = self.w, self.Y, self.phi, self.x, self.chi, self.V, self.g
        self.loops.grad_pairs(*self.at.by_rows, *given, out_w, out_Y)
        return grad_w, grad_Y

    def grad_features(self) -> Slots:
        """Return the gradients of x and V."""
        (grad_x, out_x), (grad_V, out_V) = self._new("x"), self._new_tensors()
        given = self.w, self.Y, self.phi, self.chi, self.g
        self.loops.grad_features(*self.at.by_rows_and_columns, *given, out_x, out_V)
        return grad_x, grad_V

    def grad_tables(self, h_w: Tensor | None = None, h_Y: Tensor | None = None) -> Slots:
        """Return the gradients of phi and chi; with h, those of h times the gradients of the pairs."""
        chunks, tables = self.at.chunks(), [self.at.tables(self.w.dtype) for _ in range(1 + self.tensors)]
        flat = [x.reshape(len(x), -1) for x in tables]
        grad_phi, grad_chi = flat if self.tensors else (*flat, np.empty((len(chunks), 1), self.w.dtype))
        given = self.w, self.Y, self.x, self.V, self.g
        if h_w is None or h_Y is None:
            self.loops.grad_tables(chunks, *self.at.by_rows, *given, grad_phi, grad_chi)
        else:
            h = _flat(h_w), _flat(h_Y)
            self.loops.second_order_tables(chunks, *self.at.by_rows, *given, *h, grad_phi, grad_chi)
        summed = [torch.from_numpy(x[0] if len(x) == 1 else x.sum(0)) for x in tables]
        return summed[0], summed[1] if self.tensors else None

    def second_order(self, h_w: Tensor, h_Y: Tensor) -> Slots:
        """Return the gradients of the network's slots, of h times the gradients of the pairs."""
        (grad_g, out_g), (grad_x, out_x), (grad_V, out_V) = self._new("g"), self._new("x"), self._new_tensors()
        given = self.w, self.Y, self.phi, self.x, self.chi, self.V, self.g, _flat(h_w), _flat(h_Y)
        self.loops.second_order(*self.at.by_rows_and_columns, *given, out_g, out_x, out_V)
        grad_phi, grad_chi = self.grad_tables(h_w, h_Y)
        return grad_phi, grad_x, grad_chi, grad_V, grad_g


def _flat(x: Tensor | None) -> Any:
    """Return an array as loops take it: a table in one piece, moments with a row for each particle."""
    if x is None:
        return None
    array = x.detach().contiguous().numpy()
    if array.ndim < 3:
        return array
    rows, components, F = array.shape
    return array.reshape(rows, 9 * F) if components == 9 else array.reshape(-1)


def _by_sums(at: Topology, slots: Slots) -> Tensor:
    """Compute the moments from two forms, which have derivatives of every order."""
    w, Y, phi, x, chi, V = slots[:6]
    assert w is not None and phi is not None and x is not None  # own invariant
    A = pair_sums_at(at, w, phi, Y, x)
    if V is None:
        return A
    assert chi is not None  # own invariant: tensors come with their filters
    return A + V + tensor_sums_at(at, w, chi, V)


def _second_order(at: Topology, group: str, slots: Slots, h: Slots, wanted: tuple[int, ...]) -> Slots:
    """Return derivatives of h times a group's gradients by :func:`_by_sums`; differentiable if a graph is recorded."""
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        # views, so that the derivative stops here, and goes on through them if it is to be differentiated
        leaves = [
            None if x is None else x.view_as(x) if again and x.requires_grad else x.detach().requires_grad_()
            for x in slots
        ]
        opened = [leaves[s] for s in GROUPS[group] if leaves[s] is not None]
        gradients = torch.autograd.grad(_by_sums(at, tuple(leaves)), opened, leaves[6], create_graph=True)  # type: ignore[arg-type]
        asked = [leaves[s] for s in wanted if leaves[s] is not None]
        some = [x for x in h if x is not None]
        found = iter(torch.autograd.grad(gradients, asked, some, create_graph=again, materialize_grads=True))  # type: ignore[arg-type]
        return tuple(None if leaves[s] is None else next(found) for s in wanted)


class GroupGradient(torch.autograd.Function):
    """The gradients of a group of slots; the forward pass returns zeros, which are tied to the value."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, at: Topology, group: str, slots: Slots, shape: torch.Size, *members: Tensor | None
    ) -> Tensor:
        """Return a zero tensor of the value's shape; ``slots`` are all but g, ``members`` those of the group."""
        # only the members are inputs of this node: autograd must not differentiate the other slots here
        ctx.at, ctx.group = at, group
        ctx.save_for_backward(*slots)
        like = members[0]
        assert like is not None  # own invariant: w, phi and x are always there
        return like.new_zeros(()).expand(shape)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:  # type: ignore[override]
        """Return the gradients of the group."""
        return None, None, None, None, *_backward(ctx.at, ctx.group, (*ctx.saved_tensors, g))


class Backward(torch.autograd.Function):
    """The gradients of a group as a function of the network's slots."""

    @staticmethod
    def forward(ctx: Any, at: Topology, group: str, slots: Slots, *_: Tensor | None) -> Slots:  # type: ignore[override]
        """Return the gradients; ``slots`` are all of them, and the network's are inputs of this node."""
        ctx.at, ctx.group = at, group
        ctx.save_for_backward(*slots)
        return Loops(at, slots).gradients(group)

    @staticmethod
    def backward(ctx: Any, *h: Tensor | None) -> tuple[Any, ...]:  # type: ignore[override]
        """Return second derivatives in loops; by sums for tables, or if a graph is recorded."""
        at, group, slots = ctx.at, ctx.group, ctx.saved_tensors
        if torch.is_grad_enabled() or group == "tables":
            return None, None, None, *_second_order(at, group, slots, h, NETWORK)
        if group == "pairs":
            return None, None, None, *Loops(at, slots).second_order(*h)  # type: ignore[arg-type]
        # features: the form is linear in x and V, so h takes their place
        w, Y, phi, _, chi, _, g = slots
        with_h = Loops(at, (w, Y, phi, h[0], chi, None if chi is None else h[1], g))
        grad_phi, grad_chi = with_h.grad_tables()
        return None, None, None, grad_phi, None, grad_chi, None, with_h.forward()


class PairSecondGradient(torch.autograd.Function):
    """The derivative of a group's gradients with respect to w and Y; training on forces does not need it."""

    @staticmethod
    def forward(ctx: Any, at: Topology, group: str, slots: Slots, w: Tensor, Y: Tensor) -> Slots:  # type: ignore[override]
        """Return zero tensors of the group's shapes, to be added to the gradients."""
        ctx.at, ctx.group = at, group
        ctx.save_for_backward(*slots)
        members = (slots[s] for s in GROUPS[group])
        return tuple(None if x is None else x.new_zeros(()).expand(x.shape) for x in members)

    @staticmethod
    def backward(ctx: Any, *h: Tensor | None) -> tuple[Any, ...]:  # type: ignore[override]
        """Return the derivative by sums."""
        return None, None, None, *_second_order(ctx.at, ctx.group, ctx.saved_tensors, h, GROUPS["pairs"])


def _backward(at: Topology, group: str, slots: Slots) -> Slots:
    """Return the gradients of a group; differentiable if a graph is recorded."""
    if not torch.is_grad_enabled():
        return Loops(at, slots).gradients(group)
    gradients: Slots = Backward.apply(at, group, slots, *(slots[s] for s in NETWORK))  # type: ignore[no-untyped-call]
    if not any(slots[s].requires_grad for s in GROUPS["pairs"]):  # type: ignore[union-attr]
        return gradients
    second = PairSecondGradient.apply(at, group, slots, *slots[:2])  # type: ignore[no-untyped-call]
    return tuple(None if x is None else x + y for x, y in zip(gradients, second, strict=True))


def moments(
    w: Float[Tensor, "P 4"],
    Y: Float[Tensor, "P S"],
    phi: Float[Tensor, "K_2 L_1 F"],
    x: Float[Tensor, "N F"],
    chi: Float[Tensor, "K_2 L_1 F"] | None,
    V: Float[Tensor, "N S F"] | None,
    q: Int64[Tensor, " P"],
    pairs: Pairs,
) -> Float[Tensor, "N S F"]:
    """Compute :func:`empnet.kernels.moments` in compiled loops, the fast ones if there are any; tensors on the CPU."""
    at, slots = Topology.of(pairs, q, phi), (w, Y, phi, x, chi, V)
    if not has_fast_loops(phi.shape[2], phi.shape[1] - 1):
        return _by_sums(at, slots)
    A = Loops(at, slots).forward()
    if not torch.is_grad_enabled():
        return A
    nodes = []
    for group, members in GROUPS.items():
        some = [slots[s] for s in members]
        if any(x is not None and x.requires_grad for x in some):
            nodes.append(GroupGradient.apply(at, group, slots, A.shape, *some))  # type: ignore[no-untyped-call]
    attached: Tensor = AttachGradients.apply(A, *nodes) if nodes else A  # type: ignore[no-untyped-call]
    return attached
