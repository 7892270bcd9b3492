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

    EMPNET_INLINE static void add(T* to, Vec v) { Full{}.store(to, load(to) + v); }

    // The pair (j, i) at features k: its own gradients, what j receives, and what i receives if `both`.
    EMPNET_INLINE void pair(int64_t p, int64_t j, int64_t i, int64_t k, bool both, Vec& of_d, Vec (&of_Y)[S], T* out_x, T* out_V) const {
        const T *Y = in.Y + p * S, *g_j = in.g + (j * F + k) * S, *g_i = in.g + (i * F + k) * S;
        const Vec x_j = load(in.x + j * F + k), x_i = load(in.x + i * F + k);
        Vec u_j[D], u_i[D], a[D], b[D], phi[D], slope[D];
        this->filters(in.phi, in.w, p, k, phi);
        this->filters(in.phi, in.slope, p, k, slope);
        Sums::along(Y, g_j, u_j), Sums::along(Y, g_i, u_i);
        each<D>([&](auto l) EMPNET_ALWAYS {
            of_d += slope[l] * (x_i * u_j[l] + sign(l) * x_j * u_i[l]);
            a[l] = phi[l] * x_i, b[l] = sign(l) * phi[l] * x_j;
        });
        each<S - 1>([&](auto s) EMPNET_ALWAYS {
            constexpr int l = degree_of(s + 1);
            of_Y[s + 1] += a[l] * load(g_j + (s + 1) * lanes) + b[l] * load(g_i + (s + 1) * lanes);
        });
        if (!out_x) return;
        add(out_x + j * F + k, Sums::total(phi, u_i, T(-1)));
        if (both) add(out_x + i * F + k, Sums::total(phi, u_j, T(1)));
        if constexpr (tensors) of_d += pair_of_tensors(p, j, i, k, both, out_V);
    }

    EMPNET_INLINE Vec pair_of_tensors(int64_t p, int64_t j, int64_t i, int64_t k, bool both, T* out_V) const {
        const int64_t at_j = (j * F + k) * S, at_i = (i * F + k) * S;
        const T *V_j = in.V + at_j, *V_i = in.V + at_i, *g_j = in.g + at_j, *g_i = in.g + at_i;
        Vec e[D] = {}, of_d = {}, chi[D], slope[D];
        this->filters(in.chi, in.w, p, k, chi);
        this->filters(in.chi, in.slope, p, k, slope);
        each<S>([&](auto s) EMPNET_ALWAYS {
            constexpr int at = s * lanes, l = degree_of(s);
            const Vec a = load(g_j + at), b = load(g_i + at);
            e[l] += load(V_i + at) * a + load(V_j + at) * b;
            add(out_V + at_j + at, chi[l] * b);
            if (both) add(out_V + at_i + at, chi[l] * a);
        });
        each<D>([&](auto l) EMPNET_ALWAYS { of_d += slope[l] * e[l]; });
        return of_d;
    }

    // Vectors of features that are gone through at once: sums over lanes are wanted for each pair.
    static constexpr int64_t TOGETHER = 2;

    EMPNET_APART static void gradient_chunk(const PairForces m, T* g_d, T* g_Y, T* out_x, T* out_V, int64_t begin, int64_t end) {
        const empnet_list& at = m.in.list;
        for (int64_t k = 0; k < m.F; k += lanes) m.begin_gradients(out_x, out_V, begin, end, k);
        for (int64_t first = 0; first < m.F; first += TOGETHER * lanes) {
            const int64_t last = std::min(m.F, first + TOGETHER * lanes);
            for (int64_t j = begin; j < end; ++j) {
                for (int64_t p = at.rows[j]; p < at.rows[j + 1]; ++p) {
                    Vec of_d = {}, of_Y[S] = {};
                    const int64_t i = at.second[p];
                    for (int64_t k = first; k < last; k += lanes) m.pair(p, j, i, k, i < end, of_d, of_Y, out_x, out_V);
                    g_d[p] += sum<T>(of_d);
                    each<S - 1>([&](auto s) EMPNET_ALWAYS { g_Y[S * p + s + 1] += sum<T>(of_Y[s + 1]); });
                }
                for (int64_t column = at.columns[j]; out_x && column < at.columns[j + 1]; ++column) {
                    const int64_t p = at.transposed[column], i = at.first[p];
                    if (i >= begin) break;
                    for (int64_t k = first; k < last; k += lanes) m.half(p, j, i, k, out_x, out_V);
                }
            }
        }
    }

    // Adds dL/dd to g_d and dL/dY to g_Y; writes dL/dx to out_x (null in the first interaction) and dL/dV to out_V.
    void gradients(T* g_d, T* g_Y, T* out_x, T* out_V, int threads) const {
        in_chunks(in.list, threads, [&](int64_t begin, int64_t end) { gradient_chunk(*this, g_d, g_Y, out_x, out_V, begin, end); });
    }
};

// Where the gradients of the tables are added up in a chunk; chi is null without tensors.
template <class T>
struct TableGradients {
    T *phi, *chi;
};

template <class Of, int L, bool tensors>
struct PairTables : PairSums<Of, L, tensors> {
    using Sums = PairSums<Of, L, tensors>;
    using Sums::D, Sums::S, Sums::lanes, Sums::in, Sums::F, Sums::sign, Sums::load;
    using typename Sums::T, typename Sums::Number, typename Sums::At, typename Sums::From;

    // Adds w_b h_l to the four rows of a table that a pair reads.
    EMPNET_INLINE void add_to(T* table, int64_t p, int64_t k, const Number (&h)[D]) const {
        T* row = table + this->row_of(p, k);
        each<4>([&](auto b) EMPNET_ALWAYS {
            const Number w = Of::all_lanes(in.w + (4 * p + b));
            each<D>([&](auto l) EMPNET_ALWAYS {
                T* to = row + (b * D + l) * lanes;
                Full{}.store(to, Full{}.load(to) + Of::last(w * h[l]));
            });
        });
    }

    EMPNET_INLINE void pair(int64_t p, int64_t j, int64_t i, int64_t k, bool both, TableGradients<T> tables, At out_x, At out_V) const {
        const From g_j = in.g + (j * F + k) * S, g_i = in.g + (i * F + k) * S, Y = in.Y + p * S;
        const Number x_j = load(in.x + (j * F + k)), x_i = load(in.x + (i * F + k));
        Number u_j[D], u_i[D], h[D], phi[D];
        Sums::along(Y, g_j, u_j), Sums::along(Y, g_i, u_i);
        each<D>([&](auto l) EMPNET_ALWAYS { h[l] = x_i * u_j[l] + x_j * u_i[l] * sign(l); });
        add_to(tables.phi, p, k, h);
        this->filters(in.phi, in.w, p, k, phi);
        Of::add(out_x + (j * F + k), Sums::total(phi, u_i, T(-1)));
        if (both) Of::add(out_x + (i * F + k), Sums::total(phi, u_j, T(1)));
        if constexpr (tensors) {
            const int64_t at_j = (j * F + k) * S, at_i = (i * F + k) * S;
            Number e[D] = {}, chi[D];
            this->filters(in.chi, in.w, p, k, chi);
            each<S>([&](auto s) EMPNET_ALWAYS {
                constexpr int at = s * lanes, l = degree_of(s);
                const Number a = load(g_j + at), b = load(g_i + at);
                e[l] += load(in.V + (at_i + at)) * a + load(in.V + (at_j + at)) * b;
                Of::add(out_V + (at_j + at), chi[l] * b);
                if (both) Of::add(out_V + (at_i + at), chi[l] * a);
            });
            add_to(tables.chi, p, k, e);
        }
    }

    EMPNET_APART static void gradient_block(const PairTables& given, TableGradients<T> tables, At out_x, At out_V, int64_t begin, int64_t end, int64_t k) {
        const PairTables m = {{given.in.with_one_distance()}};
        out_x = Of::with_ahead(out_x, m.in.ahead), out_V = Of::with_ahead(out_V, m.in.ahead);
        const empnet_list& at = m.in.list;
        m.begin_gradients(out_x, out_V, begin, end, k);
        for (int64_t j = begin; j < end; ++j) {
            for (int64_t p = at.rows[j]; p < at.rows[j + 1]; ++p) m.pair(p, j, at.second[p], k, at.second[p] < end, tables, out_x, out_V);
            for (int64_t column = at.columns[j]; column < at.columns[j + 1]; ++column) {
                const int64_t p = at.transposed[column], i = at.first[p];
                if (i >= begin) break;
                m.half(p, j, i, k, out_x, out_V);
            }
        }
    }

    // Adds dL/dT to the tables of a chunk, of which there are no more than threads; writes dL/dx and dL/dV.
    void gradients(const TableGradients<T>* tables, At out_x, At out_V, int threads) const {
        in_pieces(in.list, F / lanes, threads, [&](int64_t begin, int64_t end, int64_t vector, int chunk) {
            gradient_block(*this, tables[chunk], out_x, out_V, begin, end, vector * lanes);
        });
    }
};

}  // namespace empnet
