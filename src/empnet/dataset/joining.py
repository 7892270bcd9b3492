"""The pairs of many systems as one list: what is kept on disk of each, joined for a batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from empnet.dataset.acceleration import compiled_loops

__all__ = ["Joined", "join_pairs", "pair_joiner", "ranges"]

Joined = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""First, second, row pointers, transposed and column pointers of :class:`~empnet.system.batch.Pairs`; and the
numbers of these pairs among the ordered ones."""


def pair_joiner() -> Callable[..., Joined]:
    """The function that joins pairs: the compiled one where there is one."""
    loops = compiled_loops()
    return loops.join_pairs if loops else join_pairs


def ranges(first: np.ndarray, count: np.ndarray) -> np.ndarray:
    """The whole numbers from first[s] to first[s] + count[s] - 1, for one s after the other.

    Arguments:
        first: Shape (n,), int64.
        count: Shape (n,), int64.

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
    """The pairs of some systems, each listed once and with their particles counted through.

    On disk pairs are ordered: every pair is there in both directions. Of two directions the one from the particle with
    the lower index is kept; of a particle's own images the later half, whose shifts are the opposite of the earlier
    half's, since they are sorted.

    Arguments:
        first_particle: Row of each system's first particle in ``neighbours``, shape (B,), int64.
        n_particles: Its number of particles.
        first_pair: Row of its first pair in ``senders``.
        n_pairs: Its number of pairs.
        neighbours: How many pairs each particle receives from, of all systems that there are, one after the other.
        senders: Sender of each pair of all systems, counted within the system; pairs are sorted by receiver.

    Returns:
        First, second, row pointers, transposed (stable), column pointers, and which of the ordered pairs of the
        systems, one after the other, were kept; all int64.

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
    place = np.arange(len(of)) - np.searchsorted(of, of)  # among the images of the same particle
    keep[images[2 * place >= np.bincount(of, minlength=n)[of]]] = True
    kept = np.flatnonzero(keep)
    first, second = first[kept], second[kept]
    rows, columns = (
        np.concatenate([[0], np.cumsum(np.bincount(end, minlength=n), dtype=np.int64)]) for end in (first, second)
    )
    return first, second, rows, np.argsort(second, kind="stable"), columns, kept
