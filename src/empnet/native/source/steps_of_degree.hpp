// What a network with fixed weights does that depends on the degree of its moments: a file for each degree compiles it.
#pragma once

#include "layer.hpp"
#include "each_degree.hpp"

namespace empnet {

template <class T>
struct Steps {
    void (*forward)(const Layer<T>&, const Rows<T>&, int64_t begin, int64_t n, T* scratch);
    void (*backward)(const Layer<T>&, const Rows<T>&, int64_t begin, int64_t n, T* g_f, const T* g_V, T* g_A, T* scratch);
    void (*sums)(const PairInputs<T>&, T* out, int threads);
    // of the sums; out_x is null in the first interaction
    void (*gradients)(const PairInputs<T>&, T* g_d, T* g_Y, T* out_x, T* out_V, int threads);
};

template <class T, int L>
const Steps<T>* steps_of_degree();

template <class T, int L>
void sums_of_degree(const PairInputs<T>& in, T* out, int threads) {
    if constexpr (L > 0)
        if (in.chi) return PairSums<T, L, true>{in}.sums(out, threads);
    PairSums<T, L, false>{in}.sums(out, threads);
}

template <class T, int L>
void gradients_of_degree(const PairInputs<T>& in, T* g_d, T* g_Y, T* out_x, T* out_V, int threads) {
    if constexpr (L > 0)
        if (in.chi) return PairSums<T, L, true>{in}.gradients(g_d, g_Y, out_x, out_V, threads);
    PairSums<T, L, false>{in}.gradients(g_d, g_Y, out_x, nullptr, threads);
}

#define EMPNET_STEPS_DECLARED(T, L) \
    template <>                     \
    const Steps<T>* steps_of_degree<T, L>();
EMPNET_EACH_DEGREE(EMPNET_STEPS_DECLARED)

template <class T>
const Steps<T>* steps_of(int L) {
    return with_degree(L, [](auto degree) { return steps_of_degree<T, degree>(); });
}

#define EMPNET_STEPS(T, L)                                                                                  \
    template <>                                                                                             \
    const Steps<T>* steps_of_degree<T, L>() {                                                               \
        static constexpr Steps<T> all = {Nodes<T, L>::forward, Nodes<T, L>::backward, sums_of_degree<T, L>, gradients_of_degree<T, L>}; \
        return &all;                                                                                        \
    }

}  // namespace empnet
