"""The part of the page that tells how far predicted standard deviations can be trusted."""

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
"""Shares of a normal distribution at which coverage is drawn."""

N_BINS = 8
"""Groups of systems of like standard deviation: at most."""


WIDE = 20.0
"""Largest over smallest number from which the groups are drawn on logarithmic scales."""


def uncertainty_section(side: MeasuredSide) -> Section | None:
    """Expected against observed coverage, and errors against standard deviations; None if the run predicts none.

    Arguments:
        side: The measured side of the data.
    """
    parts = [_of(evaluation, side.name) for evaluation in side.evaluations if evaluation.coverage is not None]
    if not parts:
        return None
    lead = paragraph(
        "Each prediction comes with a standard deviation. It was scaled on the validation set, so that 68 % of the "
        "errors there are smaller. Here it is "
        + (
            "held against errors that it has not seen."
            if side.name == "test"
            else "held against that very side, because there is no test set: this confirms nothing."
        )
    )
    return Section("Uncertainty", lead + "".join(parts))


def _of(evaluation: Evaluation, side: str) -> str:
    assert evaluation.std is not None  # own invariant: coverage is known
    ratio = np.abs(evaluation.predicted - evaluation.targets) / np.maximum(evaluation.std, np.finfo(float).tiny)
    n = len(ratio)
    left = (
        f"Observed over expected coverage of {evaluation.name} on {n:,} systems of the {side} set: the share of "
        "errors within as many standard deviations as would hold the expected share of normal errors. On the line the "
        "standard deviations are right; below it they are too small. The area is the 95 % interval of what is observed."
    )
    drawn = figure(_coverage_figure(evaluation.name, ratio), left)
    bins = bins_of(np.abs(evaluation.predicted - evaluation.targets), evaluation.std)
    if len(bins) > 1:
        right = (
            f"Systems in {len(bins)} groups of like standard deviation ({bins[0][2]:,} systems or so each): the size "
            "within which 68 % of a group's errors are, over the group's mean standard deviation. On the line, systems "
            "said to be less certain do have larger errors."
        )
        drawn += figure(_bins_figure(evaluation.name, evaluation.unit, bins), right)
    return f'<h3>{escape(evaluation.name)}</h3><div class="figures">{drawn}</div>{_table(evaluation)}'


def coverages(ratio: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, "levels 3"]:
    """Observed coverage at :data:`LEVELS`, with the ends of its exact 95 % interval.

    Arguments:
        ratio: Absolute error over standard deviation of each system, n > 0.

    Example:
        >>> coverages(np.abs(np.random.default_rng(0).normal(size=1000)))[9].round(2)  # expected: 0.5
        array([0.51, 0.48, 0.54])
    """
    inside = [int((ratio <= norm.ppf(0.5 + level / 2)).sum()) for level in LEVELS]
    return np.array([[k / len(ratio), *binomial_interval(k, len(ratio))] for k in inside])


def bins_of(size: Float64[np.ndarray, " n"], std: Float64[np.ndarray, " n"]) -> list[tuple[float, float, int]]:
    """Mean standard deviation, 68.27 % quantile of the absolute errors, and number of systems, of equal groups.

    Arguments:
        size: Absolute errors.
        std: Predicted standard deviations.

    Returns:
        Groups of 20 systems at least; none if there are fewer.

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
