"""Sums of the neighbours' tensors through filters of the distance, as compiled loops.

    L(w, T, V, g) = sum_{p,s,b,k} w[p,b] T[q_p + b, l(s), k] (V[i,s,k] g[j,s,k] + V[j,s,k] g[i,s,k])

with (j, i) = (first, second) of pair p, s = (l, m). V and g can be exchanged, so ``forward`` serves both. Chunks and
the order of sums are as in :mod:`empnet.kernels.pair_sum_loops`.
"""

# ruff: noqa: ANN001, ANN201, ANN202, E741 (Numba finds the types; l is the degree)
from __future__ import annotations

import numpy as np
from numba import prange

from empnet.kernels.pair_sum_loops import MATH, add_to_table, dot_table, filter_of
from empnet.runtime.compiled import compiled, threaded

__all__ = ["forward", "grad_T", "grad_w"]

_inline = compiled(inline="always", fastmath=MATH)


@_inline
def _add_message(out, phi, V):  # type: ignore[no-untyped-def]
    """Add a message: out_s += phi_l V_s."""
    s = 0
    for l in range(phi.shape[0]):
        for _ in range(2 * l + 1):
            for k in range(phi.shape[1]):
                out[s, k] += phi[l, k] * V[s, k]
            s += 1


@_inline
def _products(h, V_j, V_i, g_j, g_i):  # type: ignore[no-untyped-def]
    """Write h_l = sum_m (V_i g_j + V_j g_i), (L + 1, F): the factor of a pair's filter."""
    s = 0
    for l in range(h.shape[0]):
        h[l] = 0
        for _ in range(2 * l + 1):
            for k in range(h.shape[1]):
                h[l, k] += V_i[s, k] * g_j[s, k] + V_j[s, k] * g_i[s, k]
            s += 1


@threaded(fastmath=MATH)
def forward(chunks, rows, columns, transposed, first, second, q, w, T, V, out):  # type: ignore[no-untyped-def]
    """Write the sum that each particle receives, (N, S, F), or with g in place of V the gradient of V."""
    for c in prange(len(chunks) - 1):
        lowest, end = chunks[c], chunks[c + 1]
        phi = np.empty(T.shape[1:], V.dtype)
        out[lowest:end] = 0
        for j in range(lowest, end):
            for p in range(rows[j], rows[j + 1]):
                i = second[p]
                filter_of(phi, w[p], T[q[p] : q[p] + 4])
                _add_message(out[j], phi, V[i])
                if i < end:
                    _add_message(out[i], phi, V[j])
        for i in range(lowest, end):
            for column in range(columns[i], columns[i + 1]):
                p = transposed[column]
                if first[p] >= lowest:
                    break  # done above, as is the rest of the column, which is in ascending order
                filter_of(phi, w[p], T[q[p] : q[p] + 4])
                _add_message(out[i], phi, V[first[p]])


@threaded(fastmath=MATH)
def grad_w(rows, second, q, T, V, g, out):  # type: ignore[no-untyped-def]
    """Write the gradient of the weights, (P, 4): four dot products a pair."""
    for j in prange(len(rows) - 1):
        h = np.empty(T.shape[1:], V.dtype)
        for p in range(rows[j], rows[j + 1]):
            i = second[p]
            _products(h, V[j], V[i], g[j], g[i])
            dot_table(out[p], T[q[p] : q[p] + 4], h)


@threaded(fastmath=MATH)
def grad_T(chunks, rows, second, q, w, V, g, tables, out):  # type: ignore[no-untyped-def]
    """Write the gradient of the table, (K + 2, L + 1, F): a private table for each chunk, summed in their order."""
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
