"""Even distribution of work, so that no process waits for another."""

from __future__ import annotations

import heapq

import numpy as np
from jaxtyping import Int64

__all__ = ["PARTICLE", "balance", "work_of"]

PARTICLE = 200
"""Work per particle (matrix products), in units of the work per pair. Measured for F = 64, forward and backward: about
200 to 400. The shares depend little on this number."""


def work_of(n_particles: Int64[np.ndarray, " S"], n_pairs: Int64[np.ndarray, " S"]) -> Int64[np.ndarray, " S"]:
    """Return the work of a network on each system, in units of the work per pair.

    Arguments:
        n_particles: Number of particles of each system, shape (S,).
        n_pairs: Number of pairs of each system, shape (S,).

    Example:
        >>> work_of(np.array([1, 2]), np.array([0, 2]))
        array([200, 402])
    """
    return n_pairs + PARTICLE * n_particles


def balance(costs: Int64[np.ndarray, " S"], n: int) -> list[Int64[np.ndarray, " m"]]:
    r"""Divide items into n shares of nearly equal cost: in order of falling cost, each item goes to the cheapest share.

    The most expensive share costs at most :math:`\frac{1}{n} \sum_s c_s + (1 - \frac{1}{n}) \max_s c_s`, and at most
    :math:`\frac{4}{3} - \frac{1}{3 n}` times as much as in the best possible division.

    References:
        Bounds on multiprocessing timing anomalies, Graham, 1969, https://doi.org/10.1137/0117039

    Arguments:
        costs: Cost of each item, not negative, shape (S,).
        n: Number of shares.

    Returns:
        Indices of each share's items in ascending order. A share may be empty. Equal costs give equal shares on every
        machine.

    Example:
        >>> [share.tolist() for share in balance(np.array([3, 5, 2, 4]), 2)]
        [[1, 2], [0, 3]]
    """
    shares: list[list[int]] = [[] for _ in range(n)]
    heap = [(0, 0, share) for share in range(n)]  # cost, number of items, index of the share
    for index in np.argsort(-costs, kind="stable").tolist():
        cost, count, share = heap[0]
        shares[share].append(index)
        heapq.heapreplace(heap, (cost + int(costs[index]), count + 1, share))
    return [np.array(sorted(share), dtype=np.int64) for share in shares]
