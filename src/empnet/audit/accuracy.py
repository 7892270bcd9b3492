"""Check that a model's errors are smaller than its baseline's: symmetries alone do not make a model useful."""

from __future__ import annotations

from collections.abc import Sequence

from empnet.audit.record import AuditLine, skipped, verdict_of
from empnet.errors import EmpnetError
from empnet.prediction.accuracy import Accuracy, of_evaluations
from empnet.prediction.derivative_errors import Labels
from empnet.prediction.evaluate import evaluate_systems
from empnet.prediction.last_words import course_facts, recorded
from empnet.prediction.predictor import Predictor
from empnet.prediction.verdict import LEAST, Verdict, verdict
from empnet.system.system import System

__all__ = ["accuracies", "accuracy_lines", "words_of"]

DONE = "The mean absolute error is divided by that of the {}."
DONE_DERIVATIVE = "The root mean square error is divided by the root mean square of the data."


def accuracies(predictor: Predictor, systems: Sequence[System], side: str) -> list[Accuracy]:
    """Return the errors to judge: the errors recorded in training if there are any, else errors on these systems.

    Arguments:
        predictor: The model.
        systems: The audited systems.
        side: ``"test"`` or ``"validation"`` for the run's own data; ``"given"`` for other data.

    Returns:
        One entry for each property; an empty list if a system lacks a property.
    """
    found = [] if side == "given" else recorded(predictor)
    if found:
        return found
    names = (*predictor.card.properties, *predictor.card.baseline_keys)
    if not all(name in system.properties for system in systems for name in names):
        return []
    try:
        return of_evaluations(evaluate_systems(predictor, systems, Labels(predictor.card)), side)
    except EmpnetError:  # the labels for forces or stress differ from those in training: not judged here
        return []


def words_of(predictor: Predictor, found: Sequence[Accuracy]) -> Verdict:
    """Return the verdict on these errors.

    Arguments:
        predictor: The model.
        found: Its errors.
    """
    return verdict(found, course_facts(predictor.run) if predictor.run else None)


def accuracy_lines(predictor: Predictor, found: Sequence[Accuracy]) -> list[AuditLine]:
    """Compare a model's errors with its baseline's: a model with larger errors fails.

    If there are too few systems for a conclusion, the test is skipped for a model with smaller errors. A model with
    larger errors still fails, since it shows no benefit.

    Arguments:
        predictor: The model.
        found: Its errors; if empty, the lines are skipped.
    """
    if not found:
        card = predictor.card
        return [
            skipped(f"error of {name}", DONE.format(beside), f"the data have no '{name}'")
            for name, beside in zip(card.properties, card.baseline_names, strict=True)
        ]
    return [line for accuracy in found for line in _lines(accuracy)]


def _lines(accuracy: Accuracy) -> list[AuditLine]:
    share = None if accuracy.share is None else accuracy.share.value
    enough = accuracy.systems >= LEAST
    few = "" if enough else f"{accuracy.systems} systems are too few for a conclusion (at least {LEAST})"
    lines = [_line(accuracy.name, DONE.format(accuracy.baseline), share, few, f"the {accuracy.baseline} has no error")]
    for errors in accuracy.derivatives:
        lines.append(_line(errors.name, DONE_DERIVATIVE, errors.share, few, f"all {errors.name} in the data are zero"))
    return lines


def _line(name: str, done: str, share: float | None, few: str, why_none: str) -> AuditLine:
    name = f"error of {name}"
    if share is None:
        return skipped(name, done, why_none)
    if few and share < 1:
        return AuditLine(name, done, share, 1.0, "", "skip", few)
    return AuditLine(name, done, share, 1.0, "", verdict_of(share < 1), few)
