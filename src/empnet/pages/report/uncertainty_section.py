"""The part of the page on the reliability of predicted standard deviations."""

from __future__ import annotations

from html import escape

import numpy as np
from jaxtyping import Float64
from scipy.stats import norm

from empnet.pages.page import Section, figure, paragraph, table
from empnet.pages.parity import plain
from empnet.pages.report.figures import BLUE, ORANGE, WIDTH
from empnet.pages.report.side import MeasuredSide
from empnet.pages.report.words import amount
from empnet.pages.svg import new_figure, svg
from empnet.pages.ticks import number_log_axis
from empnet.prediction.evaluate import Evaluation
from empnet.training.uncertainty.calibration import FEW, ONE_SIGMA, TWO_SIGMA, binomial_interval

__all__ = ["bins_of", "coverages", "uncertainty_section"]

LEVELS = np.round(np.linspace(0.05, 0.95, 19), 2)
"""Expected shares, of a normal distribution, for the plot of coverage."""

N_BINS = 8
"""Largest number of groups of systems with similar standard deviations."""


WIDE = 20.0
"""Ratio of the largest to the smallest number above which the groups are drawn on logarithmic scales."""


def uncertainty_section(side: MeasuredSide) -> Section | None:
    """Return the section with observed against expected coverage, and errors against standard deviations.

    Arguments:
        side: The measured set of the data.

    Returns:
        The section; None if the run predicts no standard deviations.
    """
    parts = [_of(evaluation, side.name) for evaluation in side.evaluations if evaluation.coverage is not None]
    if not parts:
        return None
    lead = paragraph(
        "Each prediction comes with a standard deviation. It was scaled on the validation set, so that 68 % of the "
        "errors there are smaller. Here it is "
        + (
            "compared with errors on other systems, in the test set."
            if side.name == "test"
            else "compared with the same errors, because there is no test set: this is not an independent check."
        )
    )
    return Section("Uncertainty", lead + "".join(parts))


def _of(evaluation: Evaluation, side: str) -> str:
    assert evaluation.std is not None  # own invariant: coverage is known
    ratio = np.abs(evaluation.predicted - evaluation.targets) / np.maximum(evaluation.std, np.finfo(float).tiny)
    n = len(ratio)
    left = (
        f"Observed against expected coverage of {evaluation.name} on {n:,} systems in the {side} set. Coverage is the "
        "share of errors within a multiple of the standard deviation; for normally distributed errors, the expected "
        "share follows from the multiple. On the line the standard deviations are right; below it they are too small. "
        "The area is the 95 % interval of the observed share."
    )
    drawn = figure(_coverage_figure(evaluation.name, ratio), left)
    bins = bins_of(np.abs(evaluation.predicted - evaluation.targets), evaluation.std)
    if len(bins) > 1:
        right = (
            f"Systems in {len(bins)} groups of similar standard deviation (about {bins[0][2]:,} systems each): the "
            "limit below which 68 % of a group's absolute errors lie, against the group's mean standard deviation. On "
            "the line, the standard deviations are right in each group."
        )
        drawn += figure(_bins_figure(evaluation.name, evaluation.unit, bins), right)
    return f'<h3>{escape(evaluation.name)}</h3><div class="figures">{drawn}</div>{_table(evaluation)}'


def coverages(ratio: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, "levels 3"]:
    """Return the observed coverage at :data:`LEVELS`, with the ends of its exact 95 % interval.

    Arguments:
        ratio: Absolute error divided by standard deviation for each system, shape (n,), n > 0.

    Example:
        >>> coverages(np.abs(np.random.default_rng(0).normal(size=1000)))[9].round(2)  # expected: 0.5
        array([0.51, 0.48, 0.54])
    """
    inside = [int((ratio <= norm.ppf(0.5 + level / 2)).sum()) for level in LEVELS]
    return np.array([[k / len(ratio), *binomial_interval(k, len(ratio))] for k in inside])


def bins_of(size: Float64[np.ndarray, " n"], std: Float64[np.ndarray, " n"]) -> list[tuple[float, float, int]]:
    """Return the mean standard deviation, the 68.27 % quantile of absolute errors and the size of each of equal groups.

    Arguments:
        size: Absolute errors, shape (n,), in the property's unit.
        std: Predicted standard deviations, shape (n,), in the property's unit.

    Returns:
        Groups of at least 20 systems, in order of standard deviation; an empty list if there are fewer systems.

    Example:
        >>> [n for *_, n in bins_of(np.ones(50), np.arange(50.0))]
        [25, 25]
    """
    n = min(N_BINS, len(size) // FEW)
    parts = np.array_split(np.argsort(std, kind="stable"), n) if n else []
    return [(float(std[p].mean()), float(np.quantile(size[p], ONE_SIGMA)), len(p)) for p in parts]


def _coverage_figure(name: str, ratio: np.ndarray) -> str:
    found = coverages(ratio)
    with new_figure(WIDTH, 4.3) as drawing:
        axes = drawing.subplots()
        axes.plot([0, 100], [0, 100], color="0.6", linewidth=1.0, label="calibrated")
        axes.fill_between(100 * LEVELS, 100 * found[:, 1], 100 * found[:, 2], color=BLUE, alpha=0.2, linewidth=0)
        axes.plot(100 * LEVELS, 100 * found[:, 0], "o-", color=BLUE, markersize=3, linewidth=1.2, label="observed")
        axes.set(xlabel="expected share of errors [%]", ylabel="observed share of errors [%]", xlim=(0, 100))
        axes.set(ylim=(0, 100), aspect="equal")
        axes.legend(loc="upper left")
        return svg(drawing, f"Calibration of the uncertainty of {name}")


def _bins_figure(name: str, unit: str, bins: list[tuple[float, float, int]]) -> str:
    std, size, _ = map(np.array, zip(*bins, strict=True))
    with new_figure(WIDTH, 4.3) as drawing:
        axes = drawing.subplots()
        low, end = float(min(std.min(), size.min())) / 1.2, 1.2 * float(max(std.max(), size.max()))
        logarithmic = low > 0 and end > WIDE * low
        start = low if logarithmic else 0.0
        axes.plot([start, end], [start, end], color="0.6", linewidth=1.0, label="calibrated")
        axes.plot(std, size, "o", color=ORANGE, label="groups of systems")
        axes.set(xlabel=f"mean standard deviation of {plain(name)} [{unit}]", xlim=(start, end), ylim=(start, end))
        if logarithmic:
            axes.set(xscale="log", yscale="log")
            for axis in (axes.xaxis, axes.yaxis):
                number_log_axis(axis, low, end)
        axes.set(ylabel=f"68 % of errors are within [{unit}]")
        axes.legend(loc="upper left")
        return svg(drawing, f"Errors of {name} over their standard deviations")


def _table(evaluation: Evaluation) -> str:
    coverage = evaluation.coverage
    assert coverage is not None  # own invariant
    rows = []
    for label, expected, k in (("one", ONE_SIGMA, coverage.within_one), ("two", TWO_SIGMA, coverage.within_two)):
        low, high = binomial_interval(k, coverage.systems)
        observed = f"{100 * k / coverage.systems:.1f} % ({100 * low:.1f} to {100 * high:.1f} %)"
        rows.append([label, f"{100 * expected:.1f} %", observed, f"{k:,} of {coverage.systems:,}"])
    typical = amount(float(np.median(evaluation.std)), evaluation.unit) if evaluation.std is not None else ""
    columns = ["standard deviations", "expected", "observed (95 % interval)", "systems"]
    return table(columns, rows, numbers=[1, 2, 3]) + paragraph(f"The median standard deviation is {typical}.")
