"""The pairs of many systems as one list: what is kept on disk of each, joined for a batch."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

__all__ = ["Joined", "chosen", "join_pairs", "ranges"]

Joined = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Receivers, senders, row pointers, transposed and column pointers, as :class:`~empnet.data.batch.Pairs` has them."""


@cache
def chosen() -> Callable[..., Joined]:
    """The function that joins pairs: the compiled one, or plain NumPy where Numba does not work (then nn warns)."""
    try:
        from empnet.data import loops
    except Exception:  # Numba fails in many ways
        return join_pairs
    return loops.join_pairs


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
    """The pairs of some systems, with their particles counted through.

    Arguments:
        first_particle: Row of each system's first particle in ``neighbours``, shape (B,), int64.
        n_particles: Its number of particles.
        first_pair: Row of its first pair in ``senders``.
        n_pairs: Its number of pairs.
        neighbours: How many pairs each particle receives from, of all systems that there are, one after the other.
        senders: Sender of each pair of all systems, counted within the system; pairs are sorted by receiver.

    Returns:
        Receivers, senders, row pointers, transposed (stable) and column pointers, all int64.

    Example:
        >>> one = np.array([1])
        >>> join_pairs(0 * one, 2 * one, 0 * one, 2 * one, np.array([1, 1]), np.array([1, 0]))[:3]
        (array([0, 1]), array([1, 0]), array([0, 1, 2]))
    """
    n = int(n_particles.sum())
    received = neighbours[ranges(first_particle, n_particles)]
    before = np.repeat(np.cumsum(n_particles) - n_particles, n_pairs)
    joined = senders[ranges(first_pair, n_pairs)] + before
    counts = (received, np.bincount(joined, minlength=n))
    rows, columns = (np.concatenate([[0], np.cumsum(count, dtype=np.int64)]) for count in counts)
    return np.repeat(np.arange(n), received), joined, rows, np.argsort(joined, kind="stable"), columns
