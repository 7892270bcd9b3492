"""Those of the loops for moments that leave a slot of pairs or the table open; the others are in ``moment_loops``."""

# ruff: noqa: ANN001, ANN202 (Numba finds the types)
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import prange

from empnet.data.compiled import compiled
from empnet.nn.kernels.loops import MATH
from empnet.nn.kernels.moment_components import directions_of, filters_of, four_of, inner_1, inner_2, nine

__all__ = ["derivatives", "tensor_derivatives"]

_inline = compiled(inline="always", fastmath=MATH)


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


def derivatives(F: int, zero: Any) -> tuple[Callable[..., None], ...]:
    """The loops ``to_w``, ``to_Y`` and ``to_T`` of features, to be compiled.

    Arguments:
        F: Number of features.
        zero: Of the type that is computed in.
    """

    def to_w(rows, second, q, T, Y, f, g, out) -> None:  # type: ignore[no-untyped-def]
        for j in prange(len(rows) - 1):
            for p in range(rows[j], rows[j + 1]):
                i, T_p, y = second[p], T[3 * q[p] * F : 3 * (q[p] + 4) * F], directions_of(Y, p)
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
                i, T_p, four = second[p], T[3 * q[p] * F : 3 * (q[p] + 4) * F], four_of(w, p)
                y_0 = y_1 = y_2 = y_3 = y_4 = y_5 = y_6 = y_7 = y_8 = zero
                for k in range(F):
                    a, b, c = filters_of(T_p, k, F, four)
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
                    y, four = directions_of(Y, p), four_of(w, p)
                    for k in range(F):
                        g_j, g_i = nine(g[j], k, F), nine(g[i], k, F)
                        h = _of_pair(y, f[j, k], f[i, k], g_j, g_i)
                        _add_to_table(T_p, k, F, four, h)
        out[:] = tables[0]
        for c in range(1, len(tables)):
            out += tables[c]

    return to_w, to_Y, to_T


def tensor_derivatives(F: int, zero: Any) -> tuple[Callable[..., None], ...]:
    """The loops ``tensors_to_w`` and ``tensors_to_T``, to be compiled.

    Arguments:
        F: Number of features.
        zero: Of the type that is computed in.
    """

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
                    i, T_p, four = second[p], table[3 * q[p] * F : 3 * (q[p] + 4) * F], four_of(w, p)
                    for k in range(F):
                        h = _of_tensors(nine(V[j], k, F), nine(V[i], k, F), nine(g[j], k, F), nine(g[i], k, F))
                        _add_to_table(T_p, k, F, four, h)
        out[:] = tables[0]
        for c in range(1, len(tables)):
            out += tables[c]

    return tensors_to_w, tensors_to_T
