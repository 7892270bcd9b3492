"""Accuracy of a model on one set of data: the numbers that a verdict needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from empnet.prediction.evaluate import Evaluation
from empnet.training.relative_errors import Relative
from empnet.training.uncertainty.bootstrap import Interval
from empnet.training.uncertainty.calibration import Coverage

__all__ = ["Accuracy", "DerivativeAccuracy", "of_evaluations", "of_results"]


@dataclass(frozen=True, slots=True)
class DerivativeAccuracy:
    """Errors of forces or stress, and the size of the targets.

    Arguments:
        name: ``"forces"`` or ``"stress"``.
        unit: Unit of the numbers.
        rmse: Root mean square error of a component.
        target_rms: Root mean square of the data: the error of predicting zero.
        components: Number of components.
    """

    name: str
    unit: str
    rmse: float
    target_rms: float
    components: int

    @property
    def share(self) -> float | None:
        """Error as a share of the error of predicting zero; None if all targets are zero."""
        return self.rmse / self.target_rms if self.target_rms > 0 else None


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Errors of one property on one set of data.

    Arguments:
        name: The property.
        unit: Its unit.
        side: ``"test"``, ``"validation"``, or ``"given"`` for data that the run did not split.
        systems: Number of systems.
        mae: Mean absolute error.
        baseline: Name of the baseline.
        baseline_mae: Its mean absolute error on the same systems.
        interval: 95 % interval of the mean absolute error; None if it was not recorded.
        share: Error as a share of the baseline's, with its interval. None if the baseline has no error, or if the
            interval was not recorded.
        rmse: Root mean square error; None if it was not recorded.
        per_particle: Mean absolute error per particle; None for a property that does not grow with the system.
        derivatives: Errors of forces and stress, if they were learned and the data have them.
        coverage: Errors within the predicted standard deviations; None without standard deviations, or if it was not
            recorded.
        relative: Relative errors, of a quantity that grows with size; None for others.
    """

    name: str
    unit: str
    side: str
    systems: int
    mae: float
    baseline: str
    baseline_mae: float
    interval: tuple[float, float] | None = None
    share: Interval | None = None
    rmse: float | None = None
    per_particle: float | None = None
    derivatives: tuple[DerivativeAccuracy, ...] = ()
    coverage: Coverage | None = None
    relative: Relative | None = None


def of_results(results: Mapping[str, Any]) -> list[Accuracy]:
    """Read the accuracies of the test set from ``results.json``, or of the validation set if there is none.

    Files of earlier versions hold fewer numbers: they have no intervals and no coverage.

    Arguments:
        results: Errors by side and property.

    Example:
        >>> errors = {"mae": 0.1, "unit": "eV", "systems": 9, "baseline_mae": 1.0}
        >>> of_results({"test": {"energy": errors}})[0].share
        Interval(value=0.1, low=nan, high=nan)
    """
    side = "test" if "test" in results else "validation"
    return [_recorded(side, name, errors) for name, errors in results.get(side, {}).items()]


def _recorded(side: str, name: str, errors: Mapping[str, Any]) -> Accuracy:
    interval, coverage = errors.get("mae_interval"), errors.get("coverage")
    return Accuracy(
        name=name,
        unit=errors["unit"],
        side=side,
        systems=errors["systems"],
        mae=errors["mae"],
        baseline=errors.get("baseline", "composition baseline"),
        baseline_mae=errors["baseline_mae"],
        interval=None if interval is None else (interval[0], interval[1]),
        share=_recorded_share(errors),
        rmse=errors.get("rmse"),
        per_particle=errors.get("per_particle", {}).get("mae"),
        derivatives=tuple(
            DerivativeAccuracy(what, text["unit"], text["rmse"], text["target_rms"], text["components"])
            for what in ("forces", "stress")
            if (text := errors.get(what)) is not None
        ),
        coverage=None if coverage is None else Coverage(**coverage),
        relative=Relative(**errors["relative"]) if "relative" in errors else None,
    )


def _recorded_share(errors: Mapping[str, Any]) -> Interval | None:
    if "share_of_baseline" in errors:
        share = errors["share_of_baseline"]
        return None if share is None else Interval(**share)
    base = errors["baseline_mae"]  # a file of an earlier version
    nan = float("nan")
    return Interval(errors["mae"] / base, nan, nan) if base > 0 else None


def of_evaluations(evaluations: Iterable[Evaluation], side: str) -> list[Accuracy]:
    """Return the accuracies of evaluations system by system.

    Arguments:
        evaluations: One for each property.
        side: ``"test"``, ``"validation"`` or ``"given"``.
    """
    return [_measured(evaluation, side) for evaluation in evaluations]


def _measured(evaluation: Evaluation, side: str) -> Accuracy:
    mae, each = evaluation.metrics["mae"], evaluation.per_particle
    return Accuracy(
        name=evaluation.name,
        unit=evaluation.unit,
        side=side,
        systems=len(evaluation.targets),
        mae=mae.value,
        baseline=evaluation.baseline_name,
        baseline_mae=evaluation.baseline["mae"].value,
        interval=(mae.low, mae.high),
        share=evaluation.share,
        rmse=evaluation.metrics["rmse"].value,
        per_particle=None if each is None else each["mae"].value,
        derivatives=tuple(
            DerivativeAccuracy(
                errors.name, errors.unit, errors.metrics["rmse"].value, errors.target_rms, errors.targets.size
            )
            for errors in evaluation.derivatives.values()
        ),
        coverage=evaluation.coverage,
        relative=evaluation.relative,
    )
