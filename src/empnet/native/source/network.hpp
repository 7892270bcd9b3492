// A network with fixed weights: contributions of particles, and their derivatives, without a graph.
#pragma once

#include <mutex>

#include "geometry.hpp"
#include "steps_of_degree.hpp"

namespace empnet {

// Memory of one evaluation; a network keeps it for the next.
template <class T>
struct Work {
    Memory<int64_t> q;
    Memory<T> w, slope, Y, g_d, g_Y, g_f, g_V, g_A, g_x, scratch;
    Memory<double> g_v;
    std::vector<Memory<T>> rows;
};

// The system that is evaluated, and where results go; null: not wanted.
template <class T>
struct Evaluation {
    empnet_list list;
    empnet_space space;
    const int64_t* system_of;
    const T* features;
    T* hidden;
    double *contributions, *forces, *virial;
    int threads;
};

template <class T>
class Network {
public:
    explicit Network(const empnet_network& from);
    void evaluate(const Evaluation<T>& task);

private:
    void geometry(const Evaluation<T>& task, Work<T>& work) const;
    void embed(const Evaluation<T>& task, T* f) const;
    PairInputs<T> pairs_of(const Evaluation<T>& task, Work<T>& work, const Layer<T>& at, const Rows<T>& rows, const T* g) const;
    void interact(const Evaluation<T>& task, Work<T>& work, const Layer<T>& at, const Rows<T>& rows) const;
    void read_out(const Evaluation<T>& task, Work<T>& work, const T* f) const;
    void differentiate(const Evaluation<T>& task, Work<T>& work, const std::vector<Rows<T>>& rows) const;
    void give(const Evaluation<T>& task, Work<T>& work) const;
    Rows<T> rows_at(int64_t N, size_t t, T* memory, int64_t* size) const;
    std::vector<Rows<T>> rows_for(const Evaluation<T>& task, Work<T>& work) const;
    template <class Body>
    void in_blocks(const Evaluation<T>& task, Work<T>& work, Body&& body) const;

    int L_, S_;
    int64_t F_, width_, n_features_, n_species_, n_outputs_;
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

}  // namespace empnet
