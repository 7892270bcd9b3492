"""Loops over the points of a cloud, compiled by Numba; imported on first use, since Numba is slow to import."""

from __future__ import annotations

import numpy as np

from empnet.runtime.compiled import compiled

__all__ = ["choose_farthest", "local_sums", "pair_correlations"]


@compiled()
def _crowding(x, i, size):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return sum_j 1 / (1 + |x_j - x_i|^2 / size): an invariant number of a point, for ties."""
    total = 0.0
    for j in range(len(x)):
        a, b, c = x[j, 0] - x[i, 0], x[j, 1] - x[i, 1], x[j, 2] - x[i, 2]
        total += 1.0 / (1.0 + (a * a + b * b + c * c) / size)
    return total


@compiled()
def _farthest(x, d2, size, tolerance):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the point with the largest of the squared distances; among equal ones that in the most crowded place."""
    best = 0
    for i in range(len(x)):
        if d2[i] > d2[best]:
            best = i
    ties = 0
    for i in range(len(x)):
        ties += d2[i] >= d2[best] * (1 - tolerance)
    if ties == 1:
        return best
    chosen, most = best, -1.0
    for i in range(len(x)):
        if d2[i] >= d2[best] * (1 - tolerance):
            crowd = _crowding(x, i, size)
            if crowd > most * (1 + 1e-9):
                chosen, most = i, crowd
    return chosen


@compiled()
def choose_farthest(x, n, tolerance):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the indices of :func:`empnet.preparation.farthest_points.farthest_points`; ``x`` is centred."""
    N = len(x)
    d2 = np.empty(N)
    for i in range(N):
        d2[i] = x[i, 0] * x[i, 0] + x[i, 1] * x[i, 1] + x[i, 2] * x[i, 2]
    size = d2.mean()
    chosen = np.empty(n, np.int64)
    chosen[0] = _farthest(x, d2, size, tolerance)
    d2[:] = np.inf
    for k in range(1, n):
        last = chosen[k - 1]
        for i in range(N):
            a, b, c = x[i, 0] - x[last, 0], x[i, 1] - x[last, 1], x[i, 2] - x[last, 2]
            d2[i] = min(d2[i], a * a + b * b + c * c)
        chosen[k] = _farthest(x, d2, size, tolerance)
    return chosen


@compiled()
def local_sums(x, centres, radii, values, firsts, ends):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return sums of w, w d and w d d^T over the points at d about each centre, and weighted means of their values.

    There is a row for each radius; the radii ascend, so that each distance is computed once. Centre i looks at the
    points ``firsts[i]`` to ``ends[i]``, which contain all within the largest radius.
    """
    n, F, R = len(centres), values.shape[1], len(radii)
    sums, means = np.zeros((R, n, 10)), np.zeros((R, n, F))
    farthest = radii[R - 1] * radii[R - 1]
    for i in range(n):
        for j in range(firsts[i], ends[i]):
            a, b, c = x[j, 0] - centres[i, 0], x[j, 1] - centres[i, 1], x[j, 2] - centres[i, 2]
            d2 = a * a + b * b + c * c
            if d2 >= farthest:
                continue
            for k in range(R - 1, -1, -1):
                within = radii[k] * radii[k]
                if d2 >= within:
                    break
                share = 1.0 - d2 / within
                w, s = share * share, sums[k, i]
                s[0] += w
                s[1] += w * a
                s[2] += w * b
                s[3] += w * c
                s[4] += w * a * a
                s[5] += w * b * b
                s[6] += w * c * c
                s[7] += w * b * c
                s[8] += w * a * c
                s[9] += w * a * b
                for f in range(F):
                    means[k, i, f] += w * values[j, f]
        for k in range(R):
            for f in range(F):
                means[k, i, f] /= sums[k, i, 0]
    return sums, means


@compiled()
def pair_correlations(x, distances, spread, shells, width):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the smooth histogram of all distances, and sum_ij g_s(r_i) g_s(r_j) P_l(cos) for shells s, l = 1 to 4."""
    n, D, S = len(x), len(distances), len(shells)
    histogram, spectrum = np.zeros(D), np.zeros((S, 4))
    r, g = np.empty(n), np.empty((n, S))
    for i in range(n):
        r[i] = np.sqrt(x[i, 0] * x[i, 0] + x[i, 1] * x[i, 1] + x[i, 2] * x[i, 2])
        for s in range(S):
            u = (r[i] - shells[s]) / width
            g[i, s] = np.exp(-0.5 * u * u)
    norm = g.sum(axis=0) + 1e-12
    for i in range(n):
        for j in range(i + 1):  # each pair once, and the point itself
            twice = 1.0 if i == j else 2.0
            dot = x[i, 0] * x[j, 0] + x[i, 1] * x[j, 1] + x[i, 2] * x[j, 2]
            d = np.sqrt(max(0.0, r[i] * r[i] + r[j] * r[j] - 2.0 * dot))
            for k in range(D):
                u = (d - distances[k]) / spread
                if -4.0 < u < 4.0:
                    histogram[k] += twice * np.exp(-0.5 * u * u)
            cos = dot / (r[i] * r[j] + 1e-6)
            c2 = cos * cos
            p2, p3, p4 = 1.5 * c2 - 0.5, cos * (2.5 * c2 - 1.5), (4.375 * c2 - 3.75) * c2 + 0.375
            for s in range(S):
                w = twice * g[i, s] * g[j, s]
                spectrum[s, 0] += w * cos
                spectrum[s, 1] += w * p2
                spectrum[s, 2] += w * p3
                spectrum[s, 3] += w * p4
    for s in range(S):
        spectrum[s] /= norm[s] * norm[s]
    return histogram / (n * n), spectrum
