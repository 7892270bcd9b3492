// Products of moments channel by channel, with their first two derivatives; gates.
//
// The moments of degree 0, 1, 2 of one channel form a Hermitian 3 x 3 matrix: a multiple of the unit matrix, i times the
// cross product with a vector, and a symmetric traceless matrix, each component on a matrix of unit length. In these
// components (nine numbers in the order of the spherical harmonics) `coupled` is the anticommutator {X, Y} = XY + YX.
// Exchanging X, Y and Z leaves tr({X, Y} Z) unchanged, so the form is its own derivative.
#include <cmath>

#include "library.hpp"
#include "threads.hpp"
#include "vectors.hpp"

namespace empnet {
namespace {

constexpr int NINE = 9, INVARIANTS = 11;
constexpr int64_t FEW_PARTICLES = 16;  // a thread for fewer would cost more than it saves

template <class T>
struct Channel {
    using Vec = Vector<T>;
    Vec of[NINE];

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
template <int l, class T>
EMPNET_INLINE Vector<T> inner(const Channel<T>& x, const Channel<T>& y) {
    if constexpr (l == 0) return x.of[0] * y.of[0];
    if constexpr (l == 1) return x.of[1] * y.of[1] + x.of[2] * y.of[2] + x.of[3] * y.of[3];
    if constexpr (l == 2)
        return x.of[4] * y.of[4] + x.of[5] * y.of[5] + x.of[6] * y.of[6] + x.of[7] * y.of[7] + x.of[8] * y.of[8];
}

template <class T>
EMPNET_INLINE Channel<T> by_degree(Vector<T> a, Vector<T> b, Vector<T> c, Channel<T> x) {
    x.of[0] *= a;
    each<3>([&](auto m) EMPNET_ALWAYS { x.of[1 + m] *= b; });
    each<5>([&](auto m) EMPNET_ALWAYS { x.of[4 + m] *= c; });
    return x;
}

template <class T>
struct Form {
    using Vec = Vector<T>;
    using X = Channel<T>;
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
        return by_degree<T>(i.of[3], i.of[4] * n1, i.of[5] * n2, b) +
               by_degree<T>(i.of[6] + i.of[6], (i.of[7] + i.of[7]) * n1, (i.of[8] + i.of[8]) * n2, c);
    }

    EMPNET_INLINE static X of_two(const X& i, const X& x) { return by_degree<T>(i.of[0], i.of[1] * n1, i.of[2] * n2, x); }
    EMPNET_INLINE static X of_three(const X& i, const X& x) { return by_degree<T>(i.of[3], i.of[4] * n1, i.of[5] * n2, x); }
};

// Calls body(n, k, lanes) for each particle and each vector of features.
template <class T, class Body>
void over_channels(int64_t N, int64_t F, int threads, Body&& body) {
    in_shares(
        N, threads,
        [&](int64_t begin, int64_t end) {
            for (int64_t n = begin; n < end; ++n) over_features<T>(F, [&](int64_t k, auto lanes) EMPNET_ALWAYS { body(n, k, lanes); });
        },
        FEW_PARTICLES);
}

template <class T>
void products(int64_t N, int64_t F, const T* f, const T* A, const T* B, T* invariants, T* D, int threads) {
    using X = Channel<T>;
    using M = Form<T>;
    over_channels<T>(N, F, threads, [=](int64_t n, int64_t k, auto lanes) EMPNET_ALWAYS {
        const X x = X::load(A, n, k, F, lanes), y = X::load(B, n, k, F, lanes), z = M::coupled(x, y);
        (y + z).store(D, n, k, F, lanes);
        const X nine = {{inner<0>(x, y), inner<1>(x, y) * M::n1, inner<2>(x, y) * M::n2,    //
                         inner<0>(z, y), inner<1>(z, y) * M::n1, inner<2>(z, y) * M::n2,    //
                         inner<0>(z, z), inner<1>(z, z) * M::n1, inner<2>(z, z) * M::n2}};
        nine.store(invariants, n, k, F, lanes, INVARIANTS, 1);
        T* row = invariants + n * INVARIANTS * F + k;
        lanes.store(row, lanes.load(f + n * F + k));
        lanes.store(row + 10 * F, x.of[0]);
    });
}

template <class T>
void products_backward(int64_t N, int64_t F, const T* A, const T* B, const T* g, const T* g_D, T* out_A, T* out_B, int threads) {
    using X = Channel<T>;
    using M = Form<T>;
    over_channels<T>(N, F, threads, [=](int64_t n, int64_t k, auto lanes) EMPNET_ALWAYS {
        const X x = X::load(A, n, k, F, lanes), y = X::load(B, n, k, F, lanes);
        const X i = X::load(g, n, k, F, lanes, INVARIANTS, 1), d = X::load(g_D, n, k, F, lanes);
        const X z = M::coupled(x, y), on_z = d + M::outer(i, y, z);
        X on_x = M::of_two(i, y) + M::coupled(on_z, y);
        on_x.of[0] += lanes.load(g + (n * INVARIANTS + 10) * F + k);
        on_x.store(out_A, n, k, F, lanes);
        (d + M::of_two(i, x) + M::of_three(i, z) + M::coupled(on_z, x)).store(out_B, n, k, F, lanes);
    });
}

template <class T>
void products_second_order(int64_t N, int64_t F, const T* A, const T* B, const T* g, const T* g_D, const T* h_f, const T* h_A, const T* h_B, T* out_A, T* out_B, T* out_g, T* out_g_D, int threads) {
    using X = Channel<T>;
    using M = Form<T>;
    over_channels<T>(N, F, threads, [=](int64_t n, int64_t k, auto lanes) EMPNET_ALWAYS {
        const X x = X::load(A, n, k, F, lanes), y = X::load(B, n, k, F, lanes), i = X::load(g, n, k, F, lanes, INVARIANTS, 1);
        const X u = X::load(h_A, n, k, F, lanes), v = X::load(h_B, n, k, F, lanes);
        const X z = M::coupled(x, y), dz = M::coupled(u, y) + M::coupled(x, v);
        (v + dz).store(out_g_D, n, k, F, lanes);
        const T two = 2;
        const X nine = {{inner<0>(u, y) + inner<0>(x, v), (inner<1>(u, y) + inner<1>(x, v)) * M::n1,
                         (inner<2>(u, y) + inner<2>(x, v)) * M::n2, inner<0>(dz, y) + inner<0>(z, v),
                         (inner<1>(dz, y) + inner<1>(z, v)) * M::n1, (inner<2>(dz, y) + inner<2>(z, v)) * M::n2,
                         two * inner<0>(z, dz), two * M::n1 * inner<1>(z, dz), two * M::n2 * inner<2>(z, dz)}};
        nine.store(out_g, n, k, F, lanes, INVARIANTS, 1);
        T* row = out_g + n * INVARIANTS * F + k;
        lanes.store(row, lanes.load(h_f + n * F + k));
        lanes.store(row + 10 * F, u.of[0]);
        const X on_z = X::load(g_D, n, k, F, lanes) + M::outer(i, y, z), on_dz = M::outer(i, v, dz);
        (M::of_two(i, v) + M::coupled(on_dz, y) + M::coupled(on_z, v)).store(out_A, n, k, F, lanes);
        (M::of_two(i, u) + M::of_three(i, dz) + M::coupled(on_dz, x) + M::coupled(on_z, u)).store(out_B, n, k, F, lanes);
    });
}

template <class T>
void gated(int64_t N, int L, int64_t F, const T* g, const T* X, T* out, int threads) {
    const int64_t D = L + 1, S = D * D;
    over_channels<T>(N, F, threads, [=](int64_t n, int64_t k, auto lanes) EMPNET_ALWAYS {
        for (int64_t s = 0; s < S; ++s) {
            const int64_t at = (n * S + s) * F + k;
            lanes.store(out + at, lanes.load(g + (n * D + degree_of(int(s))) * F + k) * lanes.load(X + at));
        }
    });
}

template <class T>
void gated_grad(int64_t N, int L, int64_t F, const T* X, const T* G, T* out, int threads) {
    const int64_t D = L + 1, S = D * D;
    over_channels<T>(N, F, threads, [=](int64_t n, int64_t k, auto lanes) EMPNET_ALWAYS {
        for (int64_t l = 0; l < D; ++l) {
            Vector<T> total = {};
            for (int64_t s = l * l; s < (l + 1) * (l + 1); ++s) {
                const int64_t at = (n * S + s) * F + k;
                total += lanes.load(X + at) * lanes.load(G + at);
            }
            lanes.store(out + (n * D + l) * F + k, total);
        }
    });
}

}  // namespace
}  // namespace empnet

#define DEFINE(real, NAME)                                                                                             \
    void NAME(products)(int64_t N, int64_t F, const real* f, const real* A, const real* B, real* invariants, real* D,  \
                        int32_t threads) {                                                                             \
        empnet::products(N, F, f, A, B, invariants, D, threads);                                                       \
    }                                                                                                                  \
    void NAME(products_backward)(int64_t N, int64_t F, const real* A, const real* B, const real* g, const real* g_D,   \
                                 real* out_A, real* out_B, int32_t threads) {                                          \
        empnet::products_backward(N, F, A, B, g, g_D, out_A, out_B, threads);                                          \
    }                                                                                                                  \
    void NAME(products_second_order)(int64_t N, int64_t F, const real* A, const real* B, const real* g,                \
                                     const real* g_D, const real* h_f, const real* h_A, const real* h_B, real* out_A,  \
                                     real* out_B, real* out_g, real* out_g_D, int32_t threads) {                       \
        empnet::products_second_order(N, F, A, B, g, g_D, h_f, h_A, h_B, out_A, out_B, out_g, out_g_D, threads);       \
    }                                                                                                                  \
    void NAME(gated)(int64_t N, int32_t L, int64_t F, const real* g, const real* X, real* out, int32_t threads) {      \
        empnet::gated(N, L, F, g, X, out, threads);                                                                    \
    }                                                                                                                  \
    void NAME(gated_grad)(int64_t N, int32_t L, int64_t F, const real* X, const real* G, real* out, int32_t threads) { \
        empnet::gated_grad(N, L, F, X, G, out, threads);                                                               \
    }

DEFINE(float, SINGLE)
DEFINE(double, DOUBLE)
