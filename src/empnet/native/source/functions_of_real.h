/* The functions of libempnet that exist twice: real is float in those whose names end in _f32, double in _f64. */

/* geometry.cpp: q (P), w (P, 4), Y (P, S); v are the vectors of pairs (P, 3), d their lengths */
void NAME(weights)(int64_t P, const double* d, const empnet_grid* grid, int32_t enveloped, int64_t* q, real* w, int32_t threads);
void NAME(weights_derivative)(int64_t P, const double* d, const empnet_grid* grid, int32_t terms, const double* spline, const double* envelope, real* w, int32_t threads);
void NAME(weights_backward)(int64_t P, const double* d, const empnet_grid* grid, int32_t terms, const double* spline, const double* envelope, const real* g, double* out, int32_t threads);
void NAME(directions)(int64_t P, const double* v, const empnet_grid* grid, int32_t L, double* d, int64_t* q, real* w, real* Y, int32_t threads);
void NAME(directions_backward)(int64_t P, const double* v, const empnet_grid* grid, int32_t L, const real* g_w, const real* g_Y, double* out, int32_t threads);
void NAME(directions_jvp)(int64_t P, const double* v, const empnet_grid* grid, int32_t L, const double* h, real* h_w, real* h_Y, int32_t threads);

/* moments.cpp: phi and chi (K + 2, L + 1, F), x (N, F), V and g (N, S, F). Without features phi and x are null, without
   tensors chi and V are. Y may be null if L is 0. start is added to the sums; null: nothing is. Of the gradients of pairs
   either may be null, and so may then be what only it depends on: w for out_w, Y for out_Y. */
void NAME(moments)(const empnet_list* list, int32_t L, int64_t F, const real* w, const real* Y, const real* phi, const real* x, const real* chi, const real* V, const real* start, real* out, int32_t threads);
void NAME(moments_grad_features)(const empnet_list* list, int32_t L, int64_t F, const real* w, const real* Y, const real* phi, const real* chi, const real* g, const real* start, real* out_x, real* out_V, int32_t threads);
void NAME(moments_grad_pairs)(const empnet_list* list, int32_t L, int64_t F, const real* w, const real* Y, const real* phi, const real* x, const real* chi, const real* V, const real* g, real* out_w, real* out_Y, int32_t threads);
void NAME(moments_grad_tables)(const empnet_list* list, int32_t L, int64_t F, int64_t n_rows, const real* w, const real* Y, const real* x, const real* V, const real* g, const real* h_w, const real* h_Y, real* out_phi, real* out_chi, int32_t threads);
void NAME(moments_second_order)(const empnet_list* list, int32_t L, int64_t F, const real* w, const real* Y, const real* phi, const real* x, const real* chi, const real* V, const real* g, const real* h_w, const real* h_Y, real* out_g, real* out_x, real* out_V, int32_t threads);

/* products.cpp: A, B, D (N, 9, F), invariants (N, 11, F); gates g (N, L + 1, F), X (N, S, F) */
void NAME(products)(int64_t N, int64_t F, const real* f, const real* A, const real* B, real* invariants, real* D, int32_t threads);
void NAME(products_backward)(int64_t N, int64_t F, const real* A, const real* B, const real* g, const real* g_D, real* out_A, real* out_B, int32_t threads);
void NAME(products_second_order)(int64_t N, int64_t F, const real* A, const real* B, const real* g, const real* g_D, const real* h_f, const real* h_A, const real* h_B, real* out_A, real* out_B, real* out_g, real* out_g_D, int32_t threads);
void NAME(gated)(int64_t N, int32_t L, int64_t F, const real* g, const real* X, real* out, int32_t threads);
void NAME(gated_grad)(int64_t N, int32_t L, int64_t F, const real* X, const real* G, real* out, int32_t threads);

/* network.cpp: a network is known by a number. Results that are not wanted are null: hidden (N, F), forces -dE/dr (N, 3),
   virial dE/d strain (n_systems, 3, 3); contributions (N, n_outputs) with the baseline; E is the sum of the first of them. */
int64_t NAME(make_network)(const empnet_network* network);
void NAME(set_network)(int64_t network, const empnet_network* to, int32_t threads);
void NAME(free_network)(int64_t network);
void NAME(evaluate)(int64_t network, const empnet_list* list, const empnet_space* space, const int64_t* system_of, int64_t n_systems, const real* features, real* hidden, double* contributions, double* forces, double* virial, int32_t threads);

/* training.cpp: begin_step evaluates as evaluate does, and returns the number of a step. Then gradients writes those of a loss
   by all weights where the arrays of the record point, from g_contributions (N, n_outputs), g_forces (N, 3) and g_virial
   (n_systems, 3, 3), the gradients by what the step gave; null: zeros. The arrays of begin_step must stay until end_step. */
int64_t NAME(begin_step)(int64_t network, const empnet_list* list, const empnet_space* space, const int64_t* system_of, int64_t n_systems, const real* features, real* hidden, double* contributions, double* forces, double* virial, int32_t threads);
void NAME(gradients)(int64_t network, int64_t step, const double* g_contributions, const double* g_forces, const double* g_virial, const empnet_network* gradients);
void NAME(end_step)(int64_t network, int64_t step);

/* orthogonal.cpp: out[i] is nearly the nearest matrix with orthogonal rows (or columns) to from[i], of sizes m[i] x n[i]: see
   empnet.training.optimiser.muon. abc: the quintic's coefficients. */
void NAME(orthogonalise)(int64_t count, const int64_t* m, const int64_t* n, const int64_t* from, const int64_t* out, const double* abc, int32_t rounds, int32_t threads);
