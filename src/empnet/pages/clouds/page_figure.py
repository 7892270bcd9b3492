"""Figures of many small parts in a page: their size on the screen, and names that fit."""

from __future__ import annotations

import warnings

from matplotlib.figure import Figure

from empnet.pages.parity import plain
from empnet.pages.svg import svg

__all__ = ["page_figure", "shortened"]

PIXELS = 100
"""Pixels per inch in the page: letters of 8 points are 11 pixels high."""


def page_figure(figure: Figure, label: str) -> str:
    """Return the figure as an SVG element of at most its own size, so that letters of all figures are equally large.

    Arguments:
        figure: A figure of :func:`empnet.pages.svg.new_figure`, within its block.
        label: Description of the figure for screen readers.

    Example:
        >>> from empnet.pages.svg import new_figure
        >>> with new_figure(2.0, 2.0) as figure:
        ...     page_figure(figure, "nothing")[:47]
        '<svg style="max-height:none;max-width:200px" ro'
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # the page's font has letters that matplotlib's lacks
        element = svg(figure, label)
    style = f"max-height:none;max-width:{PIXELS * figure.get_figwidth():.0f}px"
    return element.replace("<svg", f'<svg style="{style}"', 1)


def shortened(text: str, most: int) -> str:
    """Return a text of one line for a figure; of a longer one, the beginning and the end.

    Names in a folder differ at their ends, so two thirds of the letters are from there. Letters that cannot be
    printed would break the figure's XML, and become question marks.

    Arguments:
        text: The text.
        most: Largest number of letters, from 3.

    Example:
        >>> shortened("scans/building_0231.las", 14), shortened("car", 14)
        ('scan…_0231.las', 'car')
    """
    line = "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
    if len(line) > most:
        end = 2 * most // 3
        line = f"{line[: most - 1 - end]}…{line[-end:]}"
    return plain(line)
