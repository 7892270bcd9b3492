"""Figures of errors, each as an SVG for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from matplotlib.axes import Axes

from empnet.pages.parity import draw_error_distribution, draw_parity, plain, points_like
from empnet.pages.svg import COLOURS, new_figure, svg
from empnet.prediction.evaluate import Evaluation

__all__ = ["Group", "distribution", "grouped", "mae_of_groups", "parity", "residuals", "size_groups"]

WIDTH = 4.6
"""Of a figure in inches: two stand side by side on a screen, one fills a phone, and the text can be read on both."""

BLUE, ORANGE = COLOURS[:2]
N_BARS = 20
N_SIZES = 12


@dataclass(frozen=True, slots=True)
class Group:
    """Some of the systems and their error.

    Arguments:
        name: What they have in common.
        systems: How many they are.
        mae: Their mean absolute error, in the property's unit.
        half_width: Of its 95 % interval; nan for a single system.
    """

    name: str
    systems: int
    mae: float
    half_width: float


def grouped(name: str, errors: Float64[np.ndarray, " n"]) -> Group:
    """A group of these errors; the interval is 1.96 standard errors of the mean to either side.

    Arguments:
        name: What the systems have in common.
        errors: Their errors.

    Example:
        >>> grouped("with O", np.array([1.0, -3.0])).mae
        2.0
    """
    size = np.abs(errors)
    half = 1.96 * float(size.std(ddof=1)) / np.sqrt(len(size)) if len(size) > 1 else np.nan
    return Group(name, len(size), float(size.mean()), float(half))


def size_groups(errors: Float64[np.ndarray, " n"], sizes: Int64[np.ndarray, " n"]) -> list[Group]:
    """The systems by number of particles; many sizes are taken together in groups of about equally many systems.

    Arguments:
        errors: Of each system.
        sizes: Its number of particles.

    Example:
        >>> [group.name for group in size_groups(np.ones(3), np.array([2, 2, 5]))]
        ['2', '5']
    """
    different = np.unique(sizes)
    if len(different) <= N_SIZES:
        return [grouped(str(size), errors[sizes == size]) for size in different]
    edges = np.unique(np.quantile(sizes, np.linspace(0, 1, N_SIZES + 1), method="lower"))
    groups = []
    for low, high in zip([edges[0] - 1, *edges[1:-1]], edges[1:], strict=True):
        inside = (sizes > low) & (sizes <= high)
        least, most = sizes[inside].min(), sizes[inside].max()
        groups.append(grouped(f"{least}" if least == most else f"{least} to {most}", errors[inside]))
    return groups


def parity(evaluation: Evaluation) -> str:
    """Predicted over true values."""
    with new_figure(WIDTH, 4.3) as figure:
        draw_parity(figure.subplots(), evaluation, BLUE)
        return svg(figure, f"Parity plot of {evaluation.name}")


def residuals(evaluation: Evaluation) -> str:
    """Errors over true values."""
    y, error, unit = evaluation.targets, evaluation.predicted - evaluation.targets, evaluation.unit
    with new_figure(WIDTH, 4.3) as figure:
        axes = figure.subplots()
        axes.axhline(0.0, color="0.6", linewidth=1.0, zorder=1)
        axes.scatter(y, error, color=BLUE, **points_like(len(y)))
        axes.set(xlabel=f"{plain(evaluation.name)} in the data [{unit}]", ylabel=f"error: predicted - true [{unit}]")
        axes.tick_params(axis="x", rotation=30)
        return svg(figure, f"Residual plot of {evaluation.name}")


def distribution(evaluation: Evaluation) -> tuple[str, int]:
    """Draw the distribution of errors; return how many lie beyond the edges, too."""
    with new_figure(WIDTH, 3.2) as figure:
        outside = draw_error_distribution(figure.subplots(), evaluation, BLUE)
        return svg(figure, f"Distribution of the errors of {evaluation.name}"), outside


def mae_of_groups(groups: Sequence[Group], unit: str, what: str, label: str) -> str:
    """The mean absolute error of groups of systems as bars, with the groups' sizes.

    Arguments:
        groups: What is drawn, from top to bottom.
        unit: Of the errors.
        what: What tells the groups apart, such as ``"particles"``.
        label: What the figure shows, for those who cannot see it.
    """
    shown = groups[:N_BARS]
    with new_figure(WIDTH, 1.0 + 0.26 * len(shown)) as figure:
        axes = figure.subplots()
        reach = [group.half_width if np.isfinite(group.half_width) else 0.0 for group in shown]
        places = range(len(shown))
        axes.barh(places, [group.mae for group in shown], xerr=reach, color=BLUE, alpha=0.8, ecolor="0.55", height=0.7)
        _name_bars(axes, shown, what)
        axes.set(xlabel=f"mean absolute error [{unit}]", ylabel=what)
        return svg(figure, label)


def _name_bars(axes: Axes, groups: Sequence[Group], what: str) -> None:
    """Names at the left, numbers of systems at the right."""
    axes.set_yticks(range(len(groups)), [plain(group.name) for group in groups])
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.locator_params(axis="x", nbins=6)
    right = axes.secondary_yaxis("right")
    right.set_yticks(range(len(groups)), [f"{group.systems:,}" for group in groups])
    right.tick_params(length=0)
    right.spines["right"].set_visible(False)
    right.set_ylabel("systems")
