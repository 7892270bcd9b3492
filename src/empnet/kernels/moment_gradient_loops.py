"""Loops over moments that write gradients of pairs and tables; ``moment_loops`` has the form and the other loops."""

# ruff: noqa: ANN001, ANN202 (Numba finds the types)
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import prange

from empnet.kernels.moment_components import (
    dot_rows,
    filters_of,
    harmonics_of,
    inner_1,
    inner_2,
    nine,
    pair_products,
    rows_of,
    weights_of,
)
from empnet.kernels.pair_sum_loops import MATH
from empnet.runtime.compiled import compiled

__all__ = ["grad_pairs_loop", "grad_table_loops"]

_inline = compiled(inline="always", fastmath=MATH)


@_inline
def _add_to_rows(T, k, F, w, h):  # type: ignore[no-untyped-def]
    """Add w h to the gradient of four rows of a table."""
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
def _add_two_to_rows(T, k, F, w, h, v, i):  # type: ignore[no-untyped-def]
    """Add w h + v i to the gradient of four rows of a table."""
    T[k + 0 * F] += w[0] * h[0] + v[0] * i[0]
    T[k + 1 * F] += w[0] * h[1] + v[0] * i[1]
    T[k + 2 * F] += w[0] * h[2] + v[0] * i[2]
    T[k + 3 * F] += w[1] * h[0] + v[1] * i[0]
    T[k + 4 * F] += w[1] * h[1] + v[1] * i[1]
    T[k + 5 * F] += w[1] * h[2] + v[1] * i[2]
    T[k + 6 * F] += w[2] * h[0] + v[2] * i[0]
    T[k + 7 * F] += w[2] * h[1] + v[2] * i[1]
    T[k + 8 * F] += w[2] * h[2] + v[2] * i[2]
    T[k + 9 * F] += w[3] * h[0] + v[3] * i[0]
    T[k + 10 * F] += w[3] * h[1] + v[3] * i[1]
    T[k + 11 * F] += w[3] * h[2] + v[3] * i[2]


@_inline
def _by_degree(x, y):  # type: ignore[no-untyped-def]
    """Return sum_m x_lm y_lm for each degree."""
    return x[0] * y[0], inner_1(x, y), inner_2(x, y)


@_inline
def _tensor_products(V_j, V_i, g_j, g_i):  # type: ignore[no-untyped-def]
    """Return sum_m (V_i g_j + V_j g_i) for each degree: the factor of a pair's filter."""
    return (
        V_i[0] * g_j[0] + V_j[0] * g_i[0],
        inner_1(V_i, g_j) + inner_1(V_j, g_i),
        inner_2(V_i, g_j) + inner_2(V_j, g_i),
    )


def grad_pairs_loop(F: int, tensors: bool, zero: Any) -> Callable[..., None]:
    """Return the loop ``grad_pairs``, to be compiled.

    Arguments:
        F: Number of features.
        tensors: Whether there are tensors V.
        zero: Zero in the dtype of the sums.
    """

    def grad_pairs(rows, second, q, w, Y, phi, x, chi, V, g, out_w, out_Y) -> None:  # type: ignore[no-untyped-def]
        for j in prange(len(rows) - 1):
            for p in range(rows[j], rows[j + 1]):
                i, four, y = second[p], weights_of(w, p), harmonics_of(Y, p)
                phi_p, x_j, x_i, g_j, g_i = rows_of(phi, q, p, F), x[j], x[i], g[j], g[i]
                w_0 = w_1 = w_2 = w_3 = y_0 = y_1 = y_2 = y_3 = y_4 = y_5 = y_6 = y_7 = y_8 = zero
                for k in range(F):
                    t = pair_products(x_j[k], x_i[k], nine(g_j, k, F), nine(g_i, k, F))
                    a, b, c = filters_of(phi_p, k, F, four)
                    y_0, y_1, y_2, y_3 = y_0 + a * t[0], y_1 + b * t[1], y_2 + b * t[2], y_3 + b * t[3]
                    y_4, y_5, y_6, y_7, y_8 = (
                        *(y_4 + c * t[4], y_5 + c * t[5], y_6 + c * t[6]),
                        *(y_7 + c * t[7], y_8 + c * t[8]),
                    )
                    d_0, d_1, d_2, d_3 = dot_rows(phi_p, k, F, _by_degree(y, t))
                    w_0, w_1, w_2, w_3 = w_0 + d_0, w_1 + d_1, w_2 + d_2, w_3 + d_3
                if tensors:
                    chi_p, V_j, V_i = rows_of(chi, q, p, F), V[j], V[i]
                    for k in range(F):
                        h = _tensor_products(nine(V_j, k, F), nine(V_i, k, F), nine(g_j, k, F), nine(g_i, k, F))
                        d_0, d_1, d_2, d_3 = dot_rows(chi_p, k, F, h)
                        w_0, w_1, w_2, w_3 = w_0 + d_0, w_1 + d_1, w_2 + d_2, w_3 + d_3
                out_w[p, 0], out_w[p, 1], out_w[p, 2], out_w[p, 3] = w_0, w_1, w_2, w_3
                out_Y[p, 0], out_Y[p, 1], out_Y[p, 2], out_Y[p, 3], out_Y[p, 4] = y_0, y_1, y_2, y_3, y_4
                out_Y[p, 5], out_Y[p, 6], out_Y[p, 7], out_Y[p, 8] = y_5, y_6, y_7, y_8

    return grad_pairs


def grad_table_loops(F: int, tensors: bool) -> tuple[Callable[..., None], ...]:
    """Return the loops ``grad_tables`` and ``second_order_tables``, to be compiled.

    Arguments:
        F: Number of features.
        tensors: Whether there are tensors V.
    """

    def grad_tables(chunks, rows, second, q, w, Y, x, V, g, grad_phi, grad_chi) -> None:  # type: ignore[no-untyped-def]
        for n in prange(len(chunks) - 1):
            grad_phi[n] = 0
            grad_chi[n] = 0
            for j in range(chunks[n], chunks[n + 1]):
                for p in range(rows[j], rows[j + 1]):
                    i, four, y = second[p], weights_of(w, p), harmonics_of(Y, p)
                    phi_p, x_j, x_i, g_j, g_i = rows_of(grad_phi[n], q, p, F), x[j], x[i], g[j], g[i]
                    for k in range(F):
                        t = pair_products(x_j[k], x_i[k], nine(g_j, k, F), nine(g_i, k, F))
                        _add_to_rows(phi_p, k, F, four, _by_degree(y, t))
                    if tensors:
                        chi_p, V_j, V_i = rows_of(grad_chi[n], q, p, F), V[j], V[i]
                        for k in range(F):
                            h = _tensor_products(nine(V_j, k, F), nine(V_i, k, F), nine(g_j, k, F), nine(g_i, k, F))
                            _add_to_rows(chi_p, k, F, four, h)

    def second_order_tables(  # type: ignore[no-untyped-def]
        chunks, rows, second, q, w, Y, x, V, g, h_w, h_Y, grad_phi, grad_chi
    ) -> None:
        for n in prange(len(chunks) - 1):
            grad_phi[n] = 0
            grad_chi[n] = 0
            for j in range(chunks[n], chunks[n + 1]):
                for p in range(rows[j], rows[j + 1]):
                    i, four, y = second[p], weights_of(w, p), harmonics_of(Y, p)
                    four_h, y_h = weights_of(h_w, p), harmonics_of(h_Y, p)
                    phi_p, x_j, x_i, g_j, g_i = rows_of(grad_phi[n], q, p, F), x[j], x[i], g[j], g[i]
                    for k in range(F):
                        t = pair_products(x_j[k], x_i[k], nine(g_j, k, F), nine(g_i, k, F))
                        _add_two_to_rows(phi_p, k, F, four_h, _by_degree(y, t), four, _by_degree(y_h, t))
                    if tensors:
                        chi_p, V_j, V_i = rows_of(grad_chi[n], q, p, F), V[j], V[i]
                        for k in range(F):
                            h = _tensor_products(nine(V_j, k, F), nine(V_i, k, F), nine(g_j, k, F), nine(g_i, k, F))
                            _add_to_rows(chi_p, k, F, four_h, h)

    return grad_tables, second_order_tables
