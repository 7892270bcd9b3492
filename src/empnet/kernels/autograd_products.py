"""Products, mixtures and gates of moments in compiled loops, with derivatives of every order.

Formulas: ``products``, ``mixed`` and ``gated`` of :mod:`empnet.kernels.reference`. Loops:
``native/source/products.cpp``.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from empnet.basis.harmonics import degree_of
from empnet.kernels.multilinear import Slots, value
from empnet.kernels.reference import products as reference_products
from empnet.native.library import native_of, threads

__all__ = ["gated", "mixed", "products"]

N_INVARIANTS = 11
"""Of each channel: the feature, nine products and the moment of degree 0."""


class Products(torch.autograd.Function):
    """The invariants of f, A and B, and the coupled moments."""

    @staticmethod
    def forward(ctx: Any, f: Tensor, A: Tensor, B: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Return both, shapes (N, 11, F) and (N, 9, F)."""
        ctx.save_for_backward(A, B)
        return _products(f, A, B)

    @staticmethod
    def backward(ctx: Any, g: Tensor, g_D: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        """Return the gradients of f, A and B."""
        return ProductsBackward.apply(*ctx.saved_tensors, g, g_D)  # type: ignore[no-any-return, no-untyped-call]


class ProductsBackward(torch.autograd.Function):
    """From the gradients of both results to those of f, A and B."""

    @staticmethod
    def forward(ctx: Any, A: Tensor, B: Tensor, g: Tensor, g_D: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        """Return the gradients, shapes (N, F), (N, 9, F) and (N, 9, F)."""
        ctx.save_for_backward(A, B, g, g_D)
        g_A, g_B = A.new_empty(A.shape), A.new_empty(A.shape)
        _call("products_backward", A, B, g, g_D, g_A, g_B)
        return g.detach()[:, 0], g_A, g_B

    @staticmethod
    def backward(ctx: Any, h_f: Tensor, h_A: Tensor, h_B: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Return second derivatives; in one loop, or in plain torch if a graph is recorded."""
        inputs = ctx.saved_tensors
        if not torch.is_grad_enabled():
            out = tuple(x.new_empty(x.shape) for x in inputs)
            _call("products_second_order", *inputs, h_f, h_A, h_B, *out)
            return out
        views = [x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in inputs]
        f = inputs[0].new_zeros(h_f.shape, requires_grad=True)
        slots = (f, *views[:2])
        gradients = torch.autograd.grad(reference_products(*slots), slots, views[2:], create_graph=True)
        return torch.autograd.grad(gradients, views, (h_f, h_A, h_B), create_graph=True)


def _products(f: Tensor, A: Tensor, B: Tensor) -> tuple[Tensor, Tensor]:
    invariants, D = A.new_empty(len(A), N_INVARIANTS, A.shape[2]), A.new_empty(A.shape)
    _call("products", f, A, B, invariants, D)
    return invariants, D


def _call(name: str, *tensors: Tensor) -> None:
    """Call a function on N particles and F features; the first tensor that is not f is A, of shape (N, 9, F)."""
    A = next(x for x in tensors if x.ndim == 3)
    native_of(name, A.dtype)(len(A), A.shape[2], *(x.detach().contiguous() for x in tensors), threads())


def products(
    f: Float[Tensor, "N F"], A: Float[Tensor, "N 9 F"], B: Float[Tensor, "N 9 F"]
) -> tuple[Float[Tensor, "N 11 F"], Float[Tensor, "N 9 F"]]:
    """Compute :func:`empnet.kernels.products`, in compiled loops; tensors on the CPU."""
    if torch.is_grad_enabled() and any(x.requires_grad for x in (f, A, B)):
        return Products.apply(f, A, B)  # type: ignore[no-any-return, no-untyped-call]
    return _products(f, A, B)


class Mix:
    """The form sum_nskc A[n,s,k] W[l(s),k,c] G[n,s,c]: one product of matrices for each component, without copies."""

    def evaluate(self, slot: int, slots: Slots) -> Tensor:
        """Return the form with ``slot`` open (of A, W, G)."""
        A, W, G = (None if x is None else x.detach() for x in slots)
        if W is None:
            assert A is not None and G is not None  # own invariant: only the open slot is empty
            products = torch.bmm(A.permute(1, 2, 0), G.transpose(0, 1))
            degrees = range(math.isqrt(A.shape[1]))
            return torch.stack([products[l * l : (l + 1) ** 2].sum(0) for l in degrees])  # noqa: E741
        given, matrices = (A, W) if slot == 2 else (G, W.transpose(1, 2))
        assert given is not None  # own invariant
        l_of = torch.tensor(degree_of(len(W) - 1))
        out = given.new_empty(*given.shape[:2], matrices.shape[2])
        torch.bmm(given.transpose(0, 1), matrices.index_select(0, l_of), out=out.transpose(0, 1))
        return out


class Gate:
    """The form sum_nsk g[n,l(s),k] X[n,s,k] G[n,s,k]."""

    def evaluate(self, slot: int, slots: Slots) -> Tensor:
        """Return the form with ``slot`` open (of g, X, G)."""
        g, X, G = (None if x is None else x.detach().contiguous() for x in slots)
        given = X if slot == 2 else G
        assert given is not None  # own invariant: only the open slot is empty
        N, S, F = given.shape
        degree = math.isqrt(S) - 1
        out = given.new_empty(N, S if slot else degree + 1, F)
        if slot == 0:
            native_of("gated_grad", out.dtype)(N, degree, F, X, G, out, threads())
        else:
            native_of("gated", out.dtype)(N, degree, F, g, given, out, threads())
        return out


def mixed(A: Float[Tensor, "N S F"], W: Float[Tensor, "L_1 F F_out"]) -> Float[Tensor, "N S F_out"]:
    """Compute :func:`empnet.kernels.mixed` in one batched product of matrices; tensors on the CPU."""
    return value(Mix(), 2, [A, W, None])


def gated(g: Float[Tensor, "N L_1 F"], X: Float[Tensor, "N S F"]) -> Float[Tensor, "N S F"]:
    """Compute :func:`empnet.kernels.gated`, in compiled loops; tensors on the CPU."""
    return value(Gate(), 2, [g, X, None])
