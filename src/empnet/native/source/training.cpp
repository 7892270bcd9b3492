// A step of training: gradients of a loss by the weights of a network, from those by its contributions, forces and virial.
//
// With g_c, g_F and g_W, the gradients of the loss by contributions, forces and virial, dL/d(weights) is the derivative of
//
//     sum_s E_s  at the positions r - e g_F, strained by e g_W, plus  e sum_j g_c c_j
//
// by e and by the weights. So one way forward and back on dual numbers gives it (numbers.hpp). Without forces, plain numbers do.
#include "network.hpp"

namespace empnet {

// Derivatives of weights and harmonics along the direction that the loss gives to positions and strain.
template <class T>
void Network<T>::geometry_along(const Evaluation<T>& task, Work<T>& work, const LossGradient& loss) const {
    const empnet_list& list = task.list;
    T *w = work.arrays.w + work.ahead, *Y = work.arrays.Y + work.ahead;
    const T* slope = work.slope.of(0);
    in_shares(list.P, task.threads, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
            const int64_t j = list.first[p], i = list.second[p];
            const Vec3 v = pair_vector(task.space, p, j, i);
            double h[3] = {0, 0, 0};
            for (int b = 0; b < 3 && loss.forces; ++b) h[b] = loss.forces[3 * j + b] - loss.forces[3 * i + b];
            const double* strain = loss.virial ? loss.virial + 9 * task.system_of[j] : nullptr;
            for (int b = 0; b < 3 && strain; ++b) h[b] += v.x * strain[b] + v.y * strain[3 + b] + v.z * strain[6 + b];
            const double d = length(v), inverse = d != 0 ? 1 / d : 0;
            const Vec3 n = {v.x * inverse, v.y * inverse, v.z * inverse};
            const double of_d = n.x * h[0] + n.y * h[1] + n.z * h[2];
            for (int b = 0; b < 4; ++b) w[4 * p + b] = T(slope[4 * p + b] * of_d);
            const Vec3 turn = {(h[0] - n.x * of_d) * inverse, (h[1] - n.y * of_d) * inverse, (h[2] - n.z * of_d) * inverse};
            Y[S_ * p] = 0;
            harmonics_gradients(L_, n.x, n.y, n.z, [&](int s, double x, double y, double z) {
                Y[S_ * p + s] = T(x * turn.x + y * turn.y + z * turn.z);
            });
        }
    });
}

// From c = b_z + s (W_2 h + b_2), h = SiLU(W_1 f + b_1), back to f.
template <class T>
template <class Of>
void Network<T>::read_out_backward(const Evaluation<T>& task, Work<T>& work, typename Of::At f, const LossGradient& loss, const std::vector<NetworkGradient<T>>& to) const {
    using At = typename Of::At;
    using Number = typename Of::Number;
    constexpr int lanes = VectorOf<T>::lanes;
    const At g_f = work.template of<Of>(&Arrays<T>::g_f);
    in_blocks(task, work, [&](int64_t begin, int64_t n, T* scratch, int c) {
        const At before = Of::at(scratch, n * F_), h = Of::at(scratch + 2 * n * F_, n * F_);
        T *last = to[c].last, *last_bias = to[c].last_bias;
        product<Of, T>(readout_.there, n, {f + begin * F_, F_}, {before, F_});
        silu<Of>(n, F_, before, readout_.bias.data(), h);
        for (int64_t j = 0; j < n; ++j)
            for (int64_t k = 0; k < F_; k += lanes) {
                const Number at = Of::load(h + (j * F_ + k));
                Number on_h = {};
                for (int64_t o = 0; o < n_outputs_; ++o) {
                    const double of_loss = loss.contributions ? loss.contributions[(begin + j) * n_outputs_ + o] : 0;
                    const T g = T(scale_[o] * of_loss), of_energy = o == 0 ? T(scale_[0]) : T(0);
                    Number seed;
                    if constexpr (Of::parts == 1)
                        seed = all_lanes_of(g);
                    else
                        seed = {all_lanes_of(of_energy), all_lanes_of(g)};
                    on_h += seed * Full{}.load(last_.data() + o * F_ + k);
                    T* sum = last + o * F_ + k;
                    Full{}.store(sum, Full{}.load(sum) + Of::last(seed * at));
                    if (k == 0) last_bias[o] += g;
                }
                Of::store(h + (j * F_ + k), on_h);
            }
        silu_backward<Of>(n * F_, before, h);
        to[c].readout.template add<Of>(n, {f + begin * F_, F_}, {h, F_});
        product<Of, T>(readout_.back, n, {h, F_}, {g_f + begin * F_, F_});
    });
}

// The way back on numbers of a kind; `to` are the sums of each thread.
template <class T>
template <class Of>
void Network<T>::learn_on(const Evaluation<T>& task, Work<T>& work, const LossGradient& loss, const std::vector<NetworkGradient<T>>& to) const {
    using At = typename Of::At;
    constexpr int lanes = VectorOf<T>::lanes;
    const int64_t N = task.list.N;
    const StepsOf<Of>& steps = steps_->template of<Of>();
    std::vector<Rows<Of>> rows;
    for (size_t t = 0; t <= layers_.size(); ++t) rows.push_back(work.template rows<Of>(t));
    if constexpr (Of::parts == 2) {
        geometry_along(task, work, loss);
        T* of_f = Of::part(rows[0].f, 1);
        std::fill(of_f, of_f + N * F_, T(0));
        for (size_t t = 0; t < layers_.size(); ++t) interact<Of>(task, work, layers_[t], rows[t]);
    }
    read_out_backward<Of>(task, work, rows.back().f, loss, to);
    const At g_f = work.template of<Of>(&Arrays<T>::g_f), g_x = work.template of<Of>(&Arrays<T>::g_x);
    const At g_V = work.template of<Of>(&Arrays<T>::g_V), g_A = work.template of<Of>(&Arrays<T>::g_A);
    for (size_t t = layers_.size(); t-- > 0;) {
        const Layer<T>& at = layers_[t];
        in_blocks(task, work, [&](int64_t begin, int64_t n, T* scratch, int c) {
            steps.backward(at, rows[t], begin, n, g_f, g_V, g_A, split<Of>(scratch, at), &to[c].layers[t]);
        });
        std::vector<TableGradients<T>> tables;
        for (const NetworkGradient<T>& each : to) tables.push_back({each.layers[t].phi, each.layers[t].chi});
        steps.tables(pairs_of<Of>(task, work, at, rows[t], g_A), tables.data(), g_x, g_V, task.threads);
        in_blocks(task, work, [&](int64_t begin, int64_t n, T*, int c) {
            for (int64_t j = begin; at.first && j < begin + n; ++j)
                for (int64_t k = 0; k < F_; k += lanes)
                    Of::add(g_x + (j * F_ + k), Of::load(g_A + (j * S_ * F_ + k * S_)) * Full{}.load(at.own.data() + k));
            to[c].layers[t].W.template add<Of>(n, {rows[t].f + begin * F_, F_}, {g_x + begin * F_, F_});
            product<Of, T>(at.W.back, n, {g_x + begin * F_, F_}, {g_f + begin * F_, F_}, true);
        });
    }
    in_blocks(task, work, [&](int64_t begin, int64_t n, T*, int c) {
        const T* g = Of::part(g_f, Of::parts - 1);
        for (int64_t j = begin; j < begin + n; ++j)
            for (int64_t i = 0; i < n_features_; ++i)
                if (const T value = task.features[j * n_features_ + i]; value != 0)
                    for (int64_t k = 0; k < F_; ++k) to[c].embedding[i * F_ + k] += value * g[j * F_ + k];
    });
}

// The places of all gradients in a thread's memory.
template <class T>
NetworkGradient<T> Network<T>::gradient_at(T* memory, int64_t* size) const {
    *size = 0;
    const auto take = [&](int64_t n) {
        T* at = memory ? memory + *size : nullptr;
        *size += n;
        return at;
    };
    const auto linear = [&](const Linear<T>& of) {
        LinearGradient<T> to;
        to.matrix.in = of.there.in(), to.matrix.out = of.there.out();
        to.matrix.sums = take(to.matrix.in * to.matrix.out);
        if (!of.bias.empty()) to.bias = take(to.matrix.out);
        return to;
    };
    NetworkGradient<T> all = {take(n_features_ * F_), take(n_outputs_ * F_), take(n_outputs_), {}, linear(readout_)};
    for (const Layer<T>& at : layers_) {
        LayerGradient<T> to = {take(int64_t(at.phi.size())), at.chi.empty() ? nullptr : take(int64_t(at.chi.size())), take(int64_t(at.own.size())), {}, {}, {}, {}, {}, {}, {}};
        to.W = linear(at.W), to.W_1 = linear(at.W_1), to.W_2 = linear(at.W_2);
        to.psi_1 = linear(at.psi_1), to.psi_2 = linear(at.psi_2), to.gate = linear(at.gate);
        for (int l = 0; l < 4; ++l) to.W_l[l] = linear(at.W_l[l]);
        all.layers.push_back(to);
    }
    return all;
}

// Zeros for the gradients of each thread.
template <class T>
std::vector<NetworkGradient<T>> Network<T>::gradients(int threads, Work<T>& work, int64_t* size) const {
    gradient_at(nullptr, size);
    T* memory = work.gradients.of(*size * threads);
    std::vector<NetworkGradient<T>> all;
    int64_t each;
    for (int c = 0; c < threads; ++c) all.push_back(gradient_at(memory + c * *size, &each));
    on_threads(threads, [&](int c) { std::fill(memory + c * *size, memory + (c + 1) * *size, T(0)); });
    return all;
}

// Writes the sums over threads where `to` points, in the order of torch.
template <class T>
void Network<T>::give_gradients(const NetworkGradient<T>& from, int threads, int64_t size, const empnet_network& to) const {
    const auto at = [](const void* to) { return static_cast<T*>(const_cast<void*>(to)); };
    const auto linear = [&](const LinearGradient<T>& from, const Linear<T>& of, const void* weights, const void* bias) {
        if (!weights) return;
        const Places<T> places(of.ins, of.outs, width_, of.turned);
        const int64_t columns = int64_t(places.out.size());
        in_shares(int64_t(places.in.size()), threads, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i)
                for (int64_t o = 0; places.in[i] >= 0 && o < columns; ++o) {
                    T total = 0;
                    for (int c = 0; c < threads; ++c) total += from.matrix.sums[c * size + i * columns + o];
                    if (places.out[o] >= 0) at(weights)[places.in[i] + places.out[o]] = total;
                }
        }, 32);
        if (bias) unweave(from.bias, threads, size, 1, of.outs, width_, at(bias));
    };
    for (size_t t = 0; t < layers_.size(); ++t) {
        const LayerGradient<T>& g = from.layers[t];
        const Layer<T>& of = layers_[t];
        const empnet_interaction& w = to.interactions[t];
        unweave_table(g.phi, threads, size, n_rows_, L_ + 1, width_, at(w.phi));
        if (w.chi) unweave_table(g.chi, threads, size, n_rows_, L_ + 1, width_, at(w.chi));
        if (w.own) unweave(g.own, threads, size, 1, 1, width_, at(w.own));
        linear(g.W, of.W, w.W, nullptr), linear(g.W_1, of.W_1, w.W_1, nullptr), linear(g.W_2, of.W_2, w.W_2, nullptr);
        for (int l = 0; w.W_l && l <= L_; ++l) linear(g.W_l[l], of.W_l[l], at(w.W_l) + l * width_ * width_, nullptr);
        linear(g.psi_1, of.psi_1, w.psi_1, w.psi_1_bias), linear(g.psi_2, of.psi_2, w.psi_2, w.psi_2_bias);
        linear(g.gate, of.gate, w.gate, w.gate_bias);
    }
    linear(from.readout, readout_, to.readout_1, to.readout_1_bias);
    unweave(from.last, threads, size, n_outputs_, 1, width_, at(to.readout_2));
    std::vector<T> embedding(size_t(n_features_ * width_));
    unweave(from.embedding, threads, size, n_features_, 1, width_, embedding.data());
    for (int64_t i = 0; i < n_features_; ++i)
        for (int64_t k = 0; k < width_; ++k) at(to.embedding)[k * n_features_ + i] = embedding[i * width_ + k];
    for (int64_t o = 0; o < n_outputs_; ++o) {
        at(to.readout_2_bias)[o] = 0;
        for (int c = 0; c < threads; ++c) at(to.readout_2_bias)[o] += from.last_bias[c * size + o];
    }
}

// The gradient by all weights, after an evaluation that kept its numbers in `work`.
template <class T>
void Network<T>::learn(const Evaluation<T>& task, Work<T>& work, const LossGradient& loss, const empnet_network& to) const {
    int64_t size = 0;
    const std::vector<NetworkGradient<T>> sums = gradients(task.threads, work, &size);
    if (loss.forces || loss.virial)
        learn_on<Duals<T>>(task, work, loss, sums);
    else
        learn_on<Values<T>>(task, work, loss, sums);
    give_gradients(sums[0], task.threads, size, to);
}

template void Network<float>::learn(const Evaluation<float>&, Work<float>&, const LossGradient&, const empnet_network&) const;
template void Network<double>::learn(const Evaluation<double>&, Work<double>&, const LossGradient&, const empnet_network&) const;

// What a step keeps between its evaluation and its gradients.
template <class T>
struct Step {
    Evaluation<T> task;
    std::unique_ptr<Work<T>> work;
};

}  // namespace empnet

#define DEFINE(real, NAME)                                                                                                   \
    int64_t NAME(begin_step)(int64_t network, const empnet_list* list, const empnet_space* space, const int64_t* system_of,  \
                             int64_t n_systems, const real* features, real* hidden, double* contributions, double* forces,  \
                             double* virial, int32_t threads) {                                                              \
        if (virial) std::memset(virial, 0, size_t(9 * n_systems) * sizeof(double));                                          \
        auto& at = *reinterpret_cast<empnet::Network<real>*>(network);                                                       \
        auto step = new empnet::Step<real>{{*list, *space, system_of, features, hidden, contributions, forces, virial, threads, true}, at.take_work()}; \
        at.evaluate(step->task, *step->work);                                                                                \
        return reinterpret_cast<int64_t>(step);                                                                              \
    }                                                                                                                        \
    void NAME(gradients)(int64_t network, int64_t step, const double* g_contributions, const double* g_forces,               \
                         const double* g_virial, const empnet_network* gradients) {                                          \
        auto& of = *reinterpret_cast<empnet::Step<real>*>(step);                                                             \
        reinterpret_cast<empnet::Network<real>*>(network)->learn(of.task, *of.work, {g_contributions, g_forces, g_virial}, *gradients); \
    }                                                                                                                        \
    void NAME(end_step)(int64_t network, int64_t step) {                                                                     \
        auto of = reinterpret_cast<empnet::Step<real>*>(step);                                                               \
        reinterpret_cast<empnet::Network<real>*>(network)->put_back(std::move(of->work));                                    \
        delete of;                                                                                                           \
    }

DEFINE(float, SINGLE)
DEFINE(double, DOUBLE)
