/* The functions of libempnet, in one place: the library compiles this file, and library.py reads it.

   N particles, P pairs (j, i) = (first, second), F features, L the highest degree, S = (L + 1)^2 components of a moment.
   Arrays lie in one piece, in the order of their indices. A pointer may be null where the text says so.
   The work is shared by as many threads as the last argument says. */

#ifndef EMPNET_FUNCTIONS_H
#define EMPNET_FUNCTIONS_H
#include <stdint.h>

/* A neighbour list: see empnet.system.batch.Pairs; q is the first of the four rows of a table that a pair reads. */
typedef struct {
    int64_t N, P;
    const int64_t *rows, *columns, *transposed, *first, *second, *q;
} empnet_list;

/* Where pairs lie: positions (N, 3); shifts (P, 3), or null for open systems; cells (n_cells, 3, 3); system_of (N). */
typedef struct {
    const double *positions, *shifts, *cells;
    const int64_t *system_of;
    int64_t n_cells;
} empnet_space;

/* The knots of a spline: their distance, the last knot, and the largest q. */
typedef struct {
    double spacing, r_max;
    int64_t last;
} empnet_grid;

/* The weights of one interaction, as torch has them; a network without directions has W_1 and W_2, or no products, and its
   own is phi(0). Those that it does not have are null. */
typedef struct {
    const void *phi, *chi, *own, *W, *W_l, *W_1, *W_2;
    const void *psi_1, *psi_1_bias, *psi_2, *psi_2_bias, *gate, *gate_bias;
} empnet_interaction;

/* A network with fixed weights: n_rows are the rows of the filters' tables, n_species the first of the n_features. */
typedef struct {
    int64_t L, layers, F, n_features, n_species, n_outputs, n_rows;
    empnet_grid grid;
    const empnet_interaction* interactions;
    const void *embedding, *readout_1, *readout_1_bias, *readout_2, *readout_2_bias;
    const double *baseline, *scale;
} empnet_network;

#endif

int32_t empnet_version(void);
const char* empnet_compiler(void);
int32_t empnet_runs_here(void);
void empnet_share_threads(void* gomp_parallel);

/* geometry.cpp */
void empnet_distances(const empnet_list* list, const empnet_space* space, double* d, int32_t threads);
void empnet_distances_backward(const empnet_list* list, const empnet_space* space, const double* d, const double* g, double* out, int32_t threads);
void empnet_vectors(const empnet_list* list, const empnet_space* space, double* out, int32_t threads);
void empnet_vectors_backward(const empnet_list* list, const double* g, double* out, int32_t threads);

/* lists.cpp */
int64_t empnet_count_pairs(int64_t B, const int64_t* first_particle, const int64_t* n_particles, const int64_t* first_pair, const void* neighbours, int32_t neighbour_bytes, const void* senders, int32_t sender_bytes, int64_t* rows);
void empnet_join_pairs(int64_t B, const int64_t* first_particle, const int64_t* n_particles, const int64_t* first_pair, const int64_t* n_pairs, const void* neighbours, int32_t neighbour_bytes, const void* senders, int32_t sender_bytes, int64_t N, int64_t P, int64_t* first, int64_t* second, int64_t* transposed, int64_t* columns, int64_t* kept);
int64_t empnet_pairs_within(int64_t N, const double* positions, double cutoff, double nearest, int32_t* receivers, int32_t* senders);
int64_t empnet_pair_distances(int64_t B, const int64_t* sizes, const void* neighbours, int32_t neighbour_bytes, const void* senders, int32_t sender_bytes, const double* positions, const int64_t* places, int64_t n_species, const uint8_t* chosen, int32_t one_way, int64_t* receivers, int64_t* codes, double* d);

/* clouds.cpp */
void empnet_choose_farthest(int64_t N, const double* x, int64_t n, double tolerance, int64_t* chosen);
void empnet_local_sums(int64_t n, int64_t N, int64_t F, int64_t R, const double* x, const double* centres, const double* radii, const double* values, const int64_t* firsts, const int64_t* ends, double* sums, double* means);
void empnet_pair_correlations(int64_t n, int64_t D, int64_t S, const double* x, const double* distances, double spread, const double* shells, double width, double* histogram, double* spectrum);
