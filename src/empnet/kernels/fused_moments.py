"""Moments of the neighbours in compiled loops, for CPUs: the second derivatives that training on forces wants, too.

The form is that of ``moment_loops``, in seven slots: w, Y, phi, x, chi, V and g. It is opened in three groups, pairs
(w and Y), features (x and V) and tables (phi and chi), since they are asked for apart: forces want no tables, and
training on them wants nothing of the pairs. Derivatives of the third order come from ``fused_sums``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from empnet.kernels.fused_sums import pair_sums_at, tensor_sums_at
from empnet.kernels.moment_loops import MomentLoops, moment_loops, pays
from empnet.kernels.multilinear import Linked, Slots
from empnet.kernels.topology import Topology
from empnet.system.batch import Pairs

__all__ = ["moments"]

GROUPS = {"pairs": (0, 1), "features": (3, 5), "tables": (2, 4)}
"""Which of the slots w, Y, phi, x, chi, V, g are opened together."""

NETWORK = (2, 3, 4, 5, 6)
"""All slots but those of the pairs, of which training asks nothing."""


class Loops:
    """The loops on tensors; no graph is recorded.

    Arguments:
        at: The topology.
        slots: w, Y, phi, x, chi, V and perhaps g; chi and V are None if no tensors are heard of.
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
        """Room for a slot, and the same as loops want it."""
        assert self.like is not None  # own invariant: w is always there
        found = self.like.new_empty(self.shapes[slot])
        return found, _flat(found)

    def _tensors(self) -> tuple[Tensor | None, np.ndarray]:
        """Room for what comes back to V, if there are any."""
        return self._new("g") if self.tensors else (None, self.V)

    def hear(self) -> Tensor:
        """The value itself."""
        A, out = self._new("g")
        self.loops.hear(*self.at.lists, self.w, self.Y, self.phi, self.x, self.chi, self.V, out)
        return A

    def pairs(self) -> Slots:
        """Of w and Y."""
        (of_w, out_w), (of_Y, out_Y) = self._new("w"), self._new("Y")
        given = self.w, self.Y, self.phi, self.x, self.chi, self.V, self.g
        self.loops.pairs(*self.at.half, *given, out_w, out_Y)
        return of_w, of_Y

    def features(self) -> Slots:
        """Of x and V."""
        (of_x, out_x), (of_V, out_V) = self._new("x"), self._tensors()
        self.loops.features(*self.at.lists, self.w, self.Y, self.phi, self.chi, self.g, out_x, out_V)
        return of_x, of_V

    def tables(self, h_w: Tensor | None = None, h_Y: Tensor | None = None) -> Slots:
        """Of phi and chi; with h, of what ``pairs`` gives, times h."""
        chunks, room = self.at.chunks(), [self.at.tables(self.w.dtype) for _ in range(1 + self.tensors)]
        flat = [x.reshape(len(x), -1) for x in room]
        of_phi, of_chi = flat if self.tensors else (*flat, np.empty((len(chunks), 1), self.w.dtype))
        given = self.w, self.Y, self.x, self.V, self.g
        if h_w is None or h_Y is None:
            self.loops.tables(chunks, *self.at.half, *given, of_phi, of_chi)
        else:
            self.loops.bend_tables(chunks, *self.at.half, *given, _flat(h_w), _flat(h_Y), of_phi, of_chi)
        found = [torch.from_numpy(x[0] if len(x) == 1 else x.sum(0)) for x in room]
        return found[0], found[1] if self.tensors else None

    def bend(self, h_w: Tensor, h_Y: Tensor) -> Slots:
        """Of the network's slots, of what ``pairs`` gives, times h."""
        (of_g, out_g), (of_x, out_x), (of_V, out_V) = self._new("g"), self._new("x"), self._tensors()
        given = self.w, self.Y, self.phi, self.x, self.chi, self.V, self.g, _flat(h_w), _flat(h_Y)
        self.loops.bend(*self.at.lists, *given, out_g, out_x, out_V)
        of_phi, of_chi = self.tables(h_w, h_Y)
        return of_phi, of_x, of_chi, of_V, of_g


def _flat(x: Tensor | None) -> Any:
    """Tables in one piece, and a row for each particle."""
    if x is None:
        return None
    array = x.detach().contiguous().numpy()
    if array.ndim < 3:
        return array
    rows, components, F = array.shape
    return array.reshape(rows, 9 * F) if components == 9 else array.reshape(-1)


def _plain(at: Topology, slots: Slots) -> Tensor:
    """The value, by forms that have derivatives of every order."""
    w, Y, phi, x, chi, V = slots[:6]
    assert w is not None and phi is not None and x is not None  # own invariant
    heard = pair_sums_at(at, w, phi, Y, x)
    if V is None:
        return heard
    assert chi is not None  # own invariant: tensors come with their filters
    return heard + V + tensor_sums_at(at, w, chi, V)


def _second(at: Topology, group: str, slots: Slots, h: Slots, wanted: tuple[int, ...]) -> Slots:
    """Derivatives of what comes back to a group, times h, by plain forms; to be differentiated again if a graph is."""
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        # views, so that the derivative stops here, and goes on through them if it is to be differentiated
        leaves = [
            None if x is None else x.view_as(x) if again and x.requires_grad else x.detach().requires_grad_()
            for x in slots
        ]
        opened = [leaves[s] for s in GROUPS[group] if leaves[s] is not None]
        pulled = torch.autograd.grad(_plain(at, tuple(leaves)), opened, leaves[6], create_graph=True)  # type: ignore[arg-type]
        asked = [leaves[s] for s in wanted if leaves[s] is not None]
        some = [x for x in h if x is not None]
        found = iter(torch.autograd.grad(pulled, asked, some, create_graph=again, materialize_grads=True))  # type: ignore[arg-type]
        return tuple(None if leaves[s] is None else next(found) for s in wanted)


class Way(torch.autograd.Function):
    """A group's way into the value: nothing, spread to its shape, with the group's derivative."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, at: Topology, group: str, slots: Slots, shape: torch.Size, *members: Tensor | None
    ) -> Tensor:
        """``slots`` are all but g, and no inputs of this node; ``members`` are those of the group."""
        ctx.at, ctx.group = at, group
        ctx.save_for_backward(*slots)
        like = members[0]
        assert like is not None  # own invariant: w, phi and x are always there
        return like.new_zeros(()).expand(shape)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:  # type: ignore[override]
        """What comes back to the group."""
        return None, None, None, None, *_pulled(ctx.at, ctx.group, (*ctx.saved_tensors, g))


class Pulled(torch.autograd.Function):
    """What comes back to a group, as a function of the network's slots."""

    @staticmethod
    def forward(ctx: Any, at: Topology, group: str, slots: Slots, *_: Tensor | None) -> Slots:  # type: ignore[override]
        """``slots`` are all of them; the network's are inputs of this node."""
        ctx.at, ctx.group = at, group
        ctx.save_for_backward(*slots)
        found: Slots = getattr(Loops(at, slots), group)()
        return found

    @staticmethod
    def backward(ctx: Any, *h: Tensor | None) -> tuple[Any, ...]:  # type: ignore[override]
        """In loops; by plain forms if this is to be differentiated once more."""
        at, group, slots = ctx.at, ctx.group, ctx.saved_tensors
        if torch.is_grad_enabled() or group == "tables":
            return None, None, None, *_second(at, group, slots, h, NETWORK)
        if group == "pairs":
            return None, None, None, *Loops(at, slots).bend(*h)  # type: ignore[arg-type]
        w, Y, phi, _, chi, _, g = slots  # features: h is heard as x and V are
        with_h = Loops(at, (w, Y, phi, h[0], chi, None if chi is None else h[1], g))
        of_phi, of_chi = with_h.tables()
        return None, None, None, of_phi, None, of_chi, None, with_h.hear()


class Bend(torch.autograd.Function):
    """The way of w and Y into what comes back to a group; training on forces asks for nothing of it."""

    @staticmethod
    def forward(ctx: Any, at: Topology, group: str, slots: Slots, w: Tensor, Y: Tensor) -> Slots:  # type: ignore[override]
        """Nothing, spread to the shapes of the group."""
        ctx.at, ctx.group = at, group
        ctx.save_for_backward(*slots)
        members = (slots[s] for s in GROUPS[group])
        return tuple(None if x is None else x.new_zeros(()).expand(x.shape) for x in members)

    @staticmethod
    def backward(ctx: Any, *h: Tensor | None) -> tuple[Any, ...]:  # type: ignore[override]
        """By plain forms."""
        return None, None, None, *_second(ctx.at, ctx.group, ctx.saved_tensors, h, GROUPS["pairs"])


def _pulled(at: Topology, group: str, slots: Slots) -> Slots:
    """What comes back to a group; differentiable if a graph is recorded."""
    if not torch.is_grad_enabled():
        found: Slots = getattr(Loops(at, slots), group)()
        return found
    found = Pulled.apply(at, group, slots, *(slots[s] for s in NETWORK))  # type: ignore[no-untyped-call]
    if not any(slots[s].requires_grad for s in GROUPS["pairs"]):  # type: ignore[union-attr]
        return found
    bent = Bend.apply(at, group, slots, *slots[:2])  # type: ignore[no-untyped-call]
    return tuple(None if x is None else x + y for x, y in zip(found, bent, strict=True))


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
    """What :func:`empnet.kernels.moments` says, in compiled loops, the faster ones where they pay; on the CPU."""
    at, slots = Topology.of(pairs, q, phi), (w, Y, phi, x, chi, V)
    if phi.shape[1] != 3 or not pays(phi.shape[2]):
        return _plain(at, slots)
    found = Loops(at, slots).hear()
    if not torch.is_grad_enabled():
        return found
    ways = []
    for group, members in GROUPS.items():
        some = [slots[s] for s in members]
        if any(x is not None and x.requires_grad for x in some):
            ways.append(Way.apply(at, group, slots, found.shape, *some))  # type: ignore[no-untyped-call]
    linked: Tensor = Linked.apply(found, *ways) if ways else found  # type: ignore[no-untyped-call]
    return linked
