"""Products of moments: the fast implementation, on compiled loops, with derivatives of every order."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from empnet.nn import products as reference
from empnet.nn.kernels.product_loops import ProductLoops, product_loops

__all__ = ["products"]


class Products(torch.autograd.Function):
    """Invariants and coupled moments of A and B."""

    @staticmethod
    def forward(ctx: Any, A: Tensor, B: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Both of shape (N, 9, F)."""
        ctx.save_for_backward(A, B)
        invariants, C = _empty(A, 2)
        _loops(A).forward(*_flat(A, B, invariants, C))
        return invariants, C

    @staticmethod
    def backward(ctx: Any, g: Tensor, g_C: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Gradients of A and B."""
        return Pulled.apply(*ctx.saved_tensors, g, g_C)  # type: ignore[no-any-return, no-untyped-call]


class Pulled(torch.autograd.Function):
    """From the gradients of both results to those of A and B."""

    @staticmethod
    def forward(ctx: Any, A: Tensor, B: Tensor, g: Tensor, g_C: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Both of shape (N, 9, F)."""
        ctx.save_for_backward(A, B, g, g_C)
        g_A, g_B = _empty(A, 2)
        _loops(A).pull(*_flat(A, B, g, g_C, g_A, g_B))
        return g_A, g_B

    @staticmethod
    def backward(ctx: Any, h_A: Tensor, h_B: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """In one loop; in plain torch if this is to be differentiated once more."""
        inputs = ctx.saved_tensors
        if not torch.is_grad_enabled():
            out = _empty(inputs[0], 4)
            _loops(inputs[0]).second(*_flat(*inputs, h_A, h_B, *out))
            return out
        views = [x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in inputs]
        pulled = torch.autograd.grad(reference.products(*views[:2]), views[:2], views[2:], create_graph=True)
        return torch.autograd.grad(pulled, views, (h_A, h_B), create_graph=True)


def _empty(like: Tensor, number: int) -> tuple[Tensor, ...]:
    return tuple(torch.empty_like(like, memory_format=torch.contiguous_format) for _ in range(number))


def _loops(A: Tensor) -> ProductLoops:
    return product_loops(A.shape[2], A.detach().numpy().dtype)


def _flat(*tensors: Tensor) -> tuple[Any, ...]:
    return tuple(x.detach().contiguous().flatten(1).numpy() for x in tensors)


def products(
    A: Float[Tensor, "N 9 F"], B: Float[Tensor, "N 9 F"]
) -> tuple[Float[Tensor, "N 9 F"], Float[Tensor, "N 9 F"]]:
    """What :func:`empnet.nn.kernels.products` says, in compiled loops; tensors on the CPU, float32 or float64."""
    if torch.is_grad_enabled() and (A.requires_grad or B.requires_grad):
        return Products.apply(A, B)  # type: ignore[no-any-return, no-untyped-call]
    invariants, C = _empty(A, 2)
    _loops(A).forward(*_flat(A, B, invariants, C))
    return invariants, C
