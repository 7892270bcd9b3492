// SiLU(x) = x / (1 + exp(-x)) and its derivative, a vector at a time.
#pragma once

#include "numbers.hpp"

namespace empnet {

// How a number holds its power of two; adding `magic` rounds to a whole number, which then stands in the lowest bits.
template <class T>
struct Layout;
template <>
struct Layout<float> {
    using Whole = int32_t;
    static constexpr float magic = 12582912.0f, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f, largest = 87.0f;
    static constexpr int bits = 23, bias = 127, terms = 7;
};
template <>
struct Layout<double> {
    using Whole = int64_t;
    static constexpr double magic = 6755399441055744.0, ln2_high = 6.93145751953125e-1, ln2_low = 1.42860682030941723e-6, largest = 708.0;
    static constexpr int bits = 52, bias = 1023, terms = 13;
};

// exp(x) = 2^n exp(x - n ln 2), the second factor by its series; nan stays nan.
template <class T>
EMPNET_INLINE Vector<T> exponential(Vector<T> x) {
    using Of = Layout<T>;
    using Vec = Vector<T>;
    typedef typename Of::Whole Whole __attribute__((vector_size(EMPNET_VECTOR_BYTES)));
    const Vec largest = Vec{} + Of::largest, smallest = -largest;
    x = x > largest ? largest : x;
    x = x < smallest ? smallest : x;
    const Vec magic = Vec{} + Of::magic, shifted = x * T(1.4426950408889634) + magic, n = shifted - magic;
    const Vec rest = (x - n * Of::ln2_high) - n * Of::ln2_low;
    Vec series = Vec{} + T(1);
    each<Of::terms>([&](auto k) EMPNET_ALWAYS { series = T(1) + rest * series * (T(1) / T(Of::terms - k)); });
    const Whole power = ((Whole)shifted - (Whole)magic + Of::bias) << Of::bits;
    return series * (Vec)power;
}

template <class T>
EMPNET_INLINE Vector<T> sigmoid_of(Vector<T> x) {
    return T(1) / (T(1) + exponential<T>(-x));
}
EMPNET_INLINE Vector<float> sigmoid(Vector<float> x) { return sigmoid_of<float>(x); }
EMPNET_INLINE Vector<double> sigmoid(Vector<double> x) { return sigmoid_of<double>(x); }

template <class T>
EMPNET_INLINE Dual<T> sigmoid(Dual<T> x) {
    const Vector<T> s = sigmoid(x.v);
    return {s, x.t * s * (T(1) - s)};
}

// y = SiLU(x + bias) for n rows of F numbers, F being whole vectors; x + bias stays in x. Null: no bias.
template <class Of>
void silu(int64_t n, int64_t F, typename Of::At x, const typename Of::Real* bias, typename Of::At y) {
    using T = typename Of::Real;
    for (int64_t r = 0; r < n; ++r)
        for (int64_t k = 0; k < F; k += VectorOf<T>::lanes) {
            if (bias) Full{}.store(Of::part(x, 0) + r * F + k, Full{}.load(Of::part(x, 0) + r * F + k) + Full{}.load(bias + k));
            const typename Of::Number at = Of::load(x + (r * F + k));
            Of::store(y + (r * F + k), at * sigmoid(at));
        }
}

// g *= SiLU'(x) for n numbers, whole vectors.
template <class Of>
void silu_backward(int64_t n, typename Of::From x, typename Of::At g) {
    using T = typename Of::Real;
    for (int64_t k = 0; k < n; k += VectorOf<T>::lanes) {
        const typename Of::Number at = Of::load(x + k), s = sigmoid(at);
        Of::store(g + k, Of::load(g + k) * s * (T(1) + at * (T(1) - s)));
    }
}

}  // namespace empnet
