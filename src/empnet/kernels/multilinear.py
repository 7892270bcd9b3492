"""Forms that are linear in each argument: one evaluation for each open slot gives derivatives of every order.

A form L(x_1, ..., x_n) maps n tensors to a number. Its value *with slot s open* is the tensor dL/dx_s of the others.
Sums over pairs, mixtures and gates are such values. The derivative of a value with respect to another slot, contracted
with an incoming gradient, is the form again: the gradient fills the open slot, and the other slot is opened. So forces,
Hessians and training on them need one evaluation for each slot, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

__all__ = ["AttachGradients", "Form", "Slots", "value"]

Slots = tuple[Tensor | None, ...]


@runtime_checkable
class Form(Protocol):
    """Evaluates a form for :func:`value`."""

    def evaluate(self, slot: int, slots: Slots) -> Tensor:
        """Return the form with ``slot`` open; no graph is recorded, and ``slots[slot]`` is None."""


class SlotGradient(torch.autograd.Function):
    """The gradient of one slot: the form with the incoming gradient in the open slot and this slot open.

    Each slot has a node of its own, so that only the requested derivatives are computed: forces need no gradient of
    the tables, training needs none of the distances. The forward pass returns zeros, which :class:`AttachGradients`
    ties to the value.
    """

    @staticmethod
    def forward(ctx: Any, slot: int, open_slot: int, parts: tuple[Form, Slots], shape: torch.Size, x: Tensor) -> Tensor:  # type: ignore[override]
        """Return a zero tensor of the value's shape."""
        # form and slots come as one tuple: autograd must not take the other slots for inputs of this node
        ctx.slot, ctx.open_slot, (ctx.form, slots) = slot, open_slot, parts
        ctx.save_for_backward(*slots)
        return x.new_zeros(()).expand(shape)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Return the form with this slot open."""
        slots = list(ctx.saved_tensors)
        slots[ctx.open_slot] = gradient
        return None, None, None, None, value(ctx.form, ctx.slot, slots)


class AttachGradients(torch.autograd.Function):
    """Attach gradient nodes, one for each slot or group of slots, to a value that was computed without a graph."""

    @staticmethod
    def forward(ctx: Any, computed: Tensor, *nodes: Tensor) -> Tensor:  # type: ignore[override]
        """Return the value unchanged."""
        ctx.n_nodes = len(nodes)
        return computed

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Pass the gradient to every node."""
        return None, *[gradient] * ctx.n_nodes


def value(form: Form, slot: int, full: Sequence[Tensor | None]) -> Tensor:
    """Return a form with one slot open, differentiable to any order with respect to all other slots.

    Arguments:
        form: Evaluates the form.
        slot: Number of the open slot.
        full: The tensors in all slots; the open one is ignored. None: the form does not use this slot.

    Returns:
        A tensor of the open slot's shape.
    """
    slots = tuple(None if s == slot else x for s, x in enumerate(full))
    computed = form.evaluate(slot, slots)
    if not torch.is_grad_enabled():
        return computed
    variable = [(s, x) for s, x in enumerate(slots) if x is not None and x.requires_grad]
    nodes = [SlotGradient.apply(s, slot, (form, slots), computed.shape, x) for s, x in variable]  # type: ignore[no-untyped-call]
    attached: Tensor = AttachGradients.apply(computed, *nodes) if nodes else computed  # type: ignore[no-untyped-call]
    return attached
