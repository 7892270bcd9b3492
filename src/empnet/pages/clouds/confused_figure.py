"""Draw the point clouds that are most confidently misclassified."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float64, Int64, Shaped
from matplotlib.figure import Figure

from empnet.pages.clouds.page_figure import page_figure, shortened
from empnet.pages.clouds.three_views import draw_views
from empnet.pages.svg import new_figure

__all__ = ["confused_figure", "draw_confused", "most_confused"]

MOST_ROWS = 6
WIDTH, HEIGHT = 6.6, 2.9
"""Width of the figure and height of a row in inches."""

LETTERS, CLASS_LETTERS = 70, 22
"""Largest numbers of letters of a cloud's and of a class's name."""


def most_confused(
    probabilities: Float64[np.ndarray, "n K"], labels: Int64[np.ndarray, " n"], most: int = MOST_ROWS
) -> Int64[np.ndarray, " m"]:
    """Return the numbers of the systems with a wrong class, the largest probability of it first.

    Arguments:
        probabilities: Probability of each class, one row for each system, shape (n, K).
        labels: True class of each system, shape (n,).
        most: Largest number of returned systems.

    Example:
        >>> p = np.array([[0.6, 0.4], [0.9, 0.1], [0.8, 0.2]])
        >>> most_confused(p, np.array([1, 1, 0]))
        array([1, 0])
    """
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    return wrong[np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")][:most]


def confused_figure(
    clouds: Sequence[Float[np.ndarray, "_ 3"]],
    names: Sequence[str],
    true: Sequence[str],
    predicted: Sequence[str],
    probabilities: Sequence[float] | np.ndarray,
    *,
    values: Sequence[Shaped[np.ndarray, " _"]] | None = None,
    unit: str = "",
) -> str:
    """Return a figure for a page with three views of each cloud, its true class and its predicted class.

    Arguments:
        clouds: Positions of each cloud, shape (N, 3); those after the sixth are not drawn.
        names: Name of each cloud, such as its file's.
        true: True class of each.
        predicted: Predicted class of each.
        probabilities: Probability of each predicted class, from 0 to 1.
        values: A number for each point that sets its shade, shape (N,) for each cloud; None: its height, z.
        unit: Unit of the positions; may be empty.

    Returns:
        An SVG element; empty if there is no cloud.

    Example:
        >>> confused_figure([], [], [], [], [])
        ''
    """
    if not len(clouds):
        return ""
    rows = min(len(clouds), MOST_ROWS)
    with new_figure(WIDTH, HEIGHT * rows) as figure:
        draw_confused(figure, clouds, names, true, predicted, probabilities, values=values, unit=unit)
        return page_figure(figure, f"The {rows} point clouds most confidently misclassified")


def draw_confused(
    figure: Figure,
    clouds: Sequence[Float[np.ndarray, "_ 3"]],
    names: Sequence[str],
    true: Sequence[str],
    predicted: Sequence[str],
    probabilities: Sequence[float] | np.ndarray,
    *,
    values: Sequence[Shaped[np.ndarray, " _"]] | None = None,
    unit: str = "",
) -> None:
    """Draw the clouds of :func:`confused_figure`, which explains the arguments, on a figure.

    Arguments:
        figure: An empty figure.
        clouds: At least one cloud.
        names: Name of each cloud.
        true: True class of each.
        predicted: Predicted class of each.
        probabilities: Probability of each predicted class.
        values: A number for each point that sets its shade; None: its height.
        unit: Unit of the positions; may be empty.

    Example:
        >>> figure = Figure()
        >>> draw_confused(figure, [np.zeros((1, 3))], ["a.las"], ["car"], ["tree"], [0.98])
        >>> figure.subfigs[0].get_suptitle()
        'a.las\\ntrue car, predicted tree (0.980)'
    """
    rows = figure.subfigures(min(len(clouds), MOST_ROWS), 1, squeeze=False)[:, 0]
    for k, row in enumerate(rows):
        is_, seems = (shortened(classes[k], CLASS_LETTERS) for classes in (true, predicted))
        title = f"{shortened(names[k], LETTERS)}\ntrue {is_}, predicted {seems} ({probabilities[k]:.3f})"
        row.suptitle(title, fontsize=9, x=0.02, ha="left")
        draw_views(row.subplots(1, 3), clouds[k], None if values is None else values[k], unit=unit)
