"""Draw the learning curve as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from empnet.pages.ticks import number_ticks
from empnet.runtime.durable_files import replacing
from empnet.workflows.power_law import LearningCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["curve_figure"]

IN_SIGHT = 30.0
"""Largest factor in the number of systems for which the point of half the error is drawn."""


def curve_figure(curve: LearningCurve, path: str | Path) -> None:
    """Draw error against training size on logarithmic axes, with the power law and its point of half the error.

    Arguments:
        curve: The learning curve.
        path: Path of the PNG file; an existing file is replaced.
    """
    from matplotlib.figure import Figure  # no pyplot: no windows, no global state
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    sizes = np.array([point.size for point in curve.points], dtype=float)
    figure = Figure(figsize=(6.4, 4.4), dpi=150, layout="constrained")
    axes = figure.subplots()
    _draw_measured(axes, curve, sizes)
    ends = _draw_law(axes, curve, sizes)
    axes.axhline(curve.baseline, color="#b3541e", linewidth=1.0)
    _note(axes, "composition baseline", (float(sizes[0]), curve.baseline), (0.0, 4.0), color="#b3541e")
    axes.set(xscale="log", yscale="log", xlabel="systems for training")
    axes.set(ylabel=f"{curve.name}: MAE on the test set [{curve.unit}]")
    axes.set_title(f"the error falls as n^{curve.slope:.2f}", fontsize=10)
    axes.set_xticks([*sizes, *ends], [f"{n:,.0f}" for n in (*sizes, *ends)])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(which="both", alpha=0.2)
    number_ticks(figure)
    with replacing(Path(path)) as unfinished:
        figure.savefig(unfinished, format="png")


def _draw_measured(axes: Axes, curve: LearningCurve, sizes: np.ndarray) -> None:
    values, low, high = (np.array([getattr(p.mae, key) for p in curve.points]) for key in ("value", "low", "high"))
    reach = np.clip([values - low, high - values], 0, None)
    axes.errorbar(sizes, values, yerr=reach, fmt="o", color="#1f5fa8", capsize=3)


def _draw_law(axes: Axes, curve: LearningCurve, sizes: np.ndarray) -> list[float]:
    """Draw the power law, up to the point of half the error if it is near; return the size at that point, if drawn."""
    in_sight = curve.half_error_factor <= IN_SIGHT
    end = sizes[-1] * (curve.half_error_factor if in_sight else 1.0)
    line = np.geomspace(sizes[0], end, 50)
    axes.plot(line, [curve.fitted(n) for n in line], color="0.5", linewidth=1.0, linestyle="--", zorder=1)
    if not in_sight:
        return []
    axes.plot(end, curve.fitted(end), "o", markerfacecolor="white", color="0.5")
    _note(axes, "half the error", (float(end), curve.fitted(end)), (-9.0, -10.0), color="0.3", ha="right")
    return [float(end)]


def _note(axes: Axes, text: str, place: tuple[float, float], offset: tuple[float, float], **style: Any) -> None:
    axes.annotate(text, place, textcoords="offset points", xytext=offset, fontsize=9, **style)
