"""The parity plot: predicted against true, for eyes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.ticker import MaxNLocator

from empnet.apply.evaluate import Evaluation
from empnet.data.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_error_distribution", "draw_parity", "parity_plot", "plain"]

COLOUR = "#1f5fa8"
MANY = 400
"""More points than this are drawn as one picture: as shapes they would make a page heavy."""


def plain(text: str) -> str:
    """A text that matplotlib shows as it is: a dollar sign begins no formula.

    Example:
        >>> print(plain("a$b"))
        a\\$b
    """
    return text.replace("$", r"\$")


def parity_plot(evaluation: Evaluation, path: str | Path) -> None:
    """Draw predicted over true values, and the distribution of errors beside it.

    Arguments:
        evaluation: What is drawn.
        path: Path of the PNG file, replaced if it is there.
    """
    from matplotlib.figure import Figure  # no pyplot: no windows, no global state

    matplotlib.rcParams["mathtext.default"] = "regular"
    figure = Figure(figsize=(9.0, 4.2), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.1, 1.0))
    draw_parity(left, evaluation)
    _told(left, evaluation)
    outside = draw_error_distribution(right, evaluation)
    right.set_title(
        f"{outside} of {len(evaluation.targets)} beyond the edges are drawn at them", fontsize=8, color="0.4"
    )
    with replacing(Path(path)) as unfinished:
        figure.savefig(unfinished, format="png")


def draw_parity(axes: Axes, evaluation: Evaluation, colour: str = COLOUR) -> None:
    """Draw predicted over true values; the line is where they are equal.

    Arguments:
        axes: Where it is drawn.
        evaluation: What is drawn.
        colour: Of the points.
    """
    y, y_hat, unit, name = evaluation.targets, evaluation.predicted, evaluation.unit, plain(evaluation.name)
    axes.axline((y.min(), y.min()), slope=1.0, color="0.6", linewidth=1.0, zorder=1)
    axes.scatter(y, y_hat, s=8, alpha=0.5, color=colour, linewidths=0, zorder=2, rasterized=len(y) > MANY)
    axes.set(xlabel=f"{name} in the data [{unit}]", ylabel=f"{name} predicted [{unit}]")
    axes.set_aspect("equal", adjustable="datalim")
    axes.tick_params(axis="x", rotation=30)


def draw_error_distribution(axes: Axes, evaluation: Evaluation, colour: str = COLOUR) -> int:
    """Draw how many systems have which error; the largest hundredth is drawn at the edges.

    Arguments:
        axes: Where it is drawn.
        evaluation: What is drawn.
        colour: Of the bars.

    Returns:
        How many systems lie beyond the edges.
    """
    error = evaluation.predicted - evaluation.targets
    reach = max(float(np.quantile(np.abs(error), 0.99)), 1e-12)
    bins = min(61, 2 * math.isqrt(len(error)) + 1)  # odd: an error of zero lies within a bin
    axes.hist(np.clip(error, -reach, reach), bins=bins, color=colour, alpha=0.8)
    axes.yaxis.set_major_locator(MaxNLocator("auto", integer=True))
    axes.axvline(0.0, color="0.6", linewidth=1.0)
    axes.set(xlabel=f"error: predicted - true [{evaluation.unit}]", ylabel="systems")
    return int((np.abs(error) > reach).sum())


def _told(axes: Axes, evaluation: Evaluation) -> None:
    mae, r2 = evaluation.metrics["mae"], evaluation.metrics["r2"]
    lines = (
        f"MAE {mae.value:.3g} {evaluation.unit} ({mae.low:.3g} to {mae.high:.3g})",
        f"{plain(evaluation.baseline_name)}: {evaluation.baseline['mae'].value:.3g} {evaluation.unit}",
        f"R² {r2.value:.5f}, {len(evaluation.targets)} systems",
    )
    axes.text(0.03, 0.97, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=8)
