"""Dealing out work so that nobody waits."""

from __future__ import annotations

import heapq

import numpy as np
from jaxtyping import Int64

__all__ = ["PARTICLE", "balance", "work_of"]

PARTICLE = 200
"""Work on a particle (matrix products), in pairs. At F = 64, forward and backward, some 200 to 400 were measured; the
shares depend little on it."""


def work_of(n_particles: Int64[np.ndarray, " S"], n_pairs: Int64[np.ndarray, " S"]) -> Int64[np.ndarray, " S"]:
    """Return the work of a network with each system, in pairs.

    Arguments:
        n_particles: Particles of each system.
        n_pairs: Pairs of each system.

    Example:
        >>> work_of(np.array([1, 2]), np.array([0, 2]))
        array([200, 402])
    """
    return n_pairs + PARTICLE * n_particles


def balance(costs: Int64[np.ndarray, " S"], n: int) -> list[Int64[np.ndarray, " m"]]:
    r"""Divide items into n shares of nearly the same cost: the costliest first, each to the cheapest share.

    The greatest share costs at most :math:`\frac{1}{n} \sum_s c_s + (1 - \frac{1}{n}) \max_s c_s`, and at most
    :math:`\frac{4}{3} - \frac{1}{3 n}` times what the best division allows.

    References:
        Bounds on multiprocessing timing anomalies, Graham, 1969, https://doi.org/10.1137/0117039

    Arguments:
        costs: Cost of each item, not negative.
        n: Number of shares.

    Returns:
        The indices of each share's items, ascending; a share may be empty. The same for the same costs on any machine.

    Example:
        >>> [share.tolist() for share in balance(np.array([3, 5, 2, 4]), 2)]
        [[1, 2], [0, 3]]
    """
    shares: list[list[int]] = [[] for _ in range(n)]
    heap = [(0, 0, share) for share in range(n)]  # its cost, the number of its items, itself
    for index in np.argsort(-costs, kind="stable").tolist():
        cost, count, share = heap[0]
        shares[share].append(index)
        heapq.heapreplace(heap, (cost + int(costs[index]), count + 1, share))
    return [np.array(sorted(share), dtype=np.int64) for share in shares]
