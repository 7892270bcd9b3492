// What a network does that depends on the degree of its moments: a file for each degree compiles it.
#pragma once

#include "each_degree.hpp"
#include "nodes.hpp"
#include "pair_gradients.hpp"

namespace empnet {

// Of a kind of numbers.
template <class Of>
struct StepsOf {
    using T = typename Of::Real;
    using At = typename Of::At;
    void (*forward)(const Layer<T>&, const Rows<Of>&, int64_t begin, int64_t n, At scratch);
    void (*backward)(const Layer<T>&, const Rows<Of>&, int64_t begin, int64_t n, At g_f, At g_V, At g_A, At scratch, const LayerGradient<T>* to);
    void (*sums)(const PairInputs<Of>&, At out, int threads);
    // of the sums: adds to a table for each chunk
    void (*tables)(const PairInputs<Of>&, const TableGradients<T>* tables, At out_x, At out_V, int threads);
};

template <class T>
struct Steps {
    StepsOf<Values<T>> values;
    StepsOf<Duals<T>> duals;
    // of the sums; out_x is null in the first interaction
    void (*gradients)(const PairInputs<Values<T>>&, T* g_d, T* g_Y, T* out_x, T* out_V, int threads);

    template <class Of>
    const StepsOf<Of>& of() const {
        if constexpr (Of::parts == 1)
            return values;
        else
            return duals;
    }
};

template <class T, int L>
const Steps<T>* steps_of_degree();

// Calls body with whether an interaction has tensors, as a constant.
template <int L, class Of, class Body>
void with_tensors(const PairInputs<Of>& in, Body&& body) {
    if constexpr (L > 0)
        if (in.chi) return body(std::true_type{});
    body(std::false_type{});
}

template <class Of, int L>
constexpr StepsOf<Of> steps_of_kind() {
    using At = typename Of::At;
    using T = typename Of::Real;
    return {Nodes<Of, L>::forward, Nodes<Of, L>::backward,
            [](const PairInputs<Of>& in, At out, int threads) {
                with_tensors<L>(in, [&](auto tensors) { PairSums<Of, L, tensors>{in}.sums(out, threads); });
            },
            [](const PairInputs<Of>& in, const TableGradients<T>* tables, At out_x, At out_V, int threads) {
                with_tensors<L>(in, [&](auto tensors) {
                    PairTables<Of, L, tensors>{{in}}.gradients(tables, out_x, out_V, threads);
                });
            }};
}

template <class T, int L>
void gradients_of_degree(const PairInputs<Values<T>>& in, T* g_d, T* g_Y, T* out_x, T* out_V, int threads) {
    with_tensors<L>(in, [&](auto tensors) { PairForces<T, L, tensors>{{in}}.gradients(g_d, g_Y, out_x, tensors ? out_V : nullptr, threads); });
}

#define EMPNET_STEPS_DECLARED(T, L) \
    template <>                     \
    const Steps<T>* steps_of_degree<T, L>();
EMPNET_EACH_DEGREE(EMPNET_STEPS_DECLARED)

template <class T>
const Steps<T>* steps_of(int L) {
    return with_degree(L, [](auto degree) { return steps_of_degree<T, degree>(); });
}

#define EMPNET_STEPS(T, L)                                                                                                          \
    template <>                                                                                                                     \
    const Steps<T>* steps_of_degree<T, L>() {                                                                                       \
        static constexpr Steps<T> all = {steps_of_kind<Values<T>, L>(), steps_of_kind<Duals<T>, L>(), gradients_of_degree<T, L>};   \
        return &all;                                                                                                                \
    }

}  // namespace empnet
