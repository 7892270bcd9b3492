"""Moments of the neighbours in compiled loops, with the second derivatives that training on forces needs.

Formula: :func:`empnet.kernels.reference.moments`. Loops: ``native/source/moments.hpp``; derivatives of the third order
use the sums of ``autograd_sums``.

The form of ``moments.hpp`` has seven slots: w, Y, phi, x, chi, V and g. It is opened in three groups: pairs (w and Y),
features (x and V) and tables (phi and chi). Each group has a node of its own, because forces need no gradient of
tables, and training on them needs none of the pairs.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from empnet.kernels.autograd_sums import pair_sums_at, tensor_sums_at
from empnet.kernels.multilinear import AttachGradients, Slots
from empnet.kernels.topology import Topology
from empnet.native.library import native_of, threads
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
        self.at = at
        self.w, self.Y, self.phi, self.x, self.chi, self.V, *g = (None if x is None else x.contiguous() for x in slots)
        self.g = g[0] if g else None
        assert self.w is not None  # own invariant: w is always there
        self.like, self.sizes = self.w, (at.record, at.degree, at.table[2])

    def _call(self, name: str, *arguments: Any) -> None:
        native_of(name, self.like.dtype)(*self.sizes, *arguments, threads())

    def _new(self, *shape: int) -> Tensor:
        return self.like.new_empty(shape)

    def _features(self) -> tuple[Tensor, Tensor | None]:
        """Return memory for gradients of x and V."""
        at = self.at
        V = None if self.chi is None else self._new(at.n_particles, at.n_components, at.table[2])
        return self._new(at.n_particles, at.table[2]), V

    def forward(self) -> Tensor:
        """Return the moments themselves."""
        A = self._new(self.at.n_particles, self.at.n_components, self.at.table[2])
        self._call("moments", self.w, self.Y, self.phi, self.x, self.chi, self.V, self.V, A)
        return A

    def gradients(self, group: str) -> Slots:
        """Return the gradients of a group of slots."""
        return {"pairs": self.grad_pairs, "features": self.grad_features, "tables": self.grad_tables}[group]()

    def grad_pairs(self) -> Slots:
        """Return the gradients of w and Y."""
        out = self._new(self.at.n_pairs, 4), self._new(self.at.n_pairs, self.at.n_components)
        self._call("moments_grad_pairs", self.w, self.Y, self.phi, self.x, self.chi, self.V, self.g, *out)
        return out

    def grad_features(self) -> Slots:
        """Return the gradients of x and V."""
        out = self._features()
        self._call("moments_grad_features", self.w, self.Y, self.phi, self.chi, self.g, self.g, *out)
        return out

    def grad_tables(self, h_w: Tensor | None = None, h_Y: Tensor | None = None) -> Slots:
        """Return the gradients of phi and chi; with h, those of h times the gradients of the pairs."""
        out = self._new(*self.at.table), None if self.V is None else self._new(*self.at.table)
        given = self.at.table[0], self.w, self.Y, self.x, self.V, self.g, h_w, h_Y
        self._call("moments_grad_tables", *given, *out)
        return out

    def second_order(self, h_w: Tensor, h_Y: Tensor) -> Slots:
        """Return the gradients of the network's slots, of h times the gradients of the pairs."""
        h = h_w.contiguous(), h_Y.contiguous()
        grad_g = self._new(self.at.n_particles, self.at.n_components, self.at.table[2])
        grad_x, grad_V = self._features()
        given = self.w, self.Y, self.phi, self.x, self.chi, self.V, self.g
        self._call("moments_second_order", *given, *h, grad_g, grad_x, grad_V)
        grad_phi, grad_chi = self.grad_tables(*h)
        return grad_phi, grad_x, grad_chi, grad_V, grad_g


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
    """Compute :func:`empnet.kernels.moments` in compiled loops; tensors on the CPU."""
    at, slots = Topology.of(pairs, q, phi), (w, Y, phi, x, chi, V)
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
