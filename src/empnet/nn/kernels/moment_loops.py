"""The sums over pairs for moments up to degree 2 as compiled loops: what networks with ``--moments 2`` spend time in.

The forms are those of :mod:`empnet.nn.kernels.loops` (with harmonics Y) and :mod:`empnet.nn.kernels.tensor_loops`
(tensors V). Here the nine components of a channel are spelled out within one loop over the features k, and the number
of features is a constant, so that the compiler vectorises that loop as a whole, which is several times as fast as nine
short loops. Arrays have a row for each particle, with component s at s F + k, and each pair's
four rows of the table are one piece: places are then sums of constants and k, which cannot be negative, as Numba must
suppose of others.
"""

# ruff: noqa: ANN001 (Numba finds the types)
from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numba import prange

from empnet.data.compiled import threaded
from empnet.nn.kernels.loops import MATH
from empnet.nn.kernels.moment_components import (
    add,
    directions_of,
    filters_of,
    four_of,
    inner_1,
    inner_2,
    nine,
    put,
    scaled,
)
from empnet.nn.kernels.moment_derivatives import derivatives, tensor_derivatives

__all__ = ["MomentLoops", "moment_loops", "pays"]


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
    zero = dtype.type(0)
    of_features, of_tensors = derivatives(F, zero), tensor_derivatives(F, zero)
    return MomentLoops(*map(make, (*_sums(F), *of_features, _tensor_sum(F), *of_tensors, *_gates(F))))


def _sums(F: int) -> tuple[Callable[..., None], ...]:
    """Those that add to particles: within a chunk, both ends of a pair at once."""

    def to_g(chunks, rows, columns, transposed, first, second, q, w, T, Y, f, out) -> None:  # type: ignore[no-untyped-def]
        for c in prange(len(chunks) - 1):
            lowest, end = chunks[c], chunks[c + 1]
            out[lowest:end] = 0
            for j in range(lowest, end):
                for p in range(rows[j], rows[j + 1]):
                    i, T_p = second[p], T[3 * q[p] * F : 3 * (q[p] + 4) * F]
                    four, y = four_of(w, p), directions_of(Y, p)
                    for k in range(F):
                        a, b, c_ = filters_of(T_p, k, F, four)
                        x = f[i, k]
                        add(out[j], k, F, scaled(a * x, b * x, c_ * x, y))
                    if i < end:
                        for k in range(F):
                            a, b, c_ = filters_of(T_p, k, F, four)
                            z = f[j, k]
                            add(out[i], k, F, scaled(a * z, -b * z, c_ * z, y))
            for i in range(lowest, end):
                for column in range(columns[i], columns[i + 1]):
                    p = transposed[column]
                    j = first[p]
                    if j >= lowest:
                        break  # done above; so are the rest of the column, which is in ascending order
                    T_p, four, y = T[3 * q[p] * F : 3 * (q[p] + 4) * F], four_of(w, p), directions_of(Y, p)
                    for k in range(F):
                        a, b, c_ = filters_of(T_p, k, F, four)
                        z = f[j, k]
                        add(out[i], k, F, scaled(a * z, -b * z, c_ * z, y))

    def to_f(chunks, rows, columns, transposed, first, second, q, w, T, Y, g, out) -> None:  # type: ignore[no-untyped-def]
        for c in prange(len(chunks) - 1):
            lowest, end = chunks[c], chunks[c + 1]
            out[lowest:end] = 0
            for j in range(lowest, end):
                for p in range(rows[j], rows[j + 1]):
                    i, T_p = second[p], T[3 * q[p] * F : 3 * (q[p] + 4) * F]
                    four, y = four_of(w, p), directions_of(Y, p)
                    for k in range(F):
                        a, b, c_ = filters_of(T_p, k, F, four)
                        x = nine(g[i], k, F)
                        out[j, k] += a * y[0] * x[0] - b * inner_1(y, x) + c_ * inner_2(y, x)
                    if i < end:
                        for k in range(F):
                            a, b, c_ = filters_of(T_p, k, F, four)
                            z = nine(g[j], k, F)
                            out[i, k] += a * y[0] * z[0] + b * inner_1(y, z) + c_ * inner_2(y, z)
            for i in range(lowest, end):
                for column in range(columns[i], columns[i + 1]):
                    p = transposed[column]
                    j = first[p]
                    if j >= lowest:
                        break
                    T_p, four, y = T[3 * q[p] * F : 3 * (q[p] + 4) * F], four_of(w, p), directions_of(Y, p)
                    for k in range(F):
                        a, b, c_ = filters_of(T_p, k, F, four)
                        z = nine(g[j], k, F)
                        out[i, k] += a * y[0] * z[0] + b * inner_1(y, z) + c_ * inner_2(y, z)

    return to_g, to_f


def _tensor_sum(F: int) -> Callable[..., None]:
    """The one for tensors."""

    def tensors_to_g(chunks, rows, columns, transposed, first, second, q, w, T, V, out) -> None:  # type: ignore[no-untyped-def]
        for c in prange(len(chunks) - 1):
            lowest, end = chunks[c], chunks[c + 1]
            out[lowest:end] = 0
            for j in range(lowest, end):
                for p in range(rows[j], rows[j + 1]):
                    i, T_p, four = second[p], T[3 * q[p] * F : 3 * (q[p] + 4) * F], four_of(w, p)
                    for k in range(F):
                        a, b, c_ = filters_of(T_p, k, F, four)
                        add(out[j], k, F, scaled(a, b, c_, nine(V[i], k, F)))
                    if i < end:
                        for k in range(F):
                            a, b, c_ = filters_of(T_p, k, F, four)
                            add(out[i], k, F, scaled(a, b, c_, nine(V[j], k, F)))
            for i in range(lowest, end):
                for column in range(columns[i], columns[i + 1]):
                    p = transposed[column]
                    j = first[p]
                    if j >= lowest:
                        break
                    T_p, four = T[3 * q[p] * F : 3 * (q[p] + 4) * F], four_of(w, p)
                    for k in range(F):
                        a, b, c_ = filters_of(T_p, k, F, four)
                        add(out[i], k, F, scaled(a, b, c_, nine(V[j], k, F)))

    return tensors_to_g


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
