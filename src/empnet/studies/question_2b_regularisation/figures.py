"""Figures of the study of regularisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from empnet.studies.question_2b_regularisation.evidence import WORTH, Measured, symptom, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LABELS", "draw_changes", "draw_symptom"]

LABELS = {
    "geometry": "rotation, crop, flip",
    "noise": "blur, noise",
    "dropout": "more dropout",
    "rate": "smaller learning rate",
    "reruns": "rerun of smallest training loss",
    "pooling": "pooling",
    "without the first": "without first convolution",
    "without the second": "without second convolution",
    "without both": "without both convolutions",
    "batch": "smaller batch",
}
"""Labels of the remedies in figures and tables."""


def draw_changes(figure: Figure, e: Measured) -> str:
    """Draw changes in best validation loss and in the gap, with their intervals."""
    rows = table(e)
    places = np.arange(len(rows))
    left, right = figure.subplots(1, 2, sharey=True)
    parts = (
        (left, "best validation loss (%)", 100, [row[1] for row in rows]),
        (right, "gap (nats)", 1, [row[2] for row in rows]),
    )
    for axes, what, scale, changes in parts:
        for place, c in zip(places, changes, strict=True):
            if c.pairs:
                reach = [[scale * (c.mean - c.low)], [scale * (c.high - c.mean)]]
                axes.errorbar(scale * c.mean, place, xerr=reach, fmt="o", color="C0", capsize=3)
        axes.axvline(0, color="C1", linewidth=1)
        axes.set(xlabel=f"change in {what}")
    left.axvline(-100 * WORTH, color="C1", linewidth=1, linestyle=":")
    left.set_yticks(places, [LABELS[row[0]] for row in rows])
    left.invert_yaxis()
    return (
        f"What each remedy changes, with 95 % confidence intervals over {e.premises.seeds} pairs of trainings with the "
        "same hands held out; left of zero is better. The dotted line is a gain of 5 %: what is worth having. The gap "
        "is validation minus training loss after the last epoch."
    )


def draw_symptom(figure: Figure, e: Measured) -> str:
    """Draw training and validation loss without a remedy."""
    axes = figure.subplots()
    epochs, training, validation = e.course("baseline")
    axes.plot(epochs, validation, label="validation (other hands)")
    axes.plot(epochs, training, label="training")
    share, _, _ = symptom(e)
    axes.axvline(share * epochs[-1], color="C2", linestyle=":", label="validation stagnates")
    axes.set(xlabel="epoch", ylabel="cross entropy (nats)", ylim=(0, None))
    axes.legend()
    return (
        f"Without a remedy, mean over {e.premises.seeds} trainings: the validation loss stagnates and then rises, "
        "while the training loss goes on falling."
    )
