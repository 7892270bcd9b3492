// Evaluation of a network with fixed weights: forward, and by hand backward to positions and strain.
#include "network.hpp"

namespace empnet {
namespace {

template <class T>
void set(Tasks& tasks, Layer<T>& to, const empnet_network& of, const empnet_interaction& from, bool first, bool last) {
    const int64_t F = of.F, wide = padded<T>(F), D = of.L + 1;
    const int64_t n_psi = of.L ? INVARIANTS + (of.L == 3) : from.W_1 ? 2 : 1, n_hidden = of.L ? 2 : n_psi;
    to.L = int(of.L), to.F = wide, to.n_psi = n_psi * wide, to.n_hidden = n_hidden * wide;
    to.first = first || !of.L, to.last = last || !of.L, to.products = from.W_1;
    tasks.push_back([&, D, F] { to.phi = woven_table<T>(from.phi, of.n_rows, D, F); });
    tasks.push_back([&, D, F] { to.chi = woven_table<T>(from.chi, of.n_rows, D, F); });
    to.own = woven<T>(from.own, 1, 1, F);
    to.W.set(tasks, from.W, nullptr, 1, 1, F);
    for (int64_t l = 0; of.L && l < D; ++l) to.W_l[l].set(tasks, static_cast<const T*>(from.W_l) + l * F * F, nullptr, 1, 1, F, true);
    to.W_1.set(tasks, from.W_1, nullptr, 1, 1, F), to.W_2.set(tasks, from.W_2, nullptr, 1, 1, F);
    to.psi_1.set(tasks, from.psi_1, from.psi_1_bias, n_psi, n_hidden, F);
    to.psi_2.set(tasks, from.psi_2, from.psi_2_bias, n_hidden, 1, F);
    to.gate.set(tasks, from.gate, from.gate_bias, 1, D, F);
}

template <class T>
std::vector<T> numbers(const void* from, int64_t n) {
    return {static_cast<const T*>(from), static_cast<const T*>(from) + n};
}

}  // namespace

// Takes weights; the sizes are those of the weights before, if there were any.
template <class T>
void Network<T>::set(const empnet_network& from, int threads) {
    Tasks tasks;
    L_ = int(from.L), S_ = int((from.L + 1) * (from.L + 1)), F_ = padded<T>(from.F), width_ = from.F, n_features_ = from.n_features;
    n_species_ = from.n_species, n_outputs_ = from.n_outputs, n_rows_ = from.n_rows, grid_ = from.grid;
    layers_.resize(size_t(from.layers));
    for (int64_t t = 0; t < from.layers; ++t) empnet::set(tasks, layers_[t], from, from.interactions[t], t == 0, t == from.layers - 1);
    std::vector<T> turned(size_t(n_features_ * width_));  // a row for each feature
    for (int64_t i = 0; i < n_features_; ++i)
        for (int64_t k = 0; k < width_; ++k) turned[i * width_ + k] = static_cast<const T*>(from.embedding)[k * n_features_ + i];
    embedding_ = woven<T>(turned.data(), n_features_, 1, width_);
    readout_.set(tasks, from.readout_1, from.readout_1_bias, 1, 1, width_);
    last_ = woven<T>(from.readout_2, n_outputs_, 1, width_);
    last_bias_ = numbers<T>(from.readout_2_bias, n_outputs_);
    baseline_ = numbers<double>(from.baseline, n_species_ * n_outputs_);
    scale_ = numbers<double>(from.scale, n_outputs_);
    in_shares(int64_t(tasks.size()), threads, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) tasks[i]();
    }, 1);
}

// The numbers of interaction t, in the order of Rows; after the last one only features are left.
template <class T>
Rows<Values<T>> Network<T>::rows_at(int64_t N, size_t t, T* memory, int64_t* size) const {
    const bool any = t < layers_.size(), tensors = any && t && L_, gated = any && !layers_[t].last;
    *size = 0;
    const auto take = [&](int64_t n) {
        T* at = memory ? memory + *size : nullptr;
        *size += N * n;
        return at;
    };
    Rows<Values<T>> rows = {};
    rows.f = take(F_);
    if (tensors) rows.V = take(S_ * F_);
    if (any) rows.x = take(F_), rows.A = take(S_ * F_), rows.B = take(L_ ? S_ * F_ : 2 * F_), rows.hidden = take(layers_[t].n_hidden);
    if (gated) rows.gates = take((L_ + 1) * F_);
    return rows;
}

// All arrays; of rows each interaction has its own if derivatives are wanted, else every second one the same.
template <class T>
Arrays<T> Network<T>::arrays_at(const Evaluation<T>& task, T* memory, int64_t* size) const {
    const int64_t N = task.list.N, P = task.list.P, any = task.forces || task.keep;
    const size_t n = layers_.size(), slots = any ? n + 1 : 2;
    *size = 0;
    const auto take = [&](int64_t numbers) {
        T* at = memory ? memory + *size : nullptr;
        *size += numbers;
        return at;
    };
    Arrays<T> all = {take(4 * P), take(S_ * P), take(any * N * F_), take(any * N * S_ * F_), take(any * N * S_ * F_), take(any * N * F_), {}};
    std::vector<int64_t> largest(slots);
    int64_t each = 0;
    for (size_t t = 0; t <= n; ++t) rows_at(N, t, nullptr, &each), largest[t % slots] = std::max(largest[t % slots], each);
    std::vector<T*> slot;
    for (const int64_t numbers : largest) slot.push_back(take(numbers));
    for (size_t t = 0; t <= n; ++t) all.rows.push_back(rows_at(N, t, slot[t % slots], &each));
    for (size_t t = 0; t < n; ++t) all.rows[t].f_next = all.rows[t + 1].f, all.rows[t].V_next = all.rows[t + 1].V;
    return all;
}

template <class T>
void Network<T>::lay_out(const Evaluation<T>& task, Work<T>& work) const {
    arrays_at(task, nullptr, &work.ahead);
    const int64_t parts = task.keep && task.forces ? 2 : 1;
    work.arrays = arrays_at(task, work.numbers.of(std::max<int64_t>(1, parts * work.ahead)), &work.ahead);
}

template <class T>
void Network<T>::geometry(const Evaluation<T>& task, Work<T>& work) const {
    const empnet_list& list = task.list;
    int64_t* q = work.q.of(list.P);
    T *w = work.arrays.w, *slope = work.slope.of(4 * list.P), *Y = work.arrays.Y;
    in_shares(list.P, task.threads, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
            const Vec3 v = pair_vector(task.space, p, list.first[p], list.second[p]);
            const double d = length(v), inverse = d != 0 ? 1 / d : 0;
            q[p] = weights_at(d, grid_, true, w + 4 * p);
            harmonics(L_, v.x * inverse, v.y * inverse, v.z * inverse, Y + S_ * p);
            if (!task.forces) continue;
            double four[4];
            weights_slope(d, grid_, four);
            for (int b = 0; b < 4; ++b) slope[4 * p + b] = T(four[b]);
        }
    });
}

template <class T>
void Network<T>::embed(const Evaluation<T>& task, T* f) const {
    in_shares(task.list.N, task.threads, [&](int64_t begin, int64_t end) {
        for (int64_t j = begin; j < end; ++j) {
            T* to = f + j * F_;
            std::fill(to, to + F_, T(0));
            for (int64_t i = 0; i < n_features_; ++i)
                if (const T value = task.features[j * n_features_ + i]; value != 0)
                    for (int64_t k = 0; k < F_; ++k) to[k] += value * embedding_[i * F_ + k];
        }
    });
}

// Contributions c = b_z + s (W_2 h + b_2) with h = SiLU(W_1 f + b_1); with derivatives also those of E = sum_j c_j to f.
template <class T>
void Network<T>::read_out(const Evaluation<T>& task, Work<T>& work, const T* f) const {
    T* g_f = task.forces ? work.arrays.g_f : nullptr;
    in_blocks(task, work, [&](int64_t begin, int64_t n, T* scratch, int) {
        T *before = scratch, *h = scratch + n * F_;
        readout_.there.multiply(n, {f + begin * F_, F_}, {before, F_});
        silu<Values<T>>(n, F_, before, readout_.bias.data(), h);
        for (int64_t j = 0; j < n; ++j) {
            if (task.hidden) std::copy(h + j * F_, h + j * F_ + width_, task.hidden + (begin + j) * width_);
            for (int64_t o = 0; o < n_outputs_; ++o) {
                Vector<T> total = {};
                for (int64_t k = 0; k < F_; k += VectorOf<T>::lanes) total += Full{}.load(h + j * F_ + k) * Full{}.load(last_.data() + o * F_ + k);
                double c = scale_[o] * double(sum<T>(total) + last_bias_[o]);
                for (int64_t z = 0; z < n_species_; ++z) c += double(task.features[(begin + j) * n_features_ + z]) * baseline_[z * n_outputs_ + o];
                task.contributions[(begin + j) * n_outputs_ + o] = c;
            }
        }
        if (!g_f) return;
        for (int64_t j = 0; j < n; ++j)
            for (int64_t k = 0; k < F_; ++k) h[j * F_ + k] = T(scale_[0]) * last_[k];
        silu_backward<Values<T>>(n * F_, before, h);
        readout_.back.multiply(n, {h, F_}, {g_f + begin * F_, F_});
    });
}

template <class T>
void Network<T>::differentiate(const Evaluation<T>& task, Work<T>& work) const {
    using Of = Values<T>;
    const int64_t P = task.list.P;
    T *g_f = work.arrays.g_f, *g_V = work.arrays.g_V, *g_A = work.arrays.g_A, *g_x = work.arrays.g_x;
    T *g_d = work.g_d.of(P), *g_Y = work.g_Y.of(P * S_);
    in_shares(P, task.threads, [&](int64_t begin, int64_t end) {
        std::fill(g_d + begin, g_d + end, T(0));
        std::fill(g_Y + begin * S_, g_Y + end * S_, T(0));
    });
    for (size_t t = layers_.size(); t-- > 0;) {
        const Layer<T>& at = layers_[t];
        in_blocks(task, work, [&](int64_t begin, int64_t n, T* scratch, int) {
            steps_->values.backward(at, work.arrays.rows[t], begin, n, g_f, g_V, g_A, split<Of>(scratch, at), nullptr);
        });
        steps_->gradients(pairs_of<Of>(task, work, at, work.arrays.rows[t], g_A), g_d, g_Y, t ? g_x : nullptr, g_V, task.threads);
        if (t == 0) break;
        in_blocks(task, work, [&](int64_t begin, int64_t n, T*, int) {
            for (int64_t j = begin; at.first && j < begin + n; ++j)  // without directions each particle sends to itself, too
                for (int64_t k = 0; k < F_; ++k) g_x[j * F_ + k] += at.own[k] * g_A[j * F_ + k];
            at.W.back.multiply(n, {g_x + begin * F_, F_}, {g_f + begin * F_, F_}, true);
        });
    }
}

// Forces, and dE/d strain of each system: sum_p v_p dE/dv_p.
template <class T>
void Network<T>::give(const Evaluation<T>& task, Work<T>& work) const {
    const empnet_list& list = task.list;
    double* g_v = work.g_v.of(3 * list.P);
    const T *g_d = work.g_d.of(0), *g_Y = work.g_Y.of(0);
    in_shares(list.P, task.threads, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
            const Vec3 v = pair_vector(task.space, p, list.first[p], list.second[p]);
            const double d = length(v);
            const Vec3 g = d == 0 ? Vec3{0, 0, 0} : gradient_of_vector(L_, d, v.x / d, v.y / d, v.z / d, g_d[p], g_Y + S_ * p);
            g_v[3 * p] = -g.x, g_v[3 * p + 1] = -g.y, g_v[3 * p + 2] = -g.z;
        }
    });
    gather(list, task.threads, task.forces, [&](int64_t p, int64_t, int64_t) -> Vec3 { return {g_v[3 * p], g_v[3 * p + 1], g_v[3 * p + 2]}; });
    for (int64_t p = 0; task.virial && p < list.P; ++p) {
        const Vec3 v = pair_vector(task.space, p, list.first[p], list.second[p]);
        double* to = task.virial + 9 * task.system_of[list.first[p]];
        const double along[3] = {v.x, v.y, v.z};
        for (int a = 0; a < 3; ++a)
            for (int b = 0; b < 3; ++b) to[3 * a + b] -= along[a] * g_v[3 * p + b];
    }
}

template <class T>
void Network<T>::evaluate(const Evaluation<T>& task, Work<T>& work) const {
    lay_out(task, work);
    geometry(task, work);
    embed(task, work.arrays.rows[0].f);
    for (size_t t = 0; t < layers_.size(); ++t) interact<Values<T>>(task, work, layers_[t], work.arrays.rows[t]);
    read_out(task, work, work.arrays.rows.back().f);
    if (task.forces) differentiate(task, work), give(task, work);
}

// Memory for an evaluation, from the shelf if there is some. Never waits: a fork may have left the shelf locked.
template <class T>
std::unique_ptr<Work<T>> Network<T>::take_work() {
    std::unique_lock<std::mutex> lock(shelf_lock_, std::try_to_lock);
    if (!lock || shelf_.empty()) return std::make_unique<Work<T>>();
    std::unique_ptr<Work<T>> work = std::move(shelf_.back());
    shelf_.pop_back();
    return work;
}

template <class T>
void Network<T>::put_back(std::unique_ptr<Work<T>> work) {
    std::unique_lock<std::mutex> lock(shelf_lock_, std::try_to_lock);
    if (lock) shelf_.push_back(std::move(work));
}

template class Network<float>;
template class Network<double>;

}  // namespace empnet

#define DEFINE(real, NAME)                                                                                                   \
    int64_t NAME(make_network)(const empnet_network* network) {                                                              \
        return reinterpret_cast<int64_t>(new empnet::Network<real>(*network));                                               \
    }                                                                                                                        \
    void NAME(set_network)(int64_t network, const empnet_network* to, int32_t threads) {                                     \
        reinterpret_cast<empnet::Network<real>*>(network)->set(*to, threads);                                                \
    }                                                                                                                        \
    void NAME(free_network)(int64_t network) { delete reinterpret_cast<empnet::Network<real>*>(network); }                   \
    void NAME(evaluate)(int64_t network, const empnet_list* list, const empnet_space* space, const int64_t* system_of,       \
                        int64_t n_systems, const real* features, real* hidden, double* contributions, double* forces,       \
                        double* virial, int32_t threads) {                                                                   \
        if (virial) std::memset(virial, 0, size_t(9 * n_systems) * sizeof(double));                                          \
        auto& at = *reinterpret_cast<empnet::Network<real>*>(network);                                                       \
        auto work = at.take_work();                                                                                          \
        at.evaluate({*list, *space, system_of, features, hidden, contributions, forces, virial, threads, false}, *work);     \
        at.put_back(std::move(work));                                                                                        \
    }

DEFINE(float, SINGLE)
DEFINE(double, DOUBLE)
