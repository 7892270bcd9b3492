"""Predictions for parts of a data set, and their errors."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Float64, Int64

from empnet.dataset.balance import balance, work_of
from empnet.dataset.dataset import Dataset
from empnet.dataset.joining import ranges
from empnet.model.ensemble import Ensemble
from empnet.model.evaluator import Evaluator
from empnet.model.network import Network
from empnet.runtime.distribution import Processes
from empnet.system.one_hot import symbol
from empnet.training.classes.class_errors import ClassErrors
from empnet.training.relative_errors import Relative, in_its_measure
from empnet.training.run.model_file import ModelCard
from empnet.training.uncertainty.bootstrap import mean_error, share_of
from empnet.training.uncertainty.calibration import Coverage

__all__ = ["AnyMeasured", "ClassMeasured", "Compared", "Measured", "measure", "measure_together"]


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """Predicted forces or stress with their targets; rows without a target are nan and are left out of all errors.

    Arguments:
        predicted: One row per particle, or per system.
        targets: The same shape.

    Example:
        >>> Compared(np.array([[3.0], [0.0]]), np.array([[1.0], [np.nan]])).mae
        2.0
    """

    predicted: Float64[np.ndarray, "n C"]
    targets: Float64[np.ndarray, "n C"]

    @property
    def there(self) -> np.ndarray:
        """Mask of the rows that have a target, shape (n,), bool."""
        return ~np.isnan(self.targets[:, 0])

    def of(self, rows: np.ndarray) -> Compared:
        """Return some rows alone.

        Arguments:
            rows: Indices, or a mask.
        """
        return Compared(self.predicted[rows], self.targets[rows])

    @property
    def errors(self) -> Float64[np.ndarray, "m C"]:
        """Predicted minus target, for rows that have a target."""
        there = self.there
        return self.predicted[there] - self.targets[there]

    @property
    def mae(self) -> float:
        """Mean absolute error of a component; nan if there is none."""
        errors = self.errors
        return float(np.abs(errors).mean()) if errors.size else np.nan

    @property
    def rmse(self) -> float:
        """Root mean square error of a component; nan if there is none."""
        errors = self.errors
        return float(np.sqrt(np.square(errors).mean())) if errors.size else np.nan

    def summary(self, unit: str) -> dict[str, float | str | int]:
        """Return errors for ``results.json``, and the targets' root mean square: the RMSE of a prediction of zero.

        Arguments:
            unit: Unit of the numbers.
        """
        targets = self.targets[self.there]
        return {
            "mae": self.mae,
            "rmse": self.rmse,
            "target_rms": float(np.sqrt(np.square(targets).mean())),
            "unit": unit,
            "components": targets.size,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Predictions with their targets.

    Arguments:
        predicted: Shape (n, F'), in the properties' units.
        targets: The same shape.
        baseline: Predictions of the composition baseline, shape (n, F').
        sizes: Number of particles of each system, shape (n,).
        species: Species of each particle, system after system, shape (n_atoms,).
        forces: Forces in the first property's unit per angstrom, shape (n_atoms, 3); None if not learned.
        stress: Stress in the first property's unit per cubic angstrom, shape (n, 6); None if not learned.
    """

    predicted: Float64[np.ndarray, "n F_prime"]
    targets: Float64[np.ndarray, "n F_prime"]
    baseline: Float64[np.ndarray, "n F_prime"]
    sizes: Int64[np.ndarray, " n"]
    species: Int64[np.ndarray, " n_atoms"]
    forces: Compared | None = None
    stress: Compared | None = None

    @property
    def mae(self) -> Float64[np.ndarray, " F_prime"]:
        """Mean absolute error of each property."""
        return np.abs(self.predicted - self.targets).mean(axis=0)

    @property
    def baseline_mae(self) -> Float64[np.ndarray, " F_prime"]:
        """Mean absolute error of the composition baseline."""
        return np.abs(self.baseline - self.targets).mean(axis=0)

    def per_particle(self, k: int = 0) -> Compared:
        """Return a property divided by the number of particles, with its targets.

        Arguments:
            k: Index of the property.
        """
        n = self.sizes[:, None]
        return Compared(self.predicted[:, [k]] / n, self.targets[:, [k]] / n)

    def summary(
        self, card: ModelCard, std: Float64[np.ndarray, "n F_prime"] | None = None
    ) -> dict[str, dict[str, Any]]:
        """Return errors by property, for ``results.json``; for extensive properties also per particle.

        Arguments:
            card: Names and units.
            std: Predicted standard deviations in the properties' units; None if the run predicts none.
        """
        rmse = np.sqrt(np.square(self.predicted - self.targets).mean(axis=0))
        record: dict[str, dict[str, Any]] = {
            name: {
                "mae": float(self.mae[k]),
                "rmse": float(rmse[k]),
                "baseline_mae": float(self.baseline_mae[k]),
                "baseline": card.baseline_names[k],
                "unit": card.units[k],
                "systems": len(self.targets),
                **self._intervals(k, card.architecture.scale_power),
            }
            for k, name in enumerate(card.properties)
        }
        if card.architecture.scale_power is not None:
            relative = Relative.of(self.predicted[:, 0], self.baseline[:, 0], self.targets[:, 0])
            record[card.properties[0]]["relative"] = asdict(relative)
        for k, name in enumerate(card.properties):
            if card.architecture.pooling[k] == "sum":
                each = self.per_particle(k)
                record[name]["per_particle"] = {"mae": each.mae, "rmse": each.rmse, "unit": f"{card.units[k]}/particle"}
            found = None if std is None else Coverage.of(self.predicted[:, k] - self.targets[:, k], std[:, k])
            if found is not None:
                record[name]["coverage"] = asdict(found)
        first = record[card.properties[0]]
        if self.forces is not None and self.forces.there.any():
            unit = f"{card.units[0]}/angstrom"
            first["forces"] = self.forces.summary(unit)
            first["forces"]["by_species"] = {
                symbol(kind): both.summary(unit) for kind, both in self.forces_by_species().items()
            }
        if self.stress is not None and self.stress.there.any():
            first["stress"] = self.stress.summary(f"{card.units[0]}/angstrom^3")
        return record

    def _intervals(self, k: int, power: float | None) -> dict[str, Any]:
        """Return the interval of property k's mean absolute error, and its share of the baseline's error."""
        targets = in_its_measure(self.targets[:, k], power)
        errors, beside = (in_its_measure(each[:, k], power) - targets for each in (self.predicted, self.baseline))
        mae, share = mean_error(self.predicted[:, k] - self.targets[:, k]), share_of(errors, beside, targets)
        return {
            "mae_interval": [mae.low, mae.high],
            "share_of_baseline": None if share is None else asdict(share),
        }

    def forces_by_species(self) -> dict[int, Compared]:
        """Return forces by species, ascending, for species that have any; empty if no forces are learned."""
        if self.forces is None:
            return {}
        there = self.forces.there
        kinds = np.unique(self.species[there])
        return {int(kind): self.forces.of(there & (self.species == kind)) for kind in kinds}


@dataclass(frozen=True, slots=True, eq=False)
class ClassMeasured:
    """Predicted logits with the true classes.

    Arguments:
        predicted: Logits, shape (n, K).
        targets: Numbers of the true classes, shape (n, 1), float64.
        sizes: Number of particles of each system, shape (n,).
    """

    predicted: Float64[np.ndarray, "n K"]
    targets: Float64[np.ndarray, "n 1"]
    sizes: Int64[np.ndarray, " n"]

    @property
    def labels(self) -> Int64[np.ndarray, " n"]:
        """Numbers of the true classes."""
        return self.targets[:, 0].astype(np.int64)

    def errors(self, card: ModelCard, temperature: float = 1.0) -> ClassErrors:
        """Return accuracy, log-loss and confusion.

        Arguments:
            card: Names of the classes.
            temperature: Temperature of the probabilities.
        """
        return ClassErrors.of(self.predicted, self.labels, card.classes, temperature)


AnyMeasured: TypeAlias = Measured | ClassMeasured
"""Predictions of properties, or of classes, beside their targets."""


@torch.no_grad()
def measure(
    model: Network | Ensemble, dataset: Dataset, indices: Int64[np.ndarray, " n"], card: ModelCard, device: torch.device
) -> AnyMeasured:
    """Predict systems in pieces of bounded memory, with forces and stress where they are learned.

    Arguments:
        model: The model.
        dataset: Data with targets.
        indices: Indices of the systems, at least one.
        card: Species and dtype of the model.
        device: Device of the model.
    """
    rows: dict[str, list[np.ndarray]] = {"predicted": [], "baseline": [], "forces": [], "stress": []}
    encoder, evaluate = card.encoder, Evaluator(model)
    for piece in dataset.chunks(indices):
        batch = dataset.batch(piece, encoder, card.torch_dtype).to(device)
        found = evaluate(batch, forces=dataset.has_forces, stress=dataset.has_stress)
        outputs = (found.values, model.composition_baseline(batch), found.forces, found.stress)
        for name, value in zip(rows, outputs, strict=True):
            if value is not None:
                rows[name].append(value.cpu().numpy())
    joined = {name: np.concatenate(parts) for name, parts in rows.items() if parts}
    return _beside(dataset, indices, joined, card)


def _beside(
    dataset: Dataset, indices: Int64[np.ndarray, " n"], rows: dict[str, np.ndarray], card: ModelCard
) -> AnyMeasured:
    """Return the predictions of these systems with their targets."""
    arrays, sizes = dataset.arrays, dataset.sizes
    if card.classes:
        return ClassMeasured(rows["predicted"], dataset.targets[indices], sizes[indices])
    particles = ranges((np.cumsum(sizes) - sizes)[indices], sizes[indices])
    return Measured(
        rows["predicted"],
        dataset.targets[indices],
        rows["baseline"],
        sizes[indices],
        arrays["species"][particles].astype(np.int64),
        Compared(rows["forces"], arrays["forces"][particles]) if "forces" in rows else None,
        Compared(rows["stress"], arrays["stress"][indices]) if "stress" in rows else None,
    )


def measure_together(
    processes: Processes,
    model: Network,
    dataset: Dataset,
    indices: Int64[np.ndarray, " n"],
    card: ModelCard,
    device: torch.device,
) -> AnyMeasured:
    """Predict systems on several processes; each process returns all predictions.

    Arguments:
        processes: The processes that share the systems.
        model: The model, the same in all processes.
        dataset: Data with targets.
        indices: Indices of the systems, at least one.
        card: Species and dtype of the model.
        device: Device of the model.
    """
    if processes.alone:
        return measure(model, dataset, indices, card, device)
    sizes = dataset.sizes[indices]
    shares = balance(work_of(sizes, dataset.arrays["n_pairs"][indices]), processes.size)
    mine = indices[shares[processes.rank]]

    def predict() -> dict[str, np.ndarray] | None:
        if not len(mine):
            return None
        part = measure(model, dataset, mine, card, device)
        if isinstance(part, ClassMeasured):
            return {"predicted": part.predicted}
        rows = {"predicted": part.predicted, "baseline": part.baseline}
        derivatives = {"forces": part.forces, "stress": part.stress}
        return rows | {name: both.predicted for name, both in derivatives.items() if both is not None}

    rows: dict[str, np.ndarray] = {}
    first = np.cumsum(sizes) - sizes
    for share, part in zip(shares, processes.gather(predict), strict=True):
        for name, values in (part or {}).items():
            at, n = (
                (ranges(first[share], sizes[share]), int(sizes.sum())) if name == "forces" else (share, len(indices))
            )
            rows.setdefault(name, np.empty((n, values.shape[1])))[at] = values
    return _beside(dataset, indices, rows, card)
