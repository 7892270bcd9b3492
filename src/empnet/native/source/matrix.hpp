// Matrices of weights, packed for products with rows of features: y = x W. No other library is needed.
#pragma once

#include <algorithm>
#include <type_traits>
#include <vector>

#include "vectors.hpp"

namespace empnet {

// Rows and vectors of a tile whose sums stay in registers: 12 of 16.
constexpr int TILE_ROWS = 6, TILE_VECTORS = 2;

// Rows of numbers in memory: how far the next row lies, and the next vector of a row.
template <class T>
struct RowsOf {
    T* at;
    int64_t row, vector = VectorOf<std::remove_const_t<T>>::lanes;
};

template <class T>
class Matrix {
public:
    using Vec = Vector<T>;
    static constexpr int64_t lanes = VectorOf<T>::lanes, PANEL = TILE_VECTORS * lanes;

    Matrix() = default;

    // W with `in` rows and `out` columns (whole vectors both), of which value(i, o) returns the numbers.
    template <class Value>
    Matrix(int64_t in, int64_t out, Value&& value) : in_(in), out_(out), packed_(size_t(in * out)) {
        T* to = packed_.data();
        for (int64_t first = 0; first < out; first += PANEL)
            for (int64_t i = 0; i < in; ++i)
                for (int64_t o = first; o < std::min(first + PANEL, out); ++o) *to++ = value(i, o);
    }

    // Writes x W to y for n rows, or adds it.
    void multiply(int64_t n, RowsOf<const T> x, RowsOf<T> y, bool add = false) const {
        for (int64_t first = 0; first < out_; first += PANEL) {
            const T* panel = packed_.data() + first * in_;
            const bool full = out_ - first >= PANEL;
            for (int64_t r = 0; r < n; r += TILE_ROWS) {
                const RowsOf<const T> from = {x.at + r * x.row, x.row, x.vector};
                const RowsOf<T> to = {y.at + r * y.row + first / lanes * y.vector, y.row, y.vector};
                const int rows = int(std::min<int64_t>(TILE_ROWS, n - r));
                full ? tile<TILE_VECTORS>(rows, in_, from, panel, to, add) : tile<1>(rows, in_, from, panel, to, add);
            }
        }
    }

private:
    template <int vectors>
    static void tile(int rows, int64_t in, RowsOf<const T> x, const T* panel, RowsOf<T> y, bool add) {
        switch (rows) {
            case 1: return sum_up<1, vectors>(in, x, panel, y, add);
            case 2: return sum_up<2, vectors>(in, x, panel, y, add);
            case 3: return sum_up<3, vectors>(in, x, panel, y, add);
            case 4: return sum_up<4, vectors>(in, x, panel, y, add);
            case 5: return sum_up<5, vectors>(in, x, panel, y, add);
            default: return sum_up<TILE_ROWS, vectors>(in, x, panel, y, add);
        }
    }

    template <int rows, int vectors>
    EMPNET_APART static void sum_up(int64_t in, const RowsOf<const T> x, const T* w, const RowsOf<T> y, bool add) {
        Vec sums[rows][vectors] = {};
        const T* at = x.at;
        for (int64_t i = 0; i < in; i += lanes, at += x.vector)
            for (int64_t lane = 0; lane < lanes; ++lane, w += vectors * lanes) {
                Vec of_w[vectors];
                each<vectors>([&](auto v) EMPNET_ALWAYS { of_w[v] = Full{}.load(w + v * lanes); });
                each<rows>([&](auto r) EMPNET_ALWAYS {
                    const T number = at[r * x.row + lane];
                    each<vectors>([&](auto v) EMPNET_ALWAYS { sums[r][v] += number * of_w[v]; });
                });
            }
        each<rows>([&](auto r) EMPNET_ALWAYS {
            each<vectors>([&](auto v) EMPNET_ALWAYS {
                T* to = y.at + r * y.row + v * y.vector;
                Full{}.store(to, add ? Full{}.load(to) + sums[r][v] : sums[r][v]);
            });
        });
    }

    int64_t in_ = 0, out_ = 0;
    std::vector<T> packed_;
};

}  // namespace empnet
