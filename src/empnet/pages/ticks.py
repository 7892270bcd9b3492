"""Write numbers at the ticks of figures in full: no offset and no power of ten in a corner."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, ScalarFormatter

__all__ = ["FullNumbers", "number_log_axis", "number_ticks", "tick_texts"]

LARGE, SMALL = 1e7, 1e-4
"""Limits beyond which each number is written with its own power of ten."""


def tick_texts(values: Sequence[float] | np.ndarray) -> list[str]:
    """Return the ticks as complete numbers with enough digits to distinguish them.

    Arguments:
        values: Places of the ticks, ascending.

    Example:
        >>> tick_texts([-97208.52, -97208.515, -97208.51])
        ['-97208.520', '-97208.515', '-97208.510']
        >>> tick_texts([0.0, 2e-6, 4e-6]), tick_texts([0.0, 20.0, 40.0])
        (['0', '2e-06', '4e-06'], ['0', '20', '40'])
    """
    ticks = np.asarray(values, dtype=float)
    if not len(ticks):
        return []
    largest = float(np.abs(ticks).max())
    steps = np.diff(np.unique(ticks))
    step = float(steps.min()) if len(steps) else largest
    if largest == 0 or step <= 0:
        return [f"{value:g}" for value in ticks]
    if largest >= LARGE or largest < SMALL:
        ticks = np.where(np.abs(ticks) < step / 1e6, 0.0, ticks)  # zero except for rounding
        spellings = ([f"{value:.{digits}g}" for value in ticks] for digits in range(1, 18))
        return next(s for s in spellings if np.allclose(np.array(s, dtype=float), ticks, rtol=0, atol=step / 100))
    decimals = next((d for d in range(13) if np.allclose(ticks, np.round(ticks, d), rtol=0, atol=step / 100)), 12)
    texts = [f"{value:.{decimals}f}" for value in ticks]
    return ["0" if float(text) == 0 else text for text in texts]


STEPS: dict[float, Sequence[float]] = {5: range(1, 10), 20: (1, 2, 3, 5, 7), 200: (1, 2, 5), np.inf: (1,)}
"""For each upper limit of a scale's largest over smallest value: labelled multiples of powers of ten."""


def number_log_axis(axis: Axis, low: float, high: float) -> None:
    """Write plain numbers on a logarithmic axis, as many as its range needs.

    Arguments:
        axis: The axis.
        low: The smallest drawn value, above zero.
        high: The largest drawn value.

    Example:
        >>> axes = Figure().subplots()
        >>> _ = axes.loglog([0.01, 0.1], [1, 3])
        >>> number_log_axis(axes.xaxis, 0.01, 0.1)
        >>> axes.xaxis.get_major_formatter()(0.05)
        '0.05'
    """
    steps = next((steps for reach, steps in STEPS.items() if high < reach * low), (1.0,))
    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


class FullNumbers(ScalarFormatter):
    """Formatter for the ticks of a linear axis that uses :func:`tick_texts`."""

    def format_ticks(self, values: Sequence[float] | np.ndarray) -> list[str]:
        """Return the texts of all ticks."""
        self.set_locs(list(values))
        return [text.replace("-", "\N{MINUS SIGN}") for text in tick_texts(values)]

    def get_offset(self) -> str:
        """Return an empty text: the corner of the axes stays empty."""
        return ""


def number_ticks(figure: Figure) -> None:
    """Write the numbers of all linear axes in full; axes with other tick texts stay unchanged.

    Arguments:
        figure: The complete figure.

    Example:
        >>> figure = Figure()
        >>> _ = figure.subplots().plot([1e6, 1e6 + 1], [0, 1])
        >>> number_ticks(figure)
        >>> figure.axes[0].xaxis.get_major_formatter().get_offset()
        ''
    """
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if type(axis.get_major_formatter()) is ScalarFormatter:
                axis.set_major_formatter(FullNumbers())
