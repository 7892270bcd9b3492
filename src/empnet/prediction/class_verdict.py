"""The verdict on a classifier: better than chance, better than the forest, what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from empnet.prediction.verdict import LEAST, CourseFacts, Sentence, Verdict
from empnet.training.classes.class_errors import ClassErrors
from empnet.training.uncertainty.bootstrap import Interval

__all__ = ["class_verdict", "class_verdict_of_results"]


def class_verdict(
    name: str,
    errors: ClassErrors,
    forest: ClassErrors | None,
    better: Interval | None,
    side: str,
    course: CourseFacts | None = None,
) -> Verdict:
    """Return the verdict on a classifier.

    Arguments:
        name: The property.
        errors: Errors of the network.
        forest: Errors of the forest; None if there is none.
        better: Balanced accuracy minus that of the forest; None without a forest.
        side: ``"test"``, ``"validation"``, or ``"given"`` for other data.
        course: Facts about its training; None if unknown.
    """
    course, sentences = course or CourseFacts(), []
    if not course.finished:
        sentences.append(Sentence("Training has not ended: these are results of the best weights so far.", "warn"))
    sentences.append(_headline(name, errors, side))
    if forest is not None and better is not None:
        sentences.append(_beside(name, forest, better))
    sentences += [Sentence(f"{name}: {line}.") for line in errors.lines()[2:]]
    warnings = tuple(sentence.text for sentence in sentences if sentence.kind == "bad")
    sentences.append(Sentence(f"Next: {_next(errors, better, course)}"))
    return Verdict(tuple(sentences), warnings)


def class_verdict_of_results(results: dict[str, Any], course: CourseFacts) -> Verdict:
    """Return the verdict from ``results.json``.

    Arguments:
        results: Errors by set and property.
        course: Facts about the training.
    """
    side = "test" if "test" in results else "validation"
    for name, record in results.get(side, {}).items():
        forest = None if record["forest"] is None else ClassErrors.from_json(record["forest"])
        better = None if record.get("better") is None else Interval(**record["better"])
        return class_verdict(name, ClassErrors.from_json(record["errors"]), forest, better, side, course)
    return Verdict()


def _headline(name: str, errors: ClassErrors, side: str) -> Sentence:
    accuracy, chance = errors.balanced_accuracy, errors.majority_balanced_accuracy
    on = f"{errors.systems:,} {'' if side == 'given' else side + ' '}systems"
    interval = f"95 % interval {accuracy.low:.3f} to {accuracy.high:.3f}"
    text = f"{name}: balanced accuracy {accuracy.value:.3f} ({interval}) on {on}, accuracy {errors.accuracy.value:.3f}"
    if errors.systems < LEAST:
        return Sentence(f"{text}; {errors.systems} systems are too few for a verdict.", "warn")
    if accuracy.value <= chance:
        return Sentence(f"{text}: no better than naming always the same class: do not use it.", "bad")
    if accuracy.low <= chance:
        return Sentence(f"{text}: not clearly better than naming always the same class ({chance:.3f}).", "warn")
    return Sentence(f"{text}.", "good")


def _beside(name: str, forest: ClassErrors, better: Interval) -> Sentence:
    interval = f"difference {better.value:+.3f}, 95 % interval {better.low:+.3f} to {better.high:+.3f}"
    text = f"{name}: a random forest on the same descriptors reaches {forest.balanced_accuracy.value:.3f} ({interval})"
    if better.low > 0:
        return Sentence(f"{text}: the network is better.", "good")
    if better.high < 0:
        return Sentence(f"{text}: the forest is better.", "warn")
    return Sentence(f"{text}: these systems do not tell them apart.")


def _next(errors: ClassErrors, better: Interval | None, course: CourseFacts) -> str:
    return " ".join(_steps(errors, better, course))


def _steps(errors: ClassErrors, better: Interval | None, course: CourseFacts) -> Iterator[str]:
    if not course.finished:
        yield f"let training end (empnet train --resume {course.run or 'RUN'})."
    elif errors.systems < LEAST:
        yield "measure on more systems: set more aside (--test), or empnet evaluate RUN DATA with others."
    elif errors.balanced_accuracy.low <= errors.majority_balanced_accuracy:
        yield "look whether the classes differ in shape at all (empnet inspect); more data, or more time (--time)."
    elif better is not None and better.high < 0:
        yield "more time (--time) or more points (--points): the forest shows that the descriptors hold more."
    else:
        yield "use it for systems like these, if this is right often enough for you; look at the confused ones first."
        yield "More data help most; then more points (--points) and more time (--time)."
