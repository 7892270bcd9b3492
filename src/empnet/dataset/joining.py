"""Joining the stored pairs of several systems into one list for a batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from empnet.native.library import is_built, native

__all__ = ["Joined", "join_pairs", "pair_joiner", "ranges"]

Joined = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""First, second, row pointers, transposed and column pointers of :class:`~empnet.system.batch.Pairs`, and the indices
of these pairs in the list of ordered pairs."""


def pair_joiner() -> Callable[..., Joined]:
    """Return the function that joins pairs: the compiled version where libempnet is built."""
    return _join_pairs_in_loops if is_built() else join_pairs


def _join_pairs_in_loops(
    first_particle: np.ndarray,
    n_particles: np.ndarray,
    first_pair: np.ndarray,
    n_pairs: np.ndarray,
    neighbours: np.ndarray,
    senders: np.ndarray,
) -> Joined:
    """Return the result of :func:`join_pairs`, computed by libempnet: counted first, then filled."""
    stored = neighbours, neighbours.itemsize, senders, senders.itemsize
    B, N = len(n_particles), int(n_particles.sum())
    rows, columns = np.empty(N + 1, np.int64), np.empty(N + 1, np.int64)
    P = native("count_pairs")(B, first_particle, n_particles, first_pair, *stored, rows)
    first, second, transposed, kept = (np.empty(P, np.int64) for _ in range(4))
    given = B, first_particle, n_particles, first_pair, n_pairs, *stored, N, P
    native("join_pairs")(*given, first, second, transposed, columns, kept)
    return first, second, rows, transposed, columns, kept


def ranges(first: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return the integers from first[s] to first[s] + count[s] - 1 for s = 0, 1, ..., joined into one array.

    Arguments:
        first: First integer of each range, shape (n,), int64.
        count: Length of each range, shape (n,), int64.

    Example:
        >>> ranges(np.array([5, 0]), np.array([2, 3]))
        array([5, 6, 0, 1, 2])
    """
    ends = np.cumsum(count)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - (ends - count), count)


def join_pairs(
    first_particle: np.ndarray,
    n_particles: np.ndarray,
    first_pair: np.ndarray,
    n_pairs: np.ndarray,
    neighbours: np.ndarray,
    senders: np.ndarray,
) -> Joined:
    """Return the pairs of the chosen systems, each pair once, with the particles of all systems numbered in sequence.

    The pairs on disk are ordered: every pair is stored in both directions. This function keeps the direction from the
    particle with the lower index. A pair of a particle and its own image also occurs twice, with opposite shifts. The
    shifts are sorted, so the second half of these pairs is kept.

    Arguments:
        first_particle: Row of each system's first particle in ``neighbours``, shape (B,), int64.
        n_particles: Number of particles of each system, shape (B,), int64.
        first_pair: Row of each system's first pair in ``senders``, shape (B,), int64.
        n_pairs: Number of ordered pairs of each system, shape (B,), int64.
        neighbours: Number of pairs that each particle receives from, for all stored systems in sequence.
        senders: Sender of each pair of all stored systems, counted within its system; pairs are sorted by receiver.

    Returns:
        First, second, row pointers, transposed (stable), column pointers, and the indices of the kept pairs in the
        list of all ordered pairs of the chosen systems; all int64.

    Example:
        >>> one = np.array([1])
        >>> join_pairs(0 * one, 2 * one, 0 * one, 2 * one, np.array([1, 1]), np.array([1, 0]))[:3]
        (array([0]), array([1]), array([0, 1, 1]))
    """
    n = int(n_particles.sum())
    first = np.repeat(np.arange(n), neighbours[ranges(first_particle, n_particles)])
    before = np.repeat(np.cumsum(n_particles) - n_particles, n_pairs)
    second = senders[ranges(first_pair, n_pairs)] + before
    keep = second > first
    images = np.flatnonzero(second == first)
    of = first[images]
    place = np.arange(len(of)) - np.searchsorted(of, of)  # index among the images of the same particle
    keep[images[2 * place >= np.bincount(of, minlength=n)[of]]] = True
    kept = np.flatnonzero(keep)
    first, second = first[kept], second[kept]
    rows, columns = (
        np.concatenate([[0], np.cumsum(np.bincount(end, minlength=n), dtype=np.int64)]) for end in (first, second)
    )
    return first, second, rows, np.argsort(second, kind="stable"), columns, kept
