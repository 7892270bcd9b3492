// Sums over pairs for a network with fixed weights; numbers lie as woven.hpp says.
//
//     A_j,lm = V_j,lm + sum_i [ phi_l Y_lm x_i + chi_l V_i,lm ],    the direction of Y is reversed for the other end
//
// What their gradients need that the sums have, too, stands here; the gradients are in pair_gradients.hpp.
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
    int64_t F;
    typename Of::From w;
    const T* slope;
    typename Of::From Y;
    const T *phi, *chi;
    typename Of::From x, V, g;
};

constexpr int64_t WIDEST = 1024;  // features whose filters fit beside a pair's other numbers

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

    // The filters of a pair, (F / lanes, D, lanes), from four rows of a table; and with a slope their derivatives.
    template <bool sloped>
    EMPNET_INLINE void filters(const T* table, int64_t p, const T* weights, const T* slope, T* phi, T* dphi) const {
        const int64_t size = D * F;
        const T* row = table + in.list.q[p] * size;
        Vec w[4], dw[4];
        each<4>([&](auto b) EMPNET_ALWAYS {
            w[b] = Vec{} + weights[4 * p + b];
            if constexpr (sloped) dw[b] = Vec{} + slope[4 * p + b];
        });
        for (int64_t k = 0; k < size; k += lanes) {
            const auto at = [&](int b) EMPNET_ALWAYS { return Full{}.load(row + k + b * size); };
            const Vec a = at(0), b = at(1), c = at(2), d = at(3);
            Full{}.store(phi + k, w[0] * a + w[1] * b + w[2] * c + w[3] * d);
            if constexpr (sloped) Full{}.store(dphi + k, dw[0] * a + dw[1] * b + dw[2] * c + dw[3] * d);
        }
    }

    // Filters of a pair, as numbers.
    struct Filters {
        static constexpr int64_t size = D * WIDEST;
        alignas(64) T phi_parts[Of::parts][size], chi_parts[tensors ? Of::parts : 1][tensors ? size : 1];

        At phi() { return Of::at(phi_parts[0], phi_parts[Of::parts - 1]); }
        At chi() { return Of::at(chi_parts[0], chi_parts[tensors ? Of::parts - 1 : 0]); }
    };

    EMPNET_INLINE void prepare(Filters& of, int64_t p) const {
        constexpr bool dual = Of::parts == 2;
        constexpr int last = Of::parts - 1;
        const T *w = Of::part(in.w, 0), *derivative = Of::part(in.w, last);
        filters<dual>(in.phi, p, w, derivative, of.phi_parts[0], of.phi_parts[last]);
        if constexpr (tensors) filters<dual>(in.chi, p, w, derivative, of.chi_parts[0], of.chi_parts[last]);
    }

    // A_to += phi_l (+-1)^l Y_lm x_from + chi_l V_from,lm, with the sign of odd degrees.
    EMPNET_INLINE void send(From phi, From chi, From Y, int64_t from, T odd, At to) const {
        const From x = in.x + from * F, V = tensors ? in.V + from * S * F : in.V;
        for (int64_t k = 0; k < F; k += lanes) {
            Number message[D];
            const Number at = load(x + k);
            each<D>([&](auto l) EMPNET_ALWAYS { message[l] = load(phi + (k * D + l * lanes)) * at * (l % 2 ? odd : T(1)); });
            each<S>([&](auto s) EMPNET_ALWAYS {
                constexpr int l = degree_of(s);
                Number total = message[l] * Of::all_lanes(Y + s);
                if constexpr (tensors) total += load(chi + (k * D + l * lanes)) * load(V + (k * S + s * lanes));
                Of::add_new(to + (k * S + s * lanes), total);
            });
        }
    }

    EMPNET_APART static void sum_chunk(const PairSums m, At out, int64_t begin, int64_t end) {
        const empnet_list& at = m.in.list;
        Filters of;
        const int64_t size = S * m.F;
        for (int i = Of::first_new; i < Of::parts; ++i) {
            T* to = Of::part(out, i) + begin * size;
            const size_t bytes = size_t((end - begin) * size) * sizeof(T);
            if constexpr (tensors)
                std::memcpy(to, Of::part(m.in.V, i) + begin * size, bytes);
            else
                std::memset(to, 0, bytes);
        }
        for (int64_t j = begin; j < end; ++j) {
            for (int64_t p = at.rows[j]; p < at.rows[j + 1]; ++p) {
                const int64_t i = at.second[p];
                m.prepare(of, p);
                m.send(of.phi(), of.chi(), m.in.Y + p * S, i, T(1), out + j * size);
                if (i < end) m.send(of.phi(), of.chi(), m.in.Y + p * S, j, T(-1), out + i * size);
            }
            for (int64_t column = at.columns[j]; column < at.columns[j + 1]; ++column) {
                const int64_t p = at.transposed[column], i = at.first[p];
                if (i >= begin) break;  // done with its first particle, as is the rest of the column, which ascends
                m.prepare(of, p);
                m.send(of.phi(), of.chi(), m.in.Y + p * S, i, T(-1), out + j * size);
            }
        }
    }

    void sums(At out, int threads) const {
        in_chunks(in.list, threads, [&](int64_t begin, int64_t end) { sum_chunk(*this, out, begin, end); });
    }

    // u_l = sum_m Y_lm g_lm at a vector of features.
    EMPNET_INLINE static void along(From Y, From g, Number (&u)[D]) {
        each<D>([&](auto l) EMPNET_ALWAYS { u[l] = Number{}; });
        each<S>([&](auto s) EMPNET_ALWAYS { u[degree_of(s)] += Of::all_lanes(Y + s) * load(g + s * lanes); });
    }

    EMPNET_INLINE static Number total(From phi, const Number (&u)[D], T odd) {
        Number sum = load(phi) * u[0];
        each<D - 1>([&](auto l) EMPNET_ALWAYS { sum += load(phi + (l + 1) * lanes) * u[l + 1] * (l % 2 ? T(1) : odd); });
        return sum;
    }

    // What j receives of a pair (i, j) whose first particle is in another chunk, which does the rest of it.
    EMPNET_INLINE void half(Filters& of, int64_t p, int64_t j, int64_t i, At out_x, At out_V) const {
        prepare(of, p);
        for (int64_t k = 0; k < F; k += lanes) {
            const From g = in.g + (i * F + k) * S;
            Number u[D];
            along(in.Y + p * S, g, u);
            Of::add(out_x + (j * F + k), total(of.phi() + k * D, u, T(1)));
            if constexpr (tensors)
                each<S>([&](auto s) EMPNET_ALWAYS {
                    Of::add(out_V + ((j * F + k) * S + s * lanes), load(of.chi() + (k * D + degree_of(s) * lanes)) * load(g + s * lanes));
                });
        }
    }

    // Where the gradients of x and V begin: nothing, and what V_j itself brings.
    EMPNET_INLINE void begin_gradients(At out_x, At out_V, int64_t begin, int64_t end) const {
        for (int i = 0; i < Of::parts; ++i) {
            if (out_x) std::memset(Of::part(out_x, i) + begin * F, 0, size_t((end - begin) * F) * sizeof(T));
            if constexpr (tensors)
                std::memcpy(Of::part(out_V, i) + begin * S * F, Of::part(in.g, i) + begin * S * F, size_t((end - begin) * S * F) * sizeof(T));
        }
    }
};

}  // namespace empnet
