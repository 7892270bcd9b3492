"""The parity plot: predicted against true, for eyes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.ticker import MaxNLocator

from empnet.apply.derivative_errors import DerivativeErrors
from empnet.apply.evaluate import Evaluation
from empnet.apply.metrics import R2, r2_in_words
from empnet.apply.ticks import number_ticks
from empnet.data.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "draw_component_errors",
    "draw_component_parity",
    "draw_error_distribution",
    "draw_parity",
    "parity_plot",
    "plain",
]

COLOUR = "#1f5fa8"
MANY = 400
"""More points than this are drawn as one picture: as shapes they would make a page heavy."""

MOST = 20_000
"""Components that are drawn of forces."""

N_GROUPS = 20
"""Species that are drawn."""


def plain(text: str) -> str:
    """A text that matplotlib shows as it is: a dollar sign begins no formula.

    Example:
        >>> print(plain("a$b"))
        a\\$b
    """
    return text.replace("$", r"\$")


def parity_plot(evaluation: Evaluation, path: str | Path) -> None:
    """Draw predicted over true values, and the distribution of errors beside it; forces and stress below.

    Arguments:
        evaluation: What is drawn.
        path: Path of the PNG file, replaced if it is there.
    """
    from matplotlib.figure import Figure  # no pyplot: no windows, no global state

    matplotlib.rcParams["mathtext.default"] = "regular"
    rows = 1 + len(evaluation.derivatives)
    figure = Figure(figsize=(9.0, 4.2 * rows), dpi=150, layout="constrained")
    (left, right), *others = figure.subplots(rows, 2, width_ratios=(1.1, 1.0), squeeze=False)
    for axes, errors in zip(others, evaluation.derivatives.values(), strict=True):
        draw_component_parity(axes[0], errors)
        _component_told(axes[0], errors)
        draw_component_errors(axes[1], errors)
    draw_parity(left, evaluation)
    _told(left, evaluation)
    outside = draw_error_distribution(right, evaluation)
    right.set_title(
        f"{outside} of {len(evaluation.targets)} beyond the edges are drawn at them", fontsize=8, color="0.4"
    )
    number_ticks(figure)
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


def draw_component_parity(axes: Axes, errors: DerivativeErrors, colour: str = COLOUR) -> None:
    """Draw predicted over true components of forces or stress; of very many, some drawn at random.

    Arguments:
        axes: Where it is drawn.
        errors: What is drawn.
        colour: Of the points.
    """
    y, y_hat = errors.targets.reshape(-1), errors.predicted.reshape(-1)
    if len(y) > MOST:
        drawn = np.random.default_rng(0).choice(len(y), MOST, replace=False)
        y, y_hat = y[drawn], y_hat[drawn]
    axes.axline((y.min(), y.min()), slope=1.0, color="0.6", linewidth=1.0, zorder=1)
    size, alpha = (4, 0.3) if len(y) > MANY else (8, 0.5)
    axes.scatter(y, y_hat, s=size, alpha=alpha, color=colour, linewidths=0, zorder=2, rasterized=len(y) > MANY)
    axes.set(xlabel=f"{errors.name} in the data [{errors.unit}]", ylabel=f"{errors.name} predicted [{errors.unit}]")
    axes.set_aspect("equal", adjustable="datalim")
    axes.tick_params(axis="x", rotation=30)


def draw_component_errors(axes: Axes, errors: DerivativeErrors, colour: str = COLOUR) -> None:
    """Draw the mean absolute and root mean square errors of each species' forces, or of the stress's components.

    Arguments:
        axes: Where it is drawn.
        errors: What is drawn.
        colour: Of the bars.
    """
    shown = dict(list(errors.groups_and_all.items())[:N_GROUPS])
    places = np.arange(len(shown))
    for offset, name, shade in ((-0.2, "mae", 1.0), (0.2, "rmse", 0.5)):
        metrics = [group[name] for group in shown.values()]
        values = np.array([metric.value for metric in metrics])
        reach = np.clip([values - [m.low for m in metrics], [m.high for m in metrics] - values], 0, None)
        axes.barh(places + offset, values, xerr=reach, height=0.38, color=colour, alpha=shade, ecolor="0.55",
                  label={"mae": "mean absolute", "rmse": "root mean square"}[name])  # fmt: skip
    axes.set_yticks(places, [plain(name) for name in shown])
    axes.invert_yaxis()
    axes.set(xlabel=f"error of a component [{errors.unit}]", xlim=(0, None))
    axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(0, 1.12), ncols=2)


def _told(axes: Axes, evaluation: Evaluation) -> None:
    mae, r2 = evaluation.metrics["mae"], evaluation.metrics["r2"]
    lines = (
        f"MAE {mae.value:.3g} {evaluation.unit} ({mae.low:.3g} to {mae.high:.3g})",
        f"{plain(evaluation.baseline_name)}: {evaluation.baseline['mae'].value:.3g} {evaluation.unit}",
        f"{R2}: {r2_in_words(r2)}",
        f"{len(evaluation.targets):,} systems",
    )
    axes.text(0.03, 0.97, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=8)


def _component_told(axes: Axes, errors: DerivativeErrors) -> None:
    mae, rmse = errors.metrics["mae"], errors.metrics["rmse"]
    lines = (
        f"MAE {mae.value:.3g} {errors.unit} ({mae.low:.3g} to {mae.high:.3g})",
        f"RMSE {rmse.value:.3g} {errors.unit} ({rmse.low:.3g} to {rmse.high:.3g})",
        f"root mean square of the data {errors.target_rms:.3g} {errors.unit}",
        f"{errors.targets.size:,} components",
    )
    axes.text(0.03, 0.97, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=8)
