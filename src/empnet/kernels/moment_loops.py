"""Sums over pairs for moments up to degree 2 as compiled loops, where networks with ``--moments 2`` spend their time.

    L = sum_{p,k} sum_l [ phi_l sum_m Y_lm (x_i g_j,lm + (-1)^l x_j g_i,lm)
                        + chi_l sum_m (V_i,lm g_j,lm + V_j,lm g_i,lm) ]

with (j, i) = (first, second) of pair p and filters phi_l = sum_b w[p,b] phi[q_p + b, l, k], chi_l likewise, is the form
behind :func:`empnet.kernels.moments`. ``forward`` leaves g open, which is the value itself. ``grad_features`` opens x
and V, ``grad_pairs`` w and Y, ``grad_tables`` phi and chi. ``second_order`` and ``second_order_tables`` are the
derivatives of h_w dL/dw + h_Y dL/dY, which training on forces needs.

The nine components of a channel are spelled out within one loop over the features k, and the number of features is a
constant: then the compiler vectorises that loop as a whole, which is several times as fast as nine short loops. Arrays
have a row for each particle, with component s at s F + k, and each pair's four rows of a table are contiguous: indices
are then sums of constants and k, which Numba knows not to be negative.

Chunks are as in :mod:`empnet.kernels.pair_sum_loops`: both ends of a pair are done at once where they are in one chunk.
"""

# ruff: noqa: ANN001, ANN202 (Numba finds the types)
from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numba import prange

from empnet.kernels.moment_components import (
    add,
    filters_of,
    harmonics_of,
    inner_1,
    inner_2,
    inner_reversed,
    nine,
    plus,
    put,
    rows_of,
    scaled,
    times,
    weights_of,
)
from empnet.kernels.moment_gradient_loops import grad_pairs_loop, grad_table_loops
from empnet.kernels.pair_sum_loops import MATH
from empnet.runtime.compiled import compiled, threaded

__all__ = ["MomentLoops", "gate_loops", "moment_loops"]

_inline = compiled(inline="always", fastmath=MATH)


class MomentLoops(NamedTuple):
    """The loops for one number of features and one type."""

    forward: Callable[..., None]
    grad_features: Callable[..., None]
    second_order: Callable[..., None]
    grad_pairs: Callable[..., None]
    grad_tables: Callable[..., None]
    second_order_tables: Callable[..., None]


@cache
def moment_loops(F: int, dtype: np.dtype, tensors: bool) -> MomentLoops:
    """Return the loops for F features; each is compiled at its first call, for each F anew.

    Arguments:
        F: Number of features.
        dtype: float32 or float64.
        tensors: Whether there are tensors V; if not, the loops ignore their arguments V and chi.
    """
    make, zero = threaded(fastmath=MATH), dtype.type(0)
    over_particles = _forward(F, tensors), _grad_features(F, tensors), _second_order(F, tensors)
    over_pairs = grad_pairs_loop(F, tensors, zero), *grad_table_loops(F, tensors)
    return MomentLoops(*map(make, (*over_particles, *over_pairs)))


@_inline
def _neighbour(n, j, rows, columns, transposed, first, second):  # type: ignore[no-untyped-def]
    """Return the n-th pair of particle j, the particle at its other end, and whether it is listed as (j, i)."""
    ahead = rows[j + 1] - rows[j]
    if n < ahead:
        return rows[j] + n, second[rows[j] + n], True
    p = transposed[columns[j] + n - ahead]
    return p, first[p], False


@_inline
def _towards(Y, p, ahead):  # type: ignore[no-untyped-def]
    """Return the harmonics of a pair, with the direction from the particle that receives."""
    y = harmonics_of(Y, p)
    if ahead:
        return y
    return y[0], -y[1], -y[2], -y[3], y[4], y[5], y[6], y[7], y[8]


@_inline
def _lay_out(filters, T_p, F, four):  # type: ignore[no-untyped-def]
    """Write the filters of a pair, a row for each degree; both of its ends use them."""
    for k in range(F):
        filters[k], filters[k + F], filters[k + 2 * F] = filters_of(T_p, k, F, four)


def _forward(F: int, tensors: bool) -> Callable[..., None]:
    """Return the loop over the messages that particles receive."""

    def forward(  # type: ignore[no-untyped-def]
        chunks, rows, columns, transposed, first, second, q, w, Y, phi, features, chi, V, out
    ) -> None:
        for chunk in prange(len(chunks) - 1):
            lowest, end = chunks[chunk], chunks[chunk + 1]
            out[lowest:end] = V[lowest:end] if tensors else 0
            filters_phi, filters_chi = np.empty(3 * F, w.dtype), np.empty(3 * F, w.dtype)
            for j in range(lowest, end):
                for n in range(rows[j + 1] - rows[j] + columns[j + 1] - columns[j]):
                    p, i, ahead = _neighbour(n, j, rows, columns, transposed, first, second)
                    if not ahead and i >= lowest:
                        break  # done from its other end, as is the rest of the column, which is in ascending order
                    four = weights_of(w, p)
                    _lay_out(filters_phi, rows_of(phi, q, p, F), F, four)
                    if tensors:
                        _lay_out(filters_chi, rows_of(chi, q, p, F), F, four)
                    for side in range(2 if ahead and i < end else 1):
                        y = _towards(Y, p, ahead == (side == 0))
                        here, there = (i, j) if side else (j, i)
                        received, x_i = out[here], features[there]
                        for k in range(F):
                            x = x_i[k]
                            a, b, c = filters_phi[k] * x, filters_phi[k + F] * x, filters_phi[k + 2 * F] * x
                            if tensors:
                                r, s, t = filters_chi[k], filters_chi[k + F], filters_chi[k + 2 * F]
                                V_i = scaled(r, s, t, nine(V[there], k, F))
                                add(received, k, F, plus(scaled(a, b, c, y), V_i))
                            else:
                                add(received, k, F, scaled(a, b, c, y))

    return forward


def _grad_features(F: int, tensors: bool) -> Callable[..., None]:
    """Return the loop over the gradients of the particles' features and tensors."""

    def grad_features(  # type: ignore[no-untyped-def]
        chunks, rows, columns, transposed, first, second, q, w, Y, phi, chi, g, out_x, out_V
    ) -> None:
        for chunk in prange(len(chunks) - 1):
            lowest, end = chunks[chunk], chunks[chunk + 1]
            out_x[lowest:end] = 0
            if tensors:
                out_V[lowest:end] = g[lowest:end]
            filters_phi, filters_chi = np.empty(3 * F, w.dtype), np.empty(3 * F, w.dtype)
            for j in range(lowest, end):
                for n in range(rows[j + 1] - rows[j] + columns[j + 1] - columns[j]):
                    p, i, ahead = _neighbour(n, j, rows, columns, transposed, first, second)
                    if not ahead and i >= lowest:
                        break
                    four = weights_of(w, p)
                    _lay_out(filters_phi, rows_of(phi, q, p, F), F, four)
                    if tensors:
                        _lay_out(filters_chi, rows_of(chi, q, p, F), F, four)
                    for side in range(2 if ahead and i < end else 1):
                        y = _towards(Y, p, ahead == (side == 0))
                        here, there = (i, j) if side else (j, i)
                        grad_x, g_i = out_x[here], g[there]
                        for k in range(F):
                            z = scaled(filters_phi[k], filters_phi[k + F], filters_phi[k + 2 * F], y)
                            grad_x[k] += inner_reversed(z, nine(g_i, k, F))
                        if tensors:
                            grad_V = out_V[here]
                            for k in range(F):
                                a, b, c = filters_chi[k], filters_chi[k + F], filters_chi[k + 2 * F]
                                add(grad_V, k, F, scaled(a, b, c, nine(g_i, k, F)))

    return grad_features


def _second_order(F: int, tensors: bool) -> Callable[..., None]:
    """Return the loop over derivatives of messages and of their gradients with respect to the pairs."""

    def second_order(  # type: ignore[no-untyped-def]
        chunks, rows, columns, transposed, first, second, q, w, Y, phi, x, chi, V, g, h_w, h_Y, out_g, out_x, out_V
    ) -> None:
        for chunk in prange(len(chunks) - 1):
            lowest, end = chunks[chunk], chunks[chunk + 1]
            out_g[lowest:end] = 0
            out_x[lowest:end] = 0
            if tensors:
                out_V[lowest:end] = 0
            filters_phi, filters_chi = np.empty(3 * F, w.dtype), np.empty(3 * F, w.dtype)
            filters_phi_h = np.empty(3 * F, w.dtype)  # with h_w in place of w
            for j in range(lowest, end):
                for n in range(rows[j + 1] - rows[j] + columns[j + 1] - columns[j]):
                    p, i, ahead = _neighbour(n, j, rows, columns, transposed, first, second)
                    if not ahead and i >= lowest:
                        break
                    four = weights_of(h_w, p)
                    _lay_out(filters_phi, rows_of(phi, q, p, F), F, weights_of(w, p))
                    _lay_out(filters_phi_h, rows_of(phi, q, p, F), F, four)
                    if tensors:
                        _lay_out(filters_chi, rows_of(chi, q, p, F), F, four)
                    for side in range(2 if ahead and i < end else 1):
                        along = ahead == (side == 0)
                        y, y_h = _towards(Y, p, along), _towards(h_Y, p, along)
                        here, there = (i, j) if side else (j, i)
                        grad_g, grad_x, x_i, g_i = out_g[here], out_x[here], x[there], g[there]
                        for k in range(F):
                            z = plus(
                                scaled(filters_phi[k], filters_phi[k + F], filters_phi[k + 2 * F], y_h),
                                scaled(filters_phi_h[k], filters_phi_h[k + F], filters_phi_h[k + 2 * F], y),
                            )
                            grad_x[k] += inner_reversed(z, nine(g_i, k, F))
                            add(grad_g, k, F, times(x_i[k], z))
                        if tensors:
                            grad_V, V_i = out_V[here], V[there]
                            for k in range(F):
                                a, b, c = filters_chi[k], filters_chi[k + F], filters_chi[k + 2 * F]
                                add(grad_g, k, F, scaled(a, b, c, nine(V_i, k, F)))
                                add(grad_V, k, F, scaled(a, b, c, nine(g_i, k, F)))

    return second_order


class GateLoops(NamedTuple):
    """A number for each degree times tensors, and the gradient of these numbers."""

    forward: Callable[..., None]
    grad_gates: Callable[..., None]


@cache
def gate_loops(F: int) -> GateLoops:
    """Return the loops for F features.

    Arguments:
        F: Number of features.
    """

    def forward(g, X, out) -> None:  # type: ignore[no-untyped-def]
        for n in prange(len(X)):
            for k in range(F):
                put(out[n], k, F, scaled(g[n, k], g[n, F + k], g[n, 2 * F + k], nine(X[n], k, F)))

    def grad_gates(X, G, out) -> None:  # type: ignore[no-untyped-def]
        for n in prange(len(X)):
            for k in range(F):
                x, y = nine(X[n], k, F), nine(G[n], k, F)
                out[n, k], out[n, F + k], out[n, 2 * F + k] = x[0] * y[0], inner_1(x, y), inner_2(x, y)

    return GateLoops(*map(threaded(fastmath=MATH), (forward, grad_gates)))
