// A network: contributions of particles, their derivatives by positions, and gradients of weights, without a graph.
#pragma once

#include <mutex>

#include "geometry.hpp"
#include "steps_of_degree.hpp"

namespace empnet {

// Where the numbers of an evaluation lie; their derivatives follow, each equally far behind its number.
template <class T>
struct Arrays {
    T *w, *Y, *g_f, *g_V, *g_A, *g_x;
    std::vector<Rows<Values<T>>> rows;
};

// Memory of one evaluation; a network keeps it for the next.
template <class T>
struct Work {
    Memory<int64_t> q;
    Memory<T> numbers, slope, g_d, g_Y, scratch, gradients;
    Memory<double> g_v;
    Arrays<T> arrays;
    int64_t ahead;  // of the derivatives

    // An array as numbers of a kind.
    template <class Of>
    typename Of::At of(T* Arrays<T>::*which) const {
        return Of::at(arrays.*which, ahead);
    }

    // The rows of an interaction as numbers of a kind.
    template <class Of>
    Rows<Of> rows(size_t t) const {
        const Rows<Values<T>>& at = arrays.rows[t];
        const auto of = [&](T* numbers) { return Of::at(numbers, ahead); };
        return {of(at.f), of(at.V), of(at.x), of(at.A), of(at.B), of(at.hidden), of(at.gates), of(at.f_next), of(at.V_next)};
    }
};

// The systems that are evaluated, and where results go; null: not wanted. `keep`: gradients of weights will be asked for.
template <class T>
struct Evaluation {
    empnet_list list;
    empnet_space space;
    const int64_t* system_of;
    const T* features;
    T* hidden;
    double *contributions, *forces, *virial;
    int threads;
    bool keep;
};

// The gradient of a loss by what an evaluation gave: contributions, forces and virial; null: the loss does not depend on it.
struct LossGradient {
    const double *contributions, *forces, *virial;
};

template <class T>
struct NetworkGradient {
    T *embedding, *last, *last_bias;
    std::vector<LayerGradient<T>> layers;
    LinearGradient<T> readout;
};

template <class T>
class Network {
public:
    explicit Network(const empnet_network& from) : steps_(steps_of<T>(int(from.L))) { set(from, 1); }
    void set(const empnet_network& from, int threads);
    void evaluate(const Evaluation<T>& task, Work<T>& work) const;
    void learn(const Evaluation<T>& task, Work<T>& work, const LossGradient& loss, const empnet_network& to) const;
    std::unique_ptr<Work<T>> take_work();
    void put_back(std::unique_ptr<Work<T>> work);

private:
    void geometry(const Evaluation<T>& task, Work<T>& work) const;
    void embed(const Evaluation<T>& task, T* f) const;
    void read_out(const Evaluation<T>& task, Work<T>& work, const T* f) const;
    void differentiate(const Evaluation<T>& task, Work<T>& work) const;
    void give(const Evaluation<T>& task, Work<T>& work) const;

    void geometry_along(const Evaluation<T>& task, Work<T>& work, const LossGradient& loss) const;
    template <class Of>
    void read_out_backward(const Evaluation<T>& task, Work<T>& work, typename Of::At f, const LossGradient& loss, const std::vector<NetworkGradient<T>>& to) const;
    template <class Of>
    void learn_on(const Evaluation<T>& task, Work<T>& work, const LossGradient& loss, const std::vector<NetworkGradient<T>>& to) const;
    NetworkGradient<T> gradient_at(T* memory, int64_t* size) const;
    std::vector<NetworkGradient<T>> gradients(int threads, Work<T>& work, int64_t* size) const;
    void give_gradients(const NetworkGradient<T>& from, int threads, int64_t size, const empnet_network& to) const;

    template <class Of>
    PairInputs<Of> pairs_of(const Evaluation<T>& task, Work<T>& work, const Layer<T>& at, const Rows<Of>& rows, typename Of::From g) const;
    template <class Of>
    void interact(const Evaluation<T>& task, Work<T>& work, const Layer<T>& at, const Rows<Of>& rows) const;
    Rows<Values<T>> rows_at(int64_t N, size_t t, T* memory, int64_t* size) const;
    Arrays<T> arrays_at(const Evaluation<T>& task, T* memory, int64_t* size) const;
    void lay_out(const Evaluation<T>& task, Work<T>& work) const;
    template <class Body>
    void in_blocks(const Evaluation<T>& task, Work<T>& work, Body&& body) const;

    int L_, S_;
    int64_t F_, width_, n_features_, n_species_, n_outputs_, n_rows_;
    empnet_grid grid_;
    std::vector<Layer<T>> layers_;
    std::vector<T> embedding_, last_bias_;
    std::vector<T> last_;  // (n_outputs, F): the readout's second map
    Linear<T> readout_;
    std::vector<double> baseline_, scale_;
    const Steps<T>* steps_;

    std::mutex shelf_lock_;
    std::vector<std::unique_ptr<Work<T>>> shelf_;
};

// Calls body(begin, n, scratch, thread) for blocks of particles, with memory of the thread's own: twice `scratch_of` numbers
// for each particle.
template <class T>
template <class Body>
void Network<T>::in_blocks(const Evaluation<T>& task, Work<T>& work, Body&& body) const {
    int64_t each = 4 * F_;
    for (const Layer<T>& at : layers_) each = std::max(each, 2 * scratch_of(at));
    const int64_t N = task.list.N, blocks = (N + BLOCK - 1) / BLOCK, shares = std::max<int64_t>(1, std::min<int64_t>(task.threads, blocks));
    T* scratch = work.scratch.of(shares * BLOCK * each);
    on_threads(int(shares), [&](int c) {
        for (int64_t block = blocks * c / shares; block < blocks * (c + 1) / shares; ++block)
            body(block * BLOCK, std::min(BLOCK, N - block * BLOCK), scratch + c * BLOCK * each, c);
    });
}

// Scratch of a block as numbers of a kind.
template <class Of, class T>
typename Of::At split(T* scratch, const Layer<T>& at) {
    return Of::at(scratch, BLOCK * scratch_of(at));
}

template <class T>
template <class Of>
PairInputs<Of> Network<T>::pairs_of(const Evaluation<T>& task, Work<T>& work, const Layer<T>& at, const Rows<Of>& rows, typename Of::From g) const {
    empnet_list list = task.list;
    list.q = work.q.of(0);
    const T* chi = at.chi.empty() ? nullptr : at.chi.data();
    return {list, F_, n_rows_, work.template of<Of>(&Arrays<T>::w), work.slope.of(0), work.template of<Of>(&Arrays<T>::Y), at.phi.data(), chi, rows.x, rows.V, g, work.ahead};
}

template <class T>
template <class Of>
void Network<T>::interact(const Evaluation<T>& task, Work<T>& work, const Layer<T>& at, const Rows<Of>& rows) const {
    const StepsOf<Of>& steps = steps_->template of<Of>();
    in_blocks(task, work, [&](int64_t begin, int64_t n, T*, int) { new_product<Of, T>(at.W.there, n, {rows.f + begin * F_, F_}, {rows.x + begin * F_, F_}); });
    steps.sums(pairs_of<Of>(task, work, at, rows, {}), rows.A, task.threads);
    in_blocks(task, work, [&](int64_t begin, int64_t n, T* scratch, int) { steps.forward(at, rows, begin, n, split<Of>(scratch, at)); });
}

}  // namespace empnet
