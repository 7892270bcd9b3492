// Matrices of weights, packed for products with rows of features, y = x W, and their gradients, x^T g. No other library is
// needed.
#pragma once

#include <algorithm>
#include <vector>

#include "numbers.hpp"

namespace empnet {

// Rows and vectors of a tile whose sums stay in registers: 12 of 16.
constexpr int TILE_ROWS = 6, TILE_VECTORS = 2;

// Rows of numbers in memory: how far the next row lies, and the next vector of a row.
template <class T, class At>
struct RowsOf {
    At at;
    int64_t row, vector = VectorOf<T>::lanes;
};

// Sums of a tile, y = x w or y += x w: `rows` of the rows of y, `vectors` of their vectors; the next row of w lies `step` on.
template <class T>
struct Tile {
    using Vec = Vector<T>;
    static constexpr int64_t lanes = VectorOf<T>::lanes, WIDTH = TILE_VECTORS * lanes;

    static void multiply(int rows, bool full, int64_t in, RowsOf<T, const T*> x, const T* w, int64_t step, RowsOf<T, T*> y, bool add) {
        full ? of<TILE_VECTORS>(rows, in, x, w, step, y, add) : of<1>(rows, in, x, w, step, y, add);
    }

private:
    template <int vectors>
    static void of(int rows, int64_t in, RowsOf<T, const T*> x, const T* w, int64_t step, RowsOf<T, T*> y, bool add) {
        switch (rows) {
            case 1: return sum_up<1, vectors>(in, x, w, step, y, add);
            case 2: return sum_up<2, vectors>(in, x, w, step, y, add);
            case 3: return sum_up<3, vectors>(in, x, w, step, y, add);
            case 4: return sum_up<4, vectors>(in, x, w, step, y, add);
            case 5: return sum_up<5, vectors>(in, x, w, step, y, add);
            default: return sum_up<TILE_ROWS, vectors>(in, x, w, step, y, add);
        }
    }

    template <int rows, int vectors>
    EMPNET_APART static void sum_up(int64_t in, const RowsOf<T, const T*> x, const T* w, int64_t step, const RowsOf<T, T*> y, bool add) {
        Vec sums[rows][vectors] = {};
        const T* at = x.at;
        for (int64_t i = 0; i < in; i += lanes, at += x.vector)
            for (int64_t lane = 0; lane < lanes; ++lane, w += step) {
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
};

template <class T>
class Matrix {
public:
    static constexpr int64_t lanes = VectorOf<T>::lanes, PANEL = Tile<T>::WIDTH;

    // Takes a matrix W: number (i, o) lies at from[rows[i] + columns[o]]; a negative row or column holds zeros. There are
    // whole vectors of both.
    void set(const T* from, const std::vector<int64_t>& rows, const std::vector<int64_t>& columns) {
        in_ = int64_t(rows.size()), out_ = int64_t(columns.size());
        packed_.resize(rows.size() * columns.size());
        T* to = packed_.data();
        for (int64_t first = 0; first < out_; first += PANEL) {
            const int64_t wide = std::min(PANEL, out_ - first), *of = columns.data() + first;
            const bool filled = *std::min_element(of, of + wide) >= 0;
            for (const int64_t row : rows) {
                if (row >= 0 && filled)
                    for (int64_t o = 0; o < wide; ++o) to[o] = from[row + of[o]];
                else
                    for (int64_t o = 0; o < wide; ++o) to[o] = row < 0 || of[o] < 0 ? T(0) : from[row + of[o]];
                to += wide;
            }
        }
    }

    int64_t in() const { return in_; }
    int64_t out() const { return out_; }

    // Writes x W to y for n rows, or adds it.
    void multiply(int64_t n, RowsOf<T, const T*> x, RowsOf<T, T*> y, bool add = false) const {
        for (int64_t first = 0; first < out_; first += PANEL) {
            const T* panel = packed_.data() + first * in_;
            const bool full = out_ - first >= PANEL;
            for (int64_t r = 0; r < n; r += TILE_ROWS) {
                const RowsOf<T, const T*> from = {x.at + r * x.row, x.row, x.vector};
                const RowsOf<T, T*> to = {y.at + r * y.row + first / lanes * y.vector, y.row, y.vector};
                Tile<T>::multiply(int(std::min<int64_t>(TILE_ROWS, n - r)), full, in_, from, panel, full ? PANEL : lanes, to, add);
            }
        }
    }

private:
    int64_t in_ = 0, out_ = 0;
    std::vector<T> packed_;
};

// y = x W for n rows of numbers: of all parts of them, or of those that are new on the way forward.
template <class Of, class T>
void product(const Matrix<T>& W, int64_t n, RowsOf<T, typename Of::From> x, RowsOf<T, typename Of::At> y, bool add = false, int first_part = 0) {
    for (int i = first_part; i < Of::parts; ++i)
        W.multiply(n, {Of::part(x.at, i), x.row, x.vector}, {Of::part(y.at, i), y.row, y.vector}, add);
}

template <class Of, class T>
void new_product(const Matrix<T>& W, int64_t n, RowsOf<T, typename Of::From> x, RowsOf<T, typename Of::At> y, bool add = false) {
    product<Of>(W, n, x, y, add, Of::first_new);
}

// Rows and vectors of a tile of a gradient.
constexpr int GRADIENT_ROWS = 4, GRADIENT_VECTORS = 3;

// The gradient x^T g of a matrix with `in` rows and `out` columns, which lie row by row; n rows of x and g are added to it.
template <class T>
struct MatrixGradient {
    static constexpr int64_t lanes = VectorOf<T>::lanes;
    int64_t in = 0, out = 0;
    T* sums = nullptr;

    void add(int64_t n, RowsOf<T, const T*> x, RowsOf<T, const T*> g) const {
        for (int64_t i = 0; i < in; i += GRADIENT_ROWS)
            for (int64_t o = 0; o < out; o += GRADIENT_VECTORS * lanes) {
                const int vectors = int(std::min<int64_t>(GRADIENT_VECTORS, (out - o) / lanes));
                const bool full = in - i >= GRADIENT_ROWS;  // else two rows are left: vectors of two numbers are the shortest
                const RowsOf<T, const T*> from = {g.at + o / lanes * g.vector, g.row, g.vector};
                if (vectors == 3)
                    full ? tile<GRADIENT_ROWS, 3>(n, i, x, from, o) : tile<2, 3>(n, i, x, from, o);
                else if (vectors == 2)
                    full ? tile<GRADIENT_ROWS, 2>(n, i, x, from, o) : tile<2, 2>(n, i, x, from, o);
                else
                    full ? tile<GRADIENT_ROWS, 1>(n, i, x, from, o) : tile<2, 1>(n, i, x, from, o);
            }
    }

private:
    template <int rows, int vectors>
    EMPNET_APART void tile(int64_t n, int64_t i, const RowsOf<T, const T*> x, const RowsOf<T, const T*> g, int64_t o) const {
        using Vec = Vector<T>;
        Vec total[rows][vectors];
        const T* at[rows];
        each<rows>([&](auto r) EMPNET_ALWAYS {
            at[r] = x.at + (i + r) / lanes * x.vector + (i + r) % lanes;
            each<vectors>([&](auto v) EMPNET_ALWAYS { total[r][v] = Full{}.load(sums + (i + r) * out + o + v * lanes); });
        });
        for (int64_t row = 0; row < n; ++row) {
            Vec of_g[vectors];
            each<vectors>([&](auto v) EMPNET_ALWAYS { of_g[v] = Full{}.load(g.at + row * g.row + v * g.vector); });
            each<rows>([&](auto r) EMPNET_ALWAYS {
                const T number = at[r][row * x.row];
                each<vectors>([&](auto v) EMPNET_ALWAYS { total[r][v] += number * of_g[v]; });
            });
        }
        each<rows>([&](auto r) EMPNET_ALWAYS {
            each<vectors>([&](auto v) EMPNET_ALWAYS { Full{}.store(sums + (i + r) * out + o + v * lanes, total[r][v]); });
        });
    }
};

}  // namespace empnet
