// Threads: a task for each number 0 ... n - 1, each done by one thread; equal tasks give equal bits.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace empnet {

using Task = void (*)(void* context, int number);

// Calls task(context, number) for each number below n, on as many threads, and waits for all of them.
void run(int n, Task task, void* context);

// Calls body(number) for each number below n, on as many threads.
template <class Body>
void on_threads(int n, Body&& body) {
    if (n <= 1) {
        if (n == 1) body(0);
        return;
    }
    using Function = std::remove_reference_t<Body>;
    run(n, [](void* context, int number) { (*static_cast<Function*>(context))(number); }, const_cast<void*>(static_cast<const void*>(&body)));
}

// Calls body(begin, end) for even shares of n things, at least `least` of them in a share.
template <class Body>
void in_shares(int64_t n, int threads, Body&& body, int64_t least = 256) {
    const int64_t shares = std::max<int64_t>(1, std::min<int64_t>(threads, n / least));
    on_threads(int(shares), [&](int c) { body(n * c / shares, n * (c + 1) / shares); });
}

}  // namespace empnet
