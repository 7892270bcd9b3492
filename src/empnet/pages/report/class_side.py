"""Measure a classifier on one of a run's own sets, and keep the systems that the report draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from empnet.prediction.class_evaluation import ClassEvaluation, class_evaluation, number_of_class
from empnet.prediction.evaluate import Side, measured_side, own_side
from empnet.prediction.pieces import pieces
from empnet.prediction.prediction import Prediction
from empnet.prediction.predictor import Predictor
from empnet.runtime.progress import track
from empnet.system.system import System
from empnet.training.run.run_folder import RunFolder

__all__ = ["DRAWN", "ClassSide", "measure_class_side"]

DRAWN = 6
"""Number of misjudged systems with pictures."""

EACH = 3
"""Systems of each class in the sample."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassSide:
    """Errors of a classifier on one set of the data.

    Arguments:
        name: ``"test"``, or ``"validation"`` if there is no test set.
        evaluation: The errors.
        worst: The systems misjudged with most confidence, in the order of ``evaluation.worst``.
        sample: A few systems of each class.
    """

    name: Side
    evaluation: ClassEvaluation
    worst: tuple[System, ...]
    sample: tuple[System, ...]


def measure_class_side(predictor: Predictor, *, quiet: bool = False) -> ClassSide:
    """Predict the test set of the run's own data, or the validation set if there is no test set.

    Arguments:
        predictor: The trained model of a run folder.
        quiet: No progress bar.

    Raises:
        EmpnetError: If the data do not exist any more or have changed.
    """
    card, side = predictor.card, measured_side(RunFolder(predictor.run))
    labels: list[int] = []
    origins: list[str] = []
    found: list[Prediction] = []
    wrong: dict[int, tuple[float, System]] = {}
    sample: dict[int, list[System]] = {}
    for piece in pieces(track(own_side(predictor, side), f"predicting the {side} set", quiet=quiet)):
        of_piece = predictor.predict_piece(piece)
        for system, p in zip(piece, of_piece.probabilities, strict=True):
            label = number_of_class(system, card.properties[0], card)
            if p.argmax() != label:
                wrong[len(labels)] = float(p.max()), system
                if len(wrong) > DRAWN:  # keep few systems in memory
                    del wrong[min(wrong, key=lambda index: wrong[index][0])]
            if len(members := sample.setdefault(label, [])) < EACH:
                members.append(system)
            labels.append(label)
            origins.append(str(system.origin))
        found.append(of_piece)
    joined = Prediction.joined(found, card)
    forest = joined.baseline if predictor.forest is not None else None
    evaluation = class_evaluation(predictor, np.array(labels), joined.values, forest, origins)
    worst = tuple(wrong[each.index][1] for each in evaluation.worst if each.index in wrong)
    return ClassSide(side, evaluation, worst, tuple(system for each in sample.values() for system in each))
