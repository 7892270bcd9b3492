"""The learning curve as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from empnet.data.files import replacing

if TYPE_CHECKING:
    from empnet.apply.learning_curve import LearningCurve

__all__ = ["curve_figure"]


def curve_figure(curve: LearningCurve, path: str | Path) -> None:
    """Draw error over training size on two logarithmic axes, with the power law and where it halves the error.

    Arguments:
        curve: What is drawn.
        path: Path of the PNG file, replaced if it is there.
    """
    from matplotlib.figure import Figure  # no pyplot: no windows, no global state
    from matplotlib.ticker import NullFormatter, ScalarFormatter

    sizes = np.array([point.size for point in curve.points], dtype=float)
    values, low, high = (np.array([getattr(p.mae, key) for p in curve.points]) for key in ("value", "low", "high"))
    figure = Figure(figsize=(6.4, 4.4), dpi=150, layout="constrained")
    axes = figure.subplots()
    axes.errorbar(
        sizes, values, yerr=np.clip([values - low, high - values], 0, None), fmt="o", color="#1f5fa8", capsize=3
    )
    end = sizes[-1] * min(curve.half_error_factor, 30.0)
    line = np.geomspace(sizes[0], max(end, sizes[-1]), 50)
    axes.plot(line, [curve.fitted(n) for n in line], color="0.5", linewidth=1.0, linestyle="--", zorder=1)
    if np.isfinite(curve.half_error_factor) and curve.half_error_factor <= 30.0:
        axes.plot(end, values[-1] / 2, "o", markerfacecolor="none", color="0.5")
        axes.annotate(
            "half the error",
            (end, values[-1] / 2),
            textcoords="offset points",
            xytext=(-8, 8),
            ha="right",
            color="0.3",
            fontsize=9,
        )
    axes.axhline(curve.baseline, color="#b3541e", linewidth=1.0)
    axes.annotate(
        "composition baseline",
        (sizes[0], curve.baseline),
        textcoords="offset points",
        xytext=(0, 4),
        color="#b3541e",
        fontsize=9,
    )
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="systems for training",
        ylabel=f"{curve.name}: MAE on the test side [{curve.unit}]",
    )
    axes.set_title(f"slope {curve.slope:.2f}", fontsize=10)
    axes.set_xticks(sizes, [f"{n:.0f}" for n in sizes])
    axes.xaxis.set_minor_formatter(NullFormatter())
    for formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        formatter(ScalarFormatter())
    axes.grid(which="both", alpha=0.2)
    with replacing(Path(path)) as unfinished:
        figure.savefig(unfinished, format="png")
