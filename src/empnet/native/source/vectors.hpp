// Vectors of features: the widest that the instruction set has, and loops over features that end in a partial one.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#ifndef EMPNET_VECTOR_BYTES
#define EMPNET_VECTOR_BYTES 16
#endif

// The compiler keeps values in registers only within one function, so everything below a loop over features is part of it.
// (Not so under sanitizers, which take very long with long functions.)
#ifndef EMPNET_ALWAYS
#define EMPNET_ALWAYS __attribute__((always_inline))
#endif
#define EMPNET_INLINE inline EMPNET_ALWAYS
// One copy of what is called from several loops: it takes far longer than a call.
#define EMPNET_APART __attribute__((noinline))

namespace empnet {

template <class T>
struct VectorOf {
    typedef T type __attribute__((vector_size(EMPNET_VECTOR_BYTES)));
    static constexpr int lanes = EMPNET_VECTOR_BYTES / sizeof(T);
};

template <class T>
using Vector = typename VectorOf<T>::type;

// All lanes of a vector.
struct Full {
    template <class T>
    EMPNET_INLINE Vector<T> load(const T* from) const {
        Vector<T> v;
        std::memcpy(&v, from, sizeof v);
        return v;
    }
    template <class T>
    EMPNET_INLINE void store(T* to, Vector<T> v) const {
        std::memcpy(to, &v, sizeof v);
    }
};

// The first lanes of a vector: the last features of a width that is no multiple of the lanes.
struct Part {
    int count;
    template <class T>
    EMPNET_INLINE Vector<T> load(const T* from) const {
        Vector<T> v = {};
        for (int i = 0; i < count; ++i) v[i] = from[i];
        return v;
    }
    template <class T>
    EMPNET_INLINE void store(T* to, Vector<T> v) const {
        for (int i = 0; i < count; ++i) to[i] = v[i];
    }
};

// Calls body(k, lanes) for each vector of F features.
template <class T, class Body>
EMPNET_INLINE void over_features(int64_t F, Body&& body) {
    constexpr int lanes = VectorOf<T>::lanes;
    int64_t k = 0;
    for (; k + lanes <= F; k += lanes) body(k, Full{});
    if (k < F) body(k, Part{int(F - k)});
}

template <class Body, int... i>
EMPNET_INLINE void each_of(Body& body, std::integer_sequence<int, i...>) {
    (body(std::integral_constant<int, i>{}), ...);
}

// Calls body with the constants 0 ... n - 1, so that the compiler sees n statements and keeps values in registers.
template <int n, class Body>
EMPNET_INLINE void each(Body&& body) {
    each_of(body, std::make_integer_sequence<int, n>{});
}

// The sum over lanes, by halves.
template <class T>
EMPNET_INLINE T sum(Vector<T> v) {
    T part[VectorOf<T>::lanes];
    std::memcpy(part, &v, sizeof v);
    for (int n = VectorOf<T>::lanes / 2; n > 0; n /= 2)
        for (int i = 0; i < n; ++i) part[i] += part[i + n];
    return part[0];
}

// The degree l of component s = (l, m), and its sign where the direction is reversed.
constexpr int degree_of(int s) { return s == 0 ? 0 : s < 4 ? 1 : s < 9 ? 2 : 3; }
constexpr int sign_of(int s) { return degree_of(s) % 2 ? -1 : 1; }

}  // namespace empnet
