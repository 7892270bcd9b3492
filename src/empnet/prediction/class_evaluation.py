"""Evaluation of a classifier on data with classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from empnet.errors import EmpnetError, nearest
from empnet.prediction.pieces import pieces
from empnet.prediction.prediction import Prediction
from empnet.prediction.predictor import Predictor
from empnet.system.classes import class_of
from empnet.system.system import System
from empnet.training.classes.class_errors import ClassErrors
from empnet.training.classes.comparison import difference
from empnet.training.classes.temperature import probabilities
from empnet.training.run.model_file import ModelCard
from empnet.training.uncertainty.bootstrap import Interval

__all__ = ["ClassEvaluation", "Misjudged", "evaluate_classes", "number_of_class"]

N_WORST = 10


@dataclass(frozen=True, slots=True)
class Misjudged:
    """A system whose predicted class is wrong.

    Arguments:
        index: Its number among the evaluated systems.
        origin: File and frame.
        true: Its class in the data.
        predicted: The predicted class.
        probability: Probability of the predicted class.
    """

    index: int
    origin: str
    true: str
    predicted: str
    probability: float


@dataclass(frozen=True, slots=True, eq=False)
class ClassEvaluation:
    """Errors of a classifier.

    Arguments:
        name: The property.
        errors: Accuracy, log-loss, confusion, calibration.
        forest: The same of the forest; None if the run has none.
        better: Balanced accuracy minus that of the forest, with its interval; None without a forest.
        worst: Misjudged systems, the most confident first.
        logits: Logits over the temperature, shape (n, K).
        labels: Numbers of the true classes, shape (n,).
    """

    name: str
    errors: ClassErrors
    forest: ClassErrors | None
    better: Interval | None
    worst: tuple[Misjudged, ...]
    logits: Float64[np.ndarray, "n K"]
    labels: Int64[np.ndarray, " n"]

    @property
    def probabilities(self) -> Float64[np.ndarray, "n K"]:
        """Probabilities of the classes."""
        return probabilities(self.logits)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        return {
            "property": self.name,
            "systems": self.errors.systems,
            "errors": self.errors.to_json(),
            "forest": self.forest and self.forest.to_json(),
            "better_than_forest": self.better and asdict(self.better),
            "worst": [asdict(system) for system in self.worst],
        }


def number_of_class(system: System, name: str, card: ModelCard) -> int:
    """Return the number of a system's class.

    Arguments:
        system: The system.
        name: Name of the property in the data.
        card: The model's card.

    Raises:
        EmpnetError: If it has no class, or one that the training data do not have.
    """
    found = class_of(system, name)
    if found not in card.classes:
        raise EmpnetError(
            f"class '{found}' was not in the training data, which have {', '.join(card.classes)}",
            where=system.origin,
            remedy=nearest(found, card.classes) or "train on data that have it, or leave these systems out",
        )
    return card.classes.index(found)


def evaluate_classes(predictor: Predictor, systems: Iterable[System], name: str) -> list[ClassEvaluation]:
    """Measure the errors of a classifier in bounded memory.

    Arguments:
        predictor: The trained model.
        systems: Any iterable of systems with classes.
        name: Name of the property in the data.

    Returns:
        One evaluation; none without systems.

    Raises:
        EmpnetError: If a system has no class, or one that the training data do not have.
    """
    labels: list[int] = []
    origins: list[str] = []
    found: list[Prediction] = []
    for piece in pieces(systems):
        labels += [number_of_class(system, name, predictor.card) for system in piece]
        origins += [str(system.origin) for system in piece]
        found.append(predictor.predict_piece(piece))
    if not labels:
        return []
    joined = Prediction.joined(found, predictor.card)
    beside = joined.baseline if predictor.forest is not None else None
    return [class_evaluation(predictor, np.array(labels), joined.values, beside, origins)]


def class_evaluation(
    predictor: Predictor,
    labels: Int64[np.ndarray, " n"],
    logits: Float64[np.ndarray, "n K"],
    forest: Float64[np.ndarray, "n K"] | None,
    origins: Sequence[str],
) -> ClassEvaluation:
    """Return the evaluation from logits.

    Arguments:
        predictor: The trained model.
        labels: Numbers of the true classes.
        logits: Logits, over the temperature.
        forest: Logarithms of the forest's probabilities; None if the run has none.
        origins: File and frame of each system.
    """
    card = predictor.card
    errors = ClassErrors.of(logits, labels, card.classes)
    of_forest = None if forest is None else ClassErrors.of(forest, labels, card.classes)
    better = None
    if forest is not None:
        better = difference(labels, logits.argmax(axis=1) == labels, forest.argmax(axis=1) == labels)
    worst = tuple(_misjudged(card, labels, probabilities(logits), origins))
    return ClassEvaluation(card.properties[0], errors, of_forest, better, worst, logits, labels)


def _misjudged(
    card: ModelCard, labels: Int64[np.ndarray, " n"], p: Float64[np.ndarray, "n K"], origins: Sequence[str]
) -> list[Misjudged]:
    predicted = p.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    order = wrong[np.argsort(-p[wrong, predicted[wrong]], kind="stable")][:N_WORST]
    return [
        Misjudged(int(i), origins[i], card.classes[labels[i]], card.classes[predicted[i]], float(p[i, predicted[i]]))
        for i in order
    ]
