"""Pictures of clouds of points, seen along three axes: the input of an ordinary network for pictures."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64

__all__ = ["SIDE", "rendered_views"]

SIDE = 32
"""Height and width of a picture in pixels."""

WINDOW = 5.0
"""Side of what a picture shows, in root mean square distances of the points from their centre."""

VIEWS = ((0, 1), (0, 2), (1, 2))
"""Axes of the pictures: from above, from the front, from the side."""


def rendered_views(points: Float64[np.ndarray, "B N 3"]) -> Float32[np.ndarray, "B {SIDE} {SIDE} 3"]:
    r"""Return three parallel projections of each cloud, as the three colours of a picture.

    .. math:: x = \log(1 + n) / \log(1 + \max n)

    n is the number of points in a pixel, the maximum is that of the view. Points outside the window are put into the
    pixels at its edge.

    Arguments:
        points: Points of each cloud, about its centre, with a root mean square distance of one.

    Example:
        >>> pole = np.linspace([0, 0, -1.7], [0, 0, 1.7], 100)[None]
        >>> above, front, _ = np.moveaxis(rendered_views(pole)[0], 2, 0)
        >>> int((above > 0).sum()), int((front > 0).sum())
        (1, 22)
    """
    B = len(points)
    pixels = ((points / WINDOW + 0.5) * SIDE).astype(np.int64).clip(0, SIDE - 1)
    first = np.arange(B)[:, None] * SIDE**2
    counts = []
    for across, up in VIEWS:
        places = first + (SIDE - 1 - pixels[..., up]) * SIDE + pixels[..., across]
        counts.append(np.bincount(places.ravel(), minlength=B * SIDE**2).reshape(B, SIDE, SIDE))
    logs = np.log1p(np.stack(counts, axis=-1))
    return (logs / logs.max(axis=(1, 2), keepdims=True)).astype(np.float32)
