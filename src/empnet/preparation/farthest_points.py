"""Choice of few points of a cloud, as far from each other as possible."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

from empnet.native.library import is_built, native

__all__ = ["FIRST", "TIE", "farthest_points"]

TIE = 1e-7
"""Relative difference of squared distances below which two points are equally far. Scans lie on grids, so that ties are
common, and a rotation changes distances by rounding."""


FIRST = 256
"""Number of points from the first on that are always far from each other, even if all points are kept."""


def farthest_points(centred: Float64[np.ndarray, "N 3"], n: int) -> Int64[np.ndarray, " k"]:
    """Return the indices of at most n points: first the one farthest from the centroid, then each time the farthest
    from those chosen.

    The choice does not depend on the order or the orientation of the points: among points that are equally far, the
    one in the most crowded place is taken (largest sum of 1 / (1 + d^2 / R^2) over all points at distance d, with the
    radius of gyration R), not the first.

    References:
        The farthest point strategy for progressive image sampling, Eldar et al., 1997,
        https://doi.org/10.1109/83.623193.

    Arguments:
        centred: Positions about the centroid.
        n: Number of points wanted.

    Returns:
        The indices, in the order of choice. If there are at most n points, all of them: the first 256 in the order of
        choice, then the others.

    Example:
        >>> line = np.linspace(-1, 1, 5)[:, None] * [1.0, 0, 0]
        >>> farthest_points(line + [0.01, 0, 0], 3).tolist()
        [4, 0, 2]
    """
    x, N = np.ascontiguousarray(centred), len(centred)
    if n < N:
        return _chosen(x, n)
    first = _chosen(x, min(FIRST, N))
    return np.concatenate([first, np.setdiff1d(np.arange(N), first)])


def _chosen(x: Float64[np.ndarray, "N 3"], n: int) -> Int64[np.ndarray, " n"]:
    """Return the first n points of the order of choice."""
    if not is_built():
        return _chosen_in_numpy(x, n)
    chosen = np.empty(n, np.int64)
    native("choose_farthest")(len(x), x, n, TIE, chosen)
    return chosen


def _chosen_in_numpy(x: Float64[np.ndarray, "N 3"], n: int) -> Int64[np.ndarray, " n"]:
    """Return the result of :func:`_chosen`, in plain NumPy: the formula."""
    d2 = np.square(x).sum(axis=1)
    size, chosen = d2.mean(), np.empty(n, np.int64)
    for k in range(n):
        ties = np.flatnonzero(d2 >= d2.max() * (1 - TIE))
        crowds = [_crowding(x, int(i), size) for i in ties] if len(ties) > 1 else [1.0]
        chosen[k] = ties[int(np.argmax(crowds))]
        d2 = np.minimum(np.inf if k == 0 else d2, np.square(x - x[chosen[k]]).sum(axis=1))
    return chosen


def _crowding(x: Float64[np.ndarray, "N 3"], i: int, size: float) -> float:
    """Return sum_j 1 / (1 + |x_j - x_i|^2 / size): an invariant number of a point, for ties."""
    return float((1 / (1 + np.square(x - x[i]).sum(axis=1) / size)).sum())
