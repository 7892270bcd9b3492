"""The nine components of a channel, degrees 0, 1 and 2, spelled out: the arithmetic of the loops for moments.

Arrays have a row for each particle, with component s of feature k at s F + k.
"""

# ruff: noqa: ANN001, ANN201 (Numba finds the types)
from __future__ import annotations

from empnet.kernels.pair_sum_loops import MATH
from empnet.runtime.compiled import compiled

__all__ = [
    "add",
    "dot_rows",
    "filters_of",
    "harmonics_of",
    "inner_1",
    "inner_2",
    "inner_reversed",
    "nine",
    "pair_products",
    "plus",
    "put",
    "rows_of",
    "scaled",
    "times",
    "weights_of",
]

_inline = compiled(inline="always", fastmath=MATH)


@_inline
def nine(A, k, F):  # type: ignore[no-untyped-def]
    """Return the components of one channel."""
    return (
        *(A[k], A[k + F], A[k + 2 * F], A[k + 3 * F], A[k + 4 * F]),
        *(A[k + 5 * F], A[k + 6 * F], A[k + 7 * F], A[k + 8 * F]),
    )


@_inline
def put(A, k, F, x):  # type: ignore[no-untyped-def]
    """Write the components of one channel."""
    A[k], A[k + F], A[k + 2 * F], A[k + 3 * F], A[k + 4 * F] = x[0], x[1], x[2], x[3], x[4]
    A[k + 5 * F], A[k + 6 * F], A[k + 7 * F], A[k + 8 * F] = x[5], x[6], x[7], x[8]


@_inline
def add(A, k, F, x):  # type: ignore[no-untyped-def]
    """Add to the components of one channel."""
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
def scaled(a, b, c, x):  # type: ignore[no-untyped-def]
    """Return the components of each degree times a number of its own."""
    return (a * x[0], b * x[1], b * x[2], b * x[3], c * x[4], c * x[5], c * x[6], c * x[7], c * x[8])


@_inline
def plus(x, y):  # type: ignore[no-untyped-def]
    """Return x + y."""
    return (
        *(x[0] + y[0], x[1] + y[1], x[2] + y[2], x[3] + y[3], x[4] + y[4]),
        *(x[5] + y[5], x[6] + y[6], x[7] + y[7], x[8] + y[8]),
    )


@_inline
def times(a, x):  # type: ignore[no-untyped-def]
    """Return a x."""
    return a * x[0], a * x[1], a * x[2], a * x[3], a * x[4], a * x[5], a * x[6], a * x[7], a * x[8]


@_inline
def inner_1(x, y):  # type: ignore[no-untyped-def]
    """Return sum_m x_1m y_1m."""
    return x[1] * y[1] + x[2] * y[2] + x[3] * y[3]


@_inline
def inner_2(x, y):  # type: ignore[no-untyped-def]
    """Return sum_m x_2m y_2m."""
    return x[4] * y[4] + x[5] * y[5] + x[6] * y[6] + x[7] * y[7] + x[8] * y[8]


@_inline
def inner_reversed(z, g):  # type: ignore[no-untyped-def]
    """Return sum_lm (-1)^l z_lm g_lm: the neighbour's end of a pair, where the direction is reversed."""
    return z[0] * g[0] - inner_1(z, g) + inner_2(z, g)


@_inline
def pair_products(x_j, x_i, g_j, g_i):  # type: ignore[no-untyped-def]
    """Return x_i g_j,lm + (-1)^l x_j g_i,lm: the factor of a pair's filter and harmonics."""
    return (
        x_i * g_j[0] + x_j * g_i[0],
        *(x_i * g_j[1] - x_j * g_i[1], x_i * g_j[2] - x_j * g_i[2], x_i * g_j[3] - x_j * g_i[3]),
        *(x_i * g_j[4] + x_j * g_i[4], x_i * g_j[5] + x_j * g_i[5], x_i * g_j[6] + x_j * g_i[6]),
        *(x_i * g_j[7] + x_j * g_i[7], x_i * g_j[8] + x_j * g_i[8]),
    )


@_inline
def weights_of(w, p):  # type: ignore[no-untyped-def]
    """Return the four spline weights of a pair."""
    return w[p, 0], w[p, 1], w[p, 2], w[p, 3]


@_inline
def harmonics_of(Y, p):  # type: ignore[no-untyped-def]
    """Return the harmonics of a pair."""
    return Y[p, 0], Y[p, 1], Y[p, 2], Y[p, 3], Y[p, 4], Y[p, 5], Y[p, 6], Y[p, 7], Y[p, 8]


@_inline
def rows_of(T, q, p, F):  # type: ignore[no-untyped-def]
    """Return the four rows of a flat table that a pair reads."""
    return T[3 * q[p] * F : 3 * (q[p] + 4) * F]


@_inline
def dot_rows(T, k, F, h):  # type: ignore[no-untyped-def]
    """Return the dot product of each of the four rows with h, a number for each degree."""
    return (
        T[k + 0 * F] * h[0] + T[k + 1 * F] * h[1] + T[k + 2 * F] * h[2],
        T[k + 3 * F] * h[0] + T[k + 4 * F] * h[1] + T[k + 5 * F] * h[2],
        T[k + 6 * F] * h[0] + T[k + 7 * F] * h[1] + T[k + 8 * F] * h[2],
        T[k + 9 * F] * h[0] + T[k + 10 * F] * h[1] + T[k + 11 * F] * h[2],
    )


@_inline
def filters_of(T, k, F, w):  # type: ignore[no-untyped-def]
    """Return the filters of the three degrees from four rows of the table."""
    return (
        w[0] * T[k] + w[1] * T[k + 3 * F] + w[2] * T[k + 6 * F] + w[3] * T[k + 9 * F],
        w[0] * T[k + F] + w[1] * T[k + 4 * F] + w[2] * T[k + 7 * F] + w[3] * T[k + 10 * F],
        w[0] * T[k + 2 * F] + w[1] * T[k + 5 * F] + w[2] * T[k + 8 * F] + w[3] * T[k + 11 * F],
    )
