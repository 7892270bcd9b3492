"""Draw how often stated probabilities come true."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from empnet.pages.clouds.page_figure import page_figure
from empnet.pages.svg import COLOURS, new_figure
from empnet.training.classes.calibration_error import N_BINS, ConfidenceBins, wilson_interval

__all__ = ["draw_reliability", "reliability_figure"]


def reliability_figure(
    confidence: Float64[np.ndarray, " n"], right: Bool[np.ndarray, " n"], what: str = "systems"
) -> str:
    """Return a figure for a page: share of right classes against confidence, and a histogram of the confidence.

    Arguments:
        confidence: Probability of each predicted class, from 0 to 1, shape (n,).
        right: True where the predicted class is the true one, shape (n,).
        what: What is classified, in the plural.

    Example:
        >>> reliability_figure(np.array([0.9, 0.6]), np.array([True, False])).startswith("<svg")
        True
    """
    with new_figure(4.6, 4.8) as figure:
        upper, lower = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
        draw_reliability(upper, confidence, right, lower, what)
        return page_figure(figure, f"Reliability of the probabilities of {len(right):,} {what}")


def draw_reliability(
    axes: Axes,
    confidence: Float64[np.ndarray, " n"],
    right: Bool[np.ndarray, " n"],
    histogram: Axes | None = None,
    what: str = "systems",
) -> None:
    """Draw the share of right classes in each of ten bins with Wilson's 95 % interval, and the number of systems.

    Arguments:
        axes: Axes of the shares.
        confidence: Probability of each predicted class, shape (n,).
        right: True where the predicted class is the true one, shape (n,).
        histogram: Axes of the numbers of systems, below the others; None: they are not drawn.
        what: What is classified, in the plural.

    Example:
        >>> from matplotlib.figure import Figure
        >>> axes = Figure().subplots()
        >>> draw_reliability(axes, np.array([0.95, 0.95, 0.65]), np.array([True, False, True]))
        >>> axes.containers[0].lines[0].get_ydata()
        array([1. , 0.5])
    """
    bins = ConfidenceBins.of(confidence, right)
    used = bins.counts > 0
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1.0, label="exact probabilities")
    places = bins.confidence[used] / bins.counts[used]
    shares = [wilson_interval(int(k), int(n)) for k, n in zip(bins.right[used], bins.counts[used], strict=True)]
    values = np.array([share.value for share in shares])
    reach = np.clip([values - [s.low for s in shares], [s.high for s in shares] - values], 0, None)
    if len(values):
        axes.errorbar(places, values, yerr=reach, fmt="o", color=COLOURS[0], markersize=5, linewidth=1.2,
                      label="these probabilities")  # fmt: skip
    axes.set(ylabel="share of right classes", ylim=(-0.03, 1.03), xlim=(-0.02, 1.02))
    axes.legend(fontsize=8, frameon=False, loc="upper left")
    if histogram is not None:
        _draw_counts(histogram, bins, what)
    (histogram or axes).set_xlabel("confidence: probability of the predicted class")


def _draw_counts(axes: Axes, bins: ConfidenceBins, what: str) -> None:
    edges = np.arange(N_BINS) / N_BINS
    bars = axes.bar(edges, bins.counts, width=0.96 / N_BINS, align="edge", color=COLOURS[0], alpha=0.8)
    axes.bar_label(bars, [f"{count:,}" if count else "" for count in bins.counts], fontsize=7, padding=1)
    axes.margins(y=0.2)  # room for the numbers
    axes.yaxis.set_major_locator(MaxNLocator("auto", integer=True))
    axes.set_ylabel(what)
