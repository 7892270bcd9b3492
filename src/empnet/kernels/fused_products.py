"""Products, mixtures and gates of moments: the fast implementation, with derivatives of every order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from empnet.basis import products as reference
from empnet.basis.harmonics import degree_of
from empnet.kernels.moment_loops import gate_loops, pays
from empnet.kernels.multilinear import Slots, value
from empnet.kernels.product_loops import ProductLoops, product_loops

__all__ = ["gated", "mixed", "products"]

N_SEEN = 11
"""The features, nine products and a moment of degree 0: what the point-wise network sees of each channel."""


class Products(torch.autograd.Function):
    """Invariants of f, A and B, and coupled moments."""

    @staticmethod
    def forward(ctx: Any, f: Tensor, A: Tensor, B: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Shapes (N, 11, F) and (N, 9, F)."""
        ctx.save_for_backward(A, B)
        return _products(f, A, B)

    @staticmethod
    def backward(ctx: Any, g: Tensor, g_D: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        """Gradients of f, A and B."""
        return Pulled.apply(*ctx.saved_tensors, g, g_D)  # type: ignore[no-any-return, no-untyped-call]


class Pulled(torch.autograd.Function):
    """From the gradients of both results to those of f, A and B."""

    @staticmethod
    def forward(ctx: Any, A: Tensor, B: Tensor, g: Tensor, g_D: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        """Of shapes (N, F) and (N, 9, F), twice."""
        ctx.save_for_backward(A, B, g, g_D)
        g_A, g_B = A.new_empty(A.shape), A.new_empty(A.shape)
        _loops(A).pull(*_flat(A, B, g, g_D, g_A, g_B))
        return g.detach()[:, 0], g_A, g_B

    @staticmethod
    def backward(ctx: Any, h_f: Tensor, h_A: Tensor, h_B: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """In one loop; in plain torch if this is to be differentiated once more."""
        inputs = ctx.saved_tensors
        if not torch.is_grad_enabled():
            out = tuple(x.new_empty(x.shape) for x in inputs)
            _loops(inputs[0]).second(*_flat(*inputs, h_f, h_A, h_B, *out))
            return out
        views = [x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in inputs]
        f = inputs[0].new_zeros(h_f.shape, requires_grad=True)
        slots = (f, *views[:2])
        pulled = torch.autograd.grad(reference.products(*slots), slots, views[2:], create_graph=True)
        return torch.autograd.grad(pulled, views, (h_f, h_A, h_B), create_graph=True)


def _products(f: Tensor, A: Tensor, B: Tensor) -> tuple[Tensor, Tensor]:
    seen, D = A.new_empty(len(A), N_SEEN, A.shape[2]), A.new_empty(A.shape)
    _loops(A).forward(*_flat(f, A, B, seen, D))
    return seen, D


def _loops(A: Tensor) -> ProductLoops:
    return product_loops(A.shape[2], A.detach().numpy().dtype)


def _flat(*tensors: Tensor) -> tuple[Any, ...]:
    return tuple(x.detach().contiguous().flatten(1).numpy() for x in tensors)


def products(
    f: Float[Tensor, "N F"], A: Float[Tensor, "N 9 F"], B: Float[Tensor, "N 9 F"]
) -> tuple[Float[Tensor, "N 11 F"], Float[Tensor, "N 9 F"]]:
    """What :func:`empnet.kernels.products` says, in compiled loops where they pay; tensors on the CPU."""
    if not pays(A.shape[2]):
        return reference.products(f, A, B)
    if torch.is_grad_enabled() and any(x.requires_grad for x in (f, A, B)):
        return Products.apply(f, A, B)  # type: ignore[no-any-return, no-untyped-call]
    return _products(f, A, B)


class Mix:
    """The form sum_nskc A[n,s,k] W[l(s),k,c] G[n,s,c]: one product of matrices for each component, without copies."""

    def evaluate(self, slot: int, slots: Slots) -> Tensor:
        """The form with ``slot`` open (of A, W, G)."""
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
        """The form with ``slot`` open (of g, X, G)."""
        g, X, G = (None if x is None else x.detach().contiguous().flatten(1).numpy() for x in slots)
        given = X if slot == 2 else G
        assert given is not None  # own invariant: only the open slot is empty
        F = given.shape[1] // 9
        out = torch.from_numpy(np.empty((len(given), 9 if slot else 3, F), given.dtype))
        loops, there = gate_loops(F), out.flatten(1).numpy()
        if slot == 0:
            loops.gate_to_g(X, G, there)
        else:
            loops.gate(g, given, there)
        return out


def mixed(A: Float[Tensor, "N S F"], W: Float[Tensor, "L_1 F F_out"]) -> Float[Tensor, "N S F_out"]:
    """What :func:`empnet.kernels.mixed` says."""
    return value(Mix(), 2, [A, W, None])


def gated(g: Float[Tensor, "N L_1 F"], X: Float[Tensor, "N S F"]) -> Float[Tensor, "N S F"]:
    """What :func:`empnet.kernels.gated` says, in compiled loops where they pay; tensors on the CPU."""
    if g.shape[1] != 3 or not pays(g.shape[2]):
        return reference.gated(g, X)
    return value(Gate(), 2, [g, X, None])
