"""Loops over particles and pairs, compiled by Numba; imported on first use, since Numba is slow to import."""

from __future__ import annotations

import numpy as np

from empnet.runtime.compiled import compiled

__all__ = ["join_pairs", "pair_distances", "pairs_within"]


@compiled()
def join_pairs(first_particle, n_particles, first_pair, n_pairs, neighbours, senders):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the result of :func:`empnet.dataset.joining.join_pairs`, computed by compiled loops."""
    N = n_particles.sum()
    rows, columns = np.zeros(N + 1, np.int64), np.zeros(N + 1, np.int64)
    before = p = 0
    for s in range(len(n_particles)):  # count
        row = first_pair[s]
        for a in range(n_particles[s]):
            end, images = row + neighbours[first_particle[s] + a], 0
            for r in range(row, end):
                p += senders[r] > a
                images += senders[r] == a
            p += (images + 1) // 2
            row = end
            rows[before + a + 1] = p
        before += n_particles[s]
    first, second = np.empty(p, np.int64), np.empty(p, np.int64)
    kept, transposed = np.empty(p, np.int64), np.empty(p, np.int64)
    before = before_pairs = p = 0
    for s in range(len(n_particles)):  # fill
        row = first_pair[s]
        for a in range(n_particles[s]):
            end, of_later, images = row + neighbours[first_particle[s] + a], 0, 0
            for r in range(row, end):
                images += senders[r] == a
            for r in range(row, end):
                i = senders[r]
                of_later += i == a
                # pairs with own images: the second half only, since its shifts are opposite to the first half's
                if i > a or (i == a and of_later > images // 2):
                    first[p], second[p], kept[p] = before + a, before + i, before_pairs + r - first_pair[s]
                    columns[before + i + 1] += 1
                    p += 1
            row = end
        before += n_particles[s]
        before_pairs += n_pairs[s]
    for i in range(N):
        columns[i + 1] += columns[i]
    free = columns.copy()
    for p in range(len(second)):  # counting sort, stable
        i = second[p]
        transposed[free[i]] = p
        free[i] += 1
    return first, second, rows, transposed, columns, kept


@compiled()
def pairs_within(positions, cutoff, nearest):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the sorted receivers and senders of pairs within the cutoff, and whether any is within ``nearest``."""
    N = len(positions)
    receivers, senders = np.empty(N * (N - 1), np.int32), np.empty(N * (N - 1), np.int32)
    p, coincide = 0, False
    for j in range(N):
        for i in range(N):
            x = positions[i, 0] - positions[j, 0]
            y = positions[i, 1] - positions[j, 1]
            z = positions[i, 2] - positions[j, 2]
            d2 = x * x + y * y + z * z
            if i != j and d2 < cutoff * cutoff:
                receivers[p], senders[p] = j, i
                p += 1
                coincide |= d2 < nearest * nearest
    return receivers[:p].copy(), senders[:p].copy(), coincide


@compiled()
def pair_distances(sizes, neighbours, senders, positions, places, n_species, chosen, one_way):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return receiver, species code and distance of the chosen systems' pairs (:mod:`empnet.dataset.coverage`)."""
    P = len(senders)
    receivers, codes, d = np.empty(P, np.int64), np.empty(P, np.int64), np.empty(P)
    before = row = p = 0
    for s in range(len(sizes)):
        for a in range(sizes[s]):
            j = before + a
            end = row + neighbours[j]
            for r in range(row, end if chosen[s] else row):
                if senders[r] >= a or not one_way:
                    i = before + senders[r]
                    x = positions[i, 0] - positions[j, 0]
                    y = positions[i, 1] - positions[j, 1]
                    z = positions[i, 2] - positions[j, 2]
                    low, high = min(places[i], places[j]), max(places[i], places[j])
                    receivers[p], codes[p], d[p] = j, low * n_species + high, np.sqrt(x * x + y * y + z * z)
                    p += 1
            row = end
        before += sizes[s]
    return receivers[:p], codes[:p], d[:p]
