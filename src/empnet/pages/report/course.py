"""Draw the course of training as SVG figures for the page."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from empnet.pages.parity import plain
from empnet.pages.report.curves import Curves
from empnet.pages.report.figures import BLUE, ORANGE, WIDTH
from empnet.pages.svg import new_figure, svg
from empnet.pages.ticks import number_log_axis

__all__ = ["draw_learning_rate", "draw_losses", "draw_validation_error"]

HEIGHT = 3.2


def _over_epochs(axes: Axes, curves: Curves, values: np.ndarray, colour: str, label: str) -> None:
    """Draw values against epochs as a line; with one or two epochs, also as points."""
    marker = "o" if len(curves) < 3 else ""
    axes.plot(np.arange(1, len(curves) + 1), values, color=colour, label=label, linewidth=1.3, marker=marker)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
    if len(curves) < 3:
        axes.set_xlim(0.5, len(curves) + 0.5)


def _logarithmic(axes: Axes) -> None:
    """Make the axis logarithmic, with as many plain numbers as its range needs."""
    low, high = (float(bound) for bound in axes.dataLim.intervaly)
    if low <= 0 or high < 2 * low:
        return
    axes.set_yscale("log")
    number_log_axis(axes.yaxis, low, high)


def draw_losses(curves: Curves, loss: str) -> str:
    """Draw the loss on the training and on the validation set.

    Arguments:
        curves: The course of training.
        loss: Name of the loss.
    """
    with new_figure(WIDTH, HEIGHT) as figure:
        axes = figure.subplots()
        _over_epochs(axes, curves, curves.training_loss, BLUE, "training")
        _over_epochs(axes, curves, curves.validation_loss, ORANGE, "validation")
        axes.set_ylabel(f"{loss} loss [no unit]")
        _logarithmic(axes)
        axes.legend()
        return svg(figure, "Learning curves: loss of training and validation")


def draw_validation_error(
    curves: Curves, k: int, name: str, unit: str, baseline: tuple[str, float] | None, measure: str = "MAE"
) -> str:
    """Draw the mean absolute error of a property on the validation set.

    Arguments:
        curves: The course of training.
        k: Index of the property.
        name: Name of the property.
        unit: Unit of the property.
        baseline: Name of the baseline and its validation error in the unit; None if unknown.
        measure: Name of the error.
    """
    with new_figure(WIDTH, HEIGHT) as figure:
        axes = figure.subplots()
        _over_epochs(axes, curves, curves.validation_mae[:, k], ORANGE, "model")
        if baseline is not None:
            axes.axhline(baseline[1], color="0.55", linestyle="--", linewidth=1.2, label=plain(baseline[0]))
        axes.plot(curves.best + 1, curves.validation_mae[curves.best, k], "o", color=BLUE, label="weights kept")
        axes.set(ylabel=f"validation {measure} of {plain(name)} [{unit}]")
        _logarithmic(axes)
        axes.legend()
        return svg(figure, f"Learning curve: validation error of {name}")


def draw_learning_rate(curves: Curves) -> str:
    """Draw the learning rate at the end of each epoch."""
    with new_figure(WIDTH, HEIGHT) as figure:
        axes = figure.subplots()
        _over_epochs(axes, curves, curves.learning_rate, BLUE, "")
        axes.set(ylabel="learning rate [no unit]", ylim=(0, None))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        return svg(figure, "Learning curve: learning rate")
