"""The five partial derivatives of the multilinear form as compiled loops, by Numba.

    L(w, T, Y, f, g) = sum_p sum_s sum_b sum_k  w[p,b] T[q_p + b, l(s), k] Y[p,s] f[sender(p), k] g[receiver(p), s, k]

``to_x`` leaves slot x open. Each particle's rows are written by one thread, and the table is summed from one private
table for each chunk of particles, in the chunks' order, so the same inputs give the same bits for the same number of
threads. Without angles Y is None: Numba compiles that case apart, with the branch left out.

The loops over features, the innermost ones, are those that are vectorised. Sums may be reordered and products
contracted, but what is not finite stays so.
"""

from __future__ import annotations

import numpy as np
from numba import config, prange

from empnet.data.compiled import compiled

__all__ = ["to_T", "to_Y", "to_f", "to_g", "to_w"]

config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]  # torch's own threads are OpenMP's, too

MATH = {"contract", "reassoc", "nsz", "arcp"}


_compiled = compiled(parallel=True, fastmath=MATH)


@_compiled
def to_g(row_pointers, senders, q, w, T, Y, f, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """What each receiver gets, (N, S, F): the value itself."""
    N, _, F = out.shape
    for j in prange(N):
        out_j = out[j]
        out_j[:] = 0
        t = np.empty(F, f.dtype)
        for p in range(row_pointers[j], row_pointers[j + 1]):
            i, r = senders[p], q[p]
            w_0, w_1, w_2, w_3 = w[p, 0], w[p, 1], w[p, 2], w[p, 3]
            if Y is None:
                for k in range(F):
                    phi = w_0 * T[r, 0, k] + w_1 * T[r + 1, 0, k] + w_2 * T[r + 2, 0, k] + w_3 * T[r + 3, 0, k]
                    out_j[0, k] += phi * f[i, k]
            else:
                s = 0
                for l in range(T.shape[1]):  # noqa: E741
                    for k in range(F):
                        phi = w_0 * T[r, l, k] + w_1 * T[r + 1, l, k] + w_2 * T[r + 2, l, k] + w_3 * T[r + 3, l, k]
                        t[k] = phi * f[i, k]
                    for _ in range(2 * l + 1):
                        y = Y[p, s]
                        for k in range(F):
                            out_j[s, k] += y * t[k]
                        s += 1


@_compiled
def to_f(row_pointers, transposed, receivers, q, w, T, Y, g, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """What each sender gets back, (N, F): rows are those of the transposed list."""
    N, F = out.shape
    for i in prange(N):
        out_i = out[i]
        out_i[:] = 0
        h = np.empty(F, g.dtype)
        for row in range(row_pointers[i], row_pointers[i + 1]):
            p = transposed[row]
            j, r = receivers[p], q[p]
            w_0, w_1, w_2, w_3 = w[p, 0], w[p, 1], w[p, 2], w[p, 3]
            if Y is None:
                for k in range(F):
                    phi = w_0 * T[r, 0, k] + w_1 * T[r + 1, 0, k] + w_2 * T[r + 2, 0, k] + w_3 * T[r + 3, 0, k]
                    out_i[k] += phi * g[j, 0, k]
            else:
                s = 0
                for l in range(T.shape[1]):  # noqa: E741
                    h[:] = 0
                    for _ in range(2 * l + 1):
                        y = Y[p, s]
                        for k in range(F):
                            h[k] += y * g[j, s, k]
                        s += 1
                    for k in range(F):
                        phi = w_0 * T[r, l, k] + w_1 * T[r + 1, l, k] + w_2 * T[r + 2, l, k] + w_3 * T[r + 3, l, k]
                        out_i[k] += phi * h[k]


@_compiled
def to_w(row_pointers, senders, q, T, Y, f, g, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """The weights' derivative, (P, 4): four dot products a pair."""
    N, F = len(row_pointers) - 1, f.shape[1]
    for j in prange(N):
        h = np.empty(F, g.dtype)
        for p in range(row_pointers[j], row_pointers[j + 1]):
            i, r = senders[p], q[p]
            a_0 = a_1 = a_2 = a_3 = f.dtype.type(0)
            if Y is None:
                for k in range(F):
                    fg = f[i, k] * g[j, 0, k]
                    a_0 += T[r, 0, k] * fg
                    a_1 += T[r + 1, 0, k] * fg
                    a_2 += T[r + 2, 0, k] * fg
                    a_3 += T[r + 3, 0, k] * fg
            else:
                s = 0
                for l in range(T.shape[1]):  # noqa: E741
                    h[:] = 0
                    for _ in range(2 * l + 1):
                        y = Y[p, s]
                        for k in range(F):
                            h[k] += y * g[j, s, k]
                        s += 1
                    for k in range(F):
                        fg = f[i, k] * h[k]
                        a_0 += T[r, l, k] * fg
                        a_1 += T[r + 1, l, k] * fg
                        a_2 += T[r + 2, l, k] * fg
                        a_3 += T[r + 3, l, k] * fg
            out[p, 0], out[p, 1], out[p, 2], out[p, 3] = a_0, a_1, a_2, a_3


@_compiled
def to_Y(row_pointers, senders, q, w, T, f, g, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """The harmonics' derivative, (P, S)."""
    N, F = len(row_pointers) - 1, f.shape[1]
    for j in prange(N):
        t = np.empty(F, f.dtype)
        for p in range(row_pointers[j], row_pointers[j + 1]):
            i, r = senders[p], q[p]
            w_0, w_1, w_2, w_3 = w[p, 0], w[p, 1], w[p, 2], w[p, 3]
            s = 0
            for l in range(T.shape[1]):  # noqa: E741
                for k in range(F):
                    phi = w_0 * T[r, l, k] + w_1 * T[r + 1, l, k] + w_2 * T[r + 2, l, k] + w_3 * T[r + 3, l, k]
                    t[k] = phi * f[i, k]
                for _ in range(2 * l + 1):
                    a = f.dtype.type(0)
                    for k in range(F):
                        a += t[k] * g[j, s, k]
                    out[p, s] = a
                    s += 1


@_compiled
def to_T(row_pointers, chunks, senders, q, w, Y, f, g, tables, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """The table's derivative, (K + 2, L + 1, F): ``chunks`` are bounds of receivers, one private table each."""
    rows, degrees, F = out.shape
    for c in prange(len(chunks) - 1):
        table = tables[c]
        table[:] = 0
        h = np.empty(F, g.dtype)
        for j in range(chunks[c], chunks[c + 1]):
            for p in range(row_pointers[j], row_pointers[j + 1]):
                i, r = senders[p], q[p]
                s = 0
                for l in range(degrees):  # noqa: E741
                    if Y is None:
                        for k in range(F):
                            h[k] = f[i, k] * g[j, 0, k]
                    else:
                        h[:] = 0
                        for _ in range(2 * l + 1):
                            y = Y[p, s]
                            for k in range(F):
                                h[k] += y * g[j, s, k]
                            s += 1
                        for k in range(F):
                            h[k] *= f[i, k]
                    for b in range(4):
                        w_b = w[p, b]
                        for k in range(F):
                            table[r + b, l, k] += w_b * h[k]
    for r in prange(rows):
        out[r] = 0
        for c in range(len(chunks) - 1):
            out[r] += tables[c, r]
