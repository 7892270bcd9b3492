// Sums over pairs for a network; numbers lie as woven.hpp says.
//
//     A_j,lm = V_j,lm + sum_i [ phi_l Y_lm x_i + chi_l V_i,lm ],    the direction of Y is reversed for the other end
//
// All pairs are gone through for one vector of features after the other: so what is read and written again and again, a
// vector of each particle, stays in the processor's cache. The gradients are in pair_gradients.hpp.
#pragma once

#include "neighbours.hpp"
#include "numbers.hpp"

namespace empnet {

// What the sums of an interaction depend on: pairs, weights of the spline, their slopes, harmonics, filters, x and V. Null:
// chi and V in an interaction without tensors, g in the sums themselves, slope and g where only they are wanted.
template <class Of>
struct PairInputs {
    using T = typename Of::Real;
    empnet_list list;
    int64_t F, n_rows;
    typename Of::From w;
    const T* slope;
    typename Of::From Y;
    const T *phi, *chi;
    typename Of::From x, V, g;
    int64_t ahead;  // of the derivatives of all of them

    // The same, such that the compiler knows that it is one number, and keeps it in one register.
    EMPNET_INLINE PairInputs with_one_distance() const {
        PairInputs in = *this;
        in.w = Of::with_ahead(w, ahead), in.Y = Of::with_ahead(Y, ahead);
        in.x = Of::with_ahead(x, ahead), in.V = Of::with_ahead(V, ahead), in.g = Of::with_ahead(g, ahead);
        return in;
    }
};

template <class Of, int L, bool tensors>
struct PairSums {
    using T = typename Of::Real;
    using Number = typename Of::Number;
    using At = typename Of::At;
    using From = typename Of::From;
    using Vec = Vector<T>;
    static constexpr int D = L + 1, S = D * D, lanes = VectorOf<T>::lanes;
    PairInputs<Of> in;
    int64_t F = in.F;

    static constexpr T sign(int l) { return l % 2 ? T(-1) : T(1); }
    EMPNET_INLINE static Number load(From from) { return Of::load(from); }

    // Where the filters of a pair begin in a table at features k.
    EMPNET_INLINE int64_t row_of(int64_t p, int64_t k) const { return (k * in.n_rows + in.list.q[p] * lanes) * D; }

    // The filters of a pair from four rows of a table; w are their weights, or other numbers of a pair.
    EMPNET_INLINE void filters(const T* table, From w, int64_t p, int64_t k, Number (&phi)[D]) const {
        const T* row = table + row_of(p, k);
        each<D>([&](auto l) EMPNET_ALWAYS { phi[l] = Number{}; });
        each<4>([&](auto b) EMPNET_ALWAYS {
            const Number weight = Of::all_lanes(w + (4 * p + b));
            each<D>([&](auto l) EMPNET_ALWAYS { phi[l] += weight * Full{}.load(row + (b * D + l) * lanes); });
        });
    }

    // Adds to `sum` what a particle with x and V sends: phi_l (+-1)^l Y_lm x + chi_l V_lm.
    EMPNET_INLINE void send(const Number (&phi)[D], const Number (&chi)[D], From Y, int64_t from, int64_t k, T odd, Number (&sum)[S]) const {
        const Number x = load(in.x + (from * F + k));
        Number message[D];
        each<D>([&](auto l) EMPNET_ALWAYS { message[l] = phi[l] * x * (l % 2 ? odd : T(1)); });
        each<S>([&](auto s) EMPNET_ALWAYS {
            constexpr int l = degree_of(s);
            sum[s] += message[l] * Of::all_lanes(Y + s);
            if constexpr (tensors) sum[s] += chi[l] * load(in.V + ((from * F + k) * S + s * lanes));
        });
    }

    EMPNET_INLINE void add_sums(At out, int64_t j, int64_t k, const Number (&sum)[S]) const {
        each<S>([&](auto s) EMPNET_ALWAYS { Of::add_new(out + ((j * F + k) * S + s * lanes), sum[s]); });
    }

    // The sums of particles [begin, end) at features k.
    EMPNET_APART static void sum_block(const PairSums& given, At out, int64_t begin, int64_t end, int64_t k) {
        const PairSums m = {given.in.with_one_distance()};
        out = Of::with_ahead(out, m.in.ahead);
        const empnet_list& at = m.in.list;
        for (int i = Of::first_new; i < Of::parts; ++i)
            for (int64_t j = begin; j < end; ++j) {
                const int64_t row = (j * m.F + k) * S;
                for (int64_t n = 0; n < S * lanes; ++n) Of::part(out, i)[row + n] = tensors ? Of::part(m.in.V, i)[row + n] : T(0);
            }
        for (int64_t j = begin; j < end; ++j) {
            Number own[S] = {}, phi[D], chi[D];
            for (int64_t p = at.rows[j]; p < at.rows[j + 1]; ++p) {
                const int64_t i = at.second[p];
                m.filters(m.in.phi, m.in.w, p, k, phi);
                if constexpr (tensors) m.filters(m.in.chi, m.in.w, p, k, chi);
                m.send(phi, chi, m.in.Y + p * S, i, k, T(1), own);
                if (i >= end) continue;
                Number other[S] = {};
                m.send(phi, chi, m.in.Y + p * S, j, k, T(-1), other);
                m.add_sums(out, i, k, other);
            }
            for (int64_t column = at.columns[j]; column < at.columns[j + 1]; ++column) {
                const int64_t p = at.transposed[column], i = at.first[p];
                if (i >= begin) break;  // done with its first particle, as is the rest of the column, which ascends
                m.filters(m.in.phi, m.in.w, p, k, phi);
                if constexpr (tensors) m.filters(m.in.chi, m.in.w, p, k, chi);
                m.send(phi, chi, m.in.Y + p * S, i, k, T(-1), own);
            }
            m.add_sums(out, j, k, own);
        }
    }

    void sums(At out, int threads) const {
        in_pieces(in.list, F / lanes, threads, [&](int64_t begin, int64_t end, int64_t vector, int) { sum_block(*this, out, begin, end, vector * lanes); });
    }

    // u_l = sum_m Y_lm g_lm at a vector of features.
    EMPNET_INLINE static void along(From Y, From g, Number (&u)[D]) {
        each<D>([&](auto l) EMPNET_ALWAYS { u[l] = Number{}; });
        each<S>([&](auto s) EMPNET_ALWAYS { u[degree_of(s)] += Of::all_lanes(Y + s) * load(g + s * lanes); });
    }

    EMPNET_INLINE static Number total(const Number (&phi)[D], const Number (&u)[D], T odd) {
        Number sum = phi[0] * u[0];
        each<D - 1>([&](auto l) EMPNET_ALWAYS { sum += phi[l + 1] * u[l + 1] * (l % 2 ? T(1) : odd); });
        return sum;
    }

    // What j receives on the way back of a pair (i, j) whose first particle is in another chunk, which does the rest of it.
    EMPNET_INLINE void half(int64_t p, int64_t j, int64_t i, int64_t k, At out_x, At out_V) const {
        const From g = in.g + (i * F + k) * S;
        Number u[D], phi[D], chi[D];
        filters(in.phi, in.w, p, k, phi);
        along(in.Y + p * S, g, u);
        Of::add(out_x + (j * F + k), total(phi, u, T(1)));
        if constexpr (tensors) {
            filters(in.chi, in.w, p, k, chi);
            each<S>([&](auto s) EMPNET_ALWAYS { Of::add(out_V + ((j * F + k) * S + s * lanes), chi[degree_of(s)] * load(g + s * lanes)); });
        }
    }

    // Where the gradients of x and V begin: nothing, and what V_j itself brings.
    EMPNET_INLINE void begin_gradients(At out_x, At out_V, int64_t begin, int64_t end, int64_t k) const {
        for (int i = 0; i < Of::parts; ++i)
            for (int64_t j = begin; j < end; ++j) {
                const int64_t row = (j * F + k) * S;
                for (int64_t n = 0; out_x && n < lanes; ++n) Of::part(out_x, i)[j * F + k + n] = T(0);
                for (int64_t n = 0; tensors && n < S * lanes; ++n) Of::part(out_V, i)[row + n] = Of::part(in.g, i)[row + n];
            }
    }
};

}  // namespace empnet
