"""Draw errors as SVG figures for the page."""

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
"""Width of a figure in inches: two fit next to each other on a screen, one fills a phone; both are readable."""

BLUE, ORANGE = COLOURS[:2]
N_BARS = 20
N_SIZES = 12


@dataclass(frozen=True, slots=True)
class Group:
    """A group of systems and their error.

    Arguments:
        name: Common feature of the systems.
        systems: Number of systems.
        mae: Mean absolute error, in the property's unit.
        half_width: Half the width of the 95 % interval, in the property's unit; nan for a single system.
    """

    name: str
    systems: int
    mae: float
    half_width: float


def grouped(name: str, errors: Float64[np.ndarray, " n"]) -> Group:
    """Return the group of these errors; its interval is the mean plus or minus 1.96 standard errors.

    Arguments:
        name: Common feature of the systems.
        errors: Errors of the systems, shape (n,), in the property's unit.

    Example:
        >>> grouped("with O", np.array([1.0, -3.0])).mae
        2.0
    """
    size = np.abs(errors)
    half = 1.96 * float(size.std(ddof=1)) / np.sqrt(len(size)) if len(size) > 1 else np.nan
    return Group(name, len(size), float(size.mean()), float(half))


def size_groups(errors: Float64[np.ndarray, " n"], sizes: Int64[np.ndarray, " n"]) -> list[Group]:
    """Return groups by number of particles; if there are many sizes, each group has about the same number of systems.

    Arguments:
        errors: Error of each system, shape (n,), in the property's unit.
        sizes: Number of particles of each system, shape (n,).

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
    """Draw predicted against true values."""
    with new_figure(WIDTH, 4.3) as figure:
        draw_parity(figure.subplots(), evaluation, BLUE)
        return svg(figure, f"Parity plot of {evaluation.name}")


def residuals(evaluation: Evaluation) -> str:
    """Draw errors against true values."""
    y, error, unit = evaluation.targets, evaluation.predicted - evaluation.targets, evaluation.unit
    with new_figure(WIDTH, 4.3) as figure:
        axes = figure.subplots()
        axes.axhline(0.0, color="0.6", linewidth=1.0, zorder=1)
        axes.scatter(y, error, color=BLUE, **points_like(len(y)))
        axes.set(xlabel=f"{plain(evaluation.name)} in the data [{unit}]", ylabel=f"error: predicted - true [{unit}]")
        axes.tick_params(axis="x", rotation=30)
        return svg(figure, f"Residual plot of {evaluation.name}")


def distribution(evaluation: Evaluation) -> tuple[str, int]:
    """Draw the distribution of errors; return it with the number of errors beyond the edges."""
    with new_figure(WIDTH, 3.2) as figure:
        outside = draw_error_distribution(figure.subplots(), evaluation, BLUE)
        return svg(figure, f"Distribution of the errors of {evaluation.name}"), outside


def mae_of_groups(groups: Sequence[Group], unit: str, what: str, label: str) -> str:
    """Draw the mean absolute errors of groups of systems as bars, with the groups' sizes.

    Arguments:
        groups: The groups, from top to bottom.
        unit: Unit of the errors.
        what: Label of the groups, such as ``"particles"``.
        label: Description of the figure for screen readers.
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
    """Write the names at the left and the numbers of systems at the right."""
    axes.set_yticks(range(len(groups)), [plain(group.name) for group in groups])
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.locator_params(axis="x", nbins=6)
    right = axes.secondary_yaxis("right")
    right.set_yticks(range(len(groups)), [f"{group.systems:,}" for group in groups])
    right.tick_params(length=0)
    right.spines["right"].set_visible(False)
    right.set_ylabel("systems")
