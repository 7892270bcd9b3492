// Products of the moments of one channel.
//
// The moments of degree 0, 1, 2 of one channel form a Hermitian 3 x 3 matrix: a multiple of the unit matrix, i times the
// cross product with a vector, and a symmetric traceless matrix, each component on a matrix of unit length. In these
// components (nine numbers in the order of the spherical harmonics) `coupled` is the anticommutator {X, Y} = XY + YX.
// Exchanging X, Y and Z leaves tr({X, Y} Z) unchanged, so the form is its own derivative.
#pragma once

#include <cmath>

#include "vectors.hpp"

namespace empnet {

constexpr int NINE = 9, INVARIANTS = 11;

template <class T, class Number = Vector<T>>
struct Channel {
    Number of[NINE];

    template <class Lanes>
    EMPNET_INLINE static Channel load(const T* A, int64_t n, int64_t k, int64_t F, Lanes lanes, int rows = NINE, int first = 0) {
        Channel x;
        each<NINE>([&](auto s) EMPNET_ALWAYS { x.of[s] = lanes.load(A + (n * rows + first + s) * F + k); });
        return x;
    }

    template <class Lanes>
    EMPNET_INLINE void store(T* A, int64_t n, int64_t k, int64_t F, Lanes lanes, int rows = NINE, int first = 0) const {
        each<NINE>([&](auto s) EMPNET_ALWAYS { lanes.store(A + (n * rows + first + s) * F + k, of[s]); });
    }

    friend EMPNET_INLINE Channel operator+(Channel x, const Channel& y) {
        each<NINE>([&](auto s) EMPNET_ALWAYS { x.of[s] += y.of[s]; });
        return x;
    }
};

// Dot products of one degree: sum_m x_lm y_lm.
template <int l, class T, class Number>
EMPNET_INLINE Number inner(const Channel<T, Number>& x, const Channel<T, Number>& y) {
    if constexpr (l == 0) return x.of[0] * y.of[0];
    if constexpr (l == 1) return x.of[1] * y.of[1] + x.of[2] * y.of[2] + x.of[3] * y.of[3];
    if constexpr (l == 2)
        return x.of[4] * y.of[4] + x.of[5] * y.of[5] + x.of[6] * y.of[6] + x.of[7] * y.of[7] + x.of[8] * y.of[8];
}

template <class T, class Number>
EMPNET_INLINE Channel<T, Number> by_degree(Number a, Number b, Number c, Channel<T, Number> x) {
    x.of[0] *= a;
    each<3>([&](auto m) EMPNET_ALWAYS { x.of[1 + m] *= b; });
    each<5>([&](auto m) EMPNET_ALWAYS { x.of[4 + m] *= c; });
    return x;
}

// Number: a vector of features, or a dual one.
template <class T, class Number = Vector<T>>
struct Form {
    using Vec = Number;
    using X = Channel<T, Number>;
    // 1 / sqrt(2l + 1) of degrees 1 and 2
    static inline const T n1 = T(1 / std::sqrt(3.0)), n2 = T(1 / std::sqrt(5.0));
    static inline const T r2 = T(1 / std::sqrt(2.0)), r3 = T(1 / std::sqrt(3.0)), r6 = T(1 / std::sqrt(6.0)), q2 = T(std::sqrt(2.0));

    // {X, Y}: symmetric R, R' and vectors a, b give {R, R'} + 2 ab - (a b^T + b a^T) and (tr R - R) b + ...
    EMPNET_INLINE static X coupled(const X& x, const X& y) {
        const T two = 2;
        Vec s = x.of[0] * r3, t = x.of[6] * r6, u = x.of[8] * r2;
        const Vec xx = s - t + u, yy = s - t - u, zz = s + two * t;
        const Vec xy = x.of[4] * r2, yz = x.of[5] * r2, xz = x.of[7] * r2;
        const Vec ax = x.of[3] * r2, ay = x.of[1] * r2, az = x.of[2] * r2;
        s = y.of[0] * r3, t = y.of[6] * r6, u = y.of[8] * r2;
        const Vec XX = s - t + u, YY = s - t - u, ZZ = s + two * t;
        const Vec XY = y.of[4] * r2, YZ = y.of[5] * r2, XZ = y.of[7] * r2;
        const Vec bx = y.of[3] * r2, by = y.of[1] * r2, bz = y.of[2] * r2;
        const Vec ab = ax * bx + ay * by + az * bz;
        const Vec q_xx = two * (xx * XX + xy * XY + xz * XZ + ab - ax * bx);
        const Vec q_yy = two * (xy * XY + yy * YY + yz * YZ + ab - ay * by);
        const Vec q_zz = two * (xz * XZ + yz * YZ + zz * ZZ + ab - az * bz);
        const Vec q_xy = xx * XY + xy * YY + xz * YZ + XX * xy + XY * yy + XZ * yz - ax * by - ay * bx;
        const Vec q_yz = xy * XZ + yy * YZ + yz * ZZ + XY * xz + YY * yz + YZ * zz - ay * bz - az * by;
        const Vec q_xz = xx * XZ + xy * YZ + xz * ZZ + XX * xz + XY * yz + XZ * zz - ax * bz - az * bx;
        const Vec v_x = (yy + zz) * bx - xy * by - xz * bz + (YY + ZZ) * ax - XY * ay - XZ * az;
        const Vec v_y = (xx + zz) * by - xy * bx - yz * bz + (XX + ZZ) * ay - XY * ax - YZ * az;
        const Vec v_z = (xx + yy) * bz - xz * bx - yz * by + (XX + YY) * az - XZ * ax - YZ * ay;
        return {{(q_xx + q_yy + q_zz) * r3, q2 * v_y, q2 * v_z, q2 * v_x, q2 * q_xy, q2 * q_yz,
                 (two * q_zz - q_xx - q_yy) * r6, q2 * q_xz, (q_xx - q_yy) * r2}};
    }

    // The gradient of the coupled moments from i, that of the invariants: r_l B + 2 t_l C.
    EMPNET_INLINE static X outer(const X& i, const X& b, const X& c) {
        return by_degree(i.of[3], i.of[4] * n1, i.of[5] * n2, b) +
               by_degree(i.of[6] + i.of[6], (i.of[7] + i.of[7]) * n1, (i.of[8] + i.of[8]) * n2, c);
    }

    // The invariants of two, three and four moments, of degree 0, 1, 2 each; z is {x, y}.
    EMPNET_INLINE static X invariants(const X& x, const X& y, const X& z) {
        return {{inner<0>(x, y), inner<1>(x, y) * n1, inner<2>(x, y) * n2, inner<0>(z, y), inner<1>(z, y) * n1,
                 inner<2>(z, y) * n2, inner<0>(z, z), inner<1>(z, z) * n1, inner<2>(z, z) * n2}};
    }

    struct Both {
        X x, y;
    };

    // Gradients of x and y from i, that of the invariants, and d, that of y + z.
    EMPNET_INLINE static Both backward(const X& x, const X& y, const X& i, const X& d) {
        const X z = coupled(x, y), on_z = d + outer(i, y, z);
        return {of_two(i, y) + coupled(on_z, y), d + of_two(i, x) + of_three(i, z) + coupled(on_z, x)};
    }

    EMPNET_INLINE static X of_two(const X& i, const X& x) { return by_degree(i.of[0], i.of[1] * n1, i.of[2] * n2, x); }
    EMPNET_INLINE static X of_three(const X& i, const X& x) { return by_degree(i.of[3], i.of[4] * n1, i.of[5] * n2, x); }
};

}  // namespace empnet
