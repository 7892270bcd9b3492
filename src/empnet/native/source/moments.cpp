// Moments, sums over pairs without tensors, and sums of tensors: the functions of the library, by degree and inputs.
#include "moments_of_degree.hpp"

namespace empnet {
namespace {

template <class T>
const Calls<T>& choose(int L, bool features, bool tensors) {
    return calls_of<T>(L)[features ? tensors : 2];
}

}  // namespace
}  // namespace empnet

using empnet::choose;
using empnet::Inputs;

#define DEFINE(real, NAME)                                                                                             \
    void NAME(moments)(const empnet_list* list, int32_t L, int64_t F, const real* w, const real* Y, const real* phi,   \
                       const real* x, const real* chi, const real* V, const real* start, real* out, int32_t threads) { \
        const Inputs<real> in{*list, F, w, Y, phi, x, chi, V, nullptr};                                                \
        choose<real>(L, phi, chi).forward(in, start, out, threads);                                                    \
    }                                                                                                                  \
    void NAME(moments_grad_features)(const empnet_list* list, int32_t L, int64_t F, const real* w, const real* Y,      \
                                     const real* phi, const real* chi, const real* g, const real* start, real* out_x,  \
                                     real* out_V, int32_t threads) {                                                   \
        const Inputs<real> in{*list, F, w, Y, phi, nullptr, chi, nullptr, g};                                          \
        choose<real>(L, phi, chi).grad_features(in, start, out_x, out_V, threads);                                     \
    }                                                                                                                  \
    void NAME(moments_grad_pairs)(const empnet_list* list, int32_t L, int64_t F, const real* w, const real* Y,         \
                                  const real* phi, const real* x, const real* chi, const real* V, const real* g,       \
                                  real* out_w, real* out_Y, int32_t threads) {                                         \
        const Inputs<real> in{*list, F, w, Y, phi, x, chi, V, g};                                                      \
        choose<real>(L, x, V).grad_pairs(in, out_w, out_Y, threads);                                                   \
    }                                                                                                                  \
    void NAME(moments_grad_tables)(const empnet_list* list, int32_t L, int64_t F, int64_t n_rows, const real* w,       \
                                   const real* Y, const real* x, const real* V, const real* g, const real* h_w,        \
                                   const real* h_Y, real* out_phi, real* out_chi, int32_t threads) {                   \
        const Inputs<real> in{*list, F, w, Y, nullptr, x, nullptr, V, g};                                              \
        choose<real>(L, x, V).grad_tables(in, n_rows, h_w, h_Y, out_phi, out_chi, threads);                            \
    }                                                                                                                  \
    void NAME(moments_second_order)(const empnet_list* list, int32_t L, int64_t F, const real* w, const real* Y,       \
                                    const real* phi, const real* x, const real* chi, const real* V, const real* g,     \
                                    const real* h_w, const real* h_Y, real* out_g, real* out_x, real* out_V,           \
                                    int32_t threads) {                                                                 \
        const Inputs<real> in{*list, F, w, Y, phi, x, chi, V, g};                                                      \
        choose<real>(L, x, V).second_order(in, h_w, h_Y, out_g, out_x, out_V, threads);                                \
    }

DEFINE(float, SINGLE)
DEFINE(double, DOUBLE)
