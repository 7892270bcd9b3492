"""A picture file of a classifier's confusion matrix and reliability."""

from __future__ import annotations

from pathlib import Path

import matplotlib

from empnet.pages.clouds.confusion_figure import draw_confusion
from empnet.pages.clouds.reliability_figure import draw_reliability
from empnet.pages.parity import PLOTS
from empnet.prediction.class_evaluation import ClassEvaluation
from empnet.runtime.durable_files import replacing

__all__ = ["confusion_plot"]


def confusion_plot(evaluation: ClassEvaluation, path: str | Path) -> None:
    """Draw the confusion matrix, with the reliability of the probabilities at the right.

    Arguments:
        evaluation: The evaluation.
        path: Path of the file; an existing file is replaced. A suffix such as .pdf sets the format; else PNG.
    """
    from matplotlib.figure import Figure  # no pyplot: no windows, no global state

    matplotlib.rcParams["mathtext.default"] = "regular"
    n = len(evaluation.errors.classes)
    side = max(4.2, 0.5 * n + 1.5)
    figure = Figure(figsize=(2 * side + 1.0, side + 0.6), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_confusion(left, evaluation.errors.confusion, evaluation.errors.classes)
    p = evaluation.probabilities
    draw_reliability(right, p.max(axis=1), p.argmax(axis=1) == evaluation.labels)
    with replacing(Path(path)) as unfinished:
        suffix = Path(path).suffix.lower()
        figure.savefig(unfinished, format=suffix[1:] if suffix in PLOTS else "png")
