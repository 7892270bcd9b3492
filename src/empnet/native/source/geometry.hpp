// Formulas of one pair: its vector, its place between the knots, weights of the spline, harmonics, and their derivatives.
// Distances are in float64 throughout; only results are rounded.
#pragma once

#include <cmath>

#include "neighbours.hpp"

namespace empnet {

struct Vec3 {
    double x, y, z;
};

// The vector from the first particle of a pair to the second.
inline Vec3 pair_vector(const empnet_space& space, int64_t p, int64_t j, int64_t i) {
    const double *from = space.positions + 3 * j, *to = space.positions + 3 * i;
    Vec3 v = {to[0] - from[0], to[1] - from[1], to[2] - from[2]};
    if (space.shifts) {
        const double* cell = space.cells + (space.n_cells == 1 ? 0 : 9 * space.system_of[j]);
        for (int a = 0; a < 3; ++a) {
            const double shift = space.shifts[3 * p + a];
            v.x += shift * cell[3 * a];
            v.y += shift * cell[3 * a + 1];
            v.z += shift * cell[3 * a + 2];
        }
    }
    return v;
}

inline double length(Vec3 v) { return std::sqrt(v.x * v.x + v.y * v.y + v.z * v.z); }

// Writes the sum of what the pairs of each particle give: minus what `of` returns for those it is the first of.
template <class Of>
void gather(const empnet_list& list, int threads, double* out, Of&& of) {
    in_chunks(list, threads, [&](int64_t begin, int64_t end) {
        for (int64_t j = begin; j < end; ++j) {
            double a = 0, b = 0, c = 0;
            for (int64_t p = list.rows[j]; p < list.rows[j + 1]; ++p) {
                const Vec3 g = of(p, j, list.second[p]);
                a -= g.x, b -= g.y, c -= g.z;
            }
            for (int64_t column = list.columns[j]; column < list.columns[j + 1]; ++column) {
                const int64_t p = list.transposed[column];
                const Vec3 g = of(p, list.first[p], j);
                a += g.x, b += g.y, c += g.z;
            }
            out[3 * j] = a, out[3 * j + 1] = b, out[3 * j + 2] = c;
        }
    });
}

// Where a distance lies between the knots.
struct Place {
    int64_t q;
    double u;
};

inline Place locate(double d, const empnet_grid& grid) {
    const double u = d / grid.spacing;
    const int64_t q = u < double(grid.last + 1) ? std::min(int64_t(u), grid.last) : grid.last;  // nan must not index the table
    return {q, u - double(q)};
}

// The envelope 1 - 10 x^3 + 15 x^4 - 6 x^5 of x = d / r_max, over the spline's 6: exactly 0 at the cutoff.
inline double envelope(double d, double r_max) {
    const double ratio = d / r_max;
    const double y = ratio < 1 ? 1 - ratio : (ratio >= 1 ? 0.0 : ratio);  // nan stays nan
    return y * y * y * (10 + y * (6 * y - 15)) / 6;
}

template <class real>
inline int64_t weights_at(double d, const empnet_grid& grid, bool enveloped, real* w) {
    const Place at = locate(d, grid);
    const double u = at.u, v = 1 - u, env = enveloped ? envelope(d, grid.r_max) : d <= grid.r_max ? 1.0 / 6 : 0.0;
    w[0] = real(v * v * v * env);
    w[1] = real((u * u * (3 * u - 6) + 4) * env);
    w[2] = real((v * v * (3 * v - 6) + 4) * env);
    w[3] = real(u * u * u * env);
    return at.q;
}

// dw/dd of the four weights times the envelope.
inline void weights_slope(double d, const empnet_grid& grid, double* slope) {
    const double u = locate(d, grid).u, v = 1 - u, y = std::max(1 - d / grid.r_max, 0.0);
    const double env = envelope(d, grid.r_max), env_slope = -5 * y * y * (1 - y) * (1 - y) / grid.r_max;
    const double per_knot = env / grid.spacing;
    slope[0] = -3 * v * v * per_knot + v * v * v * env_slope;
    slope[1] = (9 * u * u - 12 * u) * per_knot + (u * u * (3 * u - 6) + 4) * env_slope;
    slope[2] = (12 * v - 9 * v * v) * per_knot + (v * v * (3 * v - 6) + 4) * env_slope;
    slope[3] = 3 * u * u * per_knot + u * u * u * env_slope;
}

constexpr int CUBIC = 4, QUINTIC = 6;  // numbers of coefficients

inline double polynomial(const double* c, int n, double x) {
    double value = c[n - 1];
    for (int k = n - 2; k >= 0; --k) value = value * x + c[k];
    return value;
}

// A derivative of the four weights by Leibniz' rule: a sum of products of a spline's and an envelope's derivatives.
inline void weights_derivative_at(double d, const empnet_grid& grid, int terms, const double* spline, const double* env, double* four) {
    const double u = locate(d, grid).u, y = 1 - d / grid.r_max;
    for (int b = 0; b < 4; ++b) four[b] = 0;
    if (d > grid.r_max) return;
    for (int m = 0; m < terms; ++m) {
        const double factor = polynomial(env + QUINTIC * m, QUINTIC, y);
        for (int b = 0; b < 4; ++b) four[b] += polynomial(spline + CUBIC * (4 * m + b), CUBIC, u) * factor;
    }
}

namespace harmonic {
inline const double A = std::sqrt(3.0), B = std::sqrt(15.0), C = std::sqrt(5.0) / 2, D = std::sqrt(35.0 / 8), E = std::sqrt(105.0),
                    G = std::sqrt(21.0 / 8), H = std::sqrt(7.0) / 2;
}

// Real spherical harmonics of a unit vector, with the mean square 1: see empnet.basis.harmonics.
template <class real>
inline void harmonics(int L, double x, double y, double z, real* out) {
    using namespace harmonic;
    out[0] = 1;
    if (L > 0) out[1] = real(A * y), out[2] = real(A * z), out[3] = real(A * x);
    if (L > 1) {
        out[4] = real(B * x * y), out[5] = real(B * y * z), out[6] = real(C * (2 * z * z - x * x - y * y));
        out[7] = real(B * x * z), out[8] = real(B / 2 * (x * x - y * y));
    }
    if (L > 2) {
        const double around = 4 * z * z - x * x - y * y;
        out[9] = real(D * y * (3 * x * x - y * y)), out[10] = real(E * x * y * z), out[11] = real(G * y * around);
        out[12] = real(H * z * (2 * z * z - 3 * (x * x + y * y))), out[13] = real(G * x * around);
        out[14] = real(E / 2 * z * (x * x - y * y)), out[15] = real(D * x * (x * x - 3 * y * y));
    }
}

// Their gradients as polynomials of x, y and z; calls row(s, d/dx, d/dy, d/dz) for each component but the first.
template <class Row>
inline void harmonics_gradients(int L, double x, double y, double z, Row&& row) {
    using namespace harmonic;
    if (L > 0) row(1, 0, A, 0), row(2, 0, 0, A), row(3, A, 0, 0);
    if (L > 1) {
        row(4, B * y, B * x, 0), row(5, 0, B * z, B * y), row(6, -2 * C * x, -2 * C * y, 4 * C * z);
        row(7, B * z, 0, B * x), row(8, B * x, -B * y, 0);
    }
    if (L > 2) {
        const double xx = x * x, yy = y * y, zz = z * z;
        row(9, 6 * D * x * y, 3 * D * (xx - yy), 0), row(10, E * y * z, E * x * z, E * x * y);
        row(11, -2 * G * x * y, G * (4 * zz - xx - 3 * yy), 8 * G * y * z);
        row(12, -6 * H * x * z, -6 * H * y * z, H * (6 * zz - 3 * xx - 3 * yy));
        row(13, G * (4 * zz - 3 * xx - yy), -2 * G * x * y, 8 * G * x * z);
        row(14, E * x * z, -E * y * z, E / 2 * (xx - yy)), row(15, 3 * D * (xx - yy), -6 * D * x * y, 0);
    }
}

// dL/dv of a pair at distance d in direction (x, y, z), from dL/dd at fixed direction and dL/dY.
template <class real>
inline Vec3 gradient_of_vector(int L, double d, double x, double y, double z, double along, const real* g_Y) {
    double a = 0, b = 0, c = 0;
    harmonics_gradients(L, x, y, z, [&](int s, double dx, double dy, double dz) {
        const double g = g_Y[s];
        a += g * dx, b += g * dy, c += g * dz;
    });
    const double radial = a * x + b * y + c * z;
    return {along * x + (a - radial * x) / d, along * y + (b - radial * y) / d, along * z + (c - radial * z) / d};
}

}  // namespace empnet
