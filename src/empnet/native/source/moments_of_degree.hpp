// The moments of one degree, for both precisions: a file for each degree, so that they compile side by side.
#pragma once

#include "each_degree.hpp"
#include "moments.hpp"

namespace empnet {

template <class T>
struct Calls {
    void (*forward)(const Inputs<T>&, const T* start, T* out, int threads);
    void (*grad_features)(const Inputs<T>&, const T* start, T* out_x, T* out_V, int threads);
    void (*grad_pairs)(const Inputs<T>&, T* out_w, T* out_Y, int threads);
    void (*grad_tables)(const Inputs<T>&, int64_t n_rows, const T* h_w, const T* h_Y, T* out_phi, T* out_chi, int threads);
    void (*second_order)(const Inputs<T>&, const T* h_w, const T* h_Y, T* out_g, T* out_x, T* out_V, int threads);
};

// The calls for degree L: with features only (0), with both (1), with tensors only (2).
template <class T, int L>
const Calls<T>* calls_of_degree();

template <class T, int L, bool features, bool tensors>
constexpr Calls<T> calls() {
    using M = Moments<T, L, features, tensors>;
    Calls<T> found = {
        [](const Inputs<T>& in, const T* start, T* out, int threads) { M{in}.forward(start, out, threads); },
        [](const Inputs<T>& in, const T* start, T* x, T* V, int threads) { M{in}.grad_features(start, x, V, threads); },
        [](const Inputs<T>& in, T* w, T* Y, int threads) { M{in}.grad_pairs(w, Y, threads); },
        [](const Inputs<T>& in, int64_t n, const T* h_w, const T* h_Y, T* phi, T* chi, int threads) {
            M{in}.grad_tables(n, h_w, h_Y, phi, chi, threads);
        },
        nullptr};
    if constexpr (features)
        found.second_order = [](const Inputs<T>& in, const T* h_w, const T* h_Y, T* g, T* x, T* V, int threads) {
            M{in}.second_order(h_w, h_Y, g, x, V, threads);
        };
    return found;
}

#define EMPNET_DECLARED(T, L) \
    template <>               \
    const Calls<T>* calls_of_degree<T, L>();
EMPNET_EACH_DEGREE(EMPNET_DECLARED)

template <class T>
const Calls<T>* calls_of(int L) {
    return with_degree(L, [](auto degree) { return calls_of_degree<T, degree>(); });
}

#define EMPNET_DEGREE(T, L)                                                                                  \
    template <>                                                                                              \
    const Calls<T>* calls_of_degree<T, L>() {                                                                \
        static constexpr Calls<T> all[3] = {calls<T, L, true, false>(), calls<T, L, true, true>(), calls<T, L, false, true>()}; \
        return all;                                                                                          \
    }

}  // namespace empnet
