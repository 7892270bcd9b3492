"""The nine components of a channel, degrees 0, 1 and 2, spelled out: what the loops for moments are made of.

Arrays have a row for each particle, with component s of feature k at s F + k.
"""

# ruff: noqa: ANN001, ANN201 (Numba finds the types)
from __future__ import annotations

from empnet.data.compiled import compiled
from empnet.nn.kernels.loops import MATH

__all__ = ["add", "directions_of", "filters_of", "four_of", "inner_1", "inner_2", "nine", "put", "scaled"]

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
def add(A, k, F, x):  # type: ignore[no-untyped-def]
    """Add to them."""
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
    """Each degree times a number of its own."""
    return (a * x[0], b * x[1], b * x[2], b * x[3], c * x[4], c * x[5], c * x[6], c * x[7], c * x[8])


@_inline
def inner_1(x, y):  # type: ignore[no-untyped-def]
    """sum_m x_1m y_1m."""
    return x[1] * y[1] + x[2] * y[2] + x[3] * y[3]


@_inline
def inner_2(x, y):  # type: ignore[no-untyped-def]
    """sum_m x_2m y_2m."""
    return x[4] * y[4] + x[5] * y[5] + x[6] * y[6] + x[7] * y[7] + x[8] * y[8]


@_inline
def four_of(w, p):  # type: ignore[no-untyped-def]
    """The spline weights of a pair."""
    return w[p, 0], w[p, 1], w[p, 2], w[p, 3]


@_inline
def directions_of(Y, p):  # type: ignore[no-untyped-def]
    """The harmonics of a pair."""
    return Y[p, 0], Y[p, 1], Y[p, 2], Y[p, 3], Y[p, 4], Y[p, 5], Y[p, 6], Y[p, 7], Y[p, 8]


@_inline
def filters_of(T, k, F, w):  # type: ignore[no-untyped-def]
    """The filters of the three degrees from four rows of the table."""
    return (
        w[0] * T[k] + w[1] * T[k + 3 * F] + w[2] * T[k + 6 * F] + w[3] * T[k + 9 * F],
        w[0] * T[k + F] + w[1] * T[k + 4 * F] + w[2] * T[k + 7 * F] + w[3] * T[k + 10 * F],
        w[0] * T[k + 2 * F] + w[1] * T[k + 5 * F] + w[2] * T[k + 8 * F] + w[3] * T[k + 11 * F],
    )
