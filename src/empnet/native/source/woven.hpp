// How a network with fixed weights lays out its numbers: a vector of features of all components, then the next vector.
//
//     (N, S, F)  lies as  (N, F / lanes, S, lanes)
//
// So the components of a vector of features are at constant distances from one address, for any width. Widths are filled up
// with zeros to whole vectors. Weights are woven in the same way on both sides.
#pragma once

#include <functional>
#include <vector>

#include "matrix.hpp"

namespace empnet {

using Tasks = std::vector<std::function<void()>>;

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

// Where the numbers of a woven row lie in an ordinary one, `distance` apart; -1: nowhere, it is a zero that fills up.
template <class T>
std::vector<int64_t> woven_places(int64_t S, int64_t F, int64_t distance = 1) {
    std::vector<int64_t> places(size_t(S * padded<T>(F)));
    for (size_t i = 0; i < places.size(); ++i) {
        const WovenPlace<T> at(int64_t(i), S);
        places[i] = at.feature < F ? (at.component * F + at.feature) * distance : -1;
    }
    return places;
}

// Rows of (S, F) numbers, woven; none from null.
template <class T>
std::vector<T> woven(const void* from, int64_t rows, int64_t S, int64_t F) {
    if (!from) return {};
    const std::vector<int64_t> places = woven_places<T>(S, F);
    std::vector<T> out(size_t(rows) * places.size());
    T* to = out.data();
    for (int64_t r = 0; r < rows; ++r)
        for (const int64_t place : places) *to++ = place < 0 ? T(0) : static_cast<const T*>(from)[r * S * F + place];
    return out;
}

// Writes woven rows in the ordinary order: the sum of `copies` of them that lie `size` apart.
template <class T>
void unweave(const T* from, int64_t copies, int64_t size, int64_t rows, int64_t S, int64_t F, T* to) {
    const std::vector<int64_t> places = woven_places<T>(S, F);
    for (int64_t r = 0; r < rows; ++r)
        for (const int64_t place : places) {
            T total = 0;
            for (int64_t c = 0; c < copies; ++c) total += from[c * size];
            if (place >= 0) to[r * S * F + place] = total;
            ++from;
        }
}

// A table (rows, S, F) as (F / lanes, rows, S, lanes): what a vector of features reads of it lies together; none from null.
template <class T>
std::vector<T> woven_table(const void* from, int64_t rows, int64_t S, int64_t F) {
    if (!from) return {};
    constexpr int64_t lanes = VectorOf<T>::lanes;
    std::vector<T> out(size_t(rows * S * padded<T>(F)));
    for (int64_t i = 0; i < rows * S; ++i)
        for (int64_t k = 0; k < F; ++k) out[(k / lanes * rows * S + i) * lanes + k % lanes] = static_cast<const T*>(from)[i * F + k];
    return out;
}

// The way back, of the sum of `copies` tables that lie `size` apart.
template <class T>
void unweave_table(const T* from, int64_t copies, int64_t size, int64_t rows, int64_t S, int64_t F, T* to) {
    constexpr int64_t lanes = VectorOf<T>::lanes;
    for (int64_t i = 0; i < rows * S; ++i)
        for (int64_t k = 0; k < F; ++k) {
            T total = 0;
            for (int64_t c = 0; c < copies; ++c) total += from[c * size + (k / lanes * rows * S + i) * lanes + k % lanes];
            to[i * F + k] = total;
        }
}

// Where the numbers of a map of torch, (outs x F, ins x F), lie: those of its input and of its output, both woven.
// `turned`: it lies as (ins x F, outs x F).
template <class T>
struct Places {
    std::vector<int64_t> in, out;
    Places(int64_t ins, int64_t outs, int64_t F, bool turned)
        : in(woven_places<T>(ins, F, turned ? outs * F : 1)), out(woven_places<T>(outs, F, turned ? 1 : ins * F)) {}
};

// A linear map, and its transpose for the way back.
template <class T>
struct Linear {
    Matrix<T> there, back;
    std::vector<T> bias;
    int64_t ins = 0, outs = 0;
    bool turned = false;

    // Notes in `tasks` to take weights and bias; none from null.
    void set(Tasks& tasks, const void* weights, const void* bias_of, int64_t n_ins, int64_t n_outs, int64_t F, bool is_turned = false) {
        if (!weights) return;
        ins = n_ins, outs = n_outs, turned = is_turned;
        const auto numbers = static_cast<const T*>(weights);
        tasks.push_back([this, numbers, F] {
            const Places<T> at(ins, outs, F, turned);
            there.set(numbers, at.in, at.out);
        });
        tasks.push_back([this, numbers, bias_of, F] {
            const Places<T> at(ins, outs, F, turned);
            back.set(numbers, at.out, at.in);
            bias = woven<T>(bias_of, 1, outs, F);
        });
    }
};

}  // namespace empnet
