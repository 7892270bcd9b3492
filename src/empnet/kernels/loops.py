"""The five partial derivatives of the multilinear form as compiled loops, by Numba.

    L(w, T, Y, f, g) = sum_{p,s,b,k} w[p,b] T[q_p + b, l(s), k] Y[p,s] (f[i,k] g[j,s,k] + (-1)^l f[j,k] g[i,s,k])

with (j, i) = (first, second) of pair p: each pair is listed once and speaks in both directions through one filter.
``to_x`` leaves slot x open. Without angles Y is None; f and g can then be exchanged, so ``to_g`` serves both.

Particles are cut into chunks, one for each thread. A chunk adds to its own particles only: pairs with both ends in it
are done at once, and each of two chunks does its half of a pair between them; private tables are summed in the order of
the chunks. So no addition is atomic, and the same inputs give the same bits for the same number of threads.

The loops over features, the innermost ones, are those that are vectorised. Sums may be reordered and products
contracted, but what is not finite stays so.
"""

# ruff: noqa: ANN001, ANN201, ANN202, E741 (Numba finds the types; l is the degree)
from __future__ import annotations

import numpy as np
from numba import prange

from empnet.runtime.compiled import compiled, threaded

__all__ = ["MATH", "add_to_table", "dot_table", "filter_of", "to_T", "to_Y", "to_f", "to_g", "to_w"]

MATH = {"contract", "reassoc", "nsz", "arcp"}
"""What compiled loops may do with formulas: all but suppose that every number is finite."""

_inline = compiled(inline="always", fastmath=MATH)


@_inline
def filter_of(phi, w, T):  # type: ignore[no-untyped-def]
    """phi_l, (L + 1, F), from four weights and four rows of the table."""
    w_0, w_1, w_2, w_3 = w[0], w[1], w[2], w[3]
    for l in range(phi.shape[0]):
        for k in range(phi.shape[1]):
            phi[l, k] = w_0 * T[0, l, k] + w_1 * T[1, l, k] + w_2 * T[2, l, k] + w_3 * T[3, l, k]


@_inline
def dot_table(out, T, h):  # type: ignore[no-untyped-def]
    """The derivative of a pair's four weights: out_b = sum_lk T_b h."""
    a_0 = a_1 = a_2 = a_3 = h.dtype.type(0)
    for l in range(h.shape[0]):
        for k in range(h.shape[1]):
            a_0 += T[0, l, k] * h[l, k]
            a_1 += T[1, l, k] * h[l, k]
            a_2 += T[2, l, k] * h[l, k]
            a_3 += T[3, l, k] * h[l, k]
    out[0], out[1], out[2], out[3] = a_0, a_1, a_2, a_3


@_inline
def add_to_table(T, w, h):  # type: ignore[no-untyped-def]
    """That of the four rows of the table: T_b += w_b h."""
    w_0, w_1, w_2, w_3 = w[0], w[1], w[2], w[3]
    for l in range(h.shape[0]):
        for k in range(h.shape[1]):
            T[0, l, k] += w_0 * h[l, k]
            T[1, l, k] += w_1 * h[l, k]
            T[2, l, k] += w_2 * h[l, k]
            T[3, l, k] += w_3 * h[l, k]


@_inline
def _hear(out, phi, f):  # type: ignore[no-untyped-def]
    """Without angles: out += phi f."""
    for k in range(len(f)):
        out[k] += phi[k] * f[k]


@_inline
def _hear_moments(out, phi, Y, f, back):  # type: ignore[no-untyped-def]
    """out_s += phi_l Y_s f; ``back`` is -1 against the pair's direction, where odd degrees change their sign."""
    s = 0
    for l in range(phi.shape[0]):
        sign = back if l % 2 else 1
        for _ in range(2 * l + 1):
            y = sign * Y[s]
            for k in range(len(f)):
                out[s, k] += y * phi[l, k] * f[k]
            s += 1


@_inline
def _answer(out, phi, Y, g, back):  # type: ignore[no-untyped-def]
    """The other way round: out += sum_s phi_l Y_s g_s."""
    s = 0
    for l in range(phi.shape[0]):
        sign = back if l % 2 else 1
        for _ in range(2 * l + 1):
            y = sign * Y[s]
            for k in range(len(out)):
                out[k] += y * phi[l, k] * g[s, k]
            s += 1


@_inline
def _products(h, Y, f_j, f_i, g_j, g_i):  # type: ignore[no-untyped-def]
    """h_l = sum_m Y_lm (f_i g_j + (-1)^l f_j g_i), (L + 1, F): all of a pair but its filter."""
    s = 0
    for l in range(h.shape[0]):
        h[l] = 0
        for _ in range(2 * l + 1):
            y, z = Y[s], -Y[s] if l % 2 else Y[s]
            for k in range(len(f_j)):
                h[l, k] += y * f_i[k] * g_j[s, k] + z * f_j[k] * g_i[s, k]
            s += 1


@threaded(fastmath=MATH)
def to_g(chunks, rows, columns, transposed, first, second, q, w, T, Y, f, out):  # type: ignore[no-untyped-def]
    """What each particle hears, (N, S, F): the value itself."""
    for c in prange(len(chunks) - 1):
        lowest, end = chunks[c], chunks[c + 1]
        phi = np.empty(T.shape[1:], f.dtype)
        out[lowest:end] = 0
        for j in range(lowest, end):
            for p in range(rows[j], rows[j + 1]):
                i = second[p]
                if Y is None and i < end:  # nearly always: both directions in one loop, which is where the time goes
                    r, w_0, w_1, w_2, w_3 = q[p], w[p, 0], w[p, 1], w[p, 2], w[p, 3]
                    for k in range(f.shape[1]):
                        x = w_0 * T[r, 0, k] + w_1 * T[r + 1, 0, k] + w_2 * T[r + 2, 0, k] + w_3 * T[r + 3, 0, k]
                        out[j, 0, k] += x * f[i, k]
                        out[i, 0, k] += x * f[j, k]
                elif Y is None:
                    filter_of(phi, w[p], T[q[p] : q[p] + 4])
                    _hear(out[j, 0], phi[0], f[i])
                else:
                    filter_of(phi, w[p], T[q[p] : q[p] + 4])
                    _hear_moments(out[j], phi, Y[p], f[i], 1)
                    if i < end:
                        _hear_moments(out[i], phi, Y[p], f[j], -1)
        for i in range(lowest, end):
            for column in range(columns[i], columns[i + 1]):
                p = transposed[column]
                if first[p] >= lowest:
                    break  # done above; so are the rest of the column, which is in ascending order
                filter_of(phi, w[p], T[q[p] : q[p] + 4])
                if Y is None:
                    _hear(out[i, 0], phi[0], f[first[p]])
                else:
                    _hear_moments(out[i], phi, Y[p], f[first[p]], -1)


@threaded(fastmath=MATH)
def to_f(chunks, rows, columns, transposed, first, second, q, w, T, Y, g, out):  # type: ignore[no-untyped-def]
    """What each particle gets back, (N, F), with angles."""
    for c in prange(len(chunks) - 1):
        lowest, end = chunks[c], chunks[c + 1]
        phi = np.empty(T.shape[1:], g.dtype)
        out[lowest:end] = 0
        for j in range(lowest, end):
            for p in range(rows[j], rows[j + 1]):
                i = second[p]
                filter_of(phi, w[p], T[q[p] : q[p] + 4])
                _answer(out[j], phi, Y[p], g[i], -1)
                if i < end:
                    _answer(out[i], phi, Y[p], g[j], 1)
        for i in range(lowest, end):
            for column in range(columns[i], columns[i + 1]):
                p = transposed[column]
                if first[p] >= lowest:
                    break
                filter_of(phi, w[p], T[q[p] : q[p] + 4])
                _answer(out[i], phi, Y[p], g[first[p]], 1)


@_inline
def _pair_products(h, p, j, i, Y, f, g):  # type: ignore[no-untyped-def]
    """h of a pair, with angles or without."""
    if Y is None:
        f_j, f_i, g_j, g_i = f[j], f[i], g[j, 0], g[i, 0]
        for k in range(len(f_j)):
            h[0, k] = f_i[k] * g_j[k] + f_j[k] * g_i[k]
    else:
        _products(h, Y[p], f[j], f[i], g[j], g[i])


@threaded(fastmath=MATH)
def to_w(rows, second, q, T, Y, f, g, out):  # type: ignore[no-untyped-def]
    """The weights' derivative, (P, 4): four dot products a pair."""
    for j in prange(len(rows) - 1):
        h = np.empty(T.shape[1:], f.dtype)
        for p in range(rows[j], rows[j + 1]):
            _pair_products(h, p, j, second[p], Y, f, g)
            dot_table(out[p], T[q[p] : q[p] + 4], h)


@threaded(fastmath=MATH)
def to_Y(rows, second, q, w, T, f, g, out):  # type: ignore[no-untyped-def]
    """The harmonics' derivative, (P, S)."""
    for j in prange(len(rows) - 1):
        phi = np.empty(T.shape[1:], f.dtype)
        f_j, g_j = f[j], g[j]
        for p in range(rows[j], rows[j + 1]):
            f_i, g_i = f[second[p]], g[second[p]]
            filter_of(phi, w[p], T[q[p] : q[p] + 4])
            s = 0
            for l in range(T.shape[1]):
                back = -1 if l % 2 else 1
                for _ in range(2 * l + 1):
                    a = f.dtype.type(0)
                    for k in range(len(f_j)):
                        a += phi[l, k] * (f_i[k] * g_j[s, k] + back * f_j[k] * g_i[s, k])
                    out[p, s] = a
                    s += 1


@threaded(fastmath=MATH)
def to_T(chunks, rows, second, q, w, Y, f, g, tables, out):  # type: ignore[no-untyped-def]
    """The table's derivative, (K + 2, L + 1, F): one private table for each chunk, added up in their order."""
    for c in prange(len(chunks) - 1):
        table = tables[c]
        table[:] = 0
        h = np.empty(out.shape[1:], f.dtype)
        for j in range(chunks[c], chunks[c + 1]):
            for p in range(rows[j], rows[j + 1]):
                _pair_products(h, p, j, second[p], Y, f, g)
                add_to_table(table[q[p] : q[p] + 4], w[p], h)
    for r in prange(len(out)):
        out[r] = 0
        for c in range(len(chunks) - 1):
            out[r] += tables[c, r]
