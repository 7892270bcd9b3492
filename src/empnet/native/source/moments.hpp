// Sums over pairs for moments of degree 0 to L, and their first and second derivatives.
//
//     L = sum_{p,k} sum_l [ phi_l sum_m Y_lm (x_i g_j,lm + (-1)^l x_j g_i,lm)
//                         + chi_l sum_m (V_i,lm g_j,lm + V_j,lm g_i,lm) ]
//
// with (j, i) = (first, second) of pair p and filters phi_l = sum_b w[p,b] phi[q_p + b, l, k], chi_l likewise. `forward`
// leaves g open, which is the sum itself, grad_features x and V, grad_pairs w and Y, grad_tables phi and chi.
// second_order, and grad_tables with h, are the derivatives of h_w dL/dw + h_Y dL/dY, which training on forces needs.
//
// All components of a vector of features are held in registers; degrees are constants, and widths are not.
#pragma once

#include <vector>

#include "neighbours.hpp"
#include "vectors.hpp"

namespace empnet {

// What a network's moments depend on. Null: no features (phi, x), no tensors (chi, V), all harmonics 1 (Y).
template <class T>
struct Inputs {
    empnet_list list;
    int64_t F;
    const T *w, *Y, *phi, *x, *chi, *V, *g;
};

template <class T, int L, bool features, bool tensors>
struct Moments {
    static constexpr int D = L + 1, S = D * D;
    using Vec = Vector<T>;
    Inputs<T> in;
    int64_t F = in.F;

    struct Degrees {
        Vec of[D];
    };
    struct Components {
        Vec of[S];
    };

    // Without directions all harmonics are 1; then there is degree 0 only.
    EMPNET_INLINE static T harmonic(const T* Y, int64_t p, int s) {
        if constexpr (L == 0) return Y ? Y[p] : T(1);
        return Y[p * S + s];
    }

    // The filters of a pair at features k from four rows of a table.
    template <class Lanes>
    EMPNET_INLINE Degrees filters(const T* table, const T* w, int64_t p, int64_t k, Lanes lanes) const {
        const T *row = table + in.list.q[p] * D * F + k, *four = w + 4 * p;
        Degrees phi;
        each<D>([&](auto l) EMPNET_ALWAYS {
            phi.of[l] = four[0] * lanes.load(row + l * F) + four[1] * lanes.load(row + (D + l) * F) +
                        four[2] * lanes.load(row + (2 * D + l) * F) + four[3] * lanes.load(row + (3 * D + l) * F);
        });
        return phi;
    }

    template <class Lanes>
    EMPNET_INLINE Components components(const T* V, int64_t n, int64_t k, Lanes lanes) const {
        Components v;
        const T* at = V + n * S * F + k;
        each<S>([&](auto s) EMPNET_ALWAYS { v.of[s] = lanes.load(at + s * F); });
        return v;
    }

    template <class Lanes>
    EMPNET_INLINE void add(T* V, int64_t n, int64_t k, const Components& v, Lanes lanes) const {
        T* at = V + n * S * F + k;
        each<S>([&](auto s) EMPNET_ALWAYS { lanes.store(at + s * F, lanes.load(at + s * F) + v.of[s]); });
    }

    template <class Lanes>
    EMPNET_INLINE void add(T* x, int64_t n, int64_t k, Vec v, Lanes lanes) const {
        lanes.store(x + n * F + k, lanes.load(x + n * F + k) + v);
    }

    // sum_lm (+-1)^l x_lm y_lm, with the sign of odd degrees.
    EMPNET_INLINE static Vec inner(const Components& x, const Components& y, T odd) {
        Vec even = x.of[0] * y.of[0], others = Vec{};
        each<S - 1>([&](auto s) EMPNET_ALWAYS {
            if constexpr (sign_of(s + 1) > 0)
                even += x.of[s + 1] * y.of[s + 1];
            else
                others += x.of[s + 1] * y.of[s + 1];
        });
        return even + odd * others;
    }

    // (+-1)^l x z_lm, with the sign of odd degrees.
    EMPNET_INLINE static Components scaled(Vec x, Components z, T odd) {
        const Vec y = odd * x;
        each<S>([&](auto s) EMPNET_ALWAYS { z.of[s] *= sign_of(s) > 0 ? x : y; });
        return z;
    }

    EMPNET_INLINE static Components by_degree(const Degrees& a, const Components& v) {
        Components out;
        each<S>([&](auto s) EMPNET_ALWAYS { out.of[s] = a.of[degree_of(s)] * v.of[s]; });
        return out;
    }

    // z_lm = a_l Y_lm of a pair.
    EMPNET_INLINE Components directed(const Degrees& a, const T* Y, int64_t p) const {
        Components z;
        each<S>([&](auto s) EMPNET_ALWAYS { z.of[s] = a.of[degree_of(s)] * harmonic(Y, p, s); });
        return z;
    }

    EMPNET_INLINE static Components plus(Components x, const Components& y) {
        each<S>([&](auto s) EMPNET_ALWAYS { x.of[s] += y.of[s]; });
        return x;
    }

    void begin_at(T* out, const T* start, int64_t begin, int64_t end, int64_t width) const {
        if (start)
            std::memcpy(out + begin * width, start + begin * width, size_t(end - begin) * width * sizeof(T));
        else
            std::memset(out + begin * width, 0, size_t(end - begin) * width * sizeof(T));
    }

    // Calls message(p, here, there, sides, odd) for the pairs of a chunk. Its first side is what `here` receives, its second
    // what `there` does, if that is in the chunk, too. `odd` is the sign of odd degrees for the first: -1 if the pair points
    // from there to here. One loop for the pairs of row and column, so that the message is compiled once.
    template <class Message>
    EMPNET_INLINE void over_messages(int64_t begin, int64_t end, Message&& message) const {
        const empnet_list& at = in.list;
        for (int64_t j = begin; j < end; ++j) {
            const int64_t row = at.rows[j], ahead = at.rows[j + 1] - row, column = at.columns[j] - ahead;
            const int64_t all = at.columns[j + 1] - column;
            for (int64_t n = 0; n < all; ++n) {
                const bool along = n < ahead;
                const int64_t p = along ? row + n : at.transposed[column + n], i = along ? at.second[p] : at.first[p];
                if (!along && i >= begin) break;  // done from its other end, as is the rest of the column, which ascends
                message(p, j, i, along && i < end ? 2 : 1, along ? T(1) : T(-1));
            }
        }
    }

    // A chunk is the work of one function, which has a copy of all it reads: the compiler could not know that what it writes
    // is not among them, and would read sizes and pointers again after each number.
    EMPNET_APART static void receive(const Moments m, T* out, int64_t begin, int64_t end) {
        m.over_messages(begin, end, [&](int64_t p, int64_t here, int64_t there, int sides, T odd) EMPNET_ALWAYS {
            over_features<T>(m.F, [&](int64_t k, auto lanes) EMPNET_ALWAYS {
                Components z, v;
                Degrees chi;
                if constexpr (features) z = m.directed(m.filters(m.in.phi, m.in.w, p, k, lanes), m.in.Y, p);
                if constexpr (tensors) chi = m.filters(m.in.chi, m.in.w, p, k, lanes);
                for (int side = 0; side < sides; ++side) {
                    const int64_t to = side ? there : here, from = side ? here : there;
                    if constexpr (features) v = scaled(lanes.load(m.in.x + from * m.F + k), z, side ? -odd : odd);
                    if constexpr (tensors) {
                        const Components u = by_degree(chi, m.components(m.in.V, from, k, lanes));
                        v = features ? plus(v, u) : u;
                    }
                    m.add(out, to, k, v, lanes);
                }
            });
        });
    }

    void forward(const T* start, T* out, int threads) const {
        in_chunks(in.list, threads, [&](int64_t begin, int64_t end) {
            begin_at(out, start, begin, end, S * F);
            receive(*this, out, begin, end);
        });
    }

    // The gradient goes against the message.
    EMPNET_APART static void receive_gradient(const Moments m, T* out_x, T* out_V, int64_t begin, int64_t end) {
        m.over_messages(begin, end, [&](int64_t p, int64_t here, int64_t there, int sides, T odd) EMPNET_ALWAYS {
            over_features<T>(m.F, [&](int64_t k, auto lanes) EMPNET_ALWAYS {
                Components z;
                Degrees chi;
                if constexpr (features) z = m.directed(m.filters(m.in.phi, m.in.w, p, k, lanes), m.in.Y, p);
                if constexpr (tensors) chi = m.filters(m.in.chi, m.in.w, p, k, lanes);
                for (int side = 0; side < sides; ++side) {
                    const int64_t to = side ? there : here, from = side ? here : there;
                    const Components g = m.components(m.in.g, from, k, lanes);
                    if constexpr (features) m.add(out_x, to, k, inner(z, g, side ? odd : -odd), lanes);
                    if constexpr (tensors) m.add(out_V, to, k, by_degree(chi, g), lanes);
                }
            });
        });
    }

    void grad_features(const T* start, T* out_x, T* out_V, int threads) const {
        in_chunks(in.list, threads, [&](int64_t begin, int64_t end) {
            if constexpr (features) begin_at(out_x, nullptr, begin, end, F);
            if constexpr (tensors) begin_at(out_V, start, begin, end, S * F);
            receive_gradient(*this, out_x, out_V, begin, end);
        });
    }

    // t_lm = x_i g_j,lm + (-1)^l x_j g_i,lm: the factor of a pair's filter and harmonics.
    EMPNET_INLINE static Components pair_products(Vec x_j, Vec x_i, const Components& g_j, const Components& g_i) {
        Components t;
        each<S>([&](auto s) EMPNET_ALWAYS {
            if constexpr (sign_of(s) > 0)
                t.of[s] = x_i * g_j.of[s] + x_j * g_i.of[s];
            else
                t.of[s] = x_i * g_j.of[s] - x_j * g_i.of[s];
        });
        return t;
    }

    // sum_m (V_i g_j + V_j g_i) for each degree: the factor of a pair's filter of tensors.
    EMPNET_INLINE static Degrees tensor_products(const Components& V_j, const Components& V_i, const Components& g_j, const Components& g_i) {
        Degrees h;
        each<D>([&](auto l) EMPNET_ALWAYS { h.of[l] = Vec{}; });
        each<S>([&](auto s) EMPNET_ALWAYS { h.of[degree_of(s)] += V_i.of[s] * g_j.of[s] + V_j.of[s] * g_i.of[s]; });
        return h;
    }

    // sum_m Y_lm t_lm for each degree.
    EMPNET_INLINE Degrees contracted(const T* Y, int64_t p, const Components& t) const {
        Degrees h;
        each<D>([&](auto l) EMPNET_ALWAYS { h.of[l] = Vec{}; });
        each<S>([&](auto s) EMPNET_ALWAYS { h.of[degree_of(s)] += harmonic(Y, p, s) * t.of[s]; });
        return h;
    }

    // The dot product of each of the four rows of a table with h.
    template <class Lanes>
    EMPNET_INLINE void dot_rows(Vec (&into)[4], const T* table, int64_t p, int64_t k, const Degrees& h, Lanes lanes) const {
        const T* row = table + in.list.q[p] * D * F + k;
        each<4>([&](auto b) EMPNET_ALWAYS {
            each<D>([&](auto l) EMPNET_ALWAYS { into[b] += lanes.load(row + (b * D + l) * F) * h.of[l]; });
        });
    }

    // Calls give(p, j, i) for the pairs of a chunk: each once.
    template <class Give>
    EMPNET_INLINE void over_pairs(int64_t begin, int64_t end, Give&& give) const {
        for (int64_t j = begin; j < end; ++j)
            for (int64_t p = in.list.rows[j]; p < in.list.rows[j + 1]; ++p) give(p, j, in.list.second[p]);
    }

    EMPNET_APART static void give_pairs(const Moments m, T* out_w, T* out_Y, int64_t begin, int64_t end) {
        m.over_pairs(begin, end, [&](int64_t p, int64_t j, int64_t i) EMPNET_ALWAYS {
            Vec of_w[4] = {};
            Components of_Y = {};
            over_features<T>(m.F, [&](int64_t k, auto lanes) EMPNET_ALWAYS {
                const Components g_j = m.components(m.in.g, j, k, lanes), g_i = m.components(m.in.g, i, k, lanes);
                if constexpr (features) {
                    const Vec x_j = lanes.load(m.in.x + j * m.F + k), x_i = lanes.load(m.in.x + i * m.F + k);
                    const Components t = pair_products(x_j, x_i, g_j, g_i);
                    if (out_Y) of_Y = plus(of_Y, by_degree(m.filters(m.in.phi, m.in.w, p, k, lanes), t));
                    if (out_w) m.dot_rows(of_w, m.in.phi, p, k, m.contracted(m.in.Y, p, t), lanes);
                }
                if constexpr (tensors) {
                    const Components V_j = m.components(m.in.V, j, k, lanes), V_i = m.components(m.in.V, i, k, lanes);
                    m.dot_rows(of_w, m.in.chi, p, k, tensor_products(V_j, V_i, g_j, g_i), lanes);
                }
            });
            if (out_w) each<4>([&](auto b) EMPNET_ALWAYS { out_w[4 * p + b] = sum<T>(of_w[b]); });
            if (out_Y) each<S>([&](auto s) EMPNET_ALWAYS { out_Y[S * p + s] = sum<T>(of_Y.of[s]); });
        });
    }

    void grad_pairs(T* out_w, T* out_Y, int threads) const {
        in_chunks(in.list, threads, [&](int64_t begin, int64_t end) { give_pairs(*this, out_w, out_Y, begin, end); });
    }

    // Adds w_b h to the gradient of the four rows of a table; with v, also v_b i.
    template <class Lanes>
    EMPNET_INLINE void add_to_rows(T* table, int64_t p, int64_t k, const T* w, const Degrees& h, const T* v, const Degrees& i, Lanes lanes) const {
        T* row = table + in.list.q[p] * D * F + k;
        each<4>([&](auto b) EMPNET_ALWAYS {
            each<D>([&](auto l) EMPNET_ALWAYS {
                T* at = row + (b * D + l) * F;
                Vec to = lanes.load(at) + w[4 * p + b] * h.of[l];
                if (v) to += v[4 * p + b] * i.of[l];
                lanes.store(at, to);
            });
        });
    }

    template <bool second>
    EMPNET_APART static void give_tables(const Moments m, const T* h_w, const T* h_Y, T* phi, T* chi, int64_t begin, int64_t end) {
        m.over_pairs(begin, end, [&](int64_t p, int64_t j, int64_t i) EMPNET_ALWAYS {
            over_features<T>(m.F, [&](int64_t k, auto lanes) EMPNET_ALWAYS {
                const Components g_j = m.components(m.in.g, j, k, lanes), g_i = m.components(m.in.g, i, k, lanes);
                if constexpr (features) {
                    const Vec x_j = lanes.load(m.in.x + j * m.F + k), x_i = lanes.load(m.in.x + i * m.F + k);
                    const Components t = pair_products(x_j, x_i, g_j, g_i);
                    const Degrees h = m.contracted(m.in.Y, p, t);
                    if constexpr (second)
                        m.add_to_rows(phi, p, k, h_w, h, m.in.w, m.contracted(h_Y, p, t), lanes);
                    else
                        m.add_to_rows(phi, p, k, m.in.w, h, nullptr, h, lanes);
                }
                if constexpr (tensors) {
                    const Components V_j = m.components(m.in.V, j, k, lanes), V_i = m.components(m.in.V, i, k, lanes);
                    const Degrees h = tensor_products(V_j, V_i, g_j, g_i);
                    m.add_to_rows(chi, p, k, second ? h_w : m.in.w, h, nullptr, h, lanes);
                }
            });
        });
    }

    // A private table for each chunk but the first, which takes the result's place; summed in the order of the chunks.
    void grad_tables(int64_t n_rows, const T* h_w, const T* h_Y, T* out_phi, T* out_chi, int threads) const {
        constexpr int kinds = features + tensors;
        const size_t size = size_t(n_rows) * D * F;
        const std::vector<Chunk> chunks = chunks_of(in.list, threads);
        std::vector<std::vector<T>> more((chunks.size() - 1) * kinds);
        T* const out[2] = {features ? out_phi : out_chi, out_chi};
        on_threads(int(chunks.size()), [&](int c) {
            T* tables[2] = {out[0], out[1]};
            for (int kind = 0; kind < kinds; ++kind) {
                if (c) more[(c - 1) * kinds + kind].resize(size), tables[kind] = more[(c - 1) * kinds + kind].data();
                std::memset(tables[kind], 0, size * sizeof(T));
            }
            const auto give = h_w ? give_tables<true> : give_tables<false>;
            give(*this, h_w, h_Y, tables[0], tables[kinds - 1], chunks[c].begin, chunks[c].end);
        });
        for (size_t c = 0; c < more.size(); ++c)
            for (size_t r = 0; r < size; ++r) out[c % kinds][r] += more[c][r];
    }

    EMPNET_APART static void receive_second(const Moments m, const T* h_w, const T* h_Y, T* out_g, T* out_x, T* out_V, int64_t begin, int64_t end) {
        m.over_messages(begin, end, [&](int64_t p, int64_t here, int64_t there, int sides, T odd) EMPNET_ALWAYS {
            over_features<T>(m.F, [&](int64_t k, auto lanes) EMPNET_ALWAYS {
                const Components z = plus(m.directed(m.filters(m.in.phi, m.in.w, p, k, lanes), h_Y, p),
                                          m.directed(m.filters(m.in.phi, h_w, p, k, lanes), m.in.Y, p));
                Degrees chi;
                if constexpr (tensors) chi = m.filters(m.in.chi, h_w, p, k, lanes);
                for (int side = 0; side < sides; ++side) {
                    const int64_t to = side ? there : here, from = side ? here : there;
                    const T sign = side ? -odd : odd;
                    const Components g = m.components(m.in.g, from, k, lanes);
                    Components of_g = scaled(lanes.load(m.in.x + from * m.F + k), z, sign);
                    m.add(out_x, to, k, inner(z, g, -sign), lanes);
                    if constexpr (tensors) {
                        of_g = plus(of_g, by_degree(chi, m.components(m.in.V, from, k, lanes)));
                        m.add(out_V, to, k, by_degree(chi, g), lanes);
                    }
                    m.add(out_g, to, k, of_g, lanes);
                }
            });
        });
    }

    void second_order(const T* h_w, const T* h_Y, T* out_g, T* out_x, T* out_V, int threads) const {
        in_chunks(in.list, threads, [&](int64_t begin, int64_t end) {
            begin_at(out_g, nullptr, begin, end, S * F);
            begin_at(out_x, nullptr, begin, end, F);
            if constexpr (tensors) begin_at(out_V, nullptr, begin, end, S * F);
            receive_second(*this, h_w, h_Y, out_g, out_x, out_V, begin, end);
        });
    }
};

}  // namespace empnet
