// One interaction of a network: its weights, their gradients, and the memory for all particles.
#pragma once

#include <memory>
#include <vector>

#include "woven.hpp"

namespace empnet {

constexpr int64_t BLOCK = 24;  // particles

template <class T>
struct Layer {
    int L;
    int64_t F, n_psi, n_hidden;  // widths in whole vectors: of features, of psi's input and of its hidden layer
    bool first, last, products;
    std::vector<T> phi, chi, own;
    Linear<T> W, W_l[4], W_1, W_2, psi_1, psi_2, gate;
};

// Memory that only grows, and whose numbers are not set.
template <class T>
class Memory {
public:
    T* of(int64_t n) {
        if (n > size_) numbers_.reset(new T[size_t(n)]), size_ = n;
        return numbers_.get();
    }

private:
    std::unique_ptr<T[]> numbers_;
    int64_t size_ = 0;
};

// What an interaction reads and writes for all particles; all but V_next and f_next is needed on the way back.
template <class Of>
struct Rows {
    typename Of::At f, V, x, A, B, hidden, gates, f_next, V_next;
};

// Numbers that a block needs, for each particle.
template <class T>
int64_t scratch_of(const Layer<T>& at) {
    return at.n_psi + 2 * at.n_hidden + 3 * (at.L + 1) * (at.L + 1) * at.F;
}

// Gradients of a linear map: of its matrix, row by row of its input, and of its bias.
template <class T>
struct LinearGradient {
    MatrixGradient<T> matrix;
    T* bias = nullptr;

    // Adds what n rows of the map's input x and of the gradient g of its output give.
    template <class Of>
    void add(int64_t n, RowsOf<T, typename Of::From> x, RowsOf<T, typename Of::From> g) const {
        constexpr int last = Of::parts - 1;
        for (int i = 0; i < Of::parts; ++i)
            matrix.add(n, {Of::part(x.at, last - i), x.row, x.vector}, {Of::part(g.at, i), g.row, g.vector});
        const T* from = Of::part(g.at, last);
        for (int64_t r = 0; bias && r < n; ++r)
            for (int64_t k = 0; k < matrix.out; ++k) bias[k] += from[r * g.row + k];
    }
};

template <class T>
struct LayerGradient {
    T *phi, *chi, *own;
    LinearGradient<T> W, W_l[4], W_1, W_2, psi_1, psi_2, gate;
};

}  // namespace empnet
