"""Errors of a classifier on a set of systems, with intervals and the trivial classifier beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from empnet.errors import EmpnetError
from empnet.training.classes.calibration_error import ConfidenceBins, chance_error, wilson_interval
from empnet.training.classes.temperature import FEW, check_labels, log_probabilities
from empnet.training.uncertainty.bootstrap import ENDS, RESAMPLES, Interval, draws

__all__ = ["ClassErrors"]

SEED = 0
NAMED = 5
"""Largest number of absent classes that a sentence names."""

ROUNDING = 1e-9
"""Difference of two calibration errors that is rounding of sums in float64."""

INTERVALS = ("accuracy", "balanced_accuracy", "log_loss")
NUMBERS = ("calibration_error", "chance_error", "confidence", "temperature")


@dataclass(frozen=True, slots=True, eq=False)
class ClassErrors:
    """Errors of predicted classes, each with its 95 % interval.

    Arguments:
        classes: Names of the K classes.
        confusion: Number of systems by true class (row) and predicted class (column), shape (K, K).
        accuracy: Share of the systems with the right class; the interval is Wilson's.
        balanced_accuracy: Mean recall of the classes that are present; bootstrap within each class.
        log_loss: Mean of -log p of the true class, in nats; bootstrap over systems.
        calibration_error: Expected calibration error of the probabilities.
        chance_error: 95 % quantile of the same for exact probabilities and as many systems.
        confidence: Mean probability of the predicted class.
        temperature: Temperature that divided the logits.

    Example:
        >>> logits = np.array([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
        >>> errors = ClassErrors.of(logits, np.array([0, 0, 1, 1]), ("car", "tree"))
        >>> errors.accuracy.value, errors.recall, errors.majority_accuracy
        (0.75, array([1. , 0.5]), 0.5)
    """

    classes: tuple[str, ...]
    confusion: Int64[np.ndarray, "K K"]
    accuracy: Interval
    balanced_accuracy: Interval
    log_loss: Interval
    calibration_error: float
    chance_error: float
    confidence: float
    temperature: float = 1.0

    @classmethod
    def of(
        cls,
        logits: Float64[np.ndarray, "n K"],
        labels: Int64[np.ndarray, " n"],
        classes: tuple[str, ...],
        temperature: float = 1.0,
    ) -> ClassErrors:
        """Compare logits with the true classes; of equal largest logits, the first is the prediction.

        Arguments:
            logits: One row for each system, shape (n, K), n > 0.
            labels: True class of each system, from 0 to K - 1, shape (n,).
            classes: Names of the K classes.
            temperature: Temperature that divides the logits, above zero.

        Raises:
            EmpnetError: If there is no system, a logit is not finite, a label is out of range, the temperature is
                not a positive number, or the number of names is not K.
        """
        n, n_classes = logits.shape
        if len(classes) != n_classes:
            raise EmpnetError(f"{len(classes)} names for {n_classes} classes", wanted="a name for each class")
        if n == 0:
            raise EmpnetError("no systems with a class", wanted="at least one")
        check_labels(labels, n, n_classes)
        log_p = log_probabilities(logits, temperature)
        predicted = logits.argmax(axis=1)
        confusion = np.zeros((n_classes, n_classes), dtype=np.int64)
        np.add.at(confusion, (labels, predicted), 1)
        confidence = np.exp(log_p[np.arange(n), predicted])
        return cls(
            classes=classes,
            confusion=confusion,
            accuracy=wilson_interval(int(np.trace(confusion)), n),
            balanced_accuracy=_balanced_accuracy(confusion),
            log_loss=_mean(-log_p[np.arange(n), labels]),
            calibration_error=ConfidenceBins.of(confidence, predicted == labels).expected_error,
            chance_error=chance_error(confidence, SEED),
            confidence=float(confidence.mean()),
            temperature=float(temperature),
        )

    @property
    def counts(self) -> Int64[np.ndarray, " K"]:
        """Number of systems of each true class, shape (K,)."""
        return self.confusion.sum(axis=1)

    @property
    def systems(self) -> int:
        """Number of systems, n."""
        return int(self.confusion.sum())

    @property
    def recall(self) -> Float64[np.ndarray, " K"]:
        """Share of each class's systems that are predicted as this class; nan for a class without systems."""
        return _share(np.diagonal(self.confusion), self.counts)

    @property
    def precision(self) -> Float64[np.ndarray, " K"]:
        """Share of the predictions of each class that are true; nan for a class that is never predicted."""
        return _share(np.diagonal(self.confusion), self.confusion.sum(axis=0))

    @property
    def majority(self) -> str:
        """The most frequent class of these systems."""
        return self.classes[int(self.counts.argmax())]

    @property
    def majority_accuracy(self) -> float:
        """Accuracy of the classifier that always says :attr:`majority`."""
        return float(self.counts.max() / self.systems)

    @property
    def majority_balanced_accuracy(self) -> float:
        """Balanced accuracy of any classifier that always says the same: 1 over the number of classes present."""
        return 1 / int((self.counts > 0).sum())

    def to_json(self) -> dict[str, Any]:
        """Return plain values; undefined recalls and precisions are None.

        Example:
            >>> errors = ClassErrors.of(np.array([[1.0, 0.0]]), np.array([0]), ("car", "tree"))
            >>> errors.to_json()["recall"], errors.to_json()["count"]
            ([1.0, None], [1, 0])
        """
        return {
            "classes": list(self.classes),
            "systems": self.systems,
            **{name: asdict(getattr(self, name)) for name in INTERVALS},
            **{name: getattr(self, name) for name in NUMBERS},
            "majority": self.majority,
            "majority_accuracy": self.majority_accuracy,
            "majority_balanced_accuracy": self.majority_balanced_accuracy,
            "recall": [None if np.isnan(value) else float(value) for value in self.recall],
            "precision": [None if np.isnan(value) else float(value) for value in self.precision],
            "count": self.counts.tolist(),
            "confusion": self.confusion.tolist(),
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> ClassErrors:
        """Return the errors that :meth:`to_json` wrote; what follows from the confusion matrix is not read.

        Arguments:
            record: Plain values.

        Raises:
            KeyError: If a value is missing.
            ValueError: If the confusion matrix does not fit the classes.
        """
        classes = tuple(record["classes"])
        confusion = np.array(record["confusion"], dtype=np.int64).reshape(len(classes), len(classes))
        values: dict[str, Any] = {name: float(record[name]) for name in NUMBERS}
        values |= {name: Interval(**record[name]) for name in INTERVALS}
        return cls(classes, confusion, **values)

    def lines(self, what: str = "systems") -> list[str]:
        """Return the errors as sentences for the terminal.

        Arguments:
            what: What is classified, in the plural, such as ``"clouds"``.

        Example:
            >>> errors = ClassErrors.of(np.array([[1.0, 0.0]] * 4), np.array([0, 0, 0, 1]), ("car", "tree"))
            >>> print(errors.lines("clouds")[0])
            accuracy 0.750 (0.301 to 0.954): 3 of 4 clouds; always 'car' gives 0.750
        """
        return list(self._lines(what))

    def _lines(self, what: str) -> Iterator[str]:
        right, present = int(np.trace(self.confusion)), int((self.counts > 0).sum())
        yield (
            f"accuracy {_in_words(self.accuracy)}: {right:,} of {self.systems:,} {what}; "
            f"always '{self.majority}' gives {self.majority_accuracy:.3f}"
        )
        classes = f"the mean recall of {present} classes" if present > 1 else f"only '{self.majority}' is present"
        yield (
            f"balanced accuracy {_in_words(self.balanced_accuracy)}: {classes}; "
            f"always the same class gives {self.majority_balanced_accuracy:.3f}"
        )
        yield f"log-loss {_in_words(self.log_loss)} nat; equal probabilities give {np.log(len(self.classes)):.3f}"
        yield from self._weakest(what)
        if absent := [f"'{name}'" for name, count in zip(self.classes, self.counts, strict=True) if not count]:
            more = f" and {len(absent) - NAMED:,} more classes" if len(absent) > NAMED else ""
            yield f"no {what} of {', '.join(absent[:NAMED])}{more}: nothing is known of these"
        yield self.calibration_line(what)

    def _weakest(self, what: str) -> Iterator[str]:
        if int(np.trace(self.confusion)) == self.systems:
            if len(self.classes) > 1:
                yield f"no class is mistaken, so resampling these {what} gives balanced accuracy no interval"
            return
        worst = int(np.nanargmin(self.recall))
        wrong = self.confusion[worst].copy()
        wrong[worst] = 0
        text = (
            f"weakest class: '{self.classes[worst]}', {self.confusion[worst, worst]:,} of {self.counts[worst]:,} right"
        )
        yield f"{text}; most often taken for '{self.classes[int(wrong.argmax())]}' ({wrong.max():,})"

    def calibration_line(self, what: str = "systems") -> str:
        """Return a sentence on the probabilities, which says what so many systems can show.

        Arguments:
            what: What is classified, in the plural.
        """
        text = f"probabilities: expected calibration error {self.calibration_error:.3f}"
        if self.systems < FEW:
            return f"{text}; {self.systems:,} {what} are too few to judge them"
        chance = f"exact probabilities of {self.systems:,} {what} stay below {self.chance_error:.3f}"
        if self.calibration_error <= self.chance_error + ROUNDING:
            return f"{text}, no more than chance; {chance} in 95 % of cases"
        gap = self.confidence - self.accuracy.value
        kind = f"too {'confident' if gap > 0 else 'cautious'} by {abs(gap):.3f} in the mean"
        if abs(gap) < self.calibration_error / 2:
            kind = "some are too confident, others too cautious"
        return f"{text}, more than chance; {chance} in 95 % of cases; {kind}"


def _share(part: np.ndarray, whole: np.ndarray) -> Float64[np.ndarray, " K"]:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)


def _balanced_accuracy(confusion: Int64[np.ndarray, "K K"]) -> Interval:
    """Return the mean recall; each resample keeps the number of systems of each class."""
    counts = confusion.sum(axis=1)
    n, right = counts[counts > 0], np.diagonal(confusion)[counts > 0]
    # n systems drawn with replacement, of which the share p is right: the number of right ones is binomial
    drawn = np.random.default_rng(SEED).binomial(n, right / n, size=(RESAMPLES, len(n)))
    low, high = np.quantile((drawn / n).mean(axis=1), ENDS)
    return Interval(float((right / n).mean()), float(low), float(high))


def _mean(losses: Float64[np.ndarray, " n"]) -> Interval:
    means = np.concatenate([losses[drawn].mean(axis=-1) for drawn in draws(len(losses), SEED)])
    low, high = np.quantile(means, ENDS)
    return Interval(float(losses.mean()), float(low), float(high))


def _in_words(interval: Interval) -> str:
    """Write a number with its interval; one without a width is left out, because it would promise too much."""
    if interval.low == interval.high:
        return f"{interval.value:.3f}"
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"
