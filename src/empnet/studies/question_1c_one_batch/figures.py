"""Figures of loss floors and errors against width."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.ticker import LogLocator

from empnet.studies.question_1c_one_batch.measurement import OneBatch
from empnet.training.optimiser.capacity import NIL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_errors", "draw_floors"]


def draw_floors(figure: Figure, e: OneBatch) -> str:
    """Draw loss floors on the batch against width, for each strength of the penalty."""
    axes = figure.subplots()
    widths = sorted(e.floors)
    axes.loglog(widths, [e.floors[w] for w in widths], "o-", label="no penalty")
    for strength in sorted({s for _, s in e.penalised}):
        known = [w for w in widths if (w, strength) in e.penalised]
        axes.loglog(known, [e.penalised[w, strength] for w in known], "s--", label=f"penalty {strength:g}")
    axes.axhline(NIL, linestyle=":", color="grey")
    axes.annotate("counts as zero", (widths[0], NIL), xytext=(0, 4), textcoords="offset points", color="grey")
    _ticks(axes, widths)
    axes.set(xlabel="hidden units", ylabel="lowest loss of the batch, variances of the target")
    axes.legend()
    return (
        "Lowest loss on the one batch over all starts and both optimisers, which stop below a millionth. It falls to "
        "zero as the network grows; a penalty on the weights puts a floor under it."
    )


def draw_errors(figure: Figure, e: OneBatch) -> str:
    """Draw training and test errors against width, after training on all points."""
    axes = figure.subplots()
    widths = sorted(e.errors)
    for k, name, style in ((0, "training", "o-"), (1, "test", "s--")):
        axes.loglog(widths, [e.errors[w][k] for w in widths], style, label=name)
    axes.axhline(e.noise, linestyle=":", color="grey", label="variance of the noise")
    _ticks(axes, widths)
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set(xlabel="hidden units", ylabel="mean squared error, variances of the target")
    axes.legend()
    return (
        "Errors after training on all points without a penalty. Narrow networks have similar training and test errors, "
        "far above the noise: they underfit. Wide ones memorise the noise: they overfit."
    )


def _ticks(axes: Axes, widths: list[int]) -> None:
    axes.set_xticks(widths, [str(width) for width in widths])
    axes.minorticks_off()
