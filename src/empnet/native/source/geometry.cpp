// From positions to distances or directions, and to the weights of a spline, pair by pair.
#include "geometry.hpp"

namespace empnet {
namespace {

template <class real>
void weights(int64_t P, const double* d, const empnet_grid& grid, bool enveloped, int64_t* q, real* w, int threads) {
    in_shares(P, threads, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) q[p] = weights_at(d[p], grid, enveloped, w + 4 * p);
    });
}

template <class real>
void weights_derivative(int64_t P, const double* d, const empnet_grid& grid, int terms, const double* spline, const double* env, real* w, int threads) {
    in_shares(P, threads, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
            double four[4];
            weights_derivative_at(d[p], grid, terms, spline, env, four);
            for (int b = 0; b < 4; ++b) w[4 * p + b] = real(four[b]);
        }
    });
}

template <class real>
void weights_backward(int64_t P, const double* d, const empnet_grid& grid, int terms, const double* spline, const double* env, const real* g, double* out, int threads) {
    in_shares(P, threads, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
            double four[4];
            weights_derivative_at(d[p], grid, terms, spline, env, four);
            out[p] = g[4 * p] * four[0] + g[4 * p + 1] * four[1] + g[4 * p + 2] * four[2] + g[4 * p + 3] * four[3];
        }
    });
}

template <class real>
void directions(int64_t P, const double* v, const empnet_grid& grid, int L, double* d, int64_t* q, real* w, real* Y, int threads) {
    const int S = (L + 1) * (L + 1);
    in_shares(P, threads, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
            const Vec3 r = {v[3 * p], v[3 * p + 1], v[3 * p + 2]};
            d[p] = length(r);
            q[p] = weights_at(d[p], grid, true, w + 4 * p);
            const double inverse = d[p] != 0 ? 1 / d[p] : 0;
            harmonics(L, r.x * inverse, r.y * inverse, r.z * inverse, Y + S * p);
        }
    });
}

template <class real>
void directions_backward(int64_t P, const double* v, const empnet_grid& grid, int L, const real* g_w, const real* g_Y, double* out, int threads) {
    const int S = (L + 1) * (L + 1);
    in_shares(P, threads, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
            const double d = length({v[3 * p], v[3 * p + 1], v[3 * p + 2]});
            double* to = out + 3 * p;
            to[0] = to[1] = to[2] = 0;
            if (d == 0) continue;
            const double x = v[3 * p] / d, y = v[3 * p + 1] / d, z = v[3 * p + 2] / d;
            double slope[4], along = 0;
            weights_slope(d, grid, slope);
            for (int k = 0; k < 4; ++k) along += g_w[4 * p + k] * slope[k];
            const Vec3 g = gradient_of_vector(L, d, x, y, z, along, g_Y + S * p);
            to[0] = g.x, to[1] = g.y, to[2] = g.z;
        }
    });
}

template <class real>
void directions_jvp(int64_t P, const double* v, const empnet_grid& grid, int L, const double* h, real* h_w, real* h_Y, int threads) {
    const int S = (L + 1) * (L + 1);
    in_shares(P, threads, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
            const double d = length({v[3 * p], v[3 * p + 1], v[3 * p + 2]});
            for (int k = 0; k < 4; ++k) h_w[4 * p + k] = 0;
            for (int s = 0; s < S; ++s) h_Y[S * p + s] = 0;
            if (d == 0) continue;
            const double x = v[3 * p] / d, y = v[3 * p + 1] / d, z = v[3 * p + 2] / d;
            const double radial = h[3 * p] * x + h[3 * p + 1] * y + h[3 * p + 2] * z;
            double slope[4];
            weights_slope(d, grid, slope);
            for (int k = 0; k < 4; ++k) h_w[4 * p + k] = real(radial * slope[k]);
            const double a = (h[3 * p] - radial * x) / d, b = (h[3 * p + 1] - radial * y) / d, c = (h[3 * p + 2] - radial * z) / d;
            harmonics_gradients(L, x, y, z, [&](int s, double dx, double dy, double dz) {
                h_Y[S * p + s] = real(dx * a + dy * b + dz * c);
            });
        }
    });
}

}  // namespace
}  // namespace empnet

using namespace empnet;

void empnet_distances(const empnet_list* list, const empnet_space* space, double* d, int32_t threads) {
    in_shares(list->P, threads, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) d[p] = length(pair_vector(*space, p, list->first[p], list->second[p]));
    });
}

void empnet_distances_backward(const empnet_list* list, const empnet_space* space, const double* d, const double* g, double* out, int32_t threads) {
    gather(*list, threads, out, [&](int64_t p, int64_t j, int64_t i) -> Vec3 {
        if (d[p] == 0) return {0, 0, 0};
        const Vec3 v = pair_vector(*space, p, j, i);
        const double s = g[p] / d[p];
        return {s * v.x, s * v.y, s * v.z};
    });
}

void empnet_vectors(const empnet_list* list, const empnet_space* space, double* out, int32_t threads) {
    in_shares(list->P, threads, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
            const Vec3 v = pair_vector(*space, p, list->first[p], list->second[p]);
            out[3 * p] = v.x, out[3 * p + 1] = v.y, out[3 * p + 2] = v.z;
        }
    });
}

void empnet_vectors_backward(const empnet_list* list, const double* g, double* out, int32_t threads) {
    gather(*list, threads, out, [&](int64_t p, int64_t, int64_t) -> Vec3 { return {g[3 * p], g[3 * p + 1], g[3 * p + 2]}; });
}

#define DEFINE(real, NAME)                                                                                              \
    void NAME(weights)(int64_t P, const double* d, const empnet_grid* grid, int32_t enveloped, int64_t* q, real* w,     \
                       int32_t threads) {                                                                               \
        weights(P, d, *grid, enveloped, q, w, threads);                                                                 \
    }                                                                                                                   \
    void NAME(weights_derivative)(int64_t P, const double* d, const empnet_grid* grid, int32_t terms,                   \
                                  const double* spline, const double* envelope, real* w, int32_t threads) {             \
        weights_derivative(P, d, *grid, terms, spline, envelope, w, threads);                                           \
    }                                                                                                                   \
    void NAME(weights_backward)(int64_t P, const double* d, const empnet_grid* grid, int32_t terms,                     \
                                const double* spline, const double* envelope, const real* g, double* out,               \
                                int32_t threads) {                                                                      \
        weights_backward(P, d, *grid, terms, spline, envelope, g, out, threads);                                        \
    }                                                                                                                   \
    void NAME(directions)(int64_t P, const double* v, const empnet_grid* grid, int32_t L, double* d, int64_t* q,        \
                          real* w, real* Y, int32_t threads) {                                                          \
        directions(P, v, *grid, L, d, q, w, Y, threads);                                                                \
    }                                                                                                                   \
    void NAME(directions_backward)(int64_t P, const double* v, const empnet_grid* grid, int32_t L, const real* g_w,     \
                                   const real* g_Y, double* out, int32_t threads) {                                     \
        directions_backward(P, v, *grid, L, g_w, g_Y, out, threads);                                                    \
    }                                                                                                                   \
    void NAME(directions_jvp)(int64_t P, const double* v, const empnet_grid* grid, int32_t L, const double* h,          \
                              real* h_w, real* h_Y, int32_t threads) {                                                  \
        directions_jvp(P, v, *grid, L, h, h_w, h_Y, threads);                                                           \
    }

DEFINE(float, SINGLE)
DEFINE(double, DOUBLE)
