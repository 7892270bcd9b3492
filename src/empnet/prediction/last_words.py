"""The verdict on a run, from its folder or from measured errors."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from empnet.errors import EmpnetError
from empnet.prediction.accuracy import Accuracy, of_evaluations, of_results
from empnet.prediction.class_evaluation import ClassEvaluation
from empnet.prediction.class_verdict import class_verdict, class_verdict_of_results
from empnet.prediction.evaluate import Evaluation
from empnet.prediction.predictor import Predictor
from empnet.prediction.verdict import CourseFacts, Verdict, verdict
from empnet.training.run.run_folder import RunFolder
from empnet.training.uncertainty.ensemble_file import FILE as ENSEMBLE
from empnet.training.uncertainty.uncertainty_file import FILE as LAST_LAYER

__all__ = [
    "LEARNED",
    "course_facts",
    "read_results",
    "recorded",
    "verdict_of_evaluations",
    "verdict_of_run",
    "warn_of_lost_epochs",
]


LEARNED = 0.5
"""Training loss below which a network has learned its training set; the baseline's loss is about 1."""


class _Errors(BaseModel):
    """The needed errors of one property on one set; those of forces and stress are extra fields."""

    model_config = ConfigDict(extra="allow")

    mae: float
    rmse: float | None = None
    baseline_mae: float
    unit: str
    baseline: str = ""
    systems: int


class _ClassRecord(BaseModel):
    """The errors of a classifier on one set; see :class:`~empnet.training.classes.class_errors.ClassErrors`."""

    model_config = ConfigDict(extra="allow")

    systems: int
    errors: dict[str, Any]
    forest: dict[str, Any] | None = None


_RESULTS = TypeAdapter(dict[str, dict[str, _Errors | _ClassRecord]])


def read_results(run: RunFolder) -> dict[str, Any]:
    """Read ``results.json``; empty before training has ended.

    Arguments:
        run: The run folder.

    Raises:
        EmpnetError: If the file is damaged.
    """
    path = run.path / "results.json"
    if not path.exists():
        return {}
    try:
        results = _RESULTS.validate_json(path.read_bytes())
        plain = {side: {name: errors.model_dump() for name, errors in named.items()} for side, named in results.items()}
        if are_of_classes(plain):
            class_verdict_of_results(plain, CourseFacts())
        else:
            of_results(plain)
    except ValidationError as error:
        first = error.errors()[0]
        part = ".".join(str(part)[:40] for part in first["loc"])
        raise EmpnetError(f"is damaged ({part}: {first['msg'][:200]})", where=path, wanted="errors by side") from None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise EmpnetError(f"is damaged ({error!r})", where=path, wanted="errors by side and property") from None
    return plain


def recorded(predictor: Predictor) -> list[Accuracy]:
    """Return the errors measured at the end of training; none before that, or without a run folder.

    Arguments:
        predictor: The trained model.
    """
    if not predictor.run:
        return []
    names = predictor.card.properties
    if predictor.card.classes:
        return []
    return [text for text in of_results(read_results(RunFolder(predictor.run))) if text.name in names]


def verdict_of_run(run: str | Path) -> Verdict:
    """Return the verdict from the numbers measured at the end of training; empty before that.

    Arguments:
        run: The run folder.
    """
    results = read_results(RunFolder(run))
    if are_of_classes(results):
        return class_verdict_of_results(results, course_facts(run))
    return verdict(of_results(results), course_facts(run))


def are_of_classes(results: dict[str, Any]) -> bool:
    """Return True if ``results.json`` holds errors of a classifier.

    Arguments:
        results: Its content.
    """
    return any("errors" in record for named in results.values() for record in named.values())


def verdict_of_evaluations(
    evaluations: Sequence[Evaluation] | Sequence[ClassEvaluation], side: str, run: str | Path = ""
) -> Verdict:
    """Return the verdict from errors of single systems.

    Arguments:
        evaluations: One for each property.
        side: ``"test"``, ``"validation"``, or ``"given"`` for other data.
        run: The run folder, if there is one.
    """
    course = course_facts(run) if str(run) else None
    first = evaluations[0]
    if isinstance(first, ClassEvaluation):
        return class_verdict(first.name, first.errors, first.forest, first.better, side, course)
    return verdict(of_evaluations(evaluations, side), course)  # type: ignore[arg-type]


def warn_of_lost_epochs(run: str | Path) -> None:
    """Warn if a finished run's table of epochs is damaged: the advice rests on it. The report warns, too.

    Arguments:
        run: The run folder.
    """
    folder = RunFolder(run)
    if not (folder.path / "results.json").exists() or (folder.path / ENSEMBLE).exists():
        return
    rows, damage = folder.read_metrics()
    if damage or not rows:
        text = damage or f"{folder.metrics_file}: is missing, or has no rows"
        warnings.warn(f"{text}; the advice on what to do next may be wrong", stacklevel=2)


def course_facts(run: str | Path) -> CourseFacts:
    """Read the facts of a run's training; of an ensemble, those of the first member.

    Arguments:
        run: The run folder.
    """
    folder = Path(run)
    ensemble = (folder / ENSEMBLE).exists()
    row = _last_row(RunFolder(folder / "member-1" if ensemble else folder))
    steps, training, validation = (row.get(key) for key in ("step", "train_loss", "validation_loss"))
    learned = training is not None and 0 < training < LEARNED
    return CourseFacts(
        run=str(run),
        finished=(folder / "results.json").exists(),
        steps=None if steps is None else int(steps),
        loss_ratio=validation / training if validation is not None and training is not None and learned else None,
        uncertain=ensemble or (folder / LAST_LAYER).exists(),
    )


def _last_row(run: RunFolder) -> dict[str, float]:
    """Return the finite numbers of the last readable epoch; none if there is no such epoch."""
    rows, _ = run.read_metrics()
    numbers = {key: float(text or "nan") for key, text in rows[-1].items()} if rows else {}
    return {key: value for key, value in numbers.items() if math.isfinite(value)}
