"""Errors of a trained model on data that have the property."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64, Int64

from empnet.errors import EmpnetError
from empnet.files.read import iread
from empnet.files.source import Data, name_of
from empnet.prediction.class_evaluation import ClassEvaluation, evaluate_classes
from empnet.prediction.derivative_errors import DerivativeErrors, Labels
from empnet.prediction.load import as_predictor
from empnet.prediction.metrics import Metric, metrics_of
from empnet.prediction.pieces import pieces
from empnet.prediction.prediction import Prediction
from empnet.prediction.predictor import Predictor
from empnet.prediction.reading import Reading, named_in_data
from empnet.runtime.pipes import keeping_pipes
from empnet.runtime.progress import track
from empnet.system.checks import target_of
from empnet.system.system import System
from empnet.training.own_data import find_data
from empnet.training.relative_errors import Relative, in_its_measure
from empnet.training.run.agreement import refuse_disagreement
from empnet.training.run.journal import Journal
from empnet.training.run.model_file import ModelCard
from empnet.training.run.run_folder import RunFolder
from empnet.training.uncertainty.bootstrap import share_of
from empnet.training.uncertainty.calibration import Coverage

__all__ = [
    "Evaluation",
    "Side",
    "Worst",
    "evaluate",
    "evaluate_systems",
    "evaluations_of",
    "measured_side",
    "own_side",
]

Side = Literal["validation", "test"]

N_WORST = 10
MOVED = "name a data file; if the run's own have been moved, say where, once: empnet train DATA --resume RUN"


@dataclass(frozen=True, slots=True)
class Worst:
    """One of the systems with the largest errors.

    Arguments:
        origin: File and frame.
        formula: Chemical formula.
        target: The property in the data.
        predicted: The prediction.
    """

    origin: str
    formula: str
    target: float
    predicted: float


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Errors of one property.

    Arguments:
        name: The property.
        unit: Its unit.
        targets: The property in the data, shape (n,).
        predicted: The predictions, shape (n,).
        metrics: MAE, RMSE, largest error, R2 with intervals.
        baseline: The same metrics of the composition baseline.
        baseline_name: Name of the baseline; with delta learning it includes the baseline key.
        worst: Systems with the largest errors, the largest first.
        per_particle: Metrics of the property divided by the number of particles; None for a mean.
        derivatives: Errors of forces and stress by name, if they were learned and the data have them.
        share: Its mean absolute error as a share of the baseline's; None if the baseline has no error.
        std: Predicted standard deviations, shape (n,); None if the run predicts none.
        relative: Relative errors, of a quantity that grows with size; None for others.
    """

    name: str
    unit: str
    targets: Float64[np.ndarray, " n"]
    predicted: Float64[np.ndarray, " n"]
    metrics: dict[str, Metric]
    baseline: dict[str, Metric]
    baseline_name: str
    worst: tuple[Worst, ...]
    per_particle: dict[str, Metric] | None = None
    derivatives: dict[str, DerivativeErrors] = field(default_factory=dict)
    share: Metric | None = None
    std: Float64[np.ndarray, " n"] | None = None
    relative: Relative | None = None

    @property
    def coverage(self) -> Coverage | None:
        """Count the errors within the predicted standard deviations; None if there are none."""
        return None if self.std is None else Coverage.of(self.predicted - self.targets, self.std)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        record: dict[str, Any] = {
            "property": self.name,
            "unit": self.unit,
            "systems": len(self.targets),
            "metrics": _plain(self.metrics),
            "baseline": self.baseline_name,
            "composition_baseline": _plain(self.baseline),
            "share_of_baseline": None if self.share is None else asdict(self.share),
            "worst": [asdict(system) for system in self.worst],
        }
        if self.relative is not None:
            record["relative"] = asdict(self.relative)
        if self.per_particle is not None:
            record["per_particle"] = {"unit": f"{self.unit}/particle", "metrics": _plain(self.per_particle)}
        if self.coverage is not None:
            record["coverage"] = asdict(self.coverage)
        return record | {name: errors.to_json() for name, errors in self.derivatives.items()}


def _plain(metrics: Mapping[str, Metric]) -> dict[str, dict[str, float | None]]:
    """Return metrics for JSON, which has no nan: R2 of equal targets is null."""
    return {
        name: {key: value if math.isfinite(value) else None for key, value in asdict(metric).items()}
        for name, metric in metrics.items()
    }


@keeping_pipes
def evaluate(
    predictor: Predictor | str | Path, data: Data | None = None, *, quiet: bool = False, **reading: Any
) -> list[Evaluation] | list[ClassEvaluation]:
    """Predict data that have the properties, and measure the errors.

    Arguments:
        predictor: The trained model, or its run folder.
        data: Path of the data, the name of bundled data, or systems or ase.Atoms, one or any iterable; None: the test
            set of the run's own data.
        quiet: Print nothing.
        **reading: Names and units in the data, where these differ from the run's: any argument of
            :class:`~empnet.prediction.reading.Reading`, such as ``property="REF_energy"``, ``unit="kcal/mol"`` or
            ``length_unit="bohr"``. Errors are in the model's units.

    Returns:
        One evaluation for each property that the model predicts.

    Raises:
        EmpnetError: If the data cannot be read, or lack a property or a named label; if they have a class that the
            training data do not have.
    """
    predictor = as_predictor(predictor)
    if predictor.card.classes:
        return _of_classes(predictor, data, Reading.of(reading), quiet)
    card, journal = predictor.card, Journal(quiet)
    how = Reading.of(reading).for_data(data, card)
    labels = Labels(card, None if data is None else how.derivatives(card))
    if data is None:
        systems = own_side(predictor)
    else:
        systems = how.systems(data, card)
        for line in how.assumed(card):
            journal.say(line)
    called = "the test set" if data is None else name_of(data)
    found = evaluate_systems(predictor, track(systems, f"evaluating on {called}", quiet=quiet), labels)
    if not found:
        raise EmpnetError("no systems to evaluate on", where=called, remedy="name a data file")
    if how.forces or how.stress or how.virial:
        labels.refuse_absent()
    elif text := labels.absent():
        journal.say(f"{text}; name them with --forces, --stress or --virial")
    return found


def _of_classes(predictor: Predictor, data: Data | None, how: Reading, quiet: bool) -> list[ClassEvaluation]:
    """Evaluate a classifier on data, or on the run's own test set."""
    how.refuse_for_own_data(data)
    own = predictor.card.properties[0]
    name = named_in_data(how.property, (own,)).get(own, own)
    systems = own_side(predictor) if data is None else how.read(data)
    called = "the test set" if data is None else name_of(data)
    found = evaluate_classes(predictor, track(systems, f"evaluating on {called}", quiet=quiet), name)
    if not found:
        raise EmpnetError("no systems to evaluate on", where=called, remedy="name a data file")
    return found


def evaluate_systems(predictor: Predictor, systems: Iterable[System], labels: Labels) -> list[Evaluation]:
    """Measure errors on systems in bounded memory.

    Arguments:
        predictor: The trained model.
        systems: Any iterable of systems with the properties in the model's units.
        labels: Collector of their forces and stress.

    Returns:
        One evaluation for each property; none without systems.

    Raises:
        EmpnetError: If a system lacks a property.
    """
    targets: list[list[float]] = []
    origins, formulas, sizes, found = [], [], [], []
    for piece in pieces(systems):
        found.append(labels.take(piece, predictor))
        for system in piece:
            targets.append([target_of(system, name) for name in predictor.card.properties])
            origins.append(str(system.origin))
            formulas.append(system.formula)
            sizes.append(len(system))
    if not targets:
        return []
    joined = Prediction.joined(found, predictor.card)
    return evaluations_of(
        predictor.card,
        np.array(targets),
        joined.values,
        joined.baseline,
        origins,
        formulas,
        np.array(sizes),
        derivatives=labels.errors(),
        std=joined.std,
    )


def evaluations_of(
    card: ModelCard,
    targets: Float64[np.ndarray, "n F_prime"],
    predicted: Float64[np.ndarray, "n F_prime"],
    baseline: Float64[np.ndarray, "n F_prime"],
    origins: Sequence[str],
    formulas: Sequence[str],
    sizes: Int64[np.ndarray, " n"] | None = None,
    derivatives: dict[str, DerivativeErrors] | None = None,
    std: Float64[np.ndarray, "n F_prime"] | None = None,
) -> list[Evaluation]:
    """Return one evaluation for each property, from arrays of predictions.

    Arguments:
        card: Names and units of the properties.
        targets: The properties in the data, shape (n, F'), in the model's units.
        predicted: The prediction.
        baseline: Predictions of the baseline.
        origins: File and frame of each system.
        formulas: Chemical formula of each system.
        sizes: Number of particles of each system; None: no errors per particle.
        derivatives: Errors of the first property's forces and stress.
        std: Predicted standard deviations, as the targets; None if the run predicts none.
    """
    columns = (targets.T, predicted.T, baseline.T)
    found = [_evaluation(card, k, *column, origins, formulas) for k, column in enumerate(zip(*columns, strict=True))]
    for k, pooling in enumerate(card.architecture.pooling):
        if sizes is not None and pooling == "sum":
            found[k] = replace(found[k], per_particle=metrics_of(targets[:, k] / sizes, predicted[:, k] / sizes))
    if std is not None:
        found = [replace(evaluation, std=std[:, k]) for k, evaluation in enumerate(found)]
    found[0] = replace(found[0], derivatives=derivatives or {})
    return found


def _evaluation(
    card: ModelCard,
    k: int,
    y: np.ndarray,
    y_hat: np.ndarray,
    y_0: np.ndarray,
    origins: Sequence[str],
    formulas: Sequence[str],
) -> Evaluation:
    largest = np.argsort(-np.abs(y_hat - y), kind="stable")[:N_WORST]
    worst = tuple(Worst(origins[i], formulas[i], float(y[i]), float(y_hat[i])) for i in largest)
    name, unit, beside = card.properties[k], card.units[k], card.baseline_names[k]
    power = card.architecture.scale_power
    t, t_hat, t_0 = (in_its_measure(values, power) for values in (y, y_hat, y_0))
    share = share_of(t_hat - t, t_0 - t, t)
    relative = None if power is None else Relative.of(y_hat, y_0, y)
    metrics, base = metrics_of(y, y_hat), metrics_of(y, y_0)
    return Evaluation(name, unit, y, y_hat, metrics, base, beside, worst, share=share, relative=relative)


def measured_side(run: RunFolder) -> Side:
    """Return the set of the run's own data for measuring its model: test, or validation if there is no test set.

    Arguments:
        run: The run folder.
    """
    return "test" if len(run.read_split().test) else "validation"


def own_side(predictor: Predictor, side: Side = "test") -> Iterable[System]:
    """Yield the frames of one of the run's own sets, in the file's order.

    Arguments:
        predictor: The trained model of a run folder.
        side: ``"test"`` or ``"validation"``.

    Raises:
        EmpnetError: If that set is empty, or the data cannot be read or have changed.
    """
    run = RunFolder(predictor.run)
    config, split = run.read_config(), run.read_split(predictor.card.data.get("systems"))
    refuse_disagreement(config, predictor.card, run)
    indices = getattr(split, side)
    if len(indices) == 0:
        raise EmpnetError(f"the run has no {side} set", where=run, remedy="name a data file to evaluate on")
    data = find_data(run, remedy=MOVED)
    wanted = set(indices.tolist())
    frames = enumerate(iread(data, length_unit=config.length_unit))  # type: ignore[arg-type]
    return (system for index, system in frames if index in wanted)
