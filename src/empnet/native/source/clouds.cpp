// Loops over the points of a cloud: see empnet.preparation.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "library.hpp"

namespace {

// sum_j 1 / (1 + |x_j - x_i|^2 / size): an invariant number of a point, for ties.
double crowding(int64_t N, const double* x, int64_t i, double size) {
    double total = 0;
    for (int64_t j = 0; j < N; ++j) {
        const double a = x[3 * j] - x[3 * i], b = x[3 * j + 1] - x[3 * i + 1], c = x[3 * j + 2] - x[3 * i + 2];
        total += 1 / (1 + (a * a + b * b + c * c) / size);
    }
    return total;
}

// The point with the largest of the squared distances; among equal ones that in the most crowded place.
int64_t farthest(int64_t N, const double* x, const std::vector<double>& d2, double size, double tolerance) {
    const int64_t best = std::max_element(d2.begin(), d2.end()) - d2.begin();
    const double least = d2[best] * (1 - tolerance);
    if (std::count_if(d2.begin(), d2.end(), [&](double value) { return value >= least; }) == 1) return best;
    int64_t chosen = best;
    double most = -1;
    for (int64_t i = 0; i < N; ++i) {
        if (d2[i] < least) continue;
        const double crowd = crowding(N, x, i, size);
        if (crowd > most * (1 + 1e-9)) chosen = i, most = crowd;
    }
    return chosen;
}

}  // namespace

void empnet_choose_farthest(int64_t N, const double* x, int64_t n, double tolerance, int64_t* chosen) {
    std::vector<double> d2(N);
    double size = 0;
    for (int64_t i = 0; i < N; ++i) {
        d2[i] = x[3 * i] * x[3 * i] + x[3 * i + 1] * x[3 * i + 1] + x[3 * i + 2] * x[3 * i + 2];
        size += d2[i] / double(N);
    }
    chosen[0] = farthest(N, x, d2, size, tolerance);
    std::fill(d2.begin(), d2.end(), std::numeric_limits<double>::infinity());
    for (int64_t k = 1; k < n; ++k) {
        const double* last = x + 3 * chosen[k - 1];
        for (int64_t i = 0; i < N; ++i) {
            const double a = x[3 * i] - last[0], b = x[3 * i + 1] - last[1], c = x[3 * i + 2] - last[2];
            d2[i] = std::min(d2[i], a * a + b * b + c * c);
        }
        chosen[k] = farthest(N, x, d2, size, tolerance);
    }
}

// Sums of w, w d and w d d^T over the points at d about each centre, and weighted means of their values, a row for each
// radius; the radii ascend, so that each distance is computed once. Centre i looks at the points firsts[i] to ends[i].
void empnet_local_sums(int64_t n, int64_t N, int64_t F, int64_t R, const double* x, const double* centres, const double* radii, const double* values, const int64_t* firsts, const int64_t* ends, double* sums, double* means) {
    (void)N;
    std::fill(sums, sums + R * n * 10, 0.0);
    std::fill(means, means + R * n * F, 0.0);
    for (int64_t i = 0; i < n; ++i) {
        for (int64_t j = firsts[i]; j < ends[i]; ++j) {
            const double a = x[3 * j] - centres[3 * i], b = x[3 * j + 1] - centres[3 * i + 1], c = x[3 * j + 2] - centres[3 * i + 2];
            const double d2 = a * a + b * b + c * c;
            for (int64_t k = R - 1; k >= 0 && d2 < radii[k] * radii[k]; --k) {
                const double share = 1 - d2 / (radii[k] * radii[k]), w = share * share;
                double* s = sums + (k * n + i) * 10;
                const double of[10] = {1, a, b, c, a * a, b * b, c * c, b * c, a * c, a * b};
                for (int m = 0; m < 10; ++m) s[m] += w * of[m];
                for (int64_t f = 0; f < F; ++f) means[(k * n + i) * F + f] += w * values[j * F + f];
            }
        }
        for (int64_t k = 0; k < R; ++k)
            for (int64_t f = 0; f < F; ++f) means[(k * n + i) * F + f] /= sums[(k * n + i) * 10];
    }
}

// The smooth histogram of all distances, and sum_ij g_s(r_i) g_s(r_j) P_l(cos) for shells s and l = 1 to 4.
void empnet_pair_correlations(int64_t n, int64_t D, int64_t S, const double* x, const double* distances, double spread, const double* shells, double width, double* histogram, double* spectrum) {
    std::fill(histogram, histogram + D, 0.0);
    std::fill(spectrum, spectrum + S * 4, 0.0);
    std::vector<double> r(n), g(n * S), norm(S, 1e-12);
    for (int64_t i = 0; i < n; ++i) {
        r[i] = std::sqrt(x[3 * i] * x[3 * i] + x[3 * i + 1] * x[3 * i + 1] + x[3 * i + 2] * x[3 * i + 2]);
        for (int64_t s = 0; s < S; ++s) {
            const double u = (r[i] - shells[s]) / width;
            norm[s] += g[i * S + s] = std::exp(-0.5 * u * u);
        }
    }
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j <= i; ++j) {  // each pair once, and the point itself
            const double twice = i == j ? 1 : 2;
            const double dot = x[3 * i] * x[3 * j] + x[3 * i + 1] * x[3 * j + 1] + x[3 * i + 2] * x[3 * j + 2];
            const double a = x[3 * i] - x[3 * j], b = x[3 * i + 1] - x[3 * j + 1], c = x[3 * i + 2] - x[3 * j + 2];
            const double d = std::sqrt(a * a + b * b + c * c);
            for (int64_t k = 0; k < D; ++k) {
                const double u = (d - distances[k]) / spread;
                if (-4 < u && u < 4) histogram[k] += twice * std::exp(-0.5 * u * u);
            }
            const double cos = dot / (r[i] * r[j] + 1e-6), c2 = cos * cos;
            const double P[4] = {cos, 1.5 * c2 - 0.5, cos * (2.5 * c2 - 1.5), (4.375 * c2 - 3.75) * c2 + 0.375};
            for (int64_t s = 0; s < S; ++s)
                for (int l = 0; l < 4; ++l) spectrum[4 * s + l] += twice * g[i * S + s] * g[j * S + s] * P[l];
        }
    for (int64_t k = 0; k < D; ++k) histogram[k] /= double(n) * double(n);
    for (int64_t s = 0; s < S; ++s)
        for (int l = 0; l < 4; ++l) spectrum[4 * s + l] /= norm[s] * norm[s];
}
