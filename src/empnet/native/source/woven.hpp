// How a network with fixed weights lays out its numbers: a vector of features of all components, then the next vector.
//
//     (N, S, F)  lies as  (N, F / lanes, S, lanes)
//
// So the components of a vector of features are at constant distances from one address, for any width. Widths are filled up
// with zeros to whole vectors. Weights are woven in the same way on both sides.
#pragma once

#include <vector>

#include "matrix.hpp"

namespace empnet {

// The width that is computed in place of F.
template <class T>
int64_t padded(int64_t F) {
    constexpr int64_t lanes = VectorOf<T>::lanes;
    return (F + lanes - 1) / lanes * lanes;
}

// Where a number lies that is at `index` of S woven components: its component and its feature.
template <class T>
struct WovenPlace {
    int64_t component, feature;
    WovenPlace(int64_t index, int64_t S) {
        constexpr int64_t lanes = VectorOf<T>::lanes;
        component = index / lanes % S, feature = index / (lanes * S) * lanes + index % lanes;
    }
};

// Rows of (S, F) numbers, woven; none from null.
template <class T>
std::vector<T> woven(const void* from, int64_t rows, int64_t S, int64_t F) {
    if (!from) return {};
    const int64_t size = S * padded<T>(F);
    std::vector<T> out(size_t(rows * size));
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t i = 0; i < size; ++i)
            if (const WovenPlace<T> at(i, S); at.feature < F) out[r * size + i] = static_cast<const T*>(from)[(r * S + at.component) * F + at.feature];
    return out;
}

// A linear map, and its transpose for the way back.
template <class T>
struct Linear {
    Matrix<T> there, back;
    std::vector<T> bias;
};

// A map of torch, (outs x F, ins x F), with both sides woven. `turned`: it lies as (ins x F, outs x F).
template <class T>
Linear<T> linear(const void* weights, const void* bias, int64_t ins, int64_t outs, int64_t F, bool turned = false) {
    if (!weights) return {};
    const int64_t in = ins * padded<T>(F), out = outs * padded<T>(F);
    const T* w = static_cast<const T*>(weights);
    const auto value = [=](int64_t i, int64_t o) -> T {
        const WovenPlace<T> x(i, ins), y(o, outs);
        if (x.feature >= F || y.feature >= F) return 0;
        const int64_t from = x.component * F + x.feature, to = y.component * F + y.feature;
        return turned ? w[from * outs * F + to] : w[to * ins * F + from];
    };
    return {Matrix<T>(in, out, value), Matrix<T>(out, in, [&](int64_t o, int64_t i) { return value(i, o); }), woven<T>(bias, 1, outs, F)};
}

}  // namespace empnet
