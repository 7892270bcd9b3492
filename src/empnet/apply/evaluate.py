"""Hold a trained model against data that have the property."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64, Int64

from empnet.apply.derivative_errors import DerivativeErrors, Labels
from empnet.apply.metrics import Metric, metrics_of
from empnet.apply.predictor import Predictor, pieces
from empnet.data.checks import target_of
from empnet.data.errors import EmpnetError
from empnet.data.progress import track
from empnet.data.read import iread
from empnet.data.system import System
from empnet.data.units import convert, parse_unit
from empnet.learn.model_file import ModelCard
from empnet.learn.own_data import find_data
from empnet.learn.run_folder import RunFolder

__all__ = ["Evaluation", "Side", "Worst", "evaluate", "evaluations_of", "in_model_units", "measured_side", "own_side"]

Side = Literal["validation", "test"]

N_WORST = 10
MOVED = "name a data file; if the run's own have been moved, say where, once: empnet train DATA --resume RUN"


@dataclass(frozen=True, slots=True)
class Worst:
    """One of the systems with the largest errors.

    Arguments:
        origin: File and frame.
        formula: What it is made of.
        target: The property in the data.
        predicted: What was predicted.
    """

    origin: str
    formula: str
    target: float
    predicted: float


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """How well one property is predicted.

    Arguments:
        name: The property.
        unit: Its unit.
        targets: The property in the data, shape (n,).
        predicted: What was predicted, shape (n,).
        metrics: MAE, RMSE, largest error, R2 with intervals.
        baseline: The same of the composition baseline.
        baseline_name: What the baseline is, in words; with delta learning it holds the baseline key.
        worst: The systems with the largest errors, the largest first.
        per_particle: MAE, RMSE and so on of the property divided by the number of particles; None for a mean.
        derivatives: Errors of its forces and stress by name, as far as they were learned and the data have them.
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

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``--json``."""
        told: dict[str, Any] = {
            "property": self.name,
            "unit": self.unit,
            "systems": len(self.targets),
            "metrics": {name: asdict(metric) for name, metric in self.metrics.items()},
            "baseline": self.baseline_name,
            "composition_baseline": {name: asdict(metric) for name, metric in self.baseline.items()},
            "worst": [asdict(system) for system in self.worst],
        }
        if self.per_particle is not None:
            each = {name: asdict(metric) for name, metric in self.per_particle.items()}
            told["per_particle"] = {"unit": f"{self.unit}/particle", "metrics": each}
        return told | {name: errors.to_json() for name, errors in self.derivatives.items()}


def evaluate(
    predictor: Predictor, data: str | Path | None = None, *, unit: str | None = None, quiet: bool = False
) -> list[Evaluation]:
    """Predict data that have the properties, and measure the errors.

    Arguments:
        predictor: The trained model.
        data: Path of the data, or the name of bundled data; None: the test side of the run's own data.
        unit: Unit of the properties in the data, if it is not the model's; errors are in the model's. Forces and stress
            in the data are then taken to be in this unit and angstrom.
        quiet: No progress bar.

    Returns:
        One evaluation for each property that the model predicts.

    Raises:
        EmpnetError: If the data cannot be read or lack a property.
    """
    systems = own_side(predictor) if data is None else iread(data, length_unit=predictor.card.length_unit)
    systems = in_model_units(systems, predictor.card, unit)
    targets: list[list[float]] = []
    origins, formulas, sizes, values, baselines = [], [], [], [], []
    labels = Labels(predictor.card, unit)
    what = f"evaluating on {data or 'the test side'}"
    for piece in pieces(track(systems, what, quiet=quiet)):
        predicted, baseline = labels.take(piece, predictor)
        for system in piece:
            targets.append([target_of(system, name) for name in predictor.card.properties])
            origins.append(str(system.origin))
            formulas.append(system.formula)
            sizes.append(len(system))
        values.append(predicted)
        baselines.append(baseline)
    if not targets:
        raise EmpnetError("no systems to evaluate on", where=data or predictor.run, remedy="name a data file")
    y, y_hat, y_0 = np.array(targets), np.concatenate(values), np.concatenate(baselines)
    return evaluations_of(
        predictor.card, y, y_hat, y_0, origins, formulas, np.array(sizes), derivatives=labels.errors()
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
) -> list[Evaluation]:
    """One evaluation for each property, from numbers that are at hand.

    Arguments:
        card: Names and units of the properties.
        targets: The properties in the data, shape (n, F'), in the model's units.
        predicted: What was predicted.
        baseline: What is known without the network.
        origins: Where each system comes from.
        formulas: What each system is made of.
        sizes: Number of particles of each; None: nothing is told per particle.
        derivatives: Errors of the first property's forces and stress.
    """
    columns = (targets.T, predicted.T, baseline.T)
    found = [_evaluation(card, k, *column, origins, formulas) for k, column in enumerate(zip(*columns, strict=True))]
    for k, pooling in enumerate(card.architecture.pooling):
        if sizes is not None and pooling == "sum":
            found[k] = replace(found[k], per_particle=metrics_of(targets[:, k] / sizes, predicted[:, k] / sizes))
    found[0] = replace(found[0], derivatives=derivatives or {})
    return found


def in_model_units(systems: Iterable[System], card: ModelCard, unit: str | None) -> Iterable[System]:
    """The systems with the properties, and what is known of them beforehand, in the model's units.

    Arguments:
        systems: As they were read.
        card: Names and units of the properties.
        unit: Unit of the properties in the data; None: the model's.
    """
    if unit is None or all(unit == own for own in card.units):
        return systems
    factors = {
        name: convert(1.0, parse_unit(unit), parse_unit(own))
        for names in (card.properties, card.baseline_keys)
        for name, own in zip(names, card.units, strict=False)
    }
    return (replace(system, properties=_scaled(system.properties, factors)) for system in systems)


def _scaled(properties: Mapping[str, float], factors: Mapping[str, float]) -> dict[str, float]:
    return {name: value * factors.get(name, 1.0) for name, value in properties.items()}


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
    return Evaluation(name, unit, y, y_hat, metrics_of(y, y_hat), metrics_of(y, y_0), beside, worst)


def measured_side(run: RunFolder) -> Side:
    """The side of a run's own data that its model is measured on: test, or validation if there is no test side.

    Arguments:
        run: The run folder.
    """
    return "test" if len(run.read_split().test) else "validation"


def own_side(predictor: Predictor, side: Side = "test") -> Iterable[System]:
    """The frames of the run's own data that are on one of its sides, lazily and in the file's order.

    Arguments:
        predictor: The trained model of a run folder.
        side: ``"test"`` or ``"validation"``.

    Raises:
        EmpnetError: If that side is empty, or the data cannot be read or are no longer what they were.
    """
    run = RunFolder(predictor.run)
    config, indices = run.read_config(), getattr(run.read_split(), side)
    if len(indices) == 0:
        raise EmpnetError(f"the run has no {side} side", where=run, remedy="name a data file to evaluate on")
    data = find_data(run, remedy=MOVED)
    wanted = set(indices.tolist())
    frames = enumerate(iread(data, length_unit=config.length_unit))  # type: ignore[arg-type]
    return (system for index, system in frames if index in wanted)
