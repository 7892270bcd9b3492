"""The five partial derivatives of the multilinear form as compiled loops, by Numba.

    L(w, T, Y, f, g) = sum_p sum_s sum_b sum_k  w[p,b] T[q_p + b, l(s), k] Y[p,s] f[sender(p), k] g[receiver(p), s, k]

``to_x`` leaves slot x open. Each particle's rows are written by one thread, and the table is summed from one private
table for each chunk of particles, in the chunks' order, so the same inputs give the same bits for the same number of
threads. Without angles Y is None: Numba compiles that case apart, with the branch left out.

The loops over features, the innermost ones, are those that are vectorised; rows are named before them, which keeps
index arithmetic out. Sums may be reordered and products contracted, but what is not finite stays so.
"""

# ruff: noqa: ANN001, ANN201, E741 (Numba finds the types; l is the degree)
from __future__ import annotations

import numpy as np
from numba import prange

from empnet.data.compiled import threaded

__all__ = ["MATH", "to_T", "to_Y", "to_f", "to_g", "to_w"]

MATH = {"contract", "reassoc", "nsz", "arcp"}
"""What compiled loops may do with formulas: all but suppose that every number is finite."""


@threaded(fastmath=MATH)
def to_g(row_pointers, senders, q, w, T, Y, f, out):  # type: ignore[no-untyped-def]
    """What each receiver gets, (N, S, F): the value itself."""
    N, _, F = out.shape
    for j in prange(N):
        out_j = out[j]
        out_j[:] = 0
        t = np.empty(F, f.dtype)
        for p in range(row_pointers[j], row_pointers[j + 1]):
            T_p, f_i = T[q[p] : q[p] + 4], f[senders[p]]
            w_0, w_1, w_2, w_3 = w[p, 0], w[p, 1], w[p, 2], w[p, 3]
            if Y is None:
                for k in range(F):
                    phi = w_0 * T_p[0, 0, k] + w_1 * T_p[1, 0, k] + w_2 * T_p[2, 0, k] + w_3 * T_p[3, 0, k]
                    out_j[0, k] += phi * f_i[k]
            else:
                s = 0
                for l in range(T.shape[1]):
                    for k in range(F):
                        phi = w_0 * T_p[0, l, k] + w_1 * T_p[1, l, k] + w_2 * T_p[2, l, k] + w_3 * T_p[3, l, k]
                        t[k] = phi * f_i[k]
                    for _ in range(2 * l + 1):
                        y = Y[p, s]
                        for k in range(F):
                            out_j[s, k] += y * t[k]
                        s += 1


@threaded(fastmath=MATH)
def to_f(row_pointers, transposed, receivers, q, w, T, Y, g, out):  # type: ignore[no-untyped-def]
    """What each sender gets back, (N, F): rows are those of the transposed list."""
    N, F = out.shape
    for i in prange(N):
        out_i = out[i]
        out_i[:] = 0
        h = np.empty(F, g.dtype)
        for row in range(row_pointers[i], row_pointers[i + 1]):
            p = transposed[row]
            T_p, g_j = T[q[p] : q[p] + 4], g[receivers[p]]
            w_0, w_1, w_2, w_3 = w[p, 0], w[p, 1], w[p, 2], w[p, 3]
            if Y is None:
                for k in range(F):
                    phi = w_0 * T_p[0, 0, k] + w_1 * T_p[1, 0, k] + w_2 * T_p[2, 0, k] + w_3 * T_p[3, 0, k]
                    out_i[k] += phi * g_j[0, k]
            else:
                s = 0
                for l in range(T.shape[1]):
                    h[:] = 0
                    for _ in range(2 * l + 1):
                        y = Y[p, s]
                        for k in range(F):
                            h[k] += y * g_j[s, k]
                        s += 1
                    for k in range(F):
                        phi = w_0 * T_p[0, l, k] + w_1 * T_p[1, l, k] + w_2 * T_p[2, l, k] + w_3 * T_p[3, l, k]
                        out_i[k] += phi * h[k]


@threaded(fastmath=MATH)
def to_w(row_pointers, senders, q, T, Y, f, g, out):  # type: ignore[no-untyped-def]
    """The weights' derivative, (P, 4): four dot products a pair."""
    N, F = len(row_pointers) - 1, f.shape[1]
    for j in prange(N):
        g_j = g[j]
        h = np.empty(F, f.dtype)
        for p in range(row_pointers[j], row_pointers[j + 1]):
            T_p, f_i = T[q[p] : q[p] + 4], f[senders[p]]
            a_0 = a_1 = a_2 = a_3 = f.dtype.type(0)
            s = 0
            for l in range(T.shape[1]):
                if Y is None:
                    for k in range(F):
                        h[k] = g_j[0, k] * f_i[k]
                else:
                    h[:] = 0
                    for _ in range(2 * l + 1):
                        y = Y[p, s]
                        for k in range(F):
                            h[k] += y * g_j[s, k]
                        s += 1
                    for k in range(F):
                        h[k] *= f_i[k]
                for k in range(F):
                    a_0 += T_p[0, l, k] * h[k]
                    a_1 += T_p[1, l, k] * h[k]
                    a_2 += T_p[2, l, k] * h[k]
                    a_3 += T_p[3, l, k] * h[k]
            out[p, 0], out[p, 1], out[p, 2], out[p, 3] = a_0, a_1, a_2, a_3


@threaded(fastmath=MATH)
def to_Y(row_pointers, senders, q, w, T, f, g, out):  # type: ignore[no-untyped-def]
    """The harmonics' derivative, (P, S)."""
    N, F = len(row_pointers) - 1, f.shape[1]
    for j in prange(N):
        g_j = g[j]
        t = np.empty(F, f.dtype)
        for p in range(row_pointers[j], row_pointers[j + 1]):
            T_p, f_i = T[q[p] : q[p] + 4], f[senders[p]]
            w_0, w_1, w_2, w_3 = w[p, 0], w[p, 1], w[p, 2], w[p, 3]
            s = 0
            for l in range(T.shape[1]):
                for k in range(F):
                    phi = w_0 * T_p[0, l, k] + w_1 * T_p[1, l, k] + w_2 * T_p[2, l, k] + w_3 * T_p[3, l, k]
                    t[k] = phi * f_i[k]
                for _ in range(2 * l + 1):
                    a = f.dtype.type(0)
                    for k in range(F):
                        a += t[k] * g_j[s, k]
                    out[p, s] = a
                    s += 1


@threaded(fastmath=MATH)
def to_T(row_pointers, chunks, senders, q, w, Y, f, g, tables, out):  # type: ignore[no-untyped-def]
    """The table's derivative, (K + 2, L + 1, F): ``chunks`` are bounds of receivers, one private table each."""
    rows, degrees, F = out.shape
    for c in prange(len(chunks) - 1):
        table = tables[c]
        table[:] = 0
        h = np.empty(F, g.dtype)
        for j in range(chunks[c], chunks[c + 1]):
            g_j = g[j]
            for p in range(row_pointers[j], row_pointers[j + 1]):
                T_p, f_i = table[q[p] : q[p] + 4], f[senders[p]]
                w_0, w_1, w_2, w_3 = w[p, 0], w[p, 1], w[p, 2], w[p, 3]
                s = 0
                for l in range(degrees):
                    if Y is None:
                        for k in range(F):
                            h[k] = f_i[k] * g_j[0, k]
                    else:
                        h[:] = 0
                        for _ in range(2 * l + 1):
                            y = Y[p, s]
                            for k in range(F):
                                h[k] += y * g_j[s, k]
                            s += 1
                        for k in range(F):
                            h[k] *= f_i[k]
                    for k in range(F):
                        T_p[0, l, k] += w_0 * h[k]
                        T_p[1, l, k] += w_1 * h[k]
                        T_p[2, l, k] += w_2 * h[k]
                        T_p[3, l, k] += w_3 * h[k]
    for r in prange(rows):
        out[r] = 0
        for c in range(len(chunks) - 1):
            out[r] += tables[c, r]
