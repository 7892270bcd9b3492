"""Forms that are linear in each of their arguments: whoever can leave any one slot open has derivatives of all orders.

A form L(x_1, ..., x_n) assigns a number to n tensors. Its value *with slot s open* is the tensor dL/dx_s of the others.
Nearly all that a network does pair by pair and moment by moment is such a value: the derivative of one with respect to
another slot, contracted with an incoming gradient, is the form again, with the gradient put into the open slot and that
other slot opened. So one evaluation for each slot is all that forces, Hessians and training on them need.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

__all__ = ["Form", "Slots", "value"]

Slots = tuple[Tensor | None, ...]


@runtime_checkable
class Form(Protocol):
    """What :func:`value` wants of a form."""

    def evaluate(self, slot: int, slots: Slots) -> Tensor:
        """The form with ``slot`` open; no graph is recorded, and ``slots[slot]`` is None."""


class Link(torch.autograd.Function):
    """One slot's way into the form: its derivative is the form with the gradient in the open slot, and this one open.

    Each slot has a node of its own, so that only those derivatives are computed that somebody asks for: forces want
    none of the tables, and training none of the distances. What it gives is nothing, spread to the form's shape.
    """

    @staticmethod
    def forward(ctx: Any, slot: int, open_slot: int, parts: tuple[Form, Slots], shape: torch.Size, x: Tensor) -> Tensor:  # type: ignore[override]
        """``parts`` are the form and all slots, which must not be seen as inputs of this node."""
        ctx.slot, ctx.open_slot, (ctx.form, slots) = slot, open_slot, parts
        ctx.save_for_backward(*slots)
        return x.new_zeros(()).expand(shape)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """The form that this slot's derivative is."""
        slots = list(ctx.saved_tensors)
        slots[ctx.open_slot] = gradient
        return None, None, None, None, value(ctx.form, ctx.slot, slots)


class Linked(torch.autograd.Function):
    """A form's value, with the ways into it."""

    @staticmethod
    def forward(ctx: Any, found: Tensor, *links: Tensor) -> Tensor:  # type: ignore[override]
        """The value as it is."""
        ctx.links = len(links)
        return found

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Every way gets the gradient."""
        return None, *[gradient] * ctx.links


def value(form: Form, slot: int, full: Sequence[Tensor | None]) -> Tensor:
    """A form with one slot left open, differentiable to any order with respect to all others.

    Arguments:
        form: What evaluates it.
        slot: Number of the slot that is left open.
        full: The tensors in all slots; that of the open one is not looked at. None: the form does without.

    Returns:
        A tensor of the open slot's shape.
    """
    slots = tuple(None if s == slot else x for s, x in enumerate(full))
    found = form.evaluate(slot, slots)
    if not torch.is_grad_enabled():
        return found
    moving = [(s, x) for s, x in enumerate(slots) if x is not None and x.requires_grad]
    links = [Link.apply(s, slot, (form, slots), found.shape, x) for s, x in moving]  # type: ignore[no-untyped-call]
    linked: Tensor = Linked.apply(found, *links) if links else found  # type: ignore[no-untyped-call]
    return linked
