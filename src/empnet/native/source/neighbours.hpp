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

// How many chunks of particles make pieces, one for each chunk and vector of features, of which all threads get equally many:
// more chunks cost more, since a pair between two of them is done twice.
inline int64_t chunks_for(int64_t pairs, int64_t vectors, int64_t threads) {
    const int64_t most = std::max<int64_t>(1, std::min<int64_t>(threads, pairs / FEW_PAIRS));
    int64_t best = 1;
    double least = 0;
    for (int64_t c = 1; c <= most; ++c) {
        const double rounds = double((vectors * c + threads - 1) / threads) / double(c), cost = rounds * (1 + 0.05 * double(c - 1));
        if (c == 1 || cost < least) best = c, least = cost;
    }
    return best;
}

// Calls body(begin, end, vector, chunk) for each chunk and vector of features, in parallel.
template <class Body>
void in_pieces(const empnet_list& list, int64_t vectors, int threads, Body&& body) {
    const std::vector<Chunk> chunks = chunks_of(list, int(chunks_for(list.P, vectors, threads)));
    const int64_t pieces = vectors * int64_t(chunks.size()), worth = std::max<int64_t>(1, list.P * vectors / FEW_PAIRS / 8);
    const int64_t n = std::min({pieces, worth, int64_t(std::max(1, threads))});
    on_threads(int(n), [&](int c) {
        for (int64_t i = pieces * c / n; i < pieces * (c + 1) / n; ++i) {
            const int64_t chunk = i / vectors;
            body(chunks[size_t(chunk)].begin, chunks[size_t(chunk)].end, i % vectors, int(chunk));
        }
    });
}

}  // namespace empnet
