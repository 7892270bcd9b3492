"""Distances of pairs and their spline weights as compiled loops, with derivatives of the weights to any order."""

# ruff: noqa: ANN001, ANN201, ANN202 (Numba finds the types)
from __future__ import annotations

import math

import numpy as np
from numba import prange

from empnet.runtime.compiled import compiled, threaded

__all__ = [
    "distances",
    "distances_backward",
    "pair_vector",
    "weights",
    "weights_at",
    "weights_backward",
    "weights_derivative",
    "weights_slope",
]


@compiled(inline="always")
def pair_vector(p, j, i, positions, shifts, cells, system_of):  # type: ignore[no-untyped-def]
    """Return the vector from the first particle of a pair to the second."""
    x = positions[i, 0] - positions[j, 0]
    y = positions[i, 1] - positions[j, 1]
    z = positions[i, 2] - positions[j, 2]
    if shifts is not None:
        cell = cells[0] if len(cells) == 1 else cells[system_of[j]]
        for a in range(3):
            x += shifts[p, a] * cell[a, 0]
            y += shifts[p, a] * cell[a, 1]
            z += shifts[p, a] * cell[a, 2]
    return x, y, z


@threaded()
def distances(first, second, positions, shifts, cells, system_of, d):  # type: ignore[no-untyped-def]
    """Write d, (P,), the distance of each pair; ``shifts`` and ``cells`` are None for open systems."""
    for p in prange(len(d)):
        x, y, z = pair_vector(p, first[p], second[p], positions, shifts, cells, system_of)
        d[p] = math.sqrt(x * x + y * y + z * z)


@threaded()
def distances_backward(  # type: ignore[no-untyped-def]
    rows, columns, transposed, first, second, positions, shifts, cells, system_of, d, g, out
):
    """Write the gradient of the positions, (N, 3), from g, that of the distances; a zero distance contributes none."""
    for j in prange(len(out)):
        a = b = c = 0.0
        for p in range(rows[j], rows[j + 1]):
            if d[p] != 0:
                x, y, z = pair_vector(p, j, second[p], positions, shifts, cells, system_of)
                s = g[p] / d[p]
                a, b, c = a - s * x, b - s * y, c - s * z
        for row in range(columns[j], columns[j + 1]):
            p = transposed[row]
            if d[p] != 0:
                x, y, z = pair_vector(p, first[p], j, positions, shifts, cells, system_of)
                s = g[p] / d[p]
                a, b, c = a + s * x, b + s * y, c + s * z
        out[j, 0], out[j, 1], out[j, 2] = a, b, c


@compiled(inline="always")
def weights_at(d, spacing, r_max, last, enveloped, w):  # type: ignore[no-untyped-def]
    """Return q of a distance and write its four weights to ``w``, times the envelope if ``enveloped``."""
    u = d / spacing
    q = min(int(u), last) if u < last + 1 else last  # nan must not index the table
    u -= q
    v = 1 - u
    if enveloped:
        y = max(1 - d / r_max, 0.0)
        env = y * y * y * (10 + y * (6 * y - 15)) / 6
    else:
        env = 1 / 6 if d <= r_max else 0.0
    w[0] = v * v * v * env
    w[1] = (u * u * (3 * u - 6) + 4) * env
    w[2] = (v * v * (3 * v - 6) + 4) * env
    w[3] = u * u * u * env
    return q


@compiled(inline="always")
def weights_slope(d, spacing, r_max, last, slope):  # type: ignore[no-untyped-def]
    """Write dw/dd of the four weights times the envelope."""
    u = d / spacing
    u -= min(int(u), last) if u < last + 1 else last
    v, y = 1 - u, max(1 - d / r_max, 0.0)
    env = y * y * y * (10 + y * (6 * y - 15)) / 6
    env_slope = -5 * y * y * (1 - y) * (1 - y) / r_max
    per_knot = env / spacing
    slope[0] = -3 * v * v * per_knot + v * v * v * env_slope
    slope[1] = (9 * u * u - 12 * u) * per_knot + (u * u * (3 * u - 6) + 4) * env_slope
    slope[2] = (12 * v - 9 * v * v) * per_knot + (v * v * (3 * v - 6) + 4) * env_slope
    slope[3] = 3 * u * u * per_knot + u * u * u * env_slope


@threaded(fastmath={"contract", "nsz"})  # divisions stay: the envelope must be exactly 0 at the cutoff
def weights(d, spacing, r_max, last, enveloped, q, w):  # type: ignore[no-untyped-def]
    """Write q and w of each distance, times the envelope if ``enveloped``."""
    for p in prange(len(d)):
        q[p] = weights_at(d[p], spacing, r_max, last, enveloped, w[p])


@compiled(inline="always")
def _polynomial(c, x):  # type: ignore[no-untyped-def]
    """Return c[0] + c[1] x + c[2] x^2 + ..."""
    value = c[-1]
    for k in range(len(c) - 2, -1, -1):
        value = value * x + c[k]
    return value


@compiled(inline="always")
def _derivative(d, spacing, r_max, last, spline, envelope, out):  # type: ignore[no-untyped-def]
    """Write the four weights' derivative at one distance by Leibniz' rule for the spline times the envelope."""
    u = d / spacing
    u -= min(int(u), last) if u < last + 1 else last
    y = 1 - d / r_max
    out[:] = 0
    if not d > r_max:
        for m in range(len(spline)):
            env = _polynomial(envelope[m], y)
            for b in range(4):
                out[b] += _polynomial(spline[m, b], u) * env


@threaded()
def weights_derivative(d, spacing, r_max, last, spline, envelope, out):  # type: ignore[no-untyped-def]
    """Write a derivative of the weights, (P, 4), given as :func:`~empnet.kernels.autograd_pair_weights.polynomials`."""
    for p in prange(len(d)):
        four = np.empty(4)
        _derivative(d[p], spacing, r_max, last, spline, envelope, four)
        for b in range(4):
            out[p, b] = four[b]


@threaded()
def weights_backward(d, spacing, r_max, last, spline, envelope, g, out):  # type: ignore[no-untyped-def]
    """Write sum_b g[p,b] times a derivative of the weights, (P,), without storing the derivative."""
    for p in prange(len(d)):
        four = np.empty(4)
        _derivative(d[p], spacing, r_max, last, spline, envelope, four)
        out[p] = g[p, 0] * four[0] + g[p, 1] * four[1] + g[p, 2] * four[2] + g[p, 3] * four[3]
