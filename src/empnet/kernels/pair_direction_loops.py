"""Vectors of pairs, their spline weights and spherical harmonics as compiled loops."""

# ruff: noqa: ANN001, ANN201, ANN202 (Numba finds the types)
from __future__ import annotations

import math

import numpy as np
from numba import prange

from empnet.kernels.pair_weight_loops import pair_vector, weights_at, weights_slope
from empnet.runtime.compiled import compiled, threaded

__all__ = ["directions", "directions_backward", "directions_jvp", "vectors", "vectors_backward"]

A, B, C, D, E, G = (
    *(math.sqrt(3), math.sqrt(15), math.sqrt(5) / 2, math.sqrt(35 / 8), math.sqrt(105), math.sqrt(21 / 8)),
)
H = math.sqrt(7) / 2


@threaded()
def vectors(first, second, positions, shifts, cells, system_of, out):  # type: ignore[no-untyped-def]
    """Write the vector from first to second of each pair, (P, 3); ``shifts`` and ``cells`` are None if open."""
    for p in prange(len(out)):
        out[p, 0], out[p, 1], out[p, 2] = pair_vector(p, first[p], second[p], positions, shifts, cells, system_of)


@threaded()
def vectors_backward(rows, columns, transposed, g, out):  # type: ignore[no-untyped-def]
    """Write the gradient of the positions, (N, 3), from g, that of the vectors."""
    for j in prange(len(out)):
        a = b = c = 0.0
        for p in range(rows[j], rows[j + 1]):
            a, b, c = a - g[p, 0], b - g[p, 1], c - g[p, 2]
        for column in range(columns[j], columns[j + 1]):
            p = transposed[column]
            a, b, c = a + g[p, 0], b + g[p, 1], c + g[p, 2]
        out[j, 0], out[j, 1], out[j, 2] = a, b, c


@compiled(inline="always")
def _harmonics(x, y, z, out):  # type: ignore[no-untyped-def]
    """Write the harmonics of a unit vector; see :func:`empnet.basis.harmonics.harmonics`."""
    out[0] = 1
    if len(out) > 1:
        out[1], out[2], out[3] = A * y, A * z, A * x
    if len(out) > 4:
        out[4], out[5], out[6] = B * x * y, B * y * z, C * (2 * z * z - x * x - y * y)
        out[7], out[8] = B * x * z, B / 2 * (x * x - y * y)
    if len(out) > 9:
        around = 4 * z * z - x * x - y * y
        out[9], out[10], out[11] = D * y * (3 * x * x - y * y), E * x * y * z, G * y * around
        out[12], out[13] = H * z * (2 * z * z - 3 * (x * x + y * y)), G * x * around
        out[14], out[15] = E / 2 * z * (x * x - y * y), D * x * (x * x - 3 * y * y)


@compiled(inline="always")
def _harmonics_gradients(x, y, z, out):  # type: ignore[no-untyped-def]
    """Write the gradients of the harmonics as polynomials in x, y, z, (S, 3)."""
    out[0] = 0
    if len(out) > 1:
        out[1:4] = 0
        out[1, 1] = out[2, 2] = out[3, 0] = A
    if len(out) > 4:
        out[4, 0], out[4, 1], out[4, 2] = B * y, B * x, 0
        out[5, 0], out[5, 1], out[5, 2] = 0, B * z, B * y
        out[6, 0], out[6, 1], out[6, 2] = -2 * C * x, -2 * C * y, 4 * C * z
        out[7, 0], out[7, 1], out[7, 2] = B * z, 0, B * x
        out[8, 0], out[8, 1], out[8, 2] = B * x, -B * y, 0
    if len(out) > 9:
        xx, yy, zz = x * x, y * y, z * z
        out[9, 0], out[9, 1], out[9, 2] = 6 * D * x * y, 3 * D * (xx - yy), 0
        out[10, 0], out[10, 1], out[10, 2] = E * y * z, E * x * z, E * x * y
        out[11, 0], out[11, 1], out[11, 2] = -2 * G * x * y, G * (4 * zz - xx - 3 * yy), 8 * G * y * z
        out[12, 0], out[12, 1], out[12, 2] = -6 * H * x * z, -6 * H * y * z, H * (6 * zz - 3 * xx - 3 * yy)
        out[13, 0], out[13, 1], out[13, 2] = G * (4 * zz - 3 * xx - yy), -2 * G * x * y, 8 * G * x * z
        out[14, 0], out[14, 1], out[14, 2] = E * x * z, -E * y * z, E / 2 * (xx - yy)
        out[15, 0], out[15, 1], out[15, 2] = 3 * D * (xx - yy), -6 * D * x * y, 0


@threaded(fastmath={"contract", "nsz"})
def directions(v, spacing, r_max, last, d, q, w, Y):  # type: ignore[no-untyped-def]
    """Write d, q, w and Y of each pair's vector."""
    for p in prange(len(v)):
        x, y, z = v[p, 0], v[p, 1], v[p, 2]
        length = math.sqrt(x * x + y * y + z * z)
        d[p] = length
        q[p] = weights_at(length, spacing, r_max, last, True, w[p])
        inverse = 1 / length if length != 0 else 0.0
        _harmonics(x * inverse, y * inverse, z * inverse, Y[p])


@threaded(fastmath={"contract", "nsz"})
def directions_backward(v, spacing, r_max, last, gw, gY, out):  # type: ignore[no-untyped-def]
    """Write the gradient of the vectors, (P, 3), from those of w and Y; a zero vector has none."""
    for p in prange(len(v)):
        slope, gradient = np.empty(4), np.empty((gY.shape[1], 3))
        x, y, z = v[p, 0], v[p, 1], v[p, 2]
        d = math.sqrt(x * x + y * y + z * z)
        out[p] = 0
        if d != 0:
            x, y, z = x / d, y / d, z / d
            weights_slope(d, spacing, r_max, last, slope)
            along = gw[p, 0] * slope[0] + gw[p, 1] * slope[1] + gw[p, 2] * slope[2] + gw[p, 3] * slope[3]
            _harmonics_gradients(x, y, z, gradient)
            a = b = c = 0.0
            for s in range(1, gY.shape[1]):
                a += gY[p, s] * gradient[s, 0]
                b += gY[p, s] * gradient[s, 1]
                c += gY[p, s] * gradient[s, 2]
            radial = a * x + b * y + c * z
            out[p, 0] = along * x + (a - radial * x) / d
            out[p, 1] = along * y + (b - radial * y) / d
            out[p, 2] = along * z + (c - radial * z) / d


@threaded(fastmath={"contract", "nsz"})
def directions_jvp(v, spacing, r_max, last, h, gw, gY):  # type: ignore[no-untyped-def]
    """Write the changes of w and Y when the vectors change by h: the transpose of :func:`directions_backward`."""
    for p in prange(len(v)):
        slope, gradient = np.empty(4), np.empty((gY.shape[1], 3))
        x, y, z = v[p, 0], v[p, 1], v[p, 2]
        d = math.sqrt(x * x + y * y + z * z)
        gw[p] = 0
        gY[p] = 0
        if d != 0:
            x, y, z = x / d, y / d, z / d
            radial = h[p, 0] * x + h[p, 1] * y + h[p, 2] * z
            weights_slope(d, spacing, r_max, last, slope)
            for k in range(4):
                gw[p, k] = radial * slope[k]
            a, b, c = (h[p, 0] - radial * x) / d, (h[p, 1] - radial * y) / d, (h[p, 2] - radial * z) / d
            _harmonics_gradients(x, y, z, gradient)
            for s in range(1, gY.shape[1]):
                gY[p, s] = gradient[s, 0] * a + gradient[s, 1] * b + gradient[s, 2] * c
