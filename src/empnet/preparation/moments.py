"""Moments of a cloud about its centroid, and about each of some points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from empnet.native.library import is_built, native

__all__ = ["GlobalMoments", "LocalMoments"]


@dataclass(frozen=True, slots=True, eq=False)
class GlobalMoments:
    r"""Moments of a whole cloud about its centroid, in units of its radius of gyration R.

    .. math::
        R^2 = \langle |r|^2 \rangle, \quad M = \langle r r^T \rangle / R^2, \quad v = \langle |r|^2 r \rangle / R^3

    Arguments:
        R: Radius of gyration, in the unit of the file.
        M: Second moment, with trace 1.
        v: Third moment, a vector: it points to the far and thin end.
        bottom: Lowest height in units of R, from the centroid.
        top: Highest height in units of R, from the centroid.
        points: Number of points.
    """

    R: float
    M: Float64[np.ndarray, "3 3"]
    v: Float64[np.ndarray, " 3"]
    bottom: float
    top: float
    points: int

    @classmethod
    def of(cls, centred: Float64[np.ndarray, "N 3"]) -> GlobalMoments:
        """Return the moments of a cloud.

        Arguments:
            centred: Different positions about the centroid.
        """
        r2 = np.square(centred).sum(axis=1)
        R = float(np.sqrt(r2.mean()))
        heights = centred[:, 2] / R
        M = centred.T @ centred / (len(centred) * R**2)
        v = (r2[:, None] * centred).mean(axis=0) / R**3
        return cls(R, M, v, float(heights.min()), float(heights.max()), len(centred))


@dataclass(frozen=True, slots=True, eq=False)
class LocalMoments:
    r"""Moments of the dense cloud about some points, within a radius.

    .. math::
        w = (1 - d^2 / \rho^2)^2, \quad m = \sum w, \quad t = \sum w \, d / (m \rho), \quad
        C = \sum w \, d d^T / (m \rho^2) - t t^T

    The weights w are smooth: a point that comes or goes at the radius changes nothing.

    Arguments:
        mass: m, sum of the weights, shape (n,).
        shift: t, the mean displacement in units of the radius, shape (n, 3).
        spread: C, the second moment about the mean in units of the radius squared, shape (n, 3, 3).
        means: Weighted means of the cloud's own features, shape (n, F).
    """

    mass: Float64[np.ndarray, " n"]
    shift: Float64[np.ndarray, "n 3"]
    spread: Float64[np.ndarray, "n 3 3"]
    means: Float64[np.ndarray, "n F"]

    @classmethod
    def within(
        cls,
        radii: Sequence[float],
        centred: Float64[np.ndarray, "N 3"],
        kept: Float64[np.ndarray, "n 3"],
        values: Float64[np.ndarray, "N F"],
    ) -> list[LocalMoments]:
        """Return the moments about points, within each of some radii.

        Arguments:
            radii: The radii, ascending, in the unit of the positions.
            centred: The dense cloud.
            kept: The points, which are among it.
            values: The cloud's own features.
        """
        # sorted along the longest axis, so that each centre looks at a slab of the points only
        axis = int(np.argmax(np.ptp(centred, axis=0)))
        order = np.argsort(centred[:, axis], kind="stable")
        x, centres = np.ascontiguousarray(centred[order]), np.ascontiguousarray(kept)
        ends = [np.searchsorted(x[:, axis], kept[:, axis] + sign * radii[-1]) for sign in (-1, 1)]
        sums = _local_sums if is_built() else _local_sums_in_numpy
        found = sums(x, centres, np.array(radii, dtype=np.float64), np.ascontiguousarray(values[order]), *ends)
        return [cls._of_sums(sums, means, radius) for sums, means, radius in zip(*found, radii, strict=True)]

    @classmethod
    def _of_sums(
        cls, sums: Float64[np.ndarray, "n 10"], means: Float64[np.ndarray, "n F"], radius: float
    ) -> LocalMoments:
        mass = sums[:, 0]
        shift = sums[:, 1:4] / (mass[:, None] * radius)
        xx, yy, zz, yz, xz, xy = (sums[:, 4:] / (mass[:, None] * radius**2)).T
        second = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]).transpose(2, 0, 1)
        return cls(mass, shift, second - shift[:, :, None] * shift[:, None, :], means)


def _local_sums(
    x: Float64[np.ndarray, "N 3"],
    centres: Float64[np.ndarray, "n 3"],
    radii: Float64[np.ndarray, " R"],
    values: Float64[np.ndarray, "N F"],
    firsts: Int64[np.ndarray, " n"],
    ends: Int64[np.ndarray, " n"],
) -> tuple[Float64[np.ndarray, "R n 10"], Float64[np.ndarray, "R n F"]]:
    """Return sums of w, w d and w d d^T over the points at d about each centre, and weighted means of their values.

    There is a row for each radius. Centre i looks at the points ``firsts[i]`` to ``ends[i]``, which contain all within
    the largest radius.
    """
    n, R, F = len(centres), len(radii), values.shape[1]
    sums, means = np.empty((R, n, 10)), np.empty((R, n, F))
    native("local_sums")(n, len(x), F, R, x, centres, radii, values, firsts, ends, sums, means)
    return sums, means


def _local_sums_in_numpy(
    x: Float64[np.ndarray, "N 3"],
    centres: Float64[np.ndarray, "n 3"],
    radii: Float64[np.ndarray, " R"],
    values: Float64[np.ndarray, "N F"],
    firsts: Int64[np.ndarray, " n"],
    ends: Int64[np.ndarray, " n"],
) -> tuple[Float64[np.ndarray, "R n 10"], Float64[np.ndarray, "R n F"]]:
    """Return the result of :func:`_local_sums`, in plain NumPy: the formula."""
    sums, means = np.zeros((len(radii), len(centres), 10)), np.zeros((len(radii), len(centres), values.shape[1]))
    for i, (centre, first, end) in enumerate(zip(centres, firsts, ends, strict=True)):
        d = x[first:end] - centre
        a, b, c = d.T
        terms = np.stack([np.ones(len(d)), a, b, c, a * a, b * b, c * c, b * c, a * c, a * b])
        for k, radius in enumerate(radii):
            w = np.square(np.maximum(1 - np.square(d).sum(axis=1) / radius**2, 0))
            sums[k, i] = terms @ w
            means[k, i] = w @ values[first:end] / w.sum()
    return sums, means
