// Gradients of the sums over pairs. Both ends of a pair are at hand, and each row of a filter is read once; g is the gradient
// of A:
//
//     u_j,l = sum_m Y_lm g_j,lm,    h_l = x_i u_j,l + (-1)^l x_j u_i,l,    e_l = sum_m (V_i,lm g_j,lm + V_j,lm g_i,lm)
//     dL/dd = sum_l (phi_l' h_l + chi_l' e_l),    dL/dY_lm = phi_l (x_i g_j,lm + (-1)^l x_j g_i,lm)
//     dL/dx_i = sum_l phi_l u_j,l,    dL/dV_i,lm = chi_l g_j,lm,    and the same of j
//     dL/dT_q+b,l = w_b h_l   for the table T of phi, and with e for that of chi
//
// Derivatives by d and Y are for forces, those of the tables for training.
#pragma once

#include "pair_sums.hpp"

namespace empnet {

template <class T, int L, bool tensors>
struct PairForces : PairSums<Values<T>, L, tensors> {
    using Sums = PairSums<Values<T>, L, tensors>;
    using Sums::D, Sums::S, Sums::lanes, Sums::in, Sums::F, Sums::sign, Sums::load;
    using Vec = Vector<T>;
    using Filters = typename Sums::Filters;

    // Filters of a pair and their derivatives by the distance.
    struct Sloped {
        Filters at, slope;
    };

    EMPNET_INLINE static void add(T* to, Vec v) { Full{}.store(to, load(to) + v); }

    // The pair (j, i): its own gradients, what j receives, and what i receives if `both`.
    EMPNET_INLINE void pair(Sloped& of, int64_t p, int64_t j, int64_t i, bool both, T* g_d, T* g_Y, T* out_x, T* out_V) const {
        const T* Y = in.Y + p * S;
        Vec of_d = {}, of_Y[S] = {};
        for (int64_t k = 0; k < F; k += lanes) {
            const T *phi = of.at.phi() + k * D, *dphi = of.slope.phi() + k * D, *g_j = in.g + (j * F + k) * S, *g_i = in.g + (i * F + k) * S;
            const Vec x_j = load(in.x + j * F + k), x_i = load(in.x + i * F + k);
            Vec u_j[D], u_i[D], a[D], b[D];
            Sums::along(Y, g_j, u_j), Sums::along(Y, g_i, u_i);
            each<D>([&](auto l) EMPNET_ALWAYS {
                of_d += load(dphi + l * lanes) * (x_i * u_j[l] + sign(l) * x_j * u_i[l]);
                a[l] = load(phi + l * lanes) * x_i, b[l] = sign(l) * load(phi + l * lanes) * x_j;
            });
            each<S - 1>([&](auto s) EMPNET_ALWAYS {
                constexpr int l = degree_of(s + 1);
                of_Y[s + 1] += a[l] * load(g_j + (s + 1) * lanes) + b[l] * load(g_i + (s + 1) * lanes);
            });
            if (!out_x) continue;
            add(out_x + j * F + k, Sums::total(phi, u_i, T(-1)));
            if (both) add(out_x + i * F + k, Sums::total(phi, u_j, T(1)));
            if constexpr (tensors) of_d += pair_of_tensors(of, j, i, k, both, out_V);
        }
        g_d[p] += sum<T>(of_d);
        each<S - 1>([&](auto s) EMPNET_ALWAYS { g_Y[S * p + s + 1] += sum<T>(of_Y[s + 1]); });
    }

    EMPNET_INLINE Vec pair_of_tensors(Sloped& of, int64_t j, int64_t i, int64_t k, bool both, T* out_V) const {
        const int64_t at_j = (j * F + k) * S, at_i = (i * F + k) * S;
        const T *V_j = in.V + at_j, *V_i = in.V + at_i, *g_j = in.g + at_j, *g_i = in.g + at_i, *chi = of.at.chi() + k * D;
        Vec e[D] = {}, of_d = {};
        each<S>([&](auto s) EMPNET_ALWAYS {
            constexpr int at = s * lanes, l = degree_of(s);
            const Vec a = load(g_j + at), b = load(g_i + at), c = load(chi + l * lanes);
            e[l] += load(V_i + at) * a + load(V_j + at) * b;
            add(out_V + at_j + at, c * b);
            if (both) add(out_V + at_i + at, c * a);
        });
        each<D>([&](auto l) EMPNET_ALWAYS { of_d += load(of.slope.chi() + k * D + l * lanes) * e[l]; });
        return of_d;
    }

    EMPNET_INLINE void prepare(Sloped& of, int64_t p) const {
        this->template filters<true>(in.phi, p, in.w, in.slope, of.at.phi(), of.slope.phi());
        if constexpr (tensors) this->template filters<true>(in.chi, p, in.w, in.slope, of.at.chi(), of.slope.chi());
    }

    EMPNET_APART static void gradient_chunk(const PairForces m, T* g_d, T* g_Y, T* out_x, T* out_V, int64_t begin, int64_t end) {
        const empnet_list& at = m.in.list;
        Sloped of;
        m.begin_gradients(out_x, out_V, begin, end);
        for (int64_t j = begin; j < end; ++j) {
            for (int64_t p = at.rows[j]; p < at.rows[j + 1]; ++p) {
                m.prepare(of, p);
                m.pair(of, p, j, at.second[p], at.second[p] < end, g_d, g_Y, out_x, out_V);
            }
            for (int64_t column = at.columns[j]; out_x && column < at.columns[j + 1]; ++column) {
                const int64_t p = at.transposed[column], i = at.first[p];
                if (i >= begin) break;
                m.half(of.at, p, j, i, out_x, out_V);
            }
        }
    }

    // Adds dL/dd to g_d and dL/dY to g_Y; writes dL/dx to out_x (null in the first interaction) and dL/dV to out_V.
    void gradients(T* g_d, T* g_Y, T* out_x, T* out_V, int threads) const {
        in_chunks(in.list, threads, [&](int64_t begin, int64_t end) { gradient_chunk(*this, g_d, g_Y, out_x, out_V, begin, end); });
    }
};

// Where the gradients of the tables of one thread are added up; chi is null without tensors.
template <class T>
struct TableGradients {
    T *phi, *chi;
};

template <class Of, int L, bool tensors>
struct PairTables : PairSums<Of, L, tensors> {
    using Sums = PairSums<Of, L, tensors>;
    using Sums::D, Sums::S, Sums::lanes, Sums::in, Sums::F, Sums::sign, Sums::load;
    using typename Sums::T, typename Sums::Number, typename Sums::At, typename Sums::From;
    using Filters = typename Sums::Filters;

    // Adds w_b h_l to the four rows of a table that a pair reads.
    EMPNET_INLINE void add_to(T* table, int64_t p, int64_t k, const Number (&h)[D]) const {
        T* row = table + in.list.q[p] * D * F + k * D;
        each<4>([&](auto b) EMPNET_ALWAYS {
            const Number w = Of::all_lanes(in.w + (4 * p + b));
            each<D>([&](auto l) EMPNET_ALWAYS {
                T* to = row + b * D * F + l * lanes;
                Full{}.store(to, Full{}.load(to) + Of::last(w * h[l]));
            });
        });
    }

    EMPNET_INLINE void pair(Filters& of, int64_t p, int64_t j, int64_t i, bool both, TableGradients<T> tables, At out_x, At out_V) const {
        for (int64_t k = 0; k < F; k += lanes) {
            const From g_j = in.g + (j * F + k) * S, g_i = in.g + (i * F + k) * S, Y = in.Y + p * S;
            const Number x_j = load(in.x + (j * F + k)), x_i = load(in.x + (i * F + k));
            Number u_j[D], u_i[D], h[D];
            Sums::along(Y, g_j, u_j), Sums::along(Y, g_i, u_i);
            each<D>([&](auto l) EMPNET_ALWAYS { h[l] = x_i * u_j[l] + x_j * u_i[l] * sign(l); });
            add_to(tables.phi, p, k, h);
            Of::add(out_x + (j * F + k), Sums::total(of.phi() + k * D, u_i, T(-1)));
            if (both) Of::add(out_x + (i * F + k), Sums::total(of.phi() + k * D, u_j, T(1)));
            if constexpr (tensors) {
                const int64_t at_j = (j * F + k) * S, at_i = (i * F + k) * S;
                Number e[D] = {};
                each<S>([&](auto s) EMPNET_ALWAYS {
                    constexpr int at = s * lanes, l = degree_of(s);
                    const Number a = load(g_j + at), b = load(g_i + at), c = load(of.chi() + (k * D + l * lanes));
                    e[l] += load(in.V + (at_i + at)) * a + load(in.V + (at_j + at)) * b;
                    Of::add(out_V + (at_j + at), c * b);
                    if (both) Of::add(out_V + (at_i + at), c * a);
                });
                add_to(tables.chi, p, k, e);
            }
        }
    }

    EMPNET_APART static void gradient_chunk(const PairTables m, TableGradients<T> tables, At out_x, At out_V, int64_t begin, int64_t end) {
        const empnet_list& at = m.in.list;
        Filters of;
        m.begin_gradients(out_x, out_V, begin, end);
        for (int64_t j = begin; j < end; ++j) {
            for (int64_t p = at.rows[j]; p < at.rows[j + 1]; ++p) {
                m.prepare(of, p);
                m.pair(of, p, j, at.second[p], at.second[p] < end, tables, out_x, out_V);
            }
            for (int64_t column = at.columns[j]; column < at.columns[j + 1]; ++column) {
                const int64_t p = at.transposed[column], i = at.first[p];
                if (i >= begin) break;
                m.half(of, p, j, i, out_x, out_V);
            }
        }
    }

    // Adds dL/dT to a thread's tables; writes dL/dx and dL/dV. tables(c) are those of thread c.
    template <class Tables>
    void gradients(Tables&& tables, At out_x, At out_V, int threads) const {
        const std::vector<Chunk> chunks = chunks_of(in.list, threads);
        on_threads(int(chunks.size()), [&](int c) { gradient_chunk(*this, tables(c), out_x, out_V, chunks[c].begin, chunks[c].end); });
    }
};

}  // namespace empnet
