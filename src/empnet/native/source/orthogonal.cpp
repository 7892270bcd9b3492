// Orthogonal matrices for Muon, many at once: the iteration of empnet.training.optimiser.muon on their Gram matrices R.
//
//     R_0 = G G^T / |G G^T|,   P = a + b R + c R^2,   R' = P R P,   Q' = P Q,   and at last Q G / |G G^T|^(1/2)
//
// All of R, P and Q are polynomials in R_0: they are symmetric, so only the tiles on and above the diagonal are computed. Each
// product is shared by the threads over the rows of all matrices.
#include <cmath>

#include "layer.hpp"
#include "library.hpp"
#include "threads.hpp"

namespace empnet {
namespace {

constexpr int64_t FEW_PRODUCTS = 500000;  // multiplications for which a thread pays

// A matrix as rows of numbers, `step` apart: no power of two, at which columns would share few places of the cache.
template <class T>
struct Dense {
    T* at;
    int64_t rows, columns, step;
};

template <class T>
class Orthogonal {
public:
    static constexpr int64_t lanes = VectorOf<T>::lanes;

    Orthogonal(int64_t m, int64_t n, const T* from, T* to) : m_(m), n_(n), from_(from), to_(to) {}

    int64_t size() const {
        int64_t total = 0;
        for (const Dense<T>& each : shapes()) total += each.rows * each.step;
        return total;
    }

    void place(T* memory) {
        Dense<T>* const all[] = {&wide, &tall, &R, &P, &Q, &X, &result};
        int i = 0;
        for (Dense<T> shape : shapes()) {
            shape.at = memory, memory += shape.rows * shape.step;
            *all[i++] = shape;
        }
    }

    // G, and its transpose, filled up with zeros.
    void load() const {
        std::fill(wide.at, wide.at + wide.rows * wide.step, T(0));
        std::fill(tall.at, tall.at + tall.rows * tall.step, T(0));
        const Dense<T>&straight = is_wide() ? wide : tall, &turned = is_wide() ? tall : wide;
        for (int64_t i = 0; i < m_; ++i)
            for (int64_t k = 0; k < n_; ++k) straight.at[i * straight.step + k] = turned.at[k * turned.step + i] = from_[i * n_ + k];
    }

    // The lower triangle from the upper one.
    static void mirror(const Dense<T>& x) {
        constexpr int64_t SIDE = 8;
        for (int64_t i = 0; i < x.rows; i += SIDE)
            for (int64_t k = 0; k <= i; k += SIDE)
                for (int64_t r = i; r < std::min(i + SIDE, x.rows); ++r)
                    for (int64_t c = k; c < std::min(k + SIDE, r); ++c) x.at[r * x.step + c] = x.at[c * x.step + r];
    }

    void scale() {
        double squares = 0;
        for (int64_t i = 0; i < R.rows; ++i)
            for (int64_t k = 0; k < R.columns; ++k) squares += double(R.at[i * R.step + k]) * double(R.at[i * R.step + k]);
        size_of_R = std::max(std::sqrt(squares), 1e-30);
        for (int64_t i = 0; i < R.rows * R.step; ++i) R.at[i] /= T(size_of_R);
    }

    // P = a + b R + c X with X = R^2.
    void quintic(const double* abc) const {
        for (int64_t i = 0; i < P.rows; ++i) {
            for (int64_t k = 0; k < P.columns; ++k) P.at[i * P.step + k] = T(abc[1]) * R.at[i * R.step + k] + T(abc[2]) * X.at[i * X.step + k];
            P.at[i * P.step + i] += T(abc[0]);
        }
    }

    void store() const {
        const T factor = T(1 / std::sqrt(size_of_R));
        for (int64_t i = 0; i < m_; ++i)
            for (int64_t k = 0; k < n_; ++k) to_[i * n_ + k] = result.at[i * result.step + k] * factor;
    }

    bool is_wide() const { return m_ <= n_; }
    Dense<T> wide, tall, R, P, Q, X, result;
    double size_of_R = 1;

private:
    static Dense<T> dense(int64_t rows, int64_t columns) { return {nullptr, rows, columns, columns + (columns % 32 == 0 ? 16 : 0)}; }

    std::vector<Dense<T>> shapes() const {
        const int64_t s = padded<T>(std::min(m_, n_)), l = padded<T>(std::max(m_, n_));
        const Dense<T> square = dense(s, s), of_G = dense(s, l), of_turned = dense(l, s);
        return {of_G, of_turned, square, square, square, square, is_wide() ? of_G : of_turned};
    }

    int64_t m_, n_;
    const T* from_;
    T* to_;
};

// A product of a matrix: c = a b, of which a symmetric one needs the tiles from the diagonal on.
template <class T>
struct Product {
    Dense<T> a, b, c;
    bool symmetric;

    int64_t blocks() const { return (a.rows + TILE_ROWS - 1) / TILE_ROWS; }
    int64_t work() const { return a.rows * b.rows * b.columns; }

    void block(int64_t r) const {
        constexpr int64_t WIDTH = Tile<T>::WIDTH;
        r *= TILE_ROWS;
        for (int64_t first = symmetric ? r / WIDTH * WIDTH : 0; first < c.columns; first += WIDTH)
            Tile<T>::multiply(int(std::min<int64_t>(TILE_ROWS, a.rows - r)), c.columns - first >= WIDTH, b.rows, {a.at + r * a.step, a.step},
                              b.at + first, b.step, {c.at + r * c.step + first, c.step}, false);
    }
};

// All matrices of a step.
template <class T>
struct Orthogonals {
    std::vector<Orthogonal<T>> all;
    int threads;

    template <class Body>
    void for_each(Body&& body) {
        in_shares(int64_t(all.size()), threads, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) body(all[i]);
        }, 1);
    }

    // Computes a product of each matrix; `of` returns it.
    template <class Of>
    void multiply(Of&& of) {
        std::vector<Product<T>> products;
        std::vector<int64_t> ends;  // of the work before and of each block of rows, one after another
        std::vector<std::pair<size_t, int64_t>> blocks;
        int64_t work = 0;
        for (Orthogonal<T>& each : all) {
            products.push_back(of(each));
            const Product<T>& at = products.back();
            for (int64_t r = 0; r < at.blocks(); ++r) {
                // of a symmetric product the first rows are the longest
                work += at.work() / at.blocks() * (at.symmetric ? 2 * (at.blocks() - r) : at.blocks()) / at.blocks() + 1;
                ends.push_back(work), blocks.push_back({products.size() - 1, r});
            }
        }
        const int64_t shares = std::max<int64_t>(1, std::min<int64_t>(threads, work / FEW_PRODUCTS));
        on_threads(int(shares), [&](int c) {
            const auto at = [&](int64_t share) { return std::lower_bound(ends.begin(), ends.end(), work * share / shares) - ends.begin(); };
            for (int64_t i = at(c), end = c + 1 == shares ? int64_t(blocks.size()) : at(c + 1); i < end; ++i) products[blocks[i].first].block(blocks[i].second);
        });
        for_each([&](Orthogonal<T>& each) {
            if (const Product<T>& at = products[&each - all.data()]; at.symmetric) Orthogonal<T>::mirror(at.c);
        });
    }

    void compute(const double* abc, int rounds) {
        const auto square = [&] {
            multiply([](Orthogonal<T>& at) { return Product<T>{at.R, at.R, at.X, true}; });
            for_each([&](Orthogonal<T>& at) { at.quintic(abc); });
        };
        for_each([](Orthogonal<T>& at) { at.load(); });
        multiply([](Orthogonal<T>& at) { return Product<T>{at.wide, at.tall, at.R, true}; });
        for_each([](Orthogonal<T>& at) { at.scale(); });
        square();
        for_each([](Orthogonal<T>& at) { std::copy(at.P.at, at.P.at + at.P.rows * at.P.step, at.Q.at); });
        for (int round = 1; round < rounds; ++round) {
            multiply([](Orthogonal<T>& at) { return Product<T>{at.P, at.R, at.X, true}; });
            multiply([](Orthogonal<T>& at) { return Product<T>{at.X, at.P, at.R, true}; });
            square();
            multiply([](Orthogonal<T>& at) { return Product<T>{at.P, at.Q, at.X, true}; });
            for_each([](Orthogonal<T>& at) { std::swap(at.Q, at.X); });
        }
        multiply([](Orthogonal<T>& at) {
            return at.is_wide() ? Product<T>{at.Q, at.wide, at.result, false} : Product<T>{at.tall, at.Q, at.result, false};
        });
        for_each([](Orthogonal<T>& at) { at.store(); });
    }
};

template <class T>
void orthogonalise(int64_t count, const int64_t* m, const int64_t* n, const int64_t* from, const int64_t* to, const double* abc, int rounds, int threads) {
    Orthogonals<T> together{{}, threads};
    int64_t size = 0;
    for (int64_t i = 0; i < count; ++i) {
        together.all.emplace_back(m[i], n[i], reinterpret_cast<const T*>(from[i]), reinterpret_cast<T*>(to[i]));
        size += together.all.back().size();
    }
    static thread_local Memory<T> memory;  // a step of training needs as much as the one before
    T* at = memory.of(size);
    for (Orthogonal<T>& each : together.all) each.place(at), at += each.size();
    together.compute(abc, rounds);
}

}  // namespace
}  // namespace empnet

#define DEFINE(real, NAME)                                                                                                        \
    void NAME(orthogonalise)(int64_t count, const int64_t* m, const int64_t* n, const int64_t* from, const int64_t* to,          \
                             const double* abc, int32_t rounds, int32_t threads) {                                               \
        empnet::orthogonalise<real>(count, m, n, from, to, abc, rounds, threads);                                                \
    }

DEFINE(float, SINGLE)
DEFINE(double, DOUBLE)
