"""Choice of few points of a cloud, as far from each other as possible."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

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
    from empnet.preparation.loops import choose_farthest

    x, N = np.ascontiguousarray(centred), len(centred)
    if n < N:
        chosen: Int64[np.ndarray, " k"] = choose_farthest(x, n, TIE)
        return chosen
    first = choose_farthest(x, min(FIRST, N), TIE)
    return np.concatenate([first, np.setdiff1d(np.arange(N), first)])
