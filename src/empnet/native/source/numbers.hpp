// Numbers that a network is evaluated on: plain ones, and dual ones, a value and its derivative along a direction.
//
// Training on forces needs the derivative of dE/d(weights) along a direction h of the positions, because
//
//     d/d(weights) of sum_i h_i dE/dr_i   is   d/de of dE/d(weights) at r + e h
//
// So one program serves both: on plain numbers the way back gives gradients, on dual ones their derivatives. A dual pass
// comes after a plain one of the same systems: on its way forward values are at hand, and only derivatives are new.
//
// References: Griewank, Walther, Evaluating derivatives, 2008, chapter 5; Pearlmutter, Fast exact multiplication by the
// Hessian, 1994, https://doi.org/10.1162/neco.1994.6.1.147
#pragma once

#include "vectors.hpp"

namespace empnet {

// A vector of features, and its derivative.
template <class T>
struct Dual {
    Vector<T> v, t;

    friend EMPNET_INLINE Dual operator+(Dual a, Dual b) { return {a.v + b.v, a.t + b.t}; }
    friend EMPNET_INLINE Dual operator-(Dual a, Dual b) { return {a.v - b.v, a.t - b.t}; }
    friend EMPNET_INLINE Dual operator*(Dual a, Dual b) { return {a.v * b.v, a.t * b.v + a.v * b.t}; }
    friend EMPNET_INLINE Dual operator*(Dual a, T b) { return {a.v * b, a.t * b}; }
    friend EMPNET_INLINE Dual operator*(Dual a, Vector<T> b) { return {a.v * b, a.t * b}; }
    friend EMPNET_INLINE Dual operator*(T a, Dual b) { return b * a; }
    friend EMPNET_INLINE Dual operator+(T a, Dual b) { return {a + b.v, b.t}; }
    friend EMPNET_INLINE Dual operator-(T a, Dual b) { return {a - b.v, -b.t}; }
    EMPNET_INLINE Dual& operator+=(Dual b) { return *this = *this + b; }
    EMPNET_INLINE Dual& operator*=(Dual b) { return *this = *this * b; }
};

// Where values lie, and how far on their derivatives do.
template <class T>
struct Twin {
    T* v;
    int64_t ahead;

    Twin(T* values = nullptr, int64_t numbers = 0) : v(values), ahead(numbers) {}
    template <class Other, class = std::enable_if_t<std::is_convertible_v<Other*, T*>>>
    EMPNET_INLINE Twin(Twin<Other> other) : v(other.v), ahead(other.ahead) {}
    friend EMPNET_INLINE Twin operator+(Twin a, int64_t n) { return {a.v + n, a.ahead}; }
    EMPNET_INLINE Twin& operator+=(int64_t n) { return *this = *this + n; }
    explicit operator bool() const { return v; }
};

// A number in all lanes. (Not zero plus it, for which compilers add: -0 would become 0.)
template <class T>
EMPNET_INLINE Vector<T> all_lanes_of(T x) {
    return x - Vector<T>{};
}

// Plain numbers.
template <class T>
struct Values {
    using Real = T;
    using Number = Vector<T>;
    using At = T*;
    using From = const T*;
    // the parts of a number, and the first that a way forward has to compute
    static constexpr int parts = 1, first_new = 0;

    static At at(T* values, int64_t) { return values; }
    static From with_ahead(From at, int64_t) { return at; }
    static At with_ahead(At at, int64_t) { return at; }
    EMPNET_INLINE static T* part(At at, int) { return at; }
    EMPNET_INLINE static const T* part(From at, int) { return at; }
    EMPNET_INLINE static Number load(From at) { return Full{}.load(at); }
    EMPNET_INLINE static void store(At at, Number x) { Full{}.store(at, x); }
    EMPNET_INLINE static void add(At at, Number x) { Full{}.store(at, Full{}.load(at) + x); }
    EMPNET_INLINE static void store_new(At at, Number x) { store(at, x); }
    EMPNET_INLINE static void add_new(At at, Number x) { add(at, x); }
    EMPNET_INLINE static Number all_lanes(From at) { return all_lanes_of(*at); }
    // what a gradient takes: here the number, of dual numbers the derivative
    EMPNET_INLINE static Vector<T> last(Number x) { return x; }
};

template <class T>
struct Duals {
    using Real = T;
    using Number = Dual<T>;
    using At = Twin<T>;
    using From = Twin<const T>;
    static constexpr int parts = 2, first_new = 1;

    static At at(T* values, int64_t ahead) { return {values, ahead}; }
    template <class Real>
    EMPNET_INLINE static Twin<Real> with_ahead(Twin<Real> at, int64_t ahead) {
        return {at.v, ahead};
    }
    template <class Real>
    EMPNET_INLINE static Real* part(Twin<Real> at, int which) {
        return which ? at.v + at.ahead : at.v;
    }
    EMPNET_INLINE static Number load(From at) { return {Full{}.load(at.v), Full{}.load(at.v + at.ahead)}; }
    EMPNET_INLINE static void store(At at, Number x) { Full{}.store(at.v, x.v), Full{}.store(at.v + at.ahead, x.t); }
    EMPNET_INLINE static void add(At at, Number x) { store(at, load(at) + x); }
    EMPNET_INLINE static void store_new(At at, Number x) { Full{}.store(at.v + at.ahead, x.t); }
    EMPNET_INLINE static void add_new(At at, Number x) { Full{}.store(at.v + at.ahead, Full{}.load(at.v + at.ahead) + x.t); }
    EMPNET_INLINE static Number all_lanes(From at) { return {all_lanes_of(at.v[0]), all_lanes_of(at.v[at.ahead])}; }
    EMPNET_INLINE static Vector<T> last(Number x) { return x.t; }
};

}  // namespace empnet
