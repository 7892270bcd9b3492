"""Draw many small point clouds, grouped by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from empnet.pages.clouds.one_view import CORNER, View, draw_view, half_extent, length_bar, thinned
from empnet.pages.clouds.page_figure import page_figure, shortened
from empnet.pages.clouds.three_views import NO_UNIT
from empnet.pages.svg import new_figure

__all__ = ["MOST_CLOUDS", "contact_sheet", "draw_contact_sheet"]

MOST_CLOUDS = 24
COLUMNS, ROWS = 6, 6
WIDTH, HEIGHT = 1.55, 2.05
"""Size of a cloud with its title in inches: six fill a page."""

LETTERS = 22
"""Largest number of letters of a name; more do not fit above a cloud."""


def contact_sheet(
    clouds: Sequence[Float[np.ndarray, "_ 3"]],
    names: Sequence[str],
    labels: Sequence[str],
    *,
    unit: str = "",
    view: View = CORNER,
) -> str:
    """Return a figure for a page with up to 24 clouds, one view of each, grouped by class and shaded by height.

    Each cloud fills its place; its length bar says how large it is.

    Arguments:
        clouds: Positions of each cloud, shape (N, 3); those after the 24th are not drawn.
        names: Name of each cloud, such as its file's.
        labels: Class of each cloud; empty texts if there are no classes.
        unit: Unit of the positions; may be empty.
        view: Direction of sight.

    Returns:
        An SVG element; empty if there is no cloud.

    Example:
        >>> contact_sheet([np.zeros((1, 3))], ["a.las"], ["car"], unit="m").startswith("<svg")
        True
    """
    if not len(clouds):
        return ""
    rows, columns = _shape(list(labels)[:MOST_CLOUDS])
    with new_figure(WIDTH * columns, HEIGHT * rows + (0 if unit else 0.25)) as figure:
        draw_contact_sheet(figure, clouds, names, labels, unit=unit, view=view)
        return page_figure(figure, f"Contact sheet of {min(len(clouds), MOST_CLOUDS)} point clouds")


def draw_contact_sheet(
    figure: Figure,
    clouds: Sequence[Float[np.ndarray, "_ 3"]],
    names: Sequence[str],
    labels: Sequence[str],
    *,
    unit: str = "",
    view: View = CORNER,
) -> None:
    """Draw the clouds of :func:`contact_sheet`, which explains the arguments, on a figure.

    Arguments:
        figure: An empty figure.
        clouds: At least one cloud.
        names: Name of each cloud.
        labels: Class of each cloud.
        unit: Unit of the positions; may be empty.
        view: Direction of sight.

    Example:
        >>> figure = Figure()
        >>> draw_contact_sheet(figure, [np.zeros((1, 3))] * 2, ["a.las", "b.las"], ["car", "tree"], unit="m")
        >>> [axes.get_title() for axes in figure.axes]
        ['a.las\\ncar', 'b.las\\ntree']
    """
    places = _places(list(labels)[:MOST_CLOUDS])
    grid = figure.subplots(*_shape(list(labels)[:MOST_CLOUDS]), squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for cloud, name, label, place in zip(clouds, names, labels, places, strict=False):
        points = cloud[thinned(cloud)].astype(np.float64)
        half = half_extent(view.seen(points))
        draw_view(grid[place], points, points[:, 2], view, half)
        length_bar(grid[place], half, unit)
        title = [shortened(text, LETTERS) for text in (name, label) if text]
        grid[place].set_title("\n".join(title), fontsize=7.5)
    if not unit:
        figure.supxlabel(f"lengths in {NO_UNIT}", fontsize=7.5, x=0.01, ha="left")


def _places(labels: list[str]) -> list[tuple[int, int]]:
    """Return row and column of each cloud: each class begins a row, unless that takes more than six rows."""
    classes = list(dict.fromkeys(labels))
    groups = [[i for i, label in enumerate(labels) if label == name] for name in classes]
    if sum(-(-len(group) // COLUMNS) for group in groups) > ROWS:
        groups = [[i for group in groups for i in group]]
    found: dict[int, tuple[int, int]] = {}
    row = 0
    for group in groups:
        found |= {i: (row + k // COLUMNS, k % COLUMNS) for k, i in enumerate(group)}
        row += -(-len(group) // COLUMNS)
    return [found[i] for i in range(len(labels))]


def _shape(labels: list[str]) -> tuple[int, int]:
    rows, columns = zip(*_places(labels), strict=True)
    return max(rows) + 1, max(columns) + 1
