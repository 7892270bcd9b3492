// A neighbour list in chunks: particles [begin, end), each with about equally many pairs, one for each thread.
//
// A chunk writes to its own particles only. It does a pair with both ends in it at once, and its own half of a pair
// between two chunks. So no addition is atomic, and equal inputs give equal bits for an equal number of threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "library.hpp"
#include "threads.hpp"

namespace empnet {

struct Chunk {
    int64_t begin, end;
};

constexpr int64_t FEW_PAIRS = 64;  // a thread for fewer pairs would cost more than it saves

inline std::vector<Chunk> chunks_of(const empnet_list& list, int threads) {
    const int64_t n = std::max<int64_t>(1, std::min<int64_t>(threads, list.P / FEW_PAIRS));
    std::vector<Chunk> chunks;
    int64_t begin = 0;
    for (int64_t c = 1; c <= n; ++c) {
        const int64_t wanted = list.P * c / n;
        int64_t end = c == n ? list.N : std::lower_bound(list.rows, list.rows + list.N, wanted) - list.rows;
        end = std::max(begin, end);
        chunks.push_back({begin, end});
        begin = end;
    }
    return chunks;
}

// Calls body(begin, end) for each chunk, in parallel.
template <class Body>
void in_chunks(const empnet_list& list, int threads, Body&& body) {
    const std::vector<Chunk> chunks = chunks_of(list, threads);
    on_threads(int(chunks.size()), [&](int c) { body(chunks[c].begin, chunks[c].end); });
}

}  // namespace empnet
