"""Draw a point cloud from the front, from the side and from above."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float, Shaped
from matplotlib.axes import Axes

from empnet.pages.clouds.one_view import FRONT, SIDE, TOP, draw_view, half_extent, length_bar, thinned
from empnet.pages.clouds.page_figure import page_figure
from empnet.pages.svg import new_figure

__all__ = ["NO_UNIT", "draw_views", "three_views"]

NO_UNIT = "units of the file"
VIEWS = (FRONT, SIDE, TOP)


def draw_views(
    axes: Iterable[Axes],
    points: Float[np.ndarray, "N 3"],
    values: Shaped[np.ndarray, " N"] | None = None,
    *,
    unit: str = "",
    seed: int = 0,
) -> None:
    """Draw a cloud from three sides on one scale, with a length bar in the first.

    Arguments:
        axes: Three axes of equal size, for front, side and top.
        points: Positions, shape (N, 3); at most 3,000 finite ones are drawn.
        values: A number for each point that sets its shade, shape (N,); None: its height, z.
        unit: Unit of the positions, such as ``"m"``; if empty, the bar says "units of the file".
        seed: Seed of the selection of points.

    Example:
        >>> from matplotlib.figure import Figure
        >>> axes = Figure().subplots(1, 3)
        >>> draw_views(axes, np.random.default_rng(0).normal(size=(50, 3)), unit="m")
        >>> [each.get_title() for each in axes]
        ['front', 'side', 'top']
    """
    drawn = thinned(points, seed=seed)
    kept = points[drawn].astype(np.float64)
    shades = kept[:, 2] if values is None else values[drawn].astype(np.float64)
    half = max(half_extent(view.seen(kept)) for view in VIEWS)
    places = list(axes)
    for each, view in zip(places, VIEWS, strict=True):
        draw_view(each, kept, shades, view, half)
        each.set_title(view.name, fontsize=8)
    length_bar(places[0], half, unit or NO_UNIT)


def three_views(
    points: Float[np.ndarray, "N 3"],
    values: Shaped[np.ndarray, " N"] | None = None,
    *,
    unit: str = "",
    label: str = "Three views of a point cloud",
) -> str:
    """Return the three views of a cloud as a figure for a page.

    Arguments:
        points: Positions, shape (N, 3).
        values: A number for each point that sets its shade, shape (N,); None: its height, z.
        unit: Unit of the positions; may be empty.
        label: Description of the figure for screen readers.

    Example:
        >>> "2 m" in three_views(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 5.0]]), unit="m")
        True
    """
    with new_figure(6.6, 2.7) as figure:
        draw_views(figure.subplots(1, 3), points, values, unit=unit)
        return page_figure(figure, label)
