"""The parts of the page on classes: errors beside the forest's, confusion, reliability, the confused systems."""

from __future__ import annotations

import numpy as np

from empnet.pages.clouds.confused_figure import confused_figure
from empnet.pages.clouds.confusion_figure import confusion_figure
from empnet.pages.clouds.reliability_figure import reliability_figure
from empnet.pages.page import Section, figure, paragraph, table
from empnet.pages.report.class_side import ClassSide
from empnet.prediction.class_evaluation import ClassEvaluation
from empnet.training.uncertainty.bootstrap import Interval

__all__ = ["class_facts", "class_section"]


def class_section(side: ClassSide, what: str, clouds: bool) -> Section:
    """Return the section on the errors of a classifier.

    Arguments:
        side: The measured set of the data.
        what: What is classified, in the plural, such as ``"clouds"``.
        clouds: Whether to draw the confused systems as clouds.
    """
    found = side.evaluation
    p = found.probabilities
    drawn = [
        figure(
            confusion_figure(found.errors.confusion, found.errors.classes, what),
            f"Predicted classes of the {found.errors.systems:,} {what} in the {side.name} set, by true class (rows).",
        ),
        figure(
            reliability_figure(p.max(axis=1), p.argmax(axis=1) == found.labels, what),
            "Probability of the predicted class against the share of right ones, with 95 % intervals: on the line, "
            "probabilities are exact.",
        ),
    ]
    body = _errors(found) + f'<div class="figures">{"".join(drawn)}</div>' + _by_class(found)
    return Section(f"Errors of {found.name}", body + _confused(side, clouds))


def class_facts(side: ClassSide) -> list[tuple[str, str]]:
    """Return the main numbers, each with its meaning.

    Arguments:
        side: The measured set of the data.
    """
    found = side.evaluation
    accuracy = found.errors.balanced_accuracy
    facts = [
        (f"{accuracy.value:.3f}", f"{side.name} balanced accuracy (95 %: {accuracy.low:.3f} to {accuracy.high:.3f})"),
        (f"{found.errors.accuracy.value:.3f}", f"{side.name} accuracy"),
    ]
    if found.forest is not None:
        facts.append((f"{found.forest.balanced_accuracy.value:.3f}", "balanced accuracy of the forest"))
    return facts


def _errors(found: ClassEvaluation) -> str:
    rows = []
    names = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "log_loss": "log-loss, nat"}
    for name, label in names.items():
        beside = "" if found.forest is None else _text(getattr(found.forest, name))
        rows.append([label, _text(getattr(found.errors, name)), beside])
    lead = "The forest is a random forest on the same invariant descriptors, trained on the same training set."
    lines = "".join(paragraph(f"{line[0].upper()}{line[1:]}.") for line in found.errors.lines()[3:])
    return table(["with 95 % interval", "network", "forest"], rows) + paragraph(lead, kind="faint") + lines


def _text(interval: Interval) -> str:
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def _by_class(found: ClassEvaluation) -> str:
    errors = found.errors
    columns = zip(errors.classes, errors.counts, errors.recall, errors.precision, strict=True)
    rows = [[name, f"{count:,}", _share(recall), _share(precision)] for name, count, recall, precision in columns]
    header = ["class", "number", "recall: share of it that is found", "precision: share of predictions that are right"]
    return "<h3>By class</h3>" + table(header, rows, numbers=[1, 2, 3])


def _share(value: float) -> str:
    return "none" if np.isnan(value) else f"{100 * value:.1f} %"


def _confused(side: ClassSide, clouds: bool) -> str:
    found = side.evaluation
    if not found.worst:
        return "<h3>The most confused</h3>" + paragraph("No class is mistaken.")
    rows = [[str(k + 1), w.origin, w.true, w.predicted, f"{w.probability:.3f}"] for k, w in enumerate(found.worst)]
    listed = table(["", "where", "true class", "predicted", "probability"], rows, numbers=[4])
    if not clouds:
        return "<h3>The most confused</h3>" + listed
    worst = found.worst[: len(side.worst)]
    picture = confused_figure(
        [np.asarray(system.positions) for system in side.worst],
        [each.origin for each in worst],
        [each.true for each in worst],
        [each.predicted for each in worst],
        [each.probability for each in worst],
        unit=str(side.worst[0].info.get("length_unit", "")),
    )
    caption = "Three views of each of them: from the front, from the side, from above. Dark is low, bright is high."
    return "<h3>The most confused</h3>" + listed + figure(picture, caption)
