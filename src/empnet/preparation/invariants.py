r"""Invariant features of points and clouds, from moments: traces and quadratic forms, smooth in all points.

With ``"full"`` symmetry no rotation changes them; with ``"vertical"`` those about z. Symbols of the code: r, the
position of a point about the centroid in units of the radius of gyration; M and v, moments of the whole cloud
(:class:`~empnet.preparation.moments.GlobalMoments`); m, t, C, moments about a point
(:class:`~empnet.preparation.moments.LocalMoments`); tau, the trace of C; q, about the direction of r.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float64

from empnet.native.library import is_built, native
from empnet.preparation.farthest_points import FIRST
from empnet.preparation.moments import GlobalMoments, LocalMoments

__all__ = ["LOG_SIZE", "LOG_SPACING", "cloud_row", "descriptor", "point_rows"]

LOG_SIZE = 0
"""Column of :func:`cloud_row` with the logarithm of the radius of gyration in the unit of the file."""

LOG_SPACING = 2
"""Column with the logarithm of the spacing of the kept points, in radii of gyration."""

FAINT = 0.05
"""Length of v below which the cloud has no clear end, and features along v fade."""

SMALLEST = 1e-4
"""Added to traces: the moment of a lone point is zero."""

DISTANCES = np.arange(0.25, 3.3, 0.25)
"""Centres of the histogram of all distances, in radii of gyration."""

SPREAD = 0.18
"""Standard deviation of the histogram's bells, in radii of gyration."""

SHELLS = np.array([0.3, 0.7, 1.1, 1.6])
"""Radii of the shells of the angular spectrum, in radii of gyration."""

WIDTH = 0.2
"""Width of a shell, in radii of gyration."""

PERCENTILES = (5, 25, 50, 75, 95)

Column = Float64[np.ndarray, " n"]


def point_rows(
    kept: Float64[np.ndarray, "n 3"], whole: GlobalMoments, about: Sequence[LocalMoments], vertical: bool
) -> Float64[np.ndarray, "n F"]:
    """Return the features of each point.

    Arguments:
        kept: The points about the centroid.
        whole: Moments of the whole cloud.
        about: Moments about each point, within several radii.
        vertical: Whether z is up.
    """
    r = kept / whole.R
    columns = [*_in_the_whole(r, whole)]
    for each in about:
        columns += _around(r, whole, each)
        if vertical:
            columns += _around_upright(r, each)
    if vertical:
        columns += _upright(r, whole)
    return np.stack(columns, axis=1)


def _form(a: np.ndarray, M: np.ndarray, b: np.ndarray) -> Column:
    """Return a.M.b for each point."""
    return np.einsum("...i,...ij,...j->...", a, M, b)  # type: ignore[no-any-return]


def _direction(r: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n 3"]:
    """Return r / |r|, which fades near the centroid."""
    return r / np.sqrt(np.square(r).sum(axis=1, keepdims=True) + 0.01)


def _length(v: np.ndarray) -> float:
    return float(np.sqrt(np.square(v).sum() + FAINT**2))


def _in_the_whole(r: Float64[np.ndarray, "n 3"], whole: GlobalMoments) -> Iterator[Column]:
    """Yield where each point is in the cloud: its radius, and its place along the axes of M and along v."""
    radius, M, v = np.sqrt(np.square(r).sum(axis=1)), whole.M, whole.v
    yield from (radius, np.log(radius + 0.1))
    yield from (_form(r, M, r), _form(r, M @ M, r))
    yield from (r @ v / _length(v), _form(r, M, v) / _length(v))


def _around(r: Float64[np.ndarray, "n 3"], whole: GlobalMoments, about: LocalMoments) -> Iterator[Column]:
    """Yield the shape of the surface about each point: crowding, spread, thinness, edges, direction to the centroid."""
    t, C, q = about.shift, about.spread, _direction(r)
    tau, t2 = np.trace(C, axis1=1, axis2=2) + SMALLEST, np.square(t).sum(axis=1)
    yield np.log(about.mass / about.mass.mean() + 0.02)
    yield np.sqrt(tau)
    yield np.einsum("nij,nji->n", C, C) / tau**2
    yield np.log((27 * np.linalg.det(C) / tau**3).clip(0) + 1e-3)
    yield np.sqrt(t2 + SMALLEST)
    yield (q * t).sum(axis=1)
    yield _form(q, C, q) / tau
    yield _form(t, C, t) / (tau * (t2 + 0.01))
    yield np.einsum("nij,ij->n", C, whole.M) / tau


def _around_upright(r: Float64[np.ndarray, "n 3"], about: LocalMoments) -> Iterator[Column]:
    """Yield how the surface about each point stands: steepness, edges upwards, orientation to the axis."""
    t, C, q = about.shift, about.spread, _direction(r)
    tau = np.trace(C, axis1=1, axis2=2) + SMALLEST
    yield C[:, 2, 2] / tau
    yield t[:, 2]
    yield np.hypot(C[:, 0, 2], C[:, 1, 2]) / tau
    yield _form(q[:, :2], C[:, :2, :2], q[:, :2]) / tau
    yield (q[:, :2] * t[:, :2]).sum(axis=1)


def _upright(r: Float64[np.ndarray, "n 3"], whole: GlobalMoments) -> Iterator[Column]:
    """Yield where each point is with respect to the vertical: its height, and its place in the plan."""
    height, span, plan = r[:, 2] - whole.bottom, whole.top - whole.bottom, r[:, :2]
    v, lean = whole.v[:2], whole.M[:2, 2]
    yield from (height, height / (span + 1e-6), r[:, 2], np.hypot(*plan.T), np.log(height.clip(0) + 0.05))
    yield _form(plan, whole.M[:2, :2], plan)
    yield plan @ v / _length(v)
    yield plan @ lean


def cloud_row(
    kept: Float64[np.ndarray, "n 3"],
    whole: GlobalMoments,
    about: Sequence[LocalMoments],
    spacing: float,
    vertical: bool,
    sized: bool,
) -> Float64[np.ndarray, " G"]:
    """Return the features of the whole cloud.

    Arguments:
        kept: The points about the centroid.
        whole: Moments of the whole cloud.
        about: Moments about each point, within several radii.
        spacing: Spacing of the kept points.
        vertical: Whether z is up.
        sized: Whether the size in the unit of the file is a feature; its column is there in any case.
    """
    M, v = whole.M, whole.v
    flat = 27 * np.linalg.det(M)
    values = [np.log(whole.R), float(sized) * np.log(whole.R), np.log(spacing / whole.R), np.log(whole.points)]
    values += [np.square(M).sum(), flat, np.log(max(flat, 0.0) + 1e-4), np.sqrt(v @ v), v @ M @ v / _length(v) ** 2]
    # as a share of all points, which is a shape, and as a number, which is the density of the scan
    values += [np.log(each.mass.mean() / whole.points) for each in about]
    values += [np.log(each.mass.mean()) for each in about]
    if vertical:
        span, lean = whole.top - whole.bottom, M[:2, 2]
        values += [
            span,
            np.log(span + 1e-6),
            float(sized) * np.log(span * whole.R + 1e-9),
            M[2, 2],
            v[2],
            -whole.bottom,
        ]
        values += [np.sqrt(v[:2] @ v[:2]), np.square(M[:2, :2]).sum(), np.sqrt(lean @ lean + 1e-6)]
        values += [-whole.bottom / (span + 1e-6)]
    return np.array([*values, *_correlations(kept[:FIRST] / whole.R)])


def _correlations(r: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, " c"]:
    """Return the smooth histogram of all distances, and the angular spectrum of shells (degrees 1 to 4).

    Of many points the first 256 serve, which are far from each other: all pairs of 10,000 would take seconds.
    """
    correlations = _correlations_in_loops if is_built() else _correlations_in_numpy
    histogram, spectrum = correlations(np.ascontiguousarray(r))
    return np.concatenate([histogram, np.log(np.abs(spectrum).ravel() + 1e-3)])


def _correlations_in_loops(
    r: Float64[np.ndarray, "n 3"],
) -> tuple[Float64[np.ndarray, " D"], Float64[np.ndarray, "S 4"]]:
    """Return the histogram, and sum_ij g_s(r_i) g_s(r_j) P_l(cos) for shells s, l = 1 to 4, by libempnet."""
    sizes = len(r), len(DISTANCES), len(SHELLS)
    histogram, spectrum = np.empty(sizes[1]), np.empty((sizes[2], 4))
    native("pair_correlations")(*sizes, r, DISTANCES, SPREAD, SHELLS, WIDTH, histogram, spectrum)
    return histogram, spectrum


def _correlations_in_numpy(
    r: Float64[np.ndarray, "n 3"],
) -> tuple[Float64[np.ndarray, " D"], Float64[np.ndarray, "S 4"]]:
    """Return the result of :func:`_correlations_in_loops`, in plain NumPy: the formula."""
    length = np.sqrt(np.square(r).sum(axis=1))
    g = np.exp(-0.5 * np.square((length[:, None] - SHELLS) / WIDTH))
    dot, d = r @ r.T, np.sqrt(np.square(r[:, None] - r).sum(axis=2))
    u = (d[:, :, None] - DISTANCES) / SPREAD
    histogram = np.where(np.abs(u) < 4, np.exp(-0.5 * u * u), 0).sum(axis=(0, 1)) / len(r) ** 2
    cos = dot / (length[:, None] * length + 1e-6)
    P = [cos, 1.5 * cos**2 - 0.5, cos * (2.5 * cos**2 - 1.5), (4.375 * cos**2 - 3.75) * cos**2 + 0.375]
    spectrum = np.stack([np.einsum("is,ij,js->s", g, each, g) for each in P], axis=1)
    return histogram, spectrum / (g.sum(axis=0) + 1e-12)[:, None] ** 2


def descriptor(rows: Float64[np.ndarray, "n F"], row: Float64[np.ndarray, " G"]) -> Float64[np.ndarray, " D"]:
    """Return a cloud in one row, for a forest: percentiles, means, spreads of its points' features, and its own.

    Arguments:
        rows: Features of the points.
        row: Features of the cloud; the first, its size, is left out: it is there again if it counts.

    Example:
        >>> descriptor(np.zeros((5, 2)), np.arange(3.0)).shape
        (16,)
    """
    spread = np.percentile(rows, PERCENTILES, axis=0).ravel()
    return np.concatenate([spread, rows.mean(axis=0), rows.std(axis=0), row[1:]])
