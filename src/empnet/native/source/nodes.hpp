// What an interaction does with each particle by itself, there and back.
//
// The sums over pairs are in pair_sums.hpp, and the order of numbers in woven.hpp. Everything else goes block by block, so
// that a block's numbers stay in the processor's cache:
//
//     A_00 += u x (the first);  B = A W_l;  C = AB + BA;  f' = f + psi(f, <A, B>, <C, B>, <C, C>, A_0);  V' = g(f') (B + C)
//
// and without directions  f_bar += phi(0) x;  f' = f + psi(f_bar, W_1 f_bar * W_2 f_bar).
#pragma once

#include "layer.hpp"
#include "products.hpp"
#include "silu.hpp"

namespace empnet {

// What networks with and without directions share.
template <class Of>
struct Pointwise {
    using T = typename Of::Real;
    using At = typename Of::At;
    using From = typename Of::From;
    using Number = typename Of::Number;
    static constexpr int lanes = VectorOf<T>::lanes;

    // The particle itself: u x is added to the first of S components.
    static void add_own(const Layer<T>& at, int64_t n, int S, From x, At sums) {
        for (int64_t j = 0; j < n; ++j)
            for (int64_t k = 0; k < at.F; k += lanes)
                Of::add_new(sums + (j * at.F + k) * S, Of::load(x + (j * at.F + k)) * Full{}.load(at.own.data() + k));
    }

    // The gradient of u from that of the sums.
    static void own_gradient(const Layer<T>& at, int64_t n, int S, From x, From g, T* to) {
        for (int64_t j = 0; j < n; ++j)
            for (int64_t k = 0; k < at.F; k += lanes) {
                const Number of_j = Of::load(x + (j * at.F + k)) * Of::load(g + (j * at.F + k) * S);
                Full{}.store(to + k, Full{}.load(to + k) + Of::last(of_j));
            }
    }

    // f' = f + psi(input): psi = W_2 SiLU(W_1 input + b_1) + b_2. In a dual pass values, and so biases, are at hand.
    static void psi(const Layer<T>& at, int64_t n, From input, At hidden, At activated, From f, At next) {
        constexpr bool plain = Of::first_new == 0;
        new_product<Of, T>(at.psi_1.there, n, {input, at.n_psi}, {hidden, at.n_hidden});
        silu<Of>(n, at.n_hidden, hidden, plain ? at.psi_1.bias.data() : nullptr, activated);
        for (int64_t j = 0; j < n; ++j)
            for (int64_t k = 0; k < at.F; k += lanes) {
                Number sum = Of::load(f + (j * at.F + k));
                if constexpr (plain) sum += Full{}.load(at.psi_2.bias.data() + k);
                Of::store_new(next + (j * at.F + k), sum);
            }
        new_product<Of, T>(at.psi_2.there, n, {activated, at.n_hidden}, {next, at.F}, true);
    }

    // From g_f, the gradient of psi, to that of its input. For the gradients of weights, `to` (null: none), fill() writes
    // the input again; `activated` is memory.
    template <class Fill>
    static void psi_backward(const Layer<T>& at, int64_t n, From g_f, At hidden, At input, At on_hidden, At activated, const LayerGradient<T>* to, Fill&& fill) {
        product<Of, T>(at.psi_2.back, n, {g_f, at.F}, {on_hidden, at.n_hidden});
        if (to) {
            silu<Of>(n, at.n_hidden, hidden, nullptr, activated);
            to->psi_2.template add<Of>(n, {activated, at.n_hidden}, {g_f, at.F});
        }
        silu_backward<Of>(n * at.n_hidden, hidden, on_hidden);
        if (to) {
            fill();
            to->psi_1.template add<Of>(n, {input, at.n_psi}, {on_hidden, at.n_hidden});
        }
        product<Of, T>(at.psi_1.back, n, {on_hidden, at.n_hidden}, {input, at.n_psi});
    }
};

template <class Of, int L>
struct Nodes {
    using Shared = Pointwise<Of>;
    static constexpr int D = L + 1, S = D * D, N_INVARIANTS = INVARIANTS + (L == 3);
    using T = typename Of::Real;
    using Number = typename Of::Number;
    using At = typename Of::At;
    using From = typename Of::From;
    using X = Channel<T, Number>;
    using M = Form<T, Number>;
    static constexpr int lanes = VectorOf<T>::lanes;
    static inline const T n3 = T(1 / std::sqrt(7.0));  // of degree 3, as 1 / sqrt(2l + 1) of the others

    // The components of degree 0, 1, 2 at features k; those that the network does not have are zero.
    EMPNET_INLINE static X load(From A, int64_t k) {
        X x;
        each<NINE>([&](auto s) EMPNET_ALWAYS {
            if constexpr (s < S)
                x.of[s] = Of::load(A + (k * S + s * lanes));
            else
                x.of[s] = Number{};
        });
        return x;
    }

    EMPNET_INLINE static void store(At A, int64_t k, const X& x) {
        each<NINE>([&](auto s) EMPNET_ALWAYS {
            if constexpr (s < S) Of::store(A + (k * S + s * lanes), x.of[s]);
        });
    }

    // Invariants of a particle, and B + C if D is not null.
    static void multiply(int64_t F, From f, From A, From B, At invariants, At out_D) {
        for (int64_t k = 0; k < F; k += lanes) {
            const X x = load(A, k), y = load(B, k), z = M::coupled(x, y);
            if (out_D) store(out_D, k, y + z);
            const X nine = M::invariants(x, y, z);
            const At row = invariants + k * N_INVARIANTS;
            Of::store(row, Of::load(f + k));
            each<NINE>([&](auto i) EMPNET_ALWAYS { Of::store(row + (1 + i) * lanes, nine.of[i]); });
            Of::store(row + 10 * lanes, x.of[0]);
            if constexpr (L == 3) {
                Number highest = {};
                for (int s = NINE; s < S; ++s) {
                    const int64_t at = k * S + s * lanes;
                    const Number b = Of::load(B + at);
                    highest += Of::load(A + at) * b;
                    if (out_D) Of::store(out_D + at, b);
                }
                Of::store(row + INVARIANTS * lanes, highest * n3);
            }
        }
    }

    // Gradients of A and B from those of the invariants, g, and of B + C, g_D (null: none).
    static void multiply_backward(int64_t F, From A, From B, From g, From g_D, At out_A, At out_B) {
        for (int64_t k = 0; k < F; k += lanes) {
            X i, d = {};
            each<NINE>([&](auto s) EMPNET_ALWAYS { i.of[s] = Of::load(g + (k * N_INVARIANTS + (1 + s) * lanes)); });
            if (g_D) d = load(g_D, k);
            typename M::Both on = M::backward(load(A, k), load(B, k), i, d);
            on.x.of[0] += Of::load(g + (k * N_INVARIANTS + 10 * lanes));
            store(out_A, k, on.x);
            store(out_B, k, on.y);
            if constexpr (L == 3) {
                const Number highest = Of::load(g + (k * N_INVARIANTS + INVARIANTS * lanes)) * n3;
                for (int s = NINE; s < S; ++s) {
                    const int64_t at = k * S + s * lanes;
                    Of::store(out_A + at, highest * Of::load(B + at));
                    Of::store(out_B + at, highest * Of::load(A + at) + (g_D ? Of::load(g_D + at) : Number{}));
                }
            }
        }
    }

    // A component s of n particles' rows of S F numbers.
    template <class Some>
    static RowsOf<T, Some> component(Some at, int s, int64_t F) {
        return {at + s * lanes, S * F, S * lanes};
    }

    // From f, x and the sums A to f' and V'.
    static void forward(const Layer<T>& at, const Rows<Of>& all, int64_t begin, int64_t n, At scratch) {
        const int64_t F = at.F;
        const At f = all.f + begin * F, x = all.x + begin * F, A = all.A + begin * S * F, B = all.B + begin * S * F, next = all.f_next + begin * F;
        const At invariants = scratch, activated = invariants + n * at.n_psi, product = activated + n * at.n_hidden;
        const At hidden = all.hidden + begin * at.n_hidden;
        if (at.first) Shared::add_own(at, n, S, x, A);
        each<S>([&](auto s) { new_product<Of, T>(at.W_l[degree_of(s)].there, n, component<From>(A, s, F), component<At>(B, s, F)); });
        for (int64_t j = 0; j < n; ++j)
            multiply(F, f + j * F, A + j * S * F, B + j * S * F, invariants + j * at.n_psi, at.last ? At{} : product + j * S * F);
        Shared::psi(at, n, invariants, hidden, activated, f, next);
        if (at.last) return;
        const At gates = all.gates + begin * D * F, V = all.V_next + begin * S * F;
        new_product<Of, T>(at.gate.there, n, {next, F}, {gates, D * F});
        for (int64_t j = 0; j < n; ++j)
            for (int l = 0; l < D; ++l)
                for (int64_t k = 0; k < F; k += lanes) {
                    const At g = gates + ((j * F + k) * D + l * lanes);
                    Number gate = Of::load(g);
                    if constexpr (Of::first_new == 0) Of::store(g, gate += Full{}.load(at.gate.bias.data() + k * D + l * lanes));
                    for (int s = l * l; s < (l + 1) * (l + 1); ++s) {
                        const int64_t of = (j * F + k) * S + s * lanes;
                        Of::store_new(V + of, gate * Of::load(product + of));
                    }
                }
    }

    // From g_f and g_V, the gradients of f' and V', to those of f (in their place, but for what x brings) and of A; adds
    // those of weights to `to`, unless it is null.
    static void backward(const Layer<T>& at, const Rows<Of>& all, int64_t begin, int64_t n, At g_f, At g_V, At g_A, At scratch, const LayerGradient<T>* to) {
        const int64_t F = at.F;
        const At f = all.f + begin * F, A = all.A + begin * S * F, B = all.B + begin * S * F, hidden = all.hidden + begin * at.n_hidden;
        const At invariants = scratch, on_hidden = invariants + n * at.n_psi, activated = on_hidden + n * at.n_hidden;
        const At on_B = activated + n * at.n_hidden, on_D = on_B + n * S * F, on_gates = on_D + n * S * F;
        g_f += begin * F, g_A += begin * S * F;
        if (!at.last) {
            for (int64_t j = 0; j < n; ++j)
                open_gates(F, A + j * S * F, B + j * S * F, all.gates + (begin + j) * D * F, g_V + (begin + j) * S * F, on_D + j * S * F, on_gates + j * D * F);
            product<Of, T>(at.gate.back, n, {on_gates, D * F}, {g_f, F}, true);
            if (to) to->gate.template add<Of>(n, {all.f_next + begin * F, F}, {on_gates, D * F});
        }
        Shared::psi_backward(at, n, g_f, hidden, invariants, on_hidden, activated, to, [&] {
            for (int64_t j = 0; j < n; ++j) multiply(F, f + j * F, A + j * S * F, B + j * S * F, invariants + j * at.n_psi, At{});
        });
        for (int64_t j = 0; j < n; ++j) {
            const At g = invariants + j * at.n_psi;
            multiply_backward(F, A + j * S * F, B + j * S * F, g, at.last ? From{} : From(on_D + j * S * F), g_A + j * S * F, on_B + j * S * F);
            for (int64_t k = 0; k < F; k += lanes) Of::add(g_f + (j * F + k), Of::load(g + k * N_INVARIANTS));
        }
        each<S>([&](auto s) {
            constexpr int l = degree_of(s);
            product<Of, T>(at.W_l[l].back, n, component<From>(on_B, s, F), component<At>(g_A, s, F), true);
            if (to) to->W_l[l].template add<Of>(n, component<From>(A, s, F), component<From>(on_B, s, F));
        });
        if (to && at.first) Shared::own_gradient(at, n, S, all.x + begin * F, g_A, to->own);
    }

    // Gradients of the gates and of D = B + C from that of V' = g D.
    static void open_gates(int64_t F, From A, From B, From gates, From g_V, At on_D, At on_gates) {
        for (int64_t k = 0; k < F; k += lanes) {
            const X x = load(A, k), y = load(B, k), d = y + M::coupled(x, y);
            Number of[D] = {};
            each<S>([&](auto s) EMPNET_ALWAYS {
                constexpr int l = degree_of(s);
                const Number g = Of::load(g_V + (k * S + s * lanes));
                if constexpr (s < NINE)
                    of[l] += g * d.of[s];
                else
                    of[l] += g * Of::load(B + (k * S + s * lanes));
                Of::store(on_D + (k * S + s * lanes), g * Of::load(gates + (k * D + l * lanes)));
            });
            each<D>([&](auto l) EMPNET_ALWAYS { Of::store(on_gates + (k * D + l * lanes), of[l]); });
        }
    }
};

// Without directions: psi takes the sums, and the products of two of their linear maps, which stay in B.
template <class Of>
struct Nodes<Of, 0> {
    using Shared = Pointwise<Of>;
    using T = typename Of::Real;
    using At = typename Of::At;
    using From = typename Of::From;
    static constexpr int lanes = VectorOf<T>::lanes;

    static void forward(const Layer<T>& at, const Rows<Of>& all, int64_t begin, int64_t n, At scratch) {
        const int64_t F = at.F;
        const At sums = all.A + begin * F, maps = all.B + begin * 2 * F, hidden = all.hidden + begin * at.n_hidden;
        const At input = scratch, activated = input + n * at.n_psi;
        Shared::add_own(at, n, 1, all.x + begin * F, sums);
        if (at.products) {
            new_product<Of, T>(at.W_1.there, n, {sums, F}, {maps, 2 * F});
            new_product<Of, T>(at.W_2.there, n, {sums, F}, {maps + F, 2 * F});
        }
        join(at, n, sums, maps, input);
        Shared::psi(at, n, input, hidden, activated, all.f + begin * F, all.f_next + begin * F);
    }

    // psi's input.
    static void join(const Layer<T>& at, int64_t n, From sums, From maps, At input) {
        const int64_t F = at.F;
        for (int64_t j = 0; j < n; ++j)
            for (int64_t k = 0; k < F; k += lanes) {
                const At to = input + (j * at.n_psi + k * (1 + at.products));
                Of::store(to, Of::load(sums + (j * F + k)));
                if (at.products) Of::store(to + lanes, Of::load(maps + (2 * j * F + k)) * Of::load(maps + ((2 * j + 1) * F + k)));
            }
    }

    static void backward(const Layer<T>& at, const Rows<Of>& all, int64_t begin, int64_t n, At g_f, At, At g_A, At scratch, const LayerGradient<T>* to) {
        const int64_t F = at.F;
        const At sums = all.A + begin * F, maps = all.B + begin * 2 * F, hidden = all.hidden + begin * at.n_hidden;
        const At input = scratch, on_hidden = input + n * at.n_psi, activated = on_hidden + n * at.n_hidden, on_maps = activated + n * at.n_hidden;
        g_f += begin * F, g_A += begin * F;
        Shared::psi_backward(at, n, g_f, hidden, input, on_hidden, activated, to, [&] { join(at, n, sums, maps, input); });
        for (int64_t j = 0; j < n; ++j)
            for (int64_t k = 0; k < F; k += lanes) {
                const At from = input + (j * at.n_psi + k * (1 + at.products));
                Of::store(g_A + (j * F + k), Of::load(from));
                if (!at.products) continue;
                const typename Of::Number g = Of::load(from + lanes);
                Of::store(on_maps + (2 * j * F + k), g * Of::load(maps + ((2 * j + 1) * F + k)));
                Of::store(on_maps + ((2 * j + 1) * F + k), g * Of::load(maps + (2 * j * F + k)));
            }
        if (at.products) {
            product<Of, T>(at.W_1.back, n, {on_maps, 2 * F}, {g_A, F}, true);
            product<Of, T>(at.W_2.back, n, {on_maps + F, 2 * F}, {g_A, F}, true);
            if (to) to->W_1.template add<Of>(n, {sums, F}, {on_maps, 2 * F});
            if (to) to->W_2.template add<Of>(n, {sums, F}, {on_maps + F, 2 * F});
        }
        if (to) Shared::own_gradient(at, n, 1, all.x + begin * F, g_A, to->own);
    }
};

}  // namespace empnet
