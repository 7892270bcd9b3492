// Neighbour lists: those of stored systems joined for a batch, and all pairs of a small open system.
#include <cmath>
#include <vector>

#include "library.hpp"

namespace {

// Calls body(neighbours, senders) with both arrays in the type in which they are stored: integers of 2, 4 or 8 bytes.
template <class Body>
auto with_types(const void* neighbours, int neighbour_bytes, const void* senders, int sender_bytes, Body&& body) {
    const auto second = [&](auto* n) {
        if (sender_bytes == 2) return body(n, static_cast<const int16_t*>(senders));
        if (sender_bytes == 4) return body(n, static_cast<const int32_t*>(senders));
        return body(n, static_cast<const int64_t*>(senders));
    };
    if (neighbour_bytes == 2) return second(static_cast<const int16_t*>(neighbours));
    if (neighbour_bytes == 4) return second(static_cast<const int32_t*>(neighbours));
    return second(static_cast<const int64_t*>(neighbours));
}

}  // namespace

int64_t empnet_count_pairs(int64_t B, const int64_t* first_particle, const int64_t* n_particles, const int64_t* first_pair, const void* neighbours, int32_t neighbour_bytes, const void* senders, int32_t sender_bytes, int64_t* rows) {
    return with_types(neighbours, neighbour_bytes, senders, sender_bytes, [&](auto* neighbours, auto* senders) {
        int64_t before = 0, p = 0;
        rows[0] = 0;
        for (int64_t s = 0; s < B; ++s) {
            int64_t row = first_pair[s];
            for (int64_t a = 0; a < n_particles[s]; ++a) {
                const int64_t end = row + neighbours[first_particle[s] + a];
                int64_t images = 0;
                for (; row < end; ++row) p += senders[row] > a, images += senders[row] == a;
                p += (images + 1) / 2;
                rows[++before] = p;
            }
        }
        return p;
    });
}

void empnet_join_pairs(int64_t B, const int64_t* first_particle, const int64_t* n_particles, const int64_t* first_pair, const int64_t* n_pairs, const void* neighbours, int32_t neighbour_bytes, const void* senders, int32_t sender_bytes, int64_t N, int64_t P, int64_t* first, int64_t* second, int64_t* transposed, int64_t* columns, int64_t* kept) {
    std::fill(columns, columns + N + 1, 0);
    with_types(neighbours, neighbour_bytes, senders, sender_bytes, [&](auto* neighbours, auto* senders) {
        int64_t before = 0, before_pairs = 0, p = 0;
        for (int64_t s = 0; s < B; ++s) {
            int64_t row = first_pair[s];
            for (int64_t a = 0; a < n_particles[s]; ++a) {
                const int64_t end = row + neighbours[first_particle[s] + a];
                int64_t of_later = 0, images = 0;
                for (int64_t r = row; r < end; ++r) images += senders[r] == a;
                for (int64_t r = row; r < end; ++r) {
                    const int64_t i = senders[r];
                    of_later += i == a;
                    // pairs with own images: the second half only, since its shifts are opposite to the first half's
                    if (i > a || (i == a && of_later > images / 2)) {
                        first[p] = before + a, second[p] = before + i, kept[p] = before_pairs + r - first_pair[s];
                        ++columns[before + i + 1];
                        ++p;
                    }
                }
                row = end;
            }
            before += n_particles[s];
            before_pairs += n_pairs[s];
        }
        return p;
    });
    for (int64_t i = 0; i < N; ++i) columns[i + 1] += columns[i];
    std::vector<int64_t> free(columns, columns + N);
    for (int64_t p = 0; p < P; ++p) transposed[free[second[p]]++] = p;  // counting sort, stable
}

int64_t empnet_pairs_within(int64_t N, const double* positions, double cutoff, double nearest, int32_t* receivers, int32_t* senders) {
    int64_t p = 0;
    bool coincide = false;
    for (int64_t j = 0; j < N; ++j)
        for (int64_t i = 0; i < N; ++i) {
            double d2 = 0;
            for (int a = 0; a < 3; ++a) d2 += (positions[3 * i + a] - positions[3 * j + a]) * (positions[3 * i + a] - positions[3 * j + a]);
            if (i != j && d2 < cutoff * cutoff) {
                receivers[p] = int32_t(j), senders[p] = int32_t(i);
                ++p;
                coincide |= d2 < nearest * nearest;
            }
        }
    return coincide ? -1 : p;
}

int64_t empnet_pair_distances(int64_t B, const int64_t* sizes, const void* neighbours, int32_t neighbour_bytes, const void* senders, int32_t sender_bytes, const double* positions, const int64_t* places, int64_t n_species, const uint8_t* chosen, int32_t one_way, int64_t* receivers, int64_t* codes, double* d) {
    return with_types(neighbours, neighbour_bytes, senders, sender_bytes, [&](auto* neighbours, auto* senders) {
        int64_t before = 0, row = 0, p = 0;
        for (int64_t s = 0; s < B; ++s) {
            for (int64_t a = 0; a < sizes[s]; ++a) {
                const int64_t j = before + a, end = row + neighbours[j];
                for (int64_t r = row; r < (chosen[s] ? end : row); ++r)
                    if (senders[r] >= a || !one_way) {
                        const int64_t i = before + senders[r];
                        const double x = positions[3 * i] - positions[3 * j], y = positions[3 * i + 1] - positions[3 * j + 1],
                                     z = positions[3 * i + 2] - positions[3 * j + 2];
                        receivers[p] = j;
                        codes[p] = std::min(places[i], places[j]) * n_species + std::max(places[i], places[j]);
                        d[p++] = std::sqrt(x * x + y * y + z * z);
                    }
                row = end;
            }
            before += sizes[s];
        }
        return p;
    });
}
