"""Sums over pairs as compiled loops: the five partial derivatives of one multilinear form.

    L(w, T, Y, f, g) = sum_{p,s,b,k} w[p,b] T[q_p + b, l(s), k] Y[p,s] (f[i,k] g[j,s,k] + (-1)^l f[j,k] g[i,s,k])

with (j, i) = (first, second) of pair p: each pair is listed once and carries messages both ways through one filter.
``forward`` leaves g open, which is the sum itself; ``grad_x`` leaves slot x open. Without angles Y is None; then f and
g can be exchanged, and ``forward`` serves both.

Particles are cut into chunks, one for each thread. A chunk adds to its own particles only. It does a pair with both
ends in it at once, and its own half of a pair between two chunks; private tables are summed in the order of the chunks.
So no addition is atomic, and equal inputs give equal bits for equal numbers of threads.

The compiler vectorises the innermost loops, over features. It may reorder sums and contract products, but nan and
infinity remain.
"""

# ruff: noqa: ANN001, ANN201, ANN202, E741 (Numba finds the types; l is the degree)
from __future__ import annotations

import numpy as np
from numba import prange

from empnet.runtime.compiled import compiled, threaded

__all__ = ["MATH", "add_to_table", "dot_table", "filter_of", "forward", "grad_T", "grad_Y", "grad_f", "grad_w"]

MATH = {"contract", "reassoc", "nsz", "arcp"}
"""The liberties that the compiler may take with formulas: all but the assumption that every number is finite."""

_inline = compiled(inline="always", fastmath=MATH)


@_inline
def filter_of(phi, w, T):  # type: ignore[no-untyped-def]
    """Write phi_l, (L + 1, F), from four weights and four rows of the table."""
    w_0, w_1, w_2, w_3 = w[0], w[1], w[2], w[3]
    for l in range(phi.shape[0]):
        for k in range(phi.shape[1]):
            phi[l, k] = w_0 * T[0, l, k] + w_1 * T[1, l, k] + w_2 * T[2, l, k] + w_3 * T[3, l, k]


@_inline
def dot_table(out, T, h):  # type: ignore[no-untyped-def]
    """Write the gradient of a pair's four weights: out_b = sum_lk T_b h."""
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
    """Add to the gradient of four rows of the table: T_b += w_b h."""
    w_0, w_1, w_2, w_3 = w[0], w[1], w[2], w[3]
    for l in range(h.shape[0]):
        for k in range(h.shape[1]):
            T[0, l, k] += w_0 * h[l, k]
            T[1, l, k] += w_1 * h[l, k]
            T[2, l, k] += w_2 * h[l, k]
            T[3, l, k] += w_3 * h[l, k]


@_inline
def _add_message(out, phi, f):  # type: ignore[no-untyped-def]
    """Add a message without angles: out += phi f."""
    for k in range(len(f)):
        out[k] += phi[k] * f[k]


@_inline
def _add_moments(out, phi, Y, f, back):  # type: ignore[no-untyped-def]
    """Add a message with angles: out_s += phi_l Y_s f; ``back`` is -1 against the pair's direction (odd l: minus)."""
    s = 0
    for l in range(phi.shape[0]):
        sign = back if l % 2 else 1
        for _ in range(2 * l + 1):
            y = sign * Y[s]
            for k in range(len(f)):
                out[s, k] += y * phi[l, k] * f[k]
            s += 1


@_inline
def _add_message_back(out, phi, Y, g, back):  # type: ignore[no-untyped-def]
    """Add the transpose of a message: out += sum_s phi_l Y_s g_s."""
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
    """Write h_l = sum_m Y_lm (f_i g_j + (-1)^l f_j g_i), (L + 1, F): the factor of a pair's filter."""
    s = 0
    for l in range(h.shape[0]):
        h[l] = 0
        for _ in range(2 * l + 1):
            y, z = Y[s], -Y[s] if l % 2 else Y[s]
            for k in range(len(f_j)):
                h[l, k] += y * f_i[k] * g_j[s, k] + z * f_j[k] * g_i[s, k]
            s += 1


@threaded(fastmath=MATH)
def forward(chunks, rows, columns, transposed, first, second, q, w, T, Y, f, out):  # type: ignore[no-untyped-def]
    """Write the sum that each particle receives, (N, S, F): the form with g open."""
    for c in prange(len(chunks) - 1):
        lowest, end = chunks[c], chunks[c + 1]
        phi = np.empty(T.shape[1:], f.dtype)
        out[lowest:end] = 0
        for j in range(lowest, end):
            for p in range(rows[j], rows[j + 1]):
                i = second[p]
                if Y is None and i < end:  # nearly always: most time is spent in this loop, so it does both directions
                    r, w_0, w_1, w_2, w_3 = q[p], w[p, 0], w[p, 1], w[p, 2], w[p, 3]
                    for k in range(f.shape[1]):
                        x = w_0 * T[r, 0, k] + w_1 * T[r + 1, 0, k] + w_2 * T[r + 2, 0, k] + w_3 * T[r + 3, 0, k]
                        out[j, 0, k] += x * f[i, k]
                        out[i, 0, k] += x * f[j, k]
                elif Y is None:
                    filter_of(phi, w[p], T[q[p] : q[p] + 4])
                    _add_message(out[j, 0], phi[0], f[i])
                else:
                    filter_of(phi, w[p], T[q[p] : q[p] + 4])
                    _add_moments(out[j], phi, Y[p], f[i], 1)
                    if i < end:
                        _add_moments(out[i], phi, Y[p], f[j], -1)
        for i in range(lowest, end):
            for column in range(columns[i], columns[i + 1]):
                p = transposed[column]
                if first[p] >= lowest:
                    break  # done above, as is the rest of the column, which is in ascending order
                filter_of(phi, w[p], T[q[p] : q[p] + 4])
                if Y is None:
                    _add_message(out[i, 0], phi[0], f[first[p]])
                else:
                    _add_moments(out[i], phi, Y[p], f[first[p]], -1)


@threaded(fastmath=MATH)
def grad_f(chunks, rows, columns, transposed, first, second, q, w, T, Y, g, out):  # type: ignore[no-untyped-def]
    """Write the gradient of the features, (N, F), with angles."""
    for c in prange(len(chunks) - 1):
        lowest, end = chunks[c], chunks[c + 1]
        phi = np.empty(T.shape[1:], g.dtype)
        out[lowest:end] = 0
        for j in range(lowest, end):
            for p in range(rows[j], rows[j + 1]):
                i = second[p]
                filter_of(phi, w[p], T[q[p] : q[p] + 4])
                _add_message_back(out[j], phi, Y[p], g[i], -1)
                if i < end:
                    _add_message_back(out[i], phi, Y[p], g[j], 1)
        for i in range(lowest, end):
            for column in range(columns[i], columns[i + 1]):
                p = transposed[column]
                if first[p] >= lowest:
                    break
                filter_of(phi, w[p], T[q[p] : q[p] + 4])
                _add_message_back(out[i], phi, Y[p], g[first[p]], 1)


@_inline
def _pair_products(h, p, j, i, Y, f, g):  # type: ignore[no-untyped-def]
    """Write h of a pair, with angles or without."""
    if Y is None:
        f_j, f_i, g_j, g_i = f[j], f[i], g[j, 0], g[i, 0]
        for k in range(len(f_j)):
            h[0, k] = f_i[k] * g_j[k] + f_j[k] * g_i[k]
    else:
        _products(h, Y[p], f[j], f[i], g[j], g[i])


@threaded(fastmath=MATH)
def grad_w(rows, second, q, T, Y, f, g, out):  # type: ignore[no-untyped-def]
    """Write the gradient of the weights, (P, 4): four dot products a pair."""
    for j in prange(len(rows) - 1):
        h = np.empty(T.shape[1:], f.dtype)
        for p in range(rows[j], rows[j + 1]):
            _pair_products(h, p, j, second[p], Y, f, g)
            dot_table(out[p], T[q[p] : q[p] + 4], h)


@threaded(fastmath=MATH)
def grad_Y(rows, second, q, w, T, f, g, out):  # type: ignore[no-untyped-def]
    """Write the gradient of the harmonics, (P, S)."""
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
def grad_T(chunks, rows, second, q, w, Y, f, g, tables, out):  # type: ignore[no-untyped-def]
    """Write the gradient of the table, (K + 2, L + 1, F): a private table for each chunk, summed in their order."""
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
