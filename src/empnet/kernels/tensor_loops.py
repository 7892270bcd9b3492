"""Sums of the neighbours' tensors through filters of the distance alone, as compiled loops, by Numba.

    L(w, T, V, g) = sum_{p,s,b,k} w[p,b] T[q_p + b, l(s), k] (V[i,s,k] g[j,s,k] + V[j,s,k] g[i,s,k])

with (j, i) = (first, second) of pair p, s = (l, m). V and g can be exchanged, so ``to_g`` serves both. Chunks and the
order of sums are as in :mod:`empnet.kernels.loops`.
"""

# ruff: noqa: ANN001, ANN201, ANN202, E741 (Numba finds the types; l is the degree)
from __future__ import annotations

import numpy as np
from numba import prange

from empnet.kernels.loops import MATH, add_to_table, dot_table, filter_of
from empnet.runtime.compiled import compiled, threaded

__all__ = ["to_T", "to_g", "to_w"]

_inline = compiled(inline="always", fastmath=MATH)


@_inline
def _hear(out, phi, V):  # type: ignore[no-untyped-def]
    """out_s += phi_l V_s."""
    s = 0
    for l in range(phi.shape[0]):
        for _ in range(2 * l + 1):
            for k in range(phi.shape[1]):
                out[s, k] += phi[l, k] * V[s, k]
            s += 1


@_inline
def _products(h, V_j, V_i, g_j, g_i):  # type: ignore[no-untyped-def]
    """h_l = sum_m (V_i g_j + V_j g_i), (L + 1, F): all of a pair but its filter."""
    s = 0
    for l in range(h.shape[0]):
        h[l] = 0
        for _ in range(2 * l + 1):
            for k in range(h.shape[1]):
                h[l, k] += V_i[s, k] * g_j[s, k] + V_j[s, k] * g_i[s, k]
            s += 1


@threaded(fastmath=MATH)
def to_g(chunks, rows, columns, transposed, first, second, q, w, T, V, out):  # type: ignore[no-untyped-def]
    """What each particle hears, (N, S, F): the value itself, or with g for V its derivative."""
    for c in prange(len(chunks) - 1):
        lowest, end = chunks[c], chunks[c + 1]
        phi = np.empty(T.shape[1:], V.dtype)
        out[lowest:end] = 0
        for j in range(lowest, end):
            for p in range(rows[j], rows[j + 1]):
                i = second[p]
                filter_of(phi, w[p], T[q[p] : q[p] + 4])
                _hear(out[j], phi, V[i])
                if i < end:
                    _hear(out[i], phi, V[j])
        for i in range(lowest, end):
            for column in range(columns[i], columns[i + 1]):
                p = transposed[column]
                if first[p] >= lowest:
                    break  # done above; so are the rest of the column, which is in ascending order
                filter_of(phi, w[p], T[q[p] : q[p] + 4])
                _hear(out[i], phi, V[first[p]])


@threaded(fastmath=MATH)
def to_w(rows, second, q, T, V, g, out):  # type: ignore[no-untyped-def]
    """The weights' derivative, (P, 4): four dot products a pair."""
    for j in prange(len(rows) - 1):
        h = np.empty(T.shape[1:], V.dtype)
        for p in range(rows[j], rows[j + 1]):
            i = second[p]
            _products(h, V[j], V[i], g[j], g[i])
            dot_table(out[p], T[q[p] : q[p] + 4], h)


@threaded(fastmath=MATH)
def to_T(chunks, rows, second, q, w, V, g, tables, out):  # type: ignore[no-untyped-def]
    """The table's derivative, (K + 2, L + 1, F): one private table for each chunk, added up in their order."""
    for c in prange(len(chunks) - 1):
        table = tables[c]
        table[:] = 0
        h = np.empty(out.shape[1:], V.dtype)
        for j in range(chunks[c], chunks[c + 1]):
            for p in range(rows[j], rows[j + 1]):
                i = second[p]
                _products(h, V[j], V[i], g[j], g[i])
                add_to_table(table[q[p] : q[p] + 4], w[p], h)
    for r in prange(len(out)):
        out[r] = tables[0, r]
        for c in range(1, len(tables)):
            out[r] += tables[c, r]
