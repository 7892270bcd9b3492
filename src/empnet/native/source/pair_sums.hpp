// Sums over pairs for a network with fixed weights, and both their gradients in one pass; numbers lie as woven.hpp says.
//
//     A_j,lm = V_j,lm + sum_i [ phi_l Y_lm x_i + chi_l V_i,lm ],    the direction of Y is reversed for the other end
//
// On the way back, g being the gradient of A, both ends of a pair are at hand, and each row of a filter is read once:
//
//     u_j,l = sum_m Y_lm g_j,lm,    h_l = x_i u_j,l + (-1)^l x_j u_i,l,    e_l = sum_m (V_i,lm g_j,lm + V_j,lm g_i,lm)
//     dL/dd = sum_l (phi_l' h_l + chi_l' e_l),    dL/dY_lm = phi_l (x_i g_j,lm + (-1)^l x_j g_i,lm)
//     dL/dx_i = sum_l phi_l u_j,l,    dL/dV_i,lm = chi_l g_j,lm,    and the same of j
#pragma once

#include "neighbours.hpp"
#include "vectors.hpp"

namespace empnet {

// What the sums of an interaction depend on: pairs, weights of the spline, their slopes, harmonics, filters, x and V. Null:
// chi and V in an interaction without tensors, g in the sums themselves, slope and g where only they are wanted.
template <class T>
struct PairInputs {
    empnet_list list;
    int64_t F;
    const T *w, *slope, *Y, *phi, *chi, *x, *V, *g;
};

constexpr int64_t WIDEST = 1024;  // features whose filters fit beside a pair's other numbers

template <class T, int L, bool tensors>
struct PairSums {
    static constexpr int D = L + 1, S = D * D, lanes = VectorOf<T>::lanes;
    using Vec = Vector<T>;
    PairInputs<T> in;
    int64_t F = in.F;

    static constexpr T sign(int l) { return l % 2 ? T(-1) : T(1); }
    EMPNET_INLINE static Vec load(const T* from) { return Full{}.load(from); }
    EMPNET_INLINE static void add(T* to, Vec v) { Full{}.store(to, load(to) + v); }

    // The filters of a pair, (F / lanes, D, lanes), from four rows of a table; and with a slope their derivatives.
    template <bool sloped>
    EMPNET_INLINE void filters(const T* table, int64_t p, T* phi, T* dphi) const {
        const int64_t size = D * F;
        const T* row = table + in.list.q[p] * size;
        Vec w[4], dw[4];
        each<4>([&](auto b) EMPNET_ALWAYS {
            w[b] = Vec{} + in.w[4 * p + b];
            if constexpr (sloped) dw[b] = Vec{} + in.slope[4 * p + b];
        });
        for (int64_t k = 0; k < size; k += lanes) {
            const Vec a = load(row + k), b = load(row + k + size), c = load(row + k + 2 * size), d = load(row + k + 3 * size);
            Full{}.store(phi + k, w[0] * a + w[1] * b + w[2] * c + w[3] * d);
            if constexpr (sloped) Full{}.store(dphi + k, dw[0] * a + dw[1] * b + dw[2] * c + dw[3] * d);
        }
    }

    // A_to += phi_l (+-1)^l Y_lm x_from + chi_l V_from,lm, with the sign of odd degrees.
    EMPNET_INLINE void send(const T* phi, const T* chi, const T* Y, int64_t from, T odd, T* to) const {
        const T *x = in.x + from * F, *V = tensors ? in.V + from * S * F : nullptr;
        for (int64_t k = 0; k < F; k += lanes) {
            Vec message[D];
            const Vec at = load(x + k);
            each<D>([&](auto l) EMPNET_ALWAYS { message[l] = load(phi + k * D + l * lanes) * at * (l % 2 ? odd : T(1)); });
            each<S>([&](auto s) EMPNET_ALWAYS {
                constexpr int l = degree_of(s);
                T* sum = to + k * S + s * lanes;
                Vec total = load(sum) + message[l] * Y[s];
                if constexpr (tensors) total += load(chi + k * D + l * lanes) * load(V + k * S + s * lanes);
                Full{}.store(sum, total);
            });
        }
    }

    EMPNET_APART static void sum_chunk(const PairSums m, T* out, int64_t begin, int64_t end) {
        const empnet_list& at = m.in.list;
        alignas(64) T phi[D * WIDEST], chi[tensors ? D * WIDEST : 1];
        const auto prepare = [&](int64_t p) EMPNET_ALWAYS {
            m.template filters<false>(m.in.phi, p, phi, nullptr);
            if constexpr (tensors) m.template filters<false>(m.in.chi, p, chi, nullptr);
        };
        const int64_t size = S * m.F;
        for (int64_t j = begin; tensors && j < end; ++j) std::memcpy(out + j * size, m.in.V + j * size, size_t(size) * sizeof(T));
        if (!tensors) std::memset(out + begin * size, 0, size_t((end - begin) * size) * sizeof(T));
        for (int64_t j = begin; j < end; ++j) {
            for (int64_t p = at.rows[j]; p < at.rows[j + 1]; ++p) {
                const int64_t i = at.second[p];
                prepare(p);
                m.send(phi, chi, m.in.Y + p * S, i, T(1), out + j * size);
                if (i < end) m.send(phi, chi, m.in.Y + p * S, j, T(-1), out + i * size);
            }
            for (int64_t column = at.columns[j]; column < at.columns[j + 1]; ++column) {
                const int64_t p = at.transposed[column], i = at.first[p];
                if (i >= begin) break;  // done with its first particle, as is the rest of the column, which ascends
                prepare(p);
                m.send(phi, chi, m.in.Y + p * S, i, T(-1), out + j * size);
            }
        }
    }

    void sums(T* out, int threads) const {
        in_chunks(in.list, threads, [&](int64_t begin, int64_t end) { sum_chunk(*this, out, begin, end); });
    }

    // u_l = sum_m Y_lm g_lm at a vector of features.
    EMPNET_INLINE static void along(const T* Y, const T* g, Vec (&u)[D]) {
        each<D>([&](auto l) EMPNET_ALWAYS { u[l] = Vec{}; });
        each<S>([&](auto s) EMPNET_ALWAYS { u[degree_of(s)] += Y[s] * load(g + s * lanes); });
    }

    EMPNET_INLINE static Vec total(const T* phi, const Vec (&u)[D], T odd) {
        Vec sum = load(phi) * u[0];
        each<D - 1>([&](auto l) EMPNET_ALWAYS { sum += load(phi + (l + 1) * lanes) * u[l + 1] * (l % 2 ? T(1) : odd); });
        return sum;
    }

    // Filters of a pair and their derivatives.
    struct Filters {
        alignas(64) T phi[D * WIDEST], dphi[D * WIDEST], chi[tensors ? D * WIDEST : 1], dchi[tensors ? D * WIDEST : 1];
    };

    // The pair (j, i): its own gradients, what j receives, and what i receives if `both`.
    EMPNET_INLINE void pair(const Filters& of, int64_t p, int64_t j, int64_t i, bool both, T* g_d, T* g_Y, T* out_x, T* out_V) const {
        const T* Y = in.Y + p * S;
        Vec of_d = {}, of_Y[S] = {};
        for (int64_t k = 0; k < F; k += lanes) {
            const T *phi = of.phi + k * D, *dphi = of.dphi + k * D, *g_j = in.g + (j * F + k) * S, *g_i = in.g + (i * F + k) * S;
            const Vec x_j = load(in.x + j * F + k), x_i = load(in.x + i * F + k);
            Vec u_j[D], u_i[D], a[D], b[D];
            along(Y, g_j, u_j), along(Y, g_i, u_i);
            each<D>([&](auto l) EMPNET_ALWAYS {
                of_d += load(dphi + l * lanes) * (x_i * u_j[l] + sign(l) * x_j * u_i[l]);
                a[l] = load(phi + l * lanes) * x_i, b[l] = sign(l) * load(phi + l * lanes) * x_j;
            });
            each<S - 1>([&](auto s) EMPNET_ALWAYS {
                constexpr int l = degree_of(s + 1);
                of_Y[s + 1] += a[l] * load(g_j + (s + 1) * lanes) + b[l] * load(g_i + (s + 1) * lanes);
            });
            if (!out_x) continue;
            add(out_x + j * F + k, total(phi, u_i, T(-1)));
            if (both) add(out_x + i * F + k, total(phi, u_j, T(1)));
            if constexpr (tensors) of_d += pair_of_tensors(of, j, i, k, both, out_V);
        }
        g_d[p] += sum<T>(of_d);
        each<S - 1>([&](auto s) EMPNET_ALWAYS { g_Y[S * p + s + 1] += sum<T>(of_Y[s + 1]); });
    }

    EMPNET_INLINE Vec pair_of_tensors(const Filters& of, int64_t j, int64_t i, int64_t k, bool both, T* out_V) const {
        const int64_t at_j = (j * F + k) * S, at_i = (i * F + k) * S;
        const T *V_j = in.V + at_j, *V_i = in.V + at_i, *g_j = in.g + at_j, *g_i = in.g + at_i, *chi = of.chi + k * D;
        Vec e[D] = {}, of_d = {};
        each<S>([&](auto s) EMPNET_ALWAYS {
            constexpr int at = s * lanes, l = degree_of(s);
            const Vec a = load(g_j + at), b = load(g_i + at), c = load(chi + l * lanes);
            e[l] += load(V_i + at) * a + load(V_j + at) * b;
            add(out_V + at_j + at, c * b);
            if (both) add(out_V + at_i + at, c * a);
        });
        each<D>([&](auto l) EMPNET_ALWAYS { of_d += load(of.dchi + k * D + l * lanes) * e[l]; });
        return of_d;
    }

    // What j receives of a pair (i, j) whose first particle is in another chunk, which does the rest of it.
    EMPNET_INLINE void half(Filters& of, int64_t p, int64_t j, int64_t i, T* out_x, T* out_V) const {
        filters<false>(in.phi, p, of.phi, nullptr);
        if constexpr (tensors) filters<false>(in.chi, p, of.chi, nullptr);
        for (int64_t k = 0; k < F; k += lanes) {
            const T* g = in.g + (i * F + k) * S;
            Vec u[D];
            along(in.Y + p * S, g, u);
            add(out_x + j * F + k, total(of.phi + k * D, u, T(1)));
            if constexpr (tensors)
                each<S>([&](auto s) EMPNET_ALWAYS {
                    add(out_V + (j * F + k) * S + s * lanes, load(of.chi + k * D + degree_of(s) * lanes) * load(g + s * lanes));
                });
        }
    }

    EMPNET_APART static void gradient_chunk(const PairSums m, T* g_d, T* g_Y, T* out_x, T* out_V, int64_t begin, int64_t end) {
        const empnet_list& at = m.in.list;
        const int64_t F = m.F, size = S * F;
        Filters of;
        if (out_x) std::memset(out_x + begin * F, 0, size_t((end - begin) * F) * sizeof(T));
        if (tensors) std::memcpy(out_V + begin * size, m.in.g + begin * size, size_t((end - begin) * size) * sizeof(T));
        for (int64_t j = begin; j < end; ++j) {
            for (int64_t p = at.rows[j]; p < at.rows[j + 1]; ++p) {
                m.template filters<true>(m.in.phi, p, of.phi, of.dphi);
                if constexpr (tensors) m.template filters<true>(m.in.chi, p, of.chi, of.dchi);
                m.pair(of, p, j, at.second[p], at.second[p] < end, g_d, g_Y, out_x, out_V);
            }
            for (int64_t column = at.columns[j]; out_x && column < at.columns[j + 1]; ++column) {
                const int64_t p = at.transposed[column], i = at.first[p];
                if (i >= begin) break;
                m.half(of, p, j, i, out_x, out_V);
            }
        }
    }

    // Adds dL/dd to g_d and dL/dY to g_Y; writes dL/dx to out_x (null in the first interaction) and dL/dV to out_V.
    void gradients(T* g_d, T* g_Y, T* out_x, T* out_V, int threads) const {
        in_chunks(in.list, threads, [&](int64_t begin, int64_t end) { gradient_chunk(*this, g_d, g_Y, out_x, out_V, begin, end); });
    }
};

}  // namespace empnet
