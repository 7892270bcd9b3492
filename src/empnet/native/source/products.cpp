// Products of moments channel by channel, with their first two derivatives; gates.
#include "library.hpp"
#include "products.hpp"
#include "threads.hpp"

namespace empnet {
namespace {

constexpr int64_t FEW_PARTICLES = 16;  // a thread for fewer would cost more than it saves

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
        M::invariants(x, y, z).store(invariants, n, k, F, lanes, INVARIANTS, 1);
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
        typename M::Both on = M::backward(x, y, i, d);
        on.x.of[0] += lanes.load(g + (n * INVARIANTS + 10) * F + k);
        on.x.store(out_A, n, k, F, lanes);
        on.y.store(out_B, n, k, F, lanes);
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
