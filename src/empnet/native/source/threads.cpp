// A pool of threads. Where torch has GNU's OpenMP in the process, its threads are used: two pools that both wait actively
// would take each other's cores. Elsewhere the pool is our own, small one, which a fork leaves behind.
#include "threads.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>
#ifndef _WIN32
#include <pthread.h>
#endif

#include "library.hpp"

namespace empnet {
namespace {

using GompParallel = void (*)(void (*)(void*), void*, unsigned, unsigned);
GompParallel gomp_parallel = nullptr;

struct Shared {
    int n;
    Task task;
    void* context;
    std::atomic<int> next{0};
};

// OpenMP may give fewer threads than wanted, so each takes numbers until none is left.
void work(void* pointer) {
    Shared& shared = *static_cast<Shared*>(pointer);
    for (int c; (c = shared.next.fetch_add(1)) < shared.n;) shared.task(shared.context, c);
}

constexpr int PATIENCE = 2000;  // looks at the next task before a thread sleeps: some ten microseconds

class Pool {
public:
    void run(Shared& shared) {
        std::lock_guard<std::mutex> one(entrance_);
        while (int(threads_.size()) < shared.n - 1) threads_.emplace_back([this, seen = round_.load()] { serve(seen); });
        {
            std::lock_guard<std::mutex> lock(mutex_);
            current_ = &shared;
            busy_.store(int(threads_.size()));
            round_.fetch_add(1);
        }
        wake_.notify_all();
        work(&shared);
        while (busy_.load(std::memory_order_acquire)) std::this_thread::yield();
    }

private:
    void serve(uint64_t seen) {
        for (;;) {
            for (int k = 0; k < PATIENCE && round_.load(std::memory_order_acquire) == seen; ++k) {
            }
            if (round_.load(std::memory_order_acquire) == seen) {
                std::unique_lock<std::mutex> lock(mutex_);
                wake_.wait(lock, [&] { return round_.load() != seen; });
            }
            seen = round_.load();
            work(current_);
            busy_.fetch_sub(1, std::memory_order_release);
        }
    }

    std::mutex entrance_, mutex_;
    std::condition_variable wake_;
    std::vector<std::thread> threads_;
    std::atomic<uint64_t> round_{0};
    std::atomic<int> busy_{0};
    Shared* current_ = nullptr;
};

// Never destroyed: its threads wait for ever, also while the process ends.
Pool* pool = nullptr;
std::mutex making;

Pool& own_pool() {
    std::lock_guard<std::mutex> lock(making);
    if (!pool) {
        pool = new Pool;
#ifndef _WIN32
        static const int once = pthread_atfork(nullptr, nullptr, [] { pool = nullptr; });  // its threads stay behind
        (void)once;
#endif
    }
    return *pool;
}

}  // namespace

void run(int n, Task task, void* context) {
    Shared shared{n, task, context};
    if (gomp_parallel)
        gomp_parallel(work, &shared, unsigned(n), 0);
    else
        own_pool().run(shared);
}

}  // namespace empnet

extern "C" void empnet_share_threads(void* gomp_parallel) {
    empnet::gomp_parallel = reinterpret_cast<empnet::GompParallel>(gomp_parallel);
}
