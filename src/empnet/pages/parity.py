"""Draw the parity plot: predicted against true values."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.ticker import MaxNLocator

from empnet.pages.ticks import number_ticks
from empnet.prediction.derivative_errors import DerivativeErrors
from empnet.prediction.evaluate import Evaluation
from empnet.prediction.metrics import R2, r2_in_words
from empnet.runtime.durable_files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "PLOTS",
    "draw_component_errors",
    "draw_component_parity",
    "draw_error_distribution",
    "draw_parity",
    "parity_plot",
    "plain",
    "points_like",
]

COLOUR = "#1f5fa8"
PLOTS = (".png", ".pdf", ".svg")
"""Suffixes of the file formats."""

MANY = 400
"""Number of points above which they are drawn as one picture: as shapes, they would make a page large."""

POINTS = {60: (22, 0.8), MANY: (12, 0.6), 2_000: (8, 0.5), np.inf: (4, 0.3)}
"""For each upper limit of the number of points: their size (points squared) and opacity."""

FAR = 2.0
"""Ratio of the largest error to the 99 % quantile above which errors beyond the quantile are drawn at the edge."""

MOST = 20_000
"""Largest number of drawn components."""

N_GROUPS = 20
"""Largest number of drawn groups: species or components."""


def plain(text: str) -> str:
    """Return a text that matplotlib shows unchanged: a dollar sign does not begin a formula.

    Example:
        >>> print(plain("a$b"))
        a\\$b
    """
    return text.replace("$", r"\$")


def parity_plot(evaluation: Evaluation, path: str | Path) -> None:
    """Draw predicted against true values, with the distribution of errors at the right; forces and stress are below.

    Arguments:
        evaluation: The evaluation.
        path: Path of the file; an existing file is replaced. A suffix in :data:`PLOTS` sets the format; else PNG.
    """
    from matplotlib.figure import Figure  # no pyplot: no windows, no global state

    matplotlib.rcParams["mathtext.default"] = "regular"
    rows = 1 + len(evaluation.derivatives)
    figure = Figure(figsize=(9.0, 4.2 * rows), dpi=150, layout="constrained")
    (left, right), *others = figure.subplots(rows, 2, width_ratios=(1.1, 1.0), squeeze=False)
    for axes, errors in zip(others, evaluation.derivatives.values(), strict=True):
        draw_component_parity(axes[0], errors)
        _component_text(axes[0], errors)
        draw_component_errors(axes[1], errors)
    draw_parity(left, evaluation)
    _write_text(left, evaluation)
    outside = draw_error_distribution(right, evaluation)
    if outside:
        text = f"{outside} of {len(evaluation.targets)} errors lie beyond the edges and are drawn there"
        right.set_title(text, fontsize=8, color="0.4")
    number_ticks(figure)
    with replacing(Path(path)) as unfinished:
        suffix = Path(path).suffix.lower()
        figure.savefig(unfinished, format=suffix[1:] if suffix in PLOTS else "png")


def draw_parity(axes: Axes, evaluation: Evaluation, colour: str = COLOUR) -> None:
    """Draw predicted against true values, with the line of equal values.

    Arguments:
        axes: The axes.
        evaluation: The evaluation.
        colour: Colour of the points.
    """
    y, y_hat, unit, name = evaluation.targets, evaluation.predicted, evaluation.unit, plain(evaluation.name)
    _draw_equality(axes, y, y_hat)
    axes.scatter(y, y_hat, color=colour, **points_like(len(y)))
    axes.set(xlabel=f"{name} in the data [{unit}]", ylabel=f"{name} predicted [{unit}]")


def points_like(n: int) -> dict[str, Any]:
    """Return the style of points by their number: few points are large; many are small and transparent.

    Arguments:
        n: Number of points.

    Example:
        >>> points_like(8)["s"] > points_like(1000)["s"]
        True
    """
    size, alpha = next(look for most, look in POINTS.items() if n <= most)
    return {"s": size, "alpha": alpha, "linewidths": 0, "zorder": 2, "rasterized": n > MANY}


def _draw_equality(axes: Axes, y: np.ndarray, y_hat: np.ndarray) -> None:
    """Give both axes the same range, and draw the line of equal values.

    The limits are set explicitly: automatic limits at equal aspect cut off the number of the last tick.
    """
    low, high = float(min(y.min(), y_hat.min())), float(max(y.max(), y_hat.max()))
    margin = 0.05 * (high - low) or 1e-3 * abs(high) or 1.0
    axes.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin), aspect="equal")
    axes.axline((low, low), slope=1.0, color="0.6", linewidth=1.0, zorder=1)
    axes.tick_params(axis="x", rotation=30)


def draw_error_distribution(axes: Axes, evaluation: Evaluation, colour: str = COLOUR) -> int:
    """Draw a histogram of the errors; if the largest 1 % are far off, they are drawn at the edges.

    Arguments:
        axes: The axes.
        evaluation: The evaluation.
        colour: Colour of the bars.

    Returns:
        Number of systems beyond the edges.
    """
    error = evaluation.predicted - evaluation.targets
    reach, largest = max(float(np.quantile(np.abs(error), 0.99)), 1e-12), float(np.abs(error).max())
    reach = reach if largest > FAR * reach else max(largest, 1e-12)
    bins = min(61, 2 * math.isqrt(len(error)) + 1)  # odd: an error of zero lies within a bin
    axes.hist(np.clip(error, -reach, reach), bins=bins, color=colour, alpha=0.8)
    axes.yaxis.set_major_locator(MaxNLocator("auto", integer=True))
    axes.axvline(0.0, color="0.6", linewidth=1.0)
    axes.set(xlabel=f"error: predicted - true [{evaluation.unit}]", ylabel="systems")
    return int((np.abs(error) > reach).sum())


def draw_component_parity(axes: Axes, errors: DerivativeErrors, colour: str = COLOUR) -> None:
    """Draw predicted against true components of forces or stress; of very many, a random selection.

    Arguments:
        axes: The axes.
        errors: Forces or stress with their errors.
        colour: Colour of the points.
    """
    y, y_hat = errors.targets.reshape(-1), errors.predicted.reshape(-1)
    if len(y) > MOST:
        drawn = np.random.default_rng(0).choice(len(y), MOST, replace=False)
        y, y_hat = y[drawn], y_hat[drawn]
    _draw_equality(axes, y, y_hat)
    axes.scatter(y, y_hat, color=colour, **points_like(len(y)))
    axes.set(xlabel=f"{errors.name} in the data [{errors.unit}]", ylabel=f"{errors.name} predicted [{errors.unit}]")


def draw_component_errors(axes: Axes, errors: DerivativeErrors, colour: str = COLOUR) -> None:
    """Draw mean absolute and root mean square errors for each species' forces or for each component of the stress.

    Arguments:
        axes: The axes.
        errors: Forces or stress with their errors.
        colour: Colour of the bars.
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
    axes.legend(fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, ncols=2)


def _write_text(axes: Axes, evaluation: Evaluation) -> None:
    mae, r2 = evaluation.metrics["mae"], evaluation.metrics["r2"]
    lines = (
        f"MAE {mae.value:.3g} {evaluation.unit} ({mae.low:.3g} to {mae.high:.3g})",
        f"{plain(evaluation.baseline_name)}: {evaluation.baseline['mae'].value:.3g} {evaluation.unit}",
        f"{R2}: {r2_in_words(r2)}",
        f"{len(evaluation.targets):,} systems",
    )
    axes.text(0.03, 0.97, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=8)


def _component_text(axes: Axes, errors: DerivativeErrors) -> None:
    mae, rmse = errors.metrics["mae"], errors.metrics["rmse"]
    lines = (
        f"MAE {mae.value:.3g} {errors.unit} ({mae.low:.3g} to {mae.high:.3g})",
        f"RMSE {rmse.value:.3g} {errors.unit} ({rmse.low:.3g} to {rmse.high:.3g})",
        f"root mean square of the data {errors.target_rms:.3g} {errors.unit}",
        f"{errors.targets.size:,} components",
    )
    axes.text(0.03, 0.97, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=8)
