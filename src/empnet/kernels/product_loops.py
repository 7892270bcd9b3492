"""Products of moments channel by channel, with their first two derivatives, as compiled loops.

The moments of degree 0, 1, 2 of one channel form a Hermitian 3 x 3 matrix: a multiple of the unit matrix, i times the
cross product with a vector, and a symmetric traceless matrix, each component on a matrix of unit length. In these
components (nine numbers in the order of the spherical harmonics) ``_coupled`` is the anticommutator {X, Y} = XY + YX.
Exchanging X, Y and Z leaves tr({X, Y} Z) unchanged, so the form is its own derivative.

The compiler vectorises the loop over features k, so the arithmetic of one channel is spelled out, number by number. The
number of features is a constant: only then does the compiler know that rows do not overlap. Arrays have a row for each
particle, with component s at s F + k.
"""

# ruff: noqa: ANN001, ANN202 (Numba finds the types)
from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import prange

from empnet.kernels.moment_components import inner_1, inner_2, nine, plus, put, scaled
from empnet.kernels.pair_sum_loops import MATH
from empnet.runtime.compiled import compiled, threaded

__all__ = ["ProductLoops", "product_loops"]

_inline = compiled(inline="always", fastmath=MATH)


@_inline
def _coupled(x, y, c):  # type: ignore[no-untyped-def]
    """Return {X, Y}: symmetric R, R' and vectors a, b give {R, R'} + 2 ab - (a b^T + b a^T) and (tr R - R) b + ...."""
    two, r2, r3, r6, q2 = c
    s, t, u = x[0] * r3, x[6] * r6, x[8] * r2
    xx, yy, zz = s - t + u, s - t - u, s + two * t
    xy, yz, xz = x[4] * r2, x[5] * r2, x[7] * r2
    ax, ay, az = x[3] * r2, x[1] * r2, x[2] * r2
    s, t, u = y[0] * r3, y[6] * r6, y[8] * r2
    XX, YY, ZZ = s - t + u, s - t - u, s + two * t
    XY, YZ, XZ = y[4] * r2, y[5] * r2, y[7] * r2
    bx, by, bz = y[3] * r2, y[1] * r2, y[2] * r2
    ab = ax * bx + ay * by + az * bz
    q_xx = two * (xx * XX + xy * XY + xz * XZ + ab - ax * bx)
    q_yy = two * (xy * XY + yy * YY + yz * YZ + ab - ay * by)
    q_zz = two * (xz * XZ + yz * YZ + zz * ZZ + ab - az * bz)
    q_xy = xx * XY + xy * YY + xz * YZ + XX * xy + XY * yy + XZ * yz - ax * by - ay * bx
    q_yz = xy * XZ + yy * YZ + yz * ZZ + XY * xz + YY * yz + YZ * zz - ay * bz - az * by
    q_xz = xx * XZ + xy * YZ + xz * ZZ + XX * xz + XY * yz + XZ * zz - ax * bz - az * bx
    v_x = (yy + zz) * bx - xy * by - xz * bz + (YY + ZZ) * ax - XY * ay - XZ * az
    v_y = (xx + zz) * by - xy * bx - yz * bz + (XX + ZZ) * ay - XY * ax - YZ * az
    v_z = (xx + yy) * bz - xz * bx - yz * by + (XX + YY) * az - XZ * ax - YZ * ay
    return (
        *((q_xx + q_yy + q_zz) * r3, q2 * v_y, q2 * v_z, q2 * v_x, q2 * q_xy, q2 * q_yz),
        *((two * q_zz - q_xx - q_yy) * r6, q2 * q_xz, (q_xx - q_yy) * r2),
    )


@_inline
def _outer(i, b, c, n1, n2):  # type: ignore[no-untyped-def]
    """Return the gradient of the coupled moments from i, that of the invariants: r_l B + 2 t_l C."""
    two_0, two_1, two_2 = i[6] + i[6], (i[7] + i[7]) * n1, (i[8] + i[8]) * n2
    return plus(scaled(i[3], i[4] * n1, i[5] * n2, b), scaled(two_0, two_1, two_2, c))


class ProductLoops(NamedTuple):
    """The loops for one number of features and one type."""

    forward: Callable[..., None]
    backward: Callable[..., None]
    second_order: Callable[..., None]


@cache
def product_loops(F: int, dtype: np.dtype) -> ProductLoops:
    """Return the loops for F features; each is compiled at its first call, for each F anew.

    Arguments:
        F: Number of features.
        dtype: float32 or float64.
    """
    kind = dtype.type
    c = (kind(2), *(kind(1 / math.sqrt(a)) for a in (2, 3, 6)), kind(math.sqrt(2)))
    n1, n2 = kind(1 / math.sqrt(3)), kind(1 / math.sqrt(5))  # 1 / sqrt(2l + 1)

    def forward(f: Any, A: Any, B: Any, invariants: Any, D: Any) -> None:
        for n in prange(len(A)):
            for k in range(F):
                x, y = nine(A[n], k, F), nine(B[n], k, F)
                z = _coupled(x, y, c)
                put(D[n], k, F, plus(y, z))
                of_two = (x[0] * y[0], inner_1(x, y) * n1, inner_2(x, y) * n2)
                of_three = (z[0] * y[0], inner_1(z, y) * n1, inner_2(z, y) * n2)
                of_four = (z[0] * z[0], inner_1(z, z) * n1, inner_2(z, z) * n2)
                put(invariants[n], k + F, F, (*of_two, *of_three, *of_four))
                invariants[n, k], invariants[n, 10 * F + k] = f[n, k], x[0]

    def backward(A: Any, B: Any, g: Any, g_D: Any, g_A: Any, g_B: Any) -> None:
        for n in prange(len(A)):
            for k in range(F):
                x, y, i, d = nine(A[n], k, F), nine(B[n], k, F), nine(g[n], k + F, F), nine(g_D[n], k, F)
                z = _coupled(x, y, c)
                on_z = plus(d, _outer(i, y, z, n1, n2))
                put(g_A[n], k, F, plus(scaled(i[0], i[1] * n1, i[2] * n2, y), _coupled(on_z, y, c)))
                g_A[n, k] += g[n, 10 * F + k]
                on_y = plus(scaled(i[0], i[1] * n1, i[2] * n2, x), scaled(i[3], i[4] * n1, i[5] * n2, z))
                put(g_B[n], k, F, plus(d, plus(on_y, _coupled(on_z, x, c))))

    def second_order(
        A: Any, B: Any, g: Any, g_D: Any, h_f: Any, h_A: Any, h_B: Any, d_A: Any, d_B: Any, d_g: Any, d_D: Any
    ) -> None:
        for n in prange(len(A)):
            for k in range(F):
                x, y, i = nine(A[n], k, F), nine(B[n], k, F), nine(g[n], k + F, F)
                u, v = nine(h_A[n], k, F), nine(h_B[n], k, F)
                z, dz = _coupled(x, y, c), plus(_coupled(u, y, c), _coupled(x, v, c))
                put(d_D[n], k, F, plus(v, dz))
                two_0, two_1 = u[0] * y[0] + x[0] * v[0], (inner_1(u, y) + inner_1(x, v)) * n1
                three_0, three_1 = dz[0] * y[0] + z[0] * v[0], (inner_1(dz, y) + inner_1(z, v)) * n1
                of_two = (two_0, two_1, (inner_2(u, y) + inner_2(x, v)) * n2)
                of_three = (three_0, three_1, (inner_2(dz, y) + inner_2(z, v)) * n2)
                four_0, four_1, four_2 = z[0] * dz[0], inner_1(z, dz) * n1, inner_2(z, dz) * n2
                of_four = (four_0 + four_0, four_1 + four_1, four_2 + four_2)
                put(d_g[n], k + F, F, (*of_two, *of_three, *of_four))
                d_g[n, k], d_g[n, 10 * F + k] = h_f[n, k], u[0]
                on_z = plus(nine(g_D[n], k, F), _outer(i, y, z, n1, n2))
                on_dz = _outer(i, v, dz, n1, n2)
                on_x = scaled(i[0], i[1] * n1, i[2] * n2, v)
                put(d_A[n], k, F, plus(on_x, plus(_coupled(on_dz, y, c), _coupled(on_z, v, c))))
                on_y = plus(scaled(i[0], i[1] * n1, i[2] * n2, u), scaled(i[3], i[4] * n1, i[5] * n2, dz))
                put(d_B[n], k, F, plus(on_y, plus(_coupled(on_dz, x, c), _coupled(on_z, u, c))))

    return ProductLoops(*(threaded(fastmath=MATH)(loop) for loop in (forward, backward, second_order)))
