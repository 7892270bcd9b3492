"""Merging of points that coincide, as those of scans do."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

__all__ = ["COINCIDENT", "merged"]

COINCIDENT = 1e-9
"""Distance within which points coincide, in units of the cloud's extent: after a rotation, equal points differ by
rounding."""


def merged(
    positions: Float64[np.ndarray, "N 3"], values: Float64[np.ndarray, "N F"]
) -> tuple[Float64[np.ndarray, "M 3"], Float64[np.ndarray, "M F"]]:
    """Return the different points, with the mean of the values of points that coincide.

    Arguments:
        positions: Positions, in any unit.
        values: Further values of each point.

    Example:
        >>> points, values = merged(np.zeros((3, 3)) + [[0], [1], [0]], np.array([[1.0], [5.0], [3.0]]))
        >>> points[:, 0].tolist(), values[:, 0].tolist()
        ([0.0, 1.0], [2.0, 5.0])
    """
    extent = float(np.ptp(positions, axis=0).max(initial=0.0))
    if extent == 0.0:
        return positions[:1], values.mean(axis=0, keepdims=True) if len(values) else values
    pairs = cKDTree(positions).query_pairs(COINCIDENT * extent, output_type="ndarray")
    if not len(pairs):
        return positions, values
    graph = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(positions), len(positions)))
    n, group = connected_components(graph, directed=False)
    first = np.full(n, len(positions))
    np.minimum.at(first, group, np.arange(len(positions)))
    counts = np.bincount(group, minlength=n)[:, None]
    sums = np.zeros((n, values.shape[1]))
    np.add.at(sums, group, values)
    order = np.argsort(first)
    return positions[first[order]], (sums / counts)[order]
