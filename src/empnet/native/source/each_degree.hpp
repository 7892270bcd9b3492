// Degrees as constants of templates.
#pragma once

#include <type_traits>

// Calls X for both precisions and all degrees.
#define EMPNET_EACH_DEGREE(X) X(float, 0) X(float, 1) X(float, 2) X(float, 3) X(double, 0) X(double, 1) X(double, 2) X(double, 3)

namespace empnet {

// Returns body(L) with L as a constant.
template <class Body>
auto with_degree(int L, Body&& body) {
    return L == 0   ? body(std::integral_constant<int, 0>{})
           : L == 1 ? body(std::integral_constant<int, 1>{})
           : L == 2 ? body(std::integral_constant<int, 2>{})
                    : body(std::integral_constant<int, 3>{});
}

}  // namespace empnet
