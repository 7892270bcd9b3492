"""What :mod:`empnet.nn.undirected` does with pairs, in compiled loops for CPUs.

    L(w, T, f, g) = sum_p sum_b sum_k  w[p,b] T[q_p + b, k] (f[i,k] g[j,k] + f[j,k] g[i,k]),   (j, i) = pair p

The form is linear in each slot, and f and g may be exchanged, so three kernels give the value and derivatives of every
order. Systems are dealt out to threads, so no two threads write to one particle; a single system is served by one.
"""

# ruff: noqa: ANN001, ANN202 (Numba finds the types)
from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from numba import prange
from torch import Tensor

from empnet.data.compiled import n_threads, threaded
from empnet.nn import undirected as reference
from empnet.nn.kernels.loops import MATH
from empnet.nn.spline import CubicSpline
from empnet.nn.undirected import UndirectedPairs

__all__ = ["undirected_sums", "undirected_weights"]

SLOTS = ("w", "T", "f", "g")


@threaded(fastmath={"contract"})
def weights(first, second, positions, spacing, r_max, last, d, q, w):  # type: ignore[no-untyped-def]
    """d, q and w: how long each pair is, where it reads, and what it reads there counts."""
    for p in prange(len(d)):
        j, i = first[p], second[p]
        x = positions[i, 0] - positions[j, 0]
        y = positions[i, 1] - positions[j, 1]
        z = positions[i, 2] - positions[j, 2]
        length = math.sqrt(x * x + y * y + z * z)
        d[p] = length
        u = length / spacing
        within = length <= r_max  # what is no number must not be a place in the table
        r = min(int(u), last) if within else last
        u = u - r if within else 0.0
        v = 1 - u
        sixth = 1 / 6 if within else 0.0
        q[p] = r
        w[p, 0] = v * v * v * sixth
        w[p, 1] = (u * u * (3 * u - 6) + 4) * sixth
        w[p, 2] = (v * v * (3 * v - 6) + 4) * sixth
        w[p, 3] = u * u * u * sixth


@threaded(fastmath=MATH)
def pull_weights(bounds, first, second, positions, spacing, r_max, d, q, g, out):  # type: ignore[no-untyped-def]
    """From the gradient g of the weights to that of the positions, (n, 3); none through a zero distance."""
    for s in prange(len(bounds) - 1):
        for p in range(bounds[s], bounds[s + 1]):
            if 0 < d[p] <= r_max:
                j, i = first[p], second[p]
                u = d[p] / spacing - q[p]
                v = 1 - u
                slope = (u * u * g[p, 3] - v * v * g[p, 0]) / 2
                slope += u * (1.5 * u - 2) * g[p, 1] - v * (1.5 * v - 2) * g[p, 2]
                slope /= spacing * d[p]
                for a in range(3):
                    change = slope * (positions[i, a] - positions[j, a])
                    out[j, a] -= change
                    out[i, a] += change


@threaded(fastmath=MATH)
def to_g(bounds, first, second, q, w, T, f, out):  # type: ignore[no-untyped-def]
    """What each particle gets, (n, F): the value itself; what f gets back, too."""
    for s in prange(len(bounds) - 1):
        phi = np.empty(f.shape[1], f.dtype)
        for p in range(bounds[s], bounds[s + 1]):
            T_p, j, i = T[q[p] : q[p] + 4], first[p], second[p]
            w_0, w_1, w_2, w_3 = w[p, 0], w[p, 1], w[p, 2], w[p, 3]
            f_j, f_i, out_j, out_i = f[j], f[i], out[j], out[i]
            for k in range(len(phi)):
                phi[k] = w_0 * T_p[0, k] + w_1 * T_p[1, k] + w_2 * T_p[2, k] + w_3 * T_p[3, k]
            for k in range(len(phi)):
                out_j[k] += phi[k] * f_i[k]
            for k in range(len(phi)):
                out_i[k] += phi[k] * f_j[k]


@threaded(fastmath=MATH)
def to_w(bounds, first, second, q, T, f, g, out):  # type: ignore[no-untyped-def]
    """The weights' derivative, (P, 4): four dot products a pair."""
    for s in prange(len(bounds) - 1):
        h = np.empty(f.shape[1], f.dtype)
        for p in range(bounds[s], bounds[s + 1]):
            T_p, j, i = T[q[p] : q[p] + 4], first[p], second[p]
            f_j, f_i, g_j, g_i = f[j], f[i], g[j], g[i]
            for k in range(len(h)):
                h[k] = f_i[k] * g_j[k] + f_j[k] * g_i[k]
            a_0 = a_1 = a_2 = a_3 = f.dtype.type(0)
            for k in range(len(h)):
                a_0 += T_p[0, k] * h[k]
                a_1 += T_p[1, k] * h[k]
                a_2 += T_p[2, k] * h[k]
                a_3 += T_p[3, k] * h[k]
            out[p, 0], out[p, 1], out[p, 2], out[p, 3] = a_0, a_1, a_2, a_3


@threaded(fastmath=MATH)
def to_T(bounds, first, second, q, w, f, g, tables, out):  # type: ignore[no-untyped-def]
    """The table's derivative, (K + 2, F): one private table for each chunk of systems, added up in their order."""
    systems, chunks = len(bounds) - 1, len(tables)
    for c in prange(chunks):
        table, h = tables[c], np.empty(f.shape[1], f.dtype)
        table[:] = 0
        for p in range(bounds[c * systems // chunks], bounds[(c + 1) * systems // chunks]):
            T_p, j, i = table[q[p] : q[p] + 4], first[p], second[p]
            w_0, w_1, w_2, w_3 = w[p, 0], w[p, 1], w[p, 2], w[p, 3]
            f_j, f_i, g_j, g_i = f[j], f[i], g[j], g[i]
            for k in range(len(h)):
                h[k] = f_i[k] * g_j[k] + f_j[k] * g_i[k]
            for k in range(len(h)):
                T_p[0, k] += w_0 * h[k]
                T_p[1, k] += w_1 * h[k]
                T_p[2, k] += w_2 * h[k]
                T_p[3, k] += w_3 * h[k]
    for r in prange(len(out)):
        out[r] = 0
        for c in range(chunks):
            out[r] += tables[c, r]


class Weights(torch.autograd.Function):
    """From positions to w, q and d; only w is differentiable."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, pairs: UndirectedPairs, spline: CubicSpline, dtype: torch.dtype, positions: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """In one loop."""
        d, q = positions.new_empty(len(pairs)), pairs.first.new_empty(len(pairs))
        w = positions.new_empty((len(pairs), 4), dtype=dtype)
        lists = pairs.first.numpy(), pairs.second.numpy()
        grid = spline.spacing, float(spline.r_max)
        r = positions.detach().contiguous()
        weights(*lists, r.numpy(), *grid, spline.n_knots - 2, d.numpy(), q.numpy(), w.numpy())
        ctx.pairs, ctx.spline, ctx.dtype = pairs, spline, dtype
        ctx.mark_non_differentiable(q, d)
        ctx.save_for_backward(positions, q, d)
        return w, q, d

    @staticmethod
    def backward(ctx: Any, g: Tensor, *_: Tensor | None) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """In one loop, unless this gradient is to be differentiated: then in plain torch."""
        positions, q, d = ctx.saved_tensors
        pairs, spline = ctx.pairs, ctx.spline
        if torch.is_grad_enabled():
            r = positions.view_as(positions)  # the derivative stops at this view, and its own goes on through it
            distances = reference.undirected_distances(r, pairs)
            w = spline.weights(distances, q).masked_fill(~(d <= spline.r_max)[:, None], 0).to(ctx.dtype)
            return None, None, None, *torch.autograd.grad(w, r, g, create_graph=True)
        out = torch.zeros_like(positions, memory_format=torch.contiguous_format)
        lists = (each.numpy() for each in (pairs.bounds, pairs.first, pairs.second))
        grid, r = (spline.spacing, float(spline.r_max)), positions.detach().contiguous()
        pull_weights(*lists, r.numpy(), *grid, d.numpy(), q.numpy(), g.contiguous().numpy(), out.numpy())
        return None, None, None, out


def undirected_weights(
    positions: Float64[Tensor, "n 3"], pairs: UndirectedPairs, spline: CubicSpline, dtype: torch.dtype
) -> tuple[Float[Tensor, "P 4"], Int64[Tensor, " P"], Float64[Tensor, " P"]]:
    """What :func:`empnet.nn.undirected.undirected_weights` says; tensors on the CPU, float32 or float64."""
    result: tuple[Tensor, Tensor, Tensor] = Weights.apply(pairs, spline, dtype, positions)  # type: ignore[no-untyped-call]
    return result


class Partial(torch.autograd.Function):
    """The form with one slot left open; its derivative is the same form with the gradient in that slot."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, slot: int, pairs: UndirectedPairs, q: Tensor, shape: torch.Size, *slots: Tensor | None
    ) -> Tensor:
        """Evaluate the form; ``slots`` are w, T, f, g, with None for the open one, and ``shape`` is the table's."""
        ctx.slot, ctx.pairs, ctx.shape = slot, pairs, shape
        ctx.save_for_backward(q, *slots)
        w, T, f, g = (None if value is None else value.detach().contiguous().numpy() for value in slots)
        like = next(value for value in slots if value is not None)
        at = *(each.numpy() for each in (pairs.bounds, pairs.first, pairs.second)), q.numpy()
        if SLOTS[slot] == "w":
            out = like.new_empty(len(q), 4)
            to_w(*at, T, f, g, out.numpy())
        elif SLOTS[slot] == "T":
            out = like.new_empty(shape)
            tables = np.empty((n_threads(), *shape), out.numpy().dtype)
            to_T(*at, w, f, g, tables, out.numpy())
        else:
            n = len(next(value for value in (f, g) if value is not None))
            out = like.new_zeros(n, shape[1])
            to_g(*at, w, T, g if f is None else f, out.numpy())
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """One form for each slot that wants a derivative."""
        q, *full = ctx.saved_tensors
        full[ctx.slot] = gradient
        wanted = ctx.needs_input_grad[4:]
        forms = (_partial(s, ctx.pairs, q, ctx.shape, full) if wanted[s] else None for s in range(len(SLOTS)))
        return (None, None, None, None, *forms)


def _partial(slot: int, pairs: UndirectedPairs, q: Tensor, shape: torch.Size, full: list[Tensor | None]) -> Tensor:
    """The form with ``slot`` left open."""
    open_ = [None if s == slot else value for s, value in enumerate(full)]
    result: Tensor = Partial.apply(slot, pairs, q, shape, *open_)  # type: ignore[no-untyped-call]
    return result


def undirected_sums(
    w: Float[Tensor, "P 4"],
    T: Float[Tensor, "K_2 F"],
    f: Float[Tensor, "n F"],
    q: Int64[Tensor, " P"],
    pairs: UndirectedPairs,
) -> Float[Tensor, "n F"]:
    """What :func:`empnet.nn.undirected.undirected_sums` says; tensors on the CPU, float32 or float64."""
    return _partial(SLOTS.index("g"), pairs, q, T.shape, [w, T, f, None])
