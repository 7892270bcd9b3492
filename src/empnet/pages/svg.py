"""Matplotlib figures as SVG for a page, in the page's text colour, on light and dark backgrounds."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from cycler import cycler
from matplotlib.figure import Figure

from empnet.pages.ticks import number_ticks

__all__ = ["COLOURS", "new_figure", "svg"]

INK = "#010203"
"""Placeholder for the page's text colour until the figure is in the page."""

COLOURS = ("#3b82c4", "#e07b39", "#3a9a6a", "#b65fcf", "#c9a227", "#d1495b")
"""Colours of the series, readable on white and on black."""

STYLE: dict[Any, Any] = {
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    "axes.facecolor": "none",
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "font.size": 10.0,
    "legend.framealpha": 0.0,
    "mathtext.default": "regular",
    "svg.fonttype": "none",  # text stays text: it can be selected and has the page's font
    "svg.hashsalt": "empnet",  # the same figure has the same bytes
}


@contextmanager
def new_figure(width: float = 6.4, height: float = 4.0) -> Iterator[Figure]:
    """Yield a figure without pyplot (no window, no global state); draw on it and call :func:`svg` within the block.

    Arguments:
        width: Width in inches; on a narrow page the figure shrinks.
        height: Height in inches.

    Example:
        >>> with new_figure() as figure:
        ...     _ = figure.subplots().plot([0, 1], [1, 0])
        ...     text = svg(figure, "a line that falls")
        >>> text.startswith("<svg"), "currentColor" in text, INK in text
        (True, True, False)
    """
    with matplotlib.rc_context(STYLE):
        yield Figure(figsize=(width, height), dpi=150, layout="constrained")


def svg(figure: Figure, label: str) -> str:
    """Return the figure as an SVG element for a page.

    Arguments:
        figure: A figure of :func:`new_figure`, within its block.
        label: Description of the figure for screen readers.

    Returns:
        The element, without the XML declaration and without a fixed size.
    """
    number_ticks(figure)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    escaped = label.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return text.replace("<svg", f'<svg role="img" aria-label="{escaped}"', 1).strip()
