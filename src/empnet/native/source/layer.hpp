// One interaction of a network with fixed weights: its weights, and what it does with each particle by itself.
//
// The sums over pairs are in pair_sums.hpp, and the order of numbers in woven.hpp. Everything else goes block by block, so
// that a block's numbers stay in the processor's cache:
//
//     A_00 += u x (the first);  B = A W_l;  C = AB + BA;  f' = f + psi(f, <A, B>, <C, B>, <C, C>, A_0);  V' = g(f') (B + C)
//
// and without directions  f_bar += phi(0) x;  f' = f + psi(f_bar, W_1 f_bar * W_2 f_bar).
#pragma once

#include <memory>
#include <vector>

#include "pair_sums.hpp"
#include "products.hpp"
#include "silu.hpp"
#include "woven.hpp"

namespace empnet {

constexpr int64_t BLOCK = 24;  // particles

template <class T>
struct Layer {
    int L;
    int64_t F, n_psi, n_hidden;  // widths in whole vectors: of features, of psi's input and of its hidden layer
    bool first, last, products;
    std::vector<T> phi, chi, own;
    Linear<T> W, W_l[4], W_1, W_2, psi_1, psi_2, gate;
};

// Memory that only grows, and whose numbers are not set.
template <class T>
class Memory {
public:
    T* of(int64_t n) {
        if (n > size_) numbers_.reset(new T[size_t(n)]), size_ = n;
        return numbers_.get();
    }

private:
    std::unique_ptr<T[]> numbers_;
    int64_t size_ = 0;
};

// What an interaction reads and writes for all particles; all but V_next and f_next is needed on the way back.
template <class T>
struct Rows {
    T *f, *V, *x, *A, *B, *hidden, *gates, *f_next, *V_next;
};

// Numbers that a block needs, for each particle.
template <class T>
int64_t scratch_of(const Layer<T>& at) {
    return at.n_psi + at.n_hidden + 3 * (at.L + 1) * (at.L + 1) * at.F;
}

template <class T, int L>
struct Nodes {
    static constexpr int D = L + 1, S = D * D, N_INVARIANTS = INVARIANTS + (L == 3);
    using X = Channel<T>;
    using M = Form<T>;
    using Vec = Vector<T>;
    static constexpr int lanes = VectorOf<T>::lanes;
    static inline const T n3 = T(1 / std::sqrt(7.0));  // of degree 3, as 1 / sqrt(2l + 1) of the others

    // The components of degree 0, 1, 2 at features k; those that the network does not have are zero.
    EMPNET_INLINE static X load(const T* A, int64_t k) {
        X x;
        each<NINE>([&](auto s) EMPNET_ALWAYS {
            if constexpr (s < S)
                x.of[s] = Full{}.load(A + k * S + s * lanes);
            else
                x.of[s] = Vec{};
        });
        return x;
    }

    EMPNET_INLINE static void store(T* A, int64_t k, const X& x) {
        each<NINE>([&](auto s) EMPNET_ALWAYS {
            if constexpr (s < S) Full{}.store(A + k * S + s * lanes, x.of[s]);
        });
    }

    // Invariants of a particle, and B + C if D is not null.
    static void multiply(int64_t F, const T* f, const T* A, const T* B, T* invariants, T* out_D) {
        for (int64_t k = 0; k < F; k += lanes) {
            const X x = load(A, k), y = load(B, k), z = M::coupled(x, y);
            if (out_D) store(out_D, k, y + z);
            const X nine = M::invariants(x, y, z);
            T* row = invariants + k * N_INVARIANTS;
            Full{}.store(row, Full{}.load(f + k));
            each<NINE>([&](auto i) EMPNET_ALWAYS { Full{}.store(row + (1 + i) * lanes, nine.of[i]); });
            Full{}.store(row + 10 * lanes, x.of[0]);
            if constexpr (L == 3) {
                Vec highest = {};
                for (int s = NINE; s < S; ++s) {
                    const int64_t at = k * S + s * lanes;
                    const Vec b = Full{}.load(B + at);
                    highest += Full{}.load(A + at) * b;
                    if (out_D) Full{}.store(out_D + at, b);
                }
                Full{}.store(row + INVARIANTS * lanes, highest * n3);
            }
        }
    }

    // Gradients of A and B from those of the invariants, g, and of B + C, g_D (null: none).
    static void multiply_backward(int64_t F, const T* A, const T* B, const T* g, const T* g_D, T* out_A, T* out_B) {
        for (int64_t k = 0; k < F; k += lanes) {
            X i, d = {};
            each<NINE>([&](auto s) EMPNET_ALWAYS { i.of[s] = Full{}.load(g + k * N_INVARIANTS + (1 + s) * lanes); });
            if (g_D) d = load(g_D, k);
            typename M::Both on = M::backward(load(A, k), load(B, k), i, d);
            on.x.of[0] += Full{}.load(g + k * N_INVARIANTS + 10 * lanes);
            store(out_A, k, on.x);
            store(out_B, k, on.y);
            if constexpr (L == 3) {
                const Vec highest = Full{}.load(g + k * N_INVARIANTS + INVARIANTS * lanes) * n3;
                for (int s = NINE; s < S; ++s) {
                    const int64_t at = k * S + s * lanes;
                    Full{}.store(out_A + at, highest * Full{}.load(B + at));
                    Full{}.store(out_B + at, highest * Full{}.load(A + at) + (g_D ? Full{}.load(g_D + at) : Vec{}));
                }
            }
        }
    }

    // y += W's rows of all degrees: B_lm = A_lm W_l there, the gradient of A back.
    static void mix(const Layer<T>& at, int64_t n, const T* from, T* to, bool back) {
        each<S>([&](auto s) {
            const Linear<T>& W = at.W_l[degree_of(s)];
            (back ? W.back : W.there).multiply(n, {from + s * lanes, S * at.F, S * lanes}, {to + s * lanes, S * at.F, S * lanes}, back);
        });
    }

    static void forward(const Layer<T>& at, const Rows<T>& all, int64_t begin, int64_t n, T* scratch) {
        const int64_t F = at.F;
        const T *f = all.f + begin * F, *x = all.x + begin * F;
        T *A = all.A + begin * S * F, *B = all.B + begin * S * F, *next = all.f_next + begin * F;
        T *invariants = scratch, *activated = invariants + n * at.n_psi, *product = activated + n * at.n_hidden;
        T* hidden = all.hidden + begin * at.n_hidden;
        for (int64_t j = 0; at.first && j < n; ++j)
            for (int64_t k = 0; k < F; k += lanes) {
                T* to = A + j * S * F + k * S;
                Full{}.store(to, Full{}.load(to) + Full{}.load(at.own.data() + k) * Full{}.load(x + j * F + k));
            }
        mix(at, n, A, B, false);
        for (int64_t j = 0; j < n; ++j)
            multiply(F, f + j * F, A + j * S * F, B + j * S * F, invariants + j * at.n_psi, at.last ? nullptr : product + j * S * F);
        at.psi_1.there.multiply(n, {invariants, at.n_psi}, {hidden, at.n_hidden});
        silu(n, at.n_hidden, hidden, at.psi_1.bias.data(), activated);
        add_psi(at, n, activated, f, next);
        if (at.last) return;
        T *gates = all.gates + begin * D * F, *V = all.V_next + begin * S * F;
        at.gate.there.multiply(n, {next, F}, {gates, D * F});
        for (int64_t j = 0; j < n; ++j)
            for (int l = 0; l < D; ++l)
                for (int64_t k = 0; k < F; k += lanes) {
                    T* g = gates + (j * F + k) * D + l * lanes;
                    const Vec gate = Full{}.load(g) + Full{}.load(at.gate.bias.data() + k * D + l * lanes);
                    Full{}.store(g, gate);
                    for (int s = l * l; s < (l + 1) * (l + 1); ++s) {
                        const int64_t of = (j * F + k) * S + s * lanes;
                        Full{}.store(V + of, gate * Full{}.load(product + of));
                    }
                }
    }

    // From g_f and g_V, the gradients of f' and V', to those of f (in their place, but for what x brings) and of A.
    static void backward(const Layer<T>& at, const Rows<T>& all, int64_t begin, int64_t n, T* g_f, const T* g_V, T* g_A, T* scratch) {
        const int64_t F = at.F;
        const T *A = all.A + begin * S * F, *B = all.B + begin * S * F;
        T *invariants = scratch, *on_hidden = invariants + n * at.n_psi, *on_B = on_hidden + n * at.n_hidden;
        T *on_D = on_B + n * S * F, *on_gates = on_D + n * S * F;
        g_f += begin * F, g_A += begin * S * F;
        if (!at.last) {
            for (int64_t j = 0; j < n; ++j)
                open_gates(F, A + j * S * F, B + j * S * F, all.gates + (begin + j) * D * F, g_V + (begin + j) * S * F, on_D + j * S * F, on_gates + j * D * F);
            at.gate.back.multiply(n, {on_gates, D * F}, {g_f, F}, true);
        }
        at.psi_2.back.multiply(n, {g_f, F}, {on_hidden, at.n_hidden});
        silu_backward(n * at.n_hidden, all.hidden + begin * at.n_hidden, on_hidden);
        at.psi_1.back.multiply(n, {on_hidden, at.n_hidden}, {invariants, at.n_psi});
        for (int64_t j = 0; j < n; ++j) {
            const T* g = invariants + j * at.n_psi;
            multiply_backward(F, A + j * S * F, B + j * S * F, g, at.last ? nullptr : on_D + j * S * F, g_A + j * S * F, on_B + j * S * F);
            for (int64_t k = 0; k < F; k += lanes) Full{}.store(g_f + j * F + k, Full{}.load(g_f + j * F + k) + Full{}.load(g + k * N_INVARIANTS));
        }
        mix(at, n, on_B, g_A, true);
    }

    // Gradients of the gates and of D = B + C from that of V' = g D.
    static void open_gates(int64_t F, const T* A, const T* B, const T* gates, const T* g_V, T* on_D, T* on_gates) {
        for (int64_t k = 0; k < F; k += lanes) {
            const X x = load(A, k), y = load(B, k), d = y + M::coupled(x, y);
            Vec of[D] = {};
            each<S>([&](auto s) EMPNET_ALWAYS {
                constexpr int l = degree_of(s);
                const Vec g = Full{}.load(g_V + k * S + s * lanes);
                if constexpr (s < NINE)
                    of[l] += g * d.of[s];
                else
                    of[l] += g * Full{}.load(B + k * S + s * lanes);
                Full{}.store(on_D + k * S + s * lanes, g * Full{}.load(gates + k * D + l * lanes));
            });
            each<D>([&](auto l) EMPNET_ALWAYS { Full{}.store(on_gates + k * D + l * lanes, of[l]); });
        }
    }

    // f' = f + (what SiLU gave) W + b.
    static void add_psi(const Layer<T>& at, int64_t n, const T* activated, const T* f, T* next) {
        for (int64_t j = 0; j < n; ++j)
            for (int64_t k = 0; k < at.F; ++k) next[j * at.F + k] = f[j * at.F + k] + at.psi_2.bias[k];
        at.psi_2.there.multiply(n, {activated, at.n_hidden}, {next, at.F}, true);
    }
};

// Without directions: psi takes the sums, and the products of two of their linear maps, which stay in B.
template <class T>
struct Nodes<T, 0> {
    static constexpr int lanes = VectorOf<T>::lanes;

    static void forward(const Layer<T>& at, const Rows<T>& all, int64_t begin, int64_t n, T* scratch) {
        const int64_t F = at.F;
        T *sums = all.A + begin * F, *maps = all.B + begin * 2 * F, *hidden = all.hidden + begin * at.n_hidden;
        T *input = scratch, *activated = input + n * at.n_psi;
        for (int64_t j = 0; j < n * F; ++j) sums[j] += at.own[j % F] * all.x[begin * F + j];
        if (at.products) {
            at.W_1.there.multiply(n, {sums, F}, {maps, 2 * F});
            at.W_2.there.multiply(n, {sums, F}, {maps + F, 2 * F});
        }
        for (int64_t j = 0; j < n; ++j)
            for (int64_t k = 0; k < F; k += lanes) {
                T* to = input + j * at.n_psi + k * (1 + at.products);
                Full{}.store(to, Full{}.load(sums + j * F + k));
                if (at.products) Full{}.store(to + lanes, Full{}.load(maps + 2 * j * F + k) * Full{}.load(maps + (2 * j + 1) * F + k));
            }
        at.psi_1.there.multiply(n, {input, at.n_psi}, {hidden, at.n_hidden});
        silu(n, at.n_hidden, hidden, at.psi_1.bias.data(), activated);
        Nodes<T, 1>::add_psi(at, n, activated, all.f + begin * F, all.f_next + begin * F);
    }

    static void backward(const Layer<T>& at, const Rows<T>& all, int64_t begin, int64_t n, T* g_f, const T*, T* g_A, T* scratch) {
        const int64_t F = at.F;
        const T* maps = all.B + begin * 2 * F;
        T *input = scratch, *on_hidden = input + n * at.n_psi, *on_maps = on_hidden + n * at.n_hidden;
        g_f += begin * F, g_A += begin * F;
        at.psi_2.back.multiply(n, {g_f, F}, {on_hidden, at.n_hidden});
        silu_backward(n * at.n_hidden, all.hidden + begin * at.n_hidden, on_hidden);
        at.psi_1.back.multiply(n, {on_hidden, at.n_hidden}, {input, at.n_psi});
        for (int64_t j = 0; j < n; ++j)
            for (int64_t k = 0; k < F; k += lanes) {
                const T* from = input + j * at.n_psi + k * (1 + at.products);
                Full{}.store(g_A + j * F + k, Full{}.load(from));
                if (!at.products) continue;
                const Vector<T> g = Full{}.load(from + lanes);
                Full{}.store(on_maps + 2 * j * F + k, g * Full{}.load(maps + (2 * j + 1) * F + k));
                Full{}.store(on_maps + (2 * j + 1) * F + k, g * Full{}.load(maps + 2 * j * F + k));
            }
        if (!at.products) return;
        at.W_1.back.multiply(n, {on_maps, 2 * F}, {g_A, F}, true);
        at.W_2.back.multiply(n, {on_maps + F, 2 * F}, {g_A, F}, true);
    }
};

}  // namespace empnet
