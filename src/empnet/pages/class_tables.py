"""Tables of a classifier's errors for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.markup import escape
from rich.table import Table

from empnet.prediction.class_evaluation import ClassEvaluation
from empnet.training.classes.class_errors import ClassErrors
from empnet.training.uncertainty.bootstrap import Interval

__all__ = ["class_tables"]

MOST_CLASSES = 15
"""Number of classes up to which the confusion matrix is a table; above, it is in the picture only."""


def class_tables(evaluation: ClassEvaluation) -> Iterator[Table]:
    """Yield the misjudged systems, the errors beside the forest's, and the confusion matrix.

    Arguments:
        evaluation: The evaluation.
    """
    if evaluation.worst:
        yield _worst(evaluation)
    yield _errors(evaluation)
    if len(evaluation.errors.classes) <= MOST_CLASSES:
        yield _confusion(evaluation.errors)


def _worst(evaluation: ClassEvaluation) -> Table:
    table = Table("where", "true class", "predicted", "probability", title="most confident mistakes")
    for system in evaluation.worst:
        names = (escape(text) for text in (system.origin, system.true, system.predicted))
        table.add_row(*names, f"{system.probability:.3f}")
    return table


def _errors(evaluation: ClassEvaluation) -> Table:
    title = f"{evaluation.name}, {evaluation.errors.systems} systems (95 % intervals)"
    table = Table("", "network", "forest", title=escape(title))
    for name, label in (("accuracy", "accuracy"), ("balanced_accuracy", "balanced accuracy"), ("log_loss", "log-loss")):
        beside = "" if evaluation.forest is None else _text(getattr(evaluation.forest, name))
        table.add_row(label, _text(getattr(evaluation.errors, name)), beside)
    return table


def _text(interval: Interval) -> str:
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def _confusion(errors: ClassErrors) -> Table:
    table = Table("true class", *map(escape, errors.classes), "right", title="confusion: rows are true classes")
    for name, row, recall in zip(errors.classes, errors.confusion, errors.recall, strict=True):
        table.add_row(escape(name), *(f"{count:,}" if count else "." for count in row), f"{100 * recall:.0f} %")
    return table
