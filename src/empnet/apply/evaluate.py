"""Hold a trained model against data that have the property."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from empnet.apply.metrics import Metric, metrics_of
from empnet.apply.predictor import Predictor
from empnet.data.cache import data_hash
from empnet.data.checks import target_of
from empnet.data.errors import EmpnetError
from empnet.data.progress import track
from empnet.data.read import iread
from empnet.data.system import System
from empnet.data.units import convert, parse_unit
from empnet.learn.model_file import ModelCard
from empnet.learn.prepare import refuse_changed_data, refuse_data_in_memory
from empnet.learn.run_folder import RunFolder

__all__ = ["Evaluation", "Side", "Worst", "evaluate", "evaluations_of", "in_model_units", "measured_side", "own_side"]

Side = Literal["validation", "test"]

N_WORST = 10


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
    """

    name: str
    unit: str
    targets: Float64[np.ndarray, " n"]
    predicted: Float64[np.ndarray, " n"]
    metrics: dict[str, Metric]
    baseline: dict[str, Metric]
    baseline_name: str
    worst: tuple[Worst, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``--json``."""
        return {
            "property": self.name,
            "unit": self.unit,
            "systems": len(self.targets),
            "metrics": {name: asdict(metric) for name, metric in self.metrics.items()},
            "baseline": self.baseline_name,
            "composition_baseline": {name: asdict(metric) for name, metric in self.baseline.items()},
            "worst": [asdict(system) for system in self.worst],
        }


def evaluate(
    predictor: Predictor, data: str | Path | None = None, *, unit: str | None = None, quiet: bool = False
) -> list[Evaluation]:
    """Predict data that have the properties, and measure the errors.

    Arguments:
        predictor: The trained model.
        data: Path of the data, or the name of bundled data; None: the test side of the run's own data.
        unit: Unit of the properties in the data, if it is not the model's; errors are in the model's.
        quiet: No progress bar.

    Returns:
        One evaluation for each property that the model predicts.

    Raises:
        EmpnetError: If the data cannot be read or lack a property.
    """
    systems = own_side(predictor) if data is None else iread(data, length_unit=predictor.card.length_unit)
    systems = in_model_units(systems, predictor.card, unit)
    targets: list[list[float]] = []
    origins, formulas, values, baselines = [], [], [], []
    what = f"evaluating on {data or 'the test side'}"
    for piece, predicted, baseline in predictor.stream(track(systems, what, quiet=quiet)):
        for system in piece:
            targets.append([target_of(system, name) for name in predictor.card.properties])
            origins.append(str(system.origin))
            formulas.append(system.formula)
        values.append(predicted)
        baselines.append(baseline)
    if not targets:
        raise EmpnetError("no systems to evaluate on", where=data or predictor.run, remedy="name a data file")
    y, y_hat, y_0 = np.array(targets), np.concatenate(values), np.concatenate(baselines)
    return evaluations_of(predictor.card, y, y_hat, y_0, origins, formulas)


def evaluations_of(
    card: ModelCard,
    targets: Float64[np.ndarray, "n F_prime"],
    predicted: Float64[np.ndarray, "n F_prime"],
    baseline: Float64[np.ndarray, "n F_prime"],
    origins: Sequence[str],
    formulas: Sequence[str],
) -> list[Evaluation]:
    """One evaluation for each property, from numbers that are at hand.

    Arguments:
        card: Names and units of the properties.
        targets: The properties in the data, shape (n, F'), in the model's units.
        predicted: What was predicted.
        baseline: What is known without the network.
        origins: Where each system comes from.
        formulas: What each system is made of.
    """
    columns = (targets.T, predicted.T, baseline.T)
    return [_evaluation(card, k, *column, origins, formulas) for k, column in enumerate(zip(*columns, strict=True))]


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
    refuse_data_in_memory(config.data, run.path, "name a data file")
    remedy = "the split is of no use for other data; name a data file to evaluate on"
    refuse_changed_data(predictor.card, data_hash(config.data), run.path, remedy)
    wanted = set(indices.tolist())
    frames = enumerate(iread(config.data, length_unit=config.length_unit))
    return (system for index, system in frames if index in wanted)
