"""The sums over pairs for moments up to degree 2 as compiled loops: what networks with ``--moments 2`` spend time in.

The forms are those of :mod:`empnet.nn.kernels.loops` (with harmonics Y) and :mod:`empnet.nn.kernels.tensor_loops`
(tensors V). Here the nine components of a channel are spelled out within one loop over the features k, and the number
of features is a constant, so that the compiler vectorises that loop as a whole, which is several times as fast as nine
short loops. Arrays have a row for each particle, with component s at s F + k, and each pair's
four rows of the table are one piece: places are then sums of constants and k, which cannot be negative, as Numba must
suppose of others.
"""

# ruff: noqa: ANN001, ANN201, ANN202 (Numba finds the types)
from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import prange

from empnet.data.compiled import compiled, threaded
from empnet.nn.kernels.loops import MATH

__all__ = ["MomentLoops", "inner_1", "inner_2", "moment_loops", "nine", "pays", "put", "scaled"]

_inline = compiled(inline="always", fastmath=MATH)


@_inline
def nine(A, k, F):  # type: ignore[no-untyped-def]
    """The components of one channel."""
    return (
        *(A[k], A[k + F], A[k + 2 * F], A[k + 3 * F], A[k + 4 * F]),
        *(A[k + 5 * F], A[k + 6 * F], A[k + 7 * F], A[k + 8 * F]),
    )


@_inline
def put(A, k, F, x):  # type: ignore[no-untyped-def]
    """Write them."""
    A[k], A[k + F], A[k + 2 * F], A[k + 3 * F], A[k + 4 * F] = x[0], x[1], x[2], x[3], x[4]
    A[k + 5 * F], A[k + 6 * F], A[k + 7 * F], A[k + 8 * F] = x[5], x[6], x[7], x[8]


@_inline
def scaled(a, b, c, x):  # type: ignore[no-untyped-def]
    """Each degree times a number of its own."""
    return (a * x[0], b * x[1], b * x[2], b * x[3], c * x[4], c * x[5], c * x[6], c * x[7], c * x[8])


@_inline
def _add(A, k, F, x):  # type: ignore[no-untyped-def]
    A[k] += x[0]
    A[k + F] += x[1]
    A[k + 2 * F] += x[2]
    A[k + 3 * F] += x[3]
    A[k + 4 * F] += x[4]
    A[k + 5 * F] += x[5]
    A[k + 6 * F] += x[6]
    A[k + 7 * F] += x[7]
    A[k + 8 * F] += x[8]


@_inline
def inner_1(x, y):  # type: ignore[no-untyped-def]
    """sum_m x_1m y_1m."""
    return x[1] * y[1] + x[2] * y[2] + x[3] * y[3]


@_inline
def inner_2(x, y):  # type: ignore[no-untyped-def]
    """sum_m x_2m y_2m."""
    return x[4] * y[4] + x[5] * y[5] + x[6] * y[6] + x[7] * y[7] + x[8] * y[8]


@_inline
def _phi(T, k, F, w):  # type: ignore[no-untyped-def]
    """The filters of the three degrees from four rows of the table."""
    return (
        w[0] * T[k] + w[1] * T[k + 3 * F] + w[2] * T[k + 6 * F] + w[3] * T[k + 9 * F],
        w[0] * T[k + F] + w[1] * T[k + 4 * F] + w[2] * T[k + 7 * F] + w[3] * T[k + 10 * F],
        w[0] * T[k + 2 * F] + w[1] * T[k + 5 * F] + w[2] * T[k + 8 * F] + w[3] * T[k + 11 * F],
    )


@_inline
def _add_to_table(T, k, F, w, h):  # type: ignore[no-untyped-def]
    """The derivative of the four rows."""
    T[k + 0 * F] += w[0] * h[0]
    T[k + 1 * F] += w[0] * h[1]
    T[k + 2 * F] += w[0] * h[2]
    T[k + 3 * F] += w[1] * h[0]
    T[k + 4 * F] += w[1] * h[1]
    T[k + 5 * F] += w[1] * h[2]
    T[k + 6 * F] += w[2] * h[0]
    T[k + 7 * F] += w[2] * h[1]
    T[k + 8 * F] += w[2] * h[2]
    T[k + 9 * F] += w[3] * h[0]
    T[k + 10 * F] += w[3] * h[1]
    T[k + 11 * F] += w[3] * h[2]


@_inline
def _four(w, p):  # type: ignore[no-untyped-def]
    return w[p, 0], w[p, 1], w[p, 2], w[p, 3]


@_inline
def _directions(Y, p):  # type: ignore[no-untyped-def]
    return Y[p, 0], Y[p, 1], Y[p, 2], Y[p, 3], Y[p, 4], Y[p, 5], Y[p, 6], Y[p, 7], Y[p, 8]


@_inline
def _dot(T, k, F, h):  # type: ignore[no-untyped-def]
    """One row of the table times h."""
    return T[k] * h[0] + T[k + F] * h[1] + T[k + 2 * F] * h[2]


@_inline
def _of_pair(y, f_j, f_i, g_j, g_i):  # type: ignore[no-untyped-def]
    """h_l = sum_m Y_lm (f_i g_j + (-1)^l f_j g_i): all of a pair but its filter."""
    return (
        y[0] * (f_i * g_j[0] + f_j * g_i[0]),
        f_i * inner_1(y, g_j) - f_j * inner_1(y, g_i),
        f_i * inner_2(y, g_j) + f_j * inner_2(y, g_i),
    )


@_inline
def _of_tensors(V_j, V_i, g_j, g_i):  # type: ignore[no-untyped-def]
    """The same for tensors: h_l = sum_m (V_i g_j + V_j g_i)."""
    return (
        V_i[0] * g_j[0] + V_j[0] * g_i[0],
        inner_1(V_i, g_j) + inner_1(V_j, g_i),
        inner_2(V_i, g_j) + inner_2(V_j, g_i),
    )


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
    """The loops for one number of features and one type; ``to_x`` leaves slot x open, as in the other modules."""

    to_g: Callable[..., None]
    to_f: Callable[..., None]
    to_w: Callable[..., None]
    to_Y: Callable[..., None]
    to_T: Callable[..., None]
    tensors_to_g: Callable[..., None]
    tensors_to_w: Callable[..., None]
    tensors_to_T: Callable[..., None]
    gate: Callable[..., None]
    gate_to_g: Callable[..., None]


@cache
def moment_loops(F: int, dtype: np.dtype) -> MomentLoops:
    """Loops for F features; each is compiled at its first call, for each F anew.

    Arguments:
        F: Number of features.
        dtype: float32 or float64.
    """
    make = threaded(fastmath=MATH)
    loops = (make(loop) for loop in (*_sums(F), *_derivatives(F, dtype.type(0)), *_gates(F)))
    to_g, to_f, tensors_to_g, to_w, to_Y, to_T, tensors_to_w, tensors_to_T, gate, gate_to_g = loops
    return MomentLoops(to_g, to_f, to_w, to_Y, to_T, tensors_to_g, tensors_to_w, tensors_to_T, gate, gate_to_g)


def _sums(F: int) -> tuple[Callable[..., None], ...]:
    """Those that add to particles: within a chunk, both ends of a pair at once."""

    def to_g(chunks, rows, columns, transposed, first, second, q, w, T, Y, f, out) -> None:  # type: ignore[no-untyped-def]
        for c in prange(len(chunks) - 1):
            lowest, end = chunks[c], chunks[c + 1]
            out[lowest:end] = 0
            for j in range(lowest, end):
                for p in range(rows[j], rows[j + 1]):
                    i, T_p = second[p], T[3 * q[p] * F : 3 * (q[p] + 4) * F]
                    four, y = _four(w, p), _directions(Y, p)
                    for k in range(F):
                        a, b, c_ = _phi(T_p, k, F, four)
                        x = f[i, k]
                        _add(out[j], k, F, scaled(a * x, b * x, c_ * x, y))
                    if i < end:
                        for k in range(F):
                            a, b, c_ = _phi(T_p, k, F, four)
                            z = f[j, k]
                            _add(out[i], k, F, scaled(a * z, -b * z, c_ * z, y))
            for i in range(lowest, end):
                for column in range(columns[i], columns[i + 1]):
                    p = transposed[column]
                    j = first[p]
                    if j >= lowest:
                        break  # done above; so are the rest of the column, which is in ascending order
                    T_p, four, y = T[3 * q[p] * F : 3 * (q[p] + 4) * F], _four(w, p), _directions(Y, p)
                    for k in range(F):
                        a, b, c_ = _phi(T_p, k, F, four)
                        z = f[j, k]
                        _add(out[i], k, F, scaled(a * z, -b * z, c_ * z, y))

    def to_f(chunks, rows, columns, transposed, first, second, q, w, T, Y, g, out) -> None:  # type: ignore[no-untyped-def]
        for c in prange(len(chunks) - 1):
            lowest, end = chunks[c], chunks[c + 1]
            out[lowest:end] = 0
            for j in range(lowest, end):
                for p in range(rows[j], rows[j + 1]):
                    i, T_p = second[p], T[3 * q[p] * F : 3 * (q[p] + 4) * F]
                    four, y = _four(w, p), _directions(Y, p)
                    for k in range(F):
                        a, b, c_ = _phi(T_p, k, F, four)
                        x = nine(g[i], k, F)
                        out[j, k] += a * y[0] * x[0] - b * inner_1(y, x) + c_ * inner_2(y, x)
                    if i < end:
                        for k in range(F):
                            a, b, c_ = _phi(T_p, k, F, four)
                            z = nine(g[j], k, F)
                            out[i, k] += a * y[0] * z[0] + b * inner_1(y, z) + c_ * inner_2(y, z)
            for i in range(lowest, end):
                for column in range(columns[i], columns[i + 1]):
                    p = transposed[column]
                    j = first[p]
                    if j >= lowest:
                        break
                    T_p, four, y = T[3 * q[p] * F : 3 * (q[p] + 4) * F], _four(w, p), _directions(Y, p)
                    for k in range(F):
                        a, b, c_ = _phi(T_p, k, F, four)
                        z = nine(g[j], k, F)
                        out[i, k] += a * y[0] * z[0] + b * inner_1(y, z) + c_ * inner_2(y, z)

    def tensors_to_g(chunks, rows, columns, transposed, first, second, q, w, T, V, out) -> None:  # type: ignore[no-untyped-def]
        for c in prange(len(chunks) - 1):
            lowest, end = chunks[c], chunks[c + 1]
            out[lowest:end] = 0
            for j in range(lowest, end):
                for p in range(rows[j], rows[j + 1]):
                    i, T_p, four = second[p], T[3 * q[p] * F : 3 * (q[p] + 4) * F], _four(w, p)
                    for k in range(F):
                        a, b, c_ = _phi(T_p, k, F, four)
                        _add(out[j], k, F, scaled(a, b, c_, nine(V[i], k, F)))
                    if i < end:
                        for k in range(F):
                            a, b, c_ = _phi(T_p, k, F, four)
                            _add(out[i], k, F, scaled(a, b, c_, nine(V[j], k, F)))
            for i in range(lowest, end):
                for column in range(columns[i], columns[i + 1]):
                    p = transposed[column]
                    j = first[p]
                    if j >= lowest:
                        break
                    T_p, four = T[3 * q[p] * F : 3 * (q[p] + 4) * F], _four(w, p)
                    for k in range(F):
                        a, b, c_ = _phi(T_p, k, F, four)
                        _add(out[i], k, F, scaled(a, b, c_, nine(V[j], k, F)))

    return to_g, to_f, tensors_to_g


def _derivatives(F: int, zero: Any) -> tuple[Callable[..., None], ...]:
    """Those that leave a slot of pairs or the table open."""

    def to_w(rows, second, q, T, Y, f, g, out) -> None:  # type: ignore[no-untyped-def]
        for j in prange(len(rows) - 1):
            for p in range(rows[j], rows[j + 1]):
                i, T_p, y = second[p], T[3 * q[p] * F : 3 * (q[p] + 4) * F], _directions(Y, p)
                a_0 = a_1 = a_2 = a_3 = zero
                for k in range(F):
                    g_j, g_i = nine(g[j], k, F), nine(g[i], k, F)
                    h = _of_pair(y, f[j, k], f[i, k], g_j, g_i)
                    a_0 += _dot(T_p, k, F, h)
                    a_1 += _dot(T_p, k + 3 * F, F, h)
                    a_2 += _dot(T_p, k + 6 * F, F, h)
                    a_3 += _dot(T_p, k + 9 * F, F, h)
                out[p, 0], out[p, 1], out[p, 2], out[p, 3] = a_0, a_1, a_2, a_3

    def to_Y(rows, second, q, w, T, f, g, out) -> None:  # type: ignore[no-untyped-def]
        for j in prange(len(rows) - 1):
            for p in range(rows[j], rows[j + 1]):
                i, T_p, four = second[p], T[3 * q[p] * F : 3 * (q[p] + 4) * F], _four(w, p)
                y_0 = y_1 = y_2 = y_3 = y_4 = y_5 = y_6 = y_7 = y_8 = zero
                for k in range(F):
                    a, b, c = _phi(T_p, k, F, four)
                    g_j, g_i = nine(g[j], k, F), nine(g[i], k, F)
                    x, z = f[i, k], f[j, k]
                    y_0 += a * (x * g_j[0] + z * g_i[0])
                    y_1 += b * (x * g_j[1] - z * g_i[1])
                    y_2 += b * (x * g_j[2] - z * g_i[2])
                    y_3 += b * (x * g_j[3] - z * g_i[3])
                    y_4 += c * (x * g_j[4] + z * g_i[4])
                    y_5 += c * (x * g_j[5] + z * g_i[5])
                    y_6 += c * (x * g_j[6] + z * g_i[6])
                    y_7 += c * (x * g_j[7] + z * g_i[7])
                    y_8 += c * (x * g_j[8] + z * g_i[8])
                out[p, 0], out[p, 1], out[p, 2], out[p, 3], out[p, 4] = y_0, y_1, y_2, y_3, y_4
                out[p, 5], out[p, 6], out[p, 7], out[p, 8] = y_5, y_6, y_7, y_8

    def to_T(chunks, rows, second, q, w, Y, f, g, tables, out) -> None:  # type: ignore[no-untyped-def]
        for c in prange(len(chunks) - 1):
            table = tables[c]
            table[:] = 0
            for j in range(chunks[c], chunks[c + 1]):
                for p in range(rows[j], rows[j + 1]):
                    i, T_p = second[p], table[3 * q[p] * F : 3 * (q[p] + 4) * F]
                    y, four = _directions(Y, p), _four(w, p)
                    for k in range(F):
                        g_j, g_i = nine(g[j], k, F), nine(g[i], k, F)
                        h = _of_pair(y, f[j, k], f[i, k], g_j, g_i)
                        _add_to_table(T_p, k, F, four, h)
        out[:] = tables[0]
        for c in range(1, len(tables)):
            out += tables[c]

    def tensors_to_w(rows, second, q, T, V, g, out) -> None:  # type: ignore[no-untyped-def]
        for j in prange(len(rows) - 1):
            for p in range(rows[j], rows[j + 1]):
                i, T_p = second[p], T[3 * q[p] * F : 3 * (q[p] + 4) * F]
                a_0 = a_1 = a_2 = a_3 = zero
                for k in range(F):
                    h = _of_tensors(nine(V[j], k, F), nine(V[i], k, F), nine(g[j], k, F), nine(g[i], k, F))
                    a_0 += _dot(T_p, k, F, h)
                    a_1 += _dot(T_p, k + 3 * F, F, h)
                    a_2 += _dot(T_p, k + 6 * F, F, h)
                    a_3 += _dot(T_p, k + 9 * F, F, h)
                out[p, 0], out[p, 1], out[p, 2], out[p, 3] = a_0, a_1, a_2, a_3

    def tensors_to_T(chunks, rows, second, q, w, V, g, tables, out) -> None:  # type: ignore[no-untyped-def]
        for c in prange(len(chunks) - 1):
            table = tables[c]
            table[:] = 0
            for j in range(chunks[c], chunks[c + 1]):
                for p in range(rows[j], rows[j + 1]):
                    i, T_p, four = second[p], table[3 * q[p] * F : 3 * (q[p] + 4) * F], _four(w, p)
                    for k in range(F):
                        h = _of_tensors(nine(V[j], k, F), nine(V[i], k, F), nine(g[j], k, F), nine(g[i], k, F))
                        _add_to_table(T_p, k, F, four, h)
        out[:] = tables[0]
        for c in range(1, len(tables)):
            out += tables[c]

    return to_w, to_Y, to_T, tensors_to_w, tensors_to_T


def _gates(F: int) -> tuple[Callable[..., None], ...]:
    """A number of each degree times tensors, and the derivative that leaves these numbers open."""

    def gate(g, X, out) -> None:  # type: ignore[no-untyped-def]
        for n in prange(len(X)):
            for k in range(F):
                put(out[n], k, F, scaled(g[n, k], g[n, F + k], g[n, 2 * F + k], nine(X[n], k, F)))

    def gate_to_g(X, G, out) -> None:  # type: ignore[no-untyped-def]
        for n in prange(len(X)):
            for k in range(F):
                x, y = nine(X[n], k, F), nine(G[n], k, F)
                out[n, k], out[n, F + k], out[n, 2 * F + k] = x[0] * y[0], inner_1(x, y), inner_2(x, y)

    return gate, gate_to_g
