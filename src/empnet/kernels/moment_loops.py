"""The sums over pairs for moments up to degree 2 as compiled loops: what networks with ``--moments 2`` spend time in.

    L = sum_{p,k} sum_l [ phi_l sum_m Y_lm (x_i g_j,lm + (-1)^l x_j g_i,lm)
                        + chi_l sum_m (V_i,lm g_j,lm + V_j,lm g_i,lm) ]

with (j, i) = (first, second) of pair p and filters phi_l = sum_b w[p,b] phi[q_p + b, l, k], chi_l likewise, is the form
behind :func:`empnet.kernels.moments`. ``hear`` leaves g open, and is the value itself; ``features`` opens x and V;
``pairs`` w and Y; ``tables`` phi and chi. ``bend`` and ``bend_tables`` are derivatives of the second order: those of
the sum of h_w dL/dw and h_Y dL/dY, which training on forces asks for.

The nine components of a channel are spelled out within one loop over the features k, and the number of features is a
constant, so that the compiler vectorises that loop as a whole, which is several times as fast as nine short loops.
Arrays have a row for each particle, with component s at s F + k, and each pair's four rows of a table are one piece:
places are then sums of constants and k, which cannot be negative, as Numba must suppose of others.

Chunks are as in :mod:`empnet.kernels.loops`: both ends of a pair are done at once where they are in one chunk.
"""

# ruff: noqa: ANN001, ANN202 (Numba finds the types)
from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numba import prange

from empnet.kernels.loops import MATH
from empnet.kernels.moment_components import (
    add,
    answered,
    directions_of,
    filters_of,
    four_of,
    inner_1,
    inner_2,
    nine,
    plus,
    put,
    rows_of,
    scaled,
    times,
)
from empnet.kernels.moment_derivatives import pairs_loop, table_loops
from empnet.runtime.compiled import compiled, threaded

__all__ = ["MomentLoops", "gate_loops", "moment_loops", "pays"]

_inline = compiled(inline="always", fastmath=MATH)


def pays(F: int) -> bool:
    """Whether there are loops for so many features: compiling them takes some seconds for each number of features.

    Arguments:
        F: Number of features.

    Example:
        >>> [F for F in (8, 16, 32, 48, 64, 128) if pays(F)]
        [32, 64, 128]
    """
    return F % 32 == 0


class MomentLoops(NamedTuple):
    """The loops for one number of features and one type."""

    hear: Callable[..., None]
    features: Callable[..., None]
    bend: Callable[..., None]
    pairs: Callable[..., None]
    tables: Callable[..., None]
    bend_tables: Callable[..., None]


@cache
def moment_loops(F: int, dtype: np.dtype, tensors: bool) -> MomentLoops:
    """Loops for F features; each is compiled at its first call, for each F anew.

    Arguments:
        F: Number of features.
        dtype: float32 or float64.
        tensors: Whether there are tensors V to be heard of; if not, what they are given for V and chi is not looked at.
    """
    make, zero = threaded(fastmath=MATH), dtype.type(0)
    of_particles = _hear(F, tensors), _features(F, tensors), _bend(F, tensors)
    return MomentLoops(*map(make, (*of_particles, pairs_loop(F, tensors, zero), *table_loops(F, tensors))))


@_inline
def _neighbour(n, j, rows, columns, transposed, first, second):  # type: ignore[no-untyped-def]
    """The n-th pair of particle j, the particle at its other end, and whether it is listed as (j, i)."""
    ahead = rows[j + 1] - rows[j]
    if n < ahead:
        return rows[j] + n, second[rows[j] + n], True
    p = transposed[columns[j] + n - ahead]
    return p, first[p], False


@_inline
def _towards(Y, p, ahead):  # type: ignore[no-untyped-def]
    """The harmonics of a pair as the particle sees them that hears."""
    y = directions_of(Y, p)
    if ahead:
        return y
    return y[0], -y[1], -y[2], -y[3], y[4], y[5], y[6], y[7], y[8]


@_inline
def _lay_out(filters, T_p, F, four):  # type: ignore[no-untyped-def]
    """The filters of a pair, a row for each degree: both of its ends want them."""
    for k in range(F):
        filters[k], filters[k + F], filters[k + 2 * F] = filters_of(T_p, k, F, four)


def _hear(F: int, tensors: bool) -> Callable[..., None]:
    """What particles hear."""

    def hear(chunks, rows, columns, transposed, first, second, q, w, Y, phi, x, chi, V, out) -> None:  # type: ignore[no-untyped-def]
        for chunk in prange(len(chunks) - 1):
            lowest, end = chunks[chunk], chunks[chunk + 1]
            out[lowest:end] = V[lowest:end] if tensors else 0
            of_phi, of_chi = np.empty(3 * F, w.dtype), np.empty(3 * F, w.dtype)
            for j in range(lowest, end):
                for n in range(rows[j + 1] - rows[j] + columns[j + 1] - columns[j]):
                    p, i, ahead = _neighbour(n, j, rows, columns, transposed, first, second)
                    if not ahead and i >= lowest:
                        break  # done from its other end; so is the rest of the column, which is in ascending order
                    four = four_of(w, p)
                    _lay_out(of_phi, rows_of(phi, q, p, F), F, four)
                    if tensors:
                        _lay_out(of_chi, rows_of(chi, q, p, F), F, four)
                    for side in range(2 if ahead and i < end else 1):
                        y = _towards(Y, p, ahead == (side == 0))
                        here, there = (i, j) if side else (j, i)
                        heard, x_i = out[here], x[there]
                        for k in range(F):
                            a, b, c = of_phi[k] * x_i[k], of_phi[k + F] * x_i[k], of_phi[k + 2 * F] * x_i[k]
                            if tensors:
                                V_i = scaled(of_chi[k], of_chi[k + F], of_chi[k + 2 * F], nine(V[there], k, F))
                                add(heard, k, F, plus(scaled(a, b, c, y), V_i))
                            else:
                                add(heard, k, F, scaled(a, b, c, y))

    return hear


def _features(F: int, tensors: bool) -> Callable[..., None]:
    """What comes back to the particles' features and tensors."""

    def features(  # type: ignore[no-untyped-def]
        chunks, rows, columns, transposed, first, second, q, w, Y, phi, chi, g, out_x, out_V
    ) -> None:
        for chunk in prange(len(chunks) - 1):
            lowest, end = chunks[chunk], chunks[chunk + 1]
            out_x[lowest:end] = 0
            if tensors:
                out_V[lowest:end] = g[lowest:end]
            of_phi, of_chi = np.empty(3 * F, w.dtype), np.empty(3 * F, w.dtype)
            for j in range(lowest, end):
                for n in range(rows[j + 1] - rows[j] + columns[j + 1] - columns[j]):
                    p, i, ahead = _neighbour(n, j, rows, columns, transposed, first, second)
                    if not ahead and i >= lowest:
                        break
                    four = four_of(w, p)
                    _lay_out(of_phi, rows_of(phi, q, p, F), F, four)
                    if tensors:
                        _lay_out(of_chi, rows_of(chi, q, p, F), F, four)
                    for side in range(2 if ahead and i < end else 1):
                        y = _towards(Y, p, ahead == (side == 0))
                        here, there = (i, j) if side else (j, i)
                        of_x, g_i = out_x[here], g[there]
                        for k in range(F):
                            z = scaled(of_phi[k], of_phi[k + F], of_phi[k + 2 * F], y)
                            of_x[k] += answered(z, nine(g_i, k, F))
                        if tensors:
                            of_V = out_V[here]
                            for k in range(F):
                                add(of_V, k, F, scaled(of_chi[k], of_chi[k + F], of_chi[k + 2 * F], nine(g_i, k, F)))

    return features


def _bend(F: int, tensors: bool) -> Callable[..., None]:
    """How what particles hear, and what comes back to them, changes with the pairs."""

    def bend(  # type: ignore[no-untyped-def]
        chunks, rows, columns, transposed, first, second, q, w, Y, phi, x, chi, V, g, h_w, h_Y, out_g, out_x, out_V
    ) -> None:
        for chunk in prange(len(chunks) - 1):
            lowest, end = chunks[chunk], chunks[chunk + 1]
            out_g[lowest:end] = 0
            out_x[lowest:end] = 0
            if tensors:
                out_V[lowest:end] = 0
            of_phi, bent, of_chi = np.empty(3 * F, w.dtype), np.empty(3 * F, w.dtype), np.empty(3 * F, w.dtype)
            for j in range(lowest, end):
                for n in range(rows[j + 1] - rows[j] + columns[j + 1] - columns[j]):
                    p, i, ahead = _neighbour(n, j, rows, columns, transposed, first, second)
                    if not ahead and i >= lowest:
                        break
                    four = four_of(h_w, p)
                    _lay_out(of_phi, rows_of(phi, q, p, F), F, four_of(w, p))
                    _lay_out(bent, rows_of(phi, q, p, F), F, four)
                    if tensors:
                        _lay_out(of_chi, rows_of(chi, q, p, F), F, four)
                    for side in range(2 if ahead and i < end else 1):
                        forward = ahead == (side == 0)
                        y, y_h = _towards(Y, p, forward), _towards(h_Y, p, forward)
                        here, there = (i, j) if side else (j, i)
                        of_g, of_x, x_i, g_i = out_g[here], out_x[here], x[there], g[there]
                        for k in range(F):
                            z = plus(
                                scaled(of_phi[k], of_phi[k + F], of_phi[k + 2 * F], y_h),
                                scaled(bent[k], bent[k + F], bent[k + 2 * F], y),
                            )
                            of_x[k] += answered(z, nine(g_i, k, F))
                            add(of_g, k, F, times(x_i[k], z))
                        if tensors:
                            of_V, V_i = out_V[here], V[there]
                            for k in range(F):
                                a, b, c = of_chi[k], of_chi[k + F], of_chi[k + 2 * F]
                                add(of_g, k, F, scaled(a, b, c, nine(V_i, k, F)))
                                add(of_V, k, F, scaled(a, b, c, nine(g_i, k, F)))

    return bend


class GateLoops(NamedTuple):
    """A number of each degree times tensors, and the derivative that leaves these numbers open."""

    gate: Callable[..., None]
    gate_to_g: Callable[..., None]


@cache
def gate_loops(F: int) -> GateLoops:
    """Loops for F features.

    Arguments:
        F: Number of features.
    """

    def gate(g, X, out) -> None:  # type: ignore[no-untyped-def]
        for n in prange(len(X)):
            for k in range(F):
                put(out[n], k, F, scaled(g[n, k], g[n, F + k], g[n, 2 * F + k], nine(X[n], k, F)))

    def gate_to_g(X, G, out) -> None:  # type: ignore[no-untyped-def]
        for n in prange(len(X)):
            for k in range(F):
                x, y = nine(X[n], k, F), nine(G[n], k, F)
                out[n, k], out[n, F + k], out[n, 2 * F + k] = x[0] * y[0], inner_1(x, y), inner_2(x, y)

    return GateLoops(*map(threaded(fastmath=MATH), (gate, gate_to_g)))
