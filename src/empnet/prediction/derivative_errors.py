"""Errors of forces and stress: in all, of each species, of each component."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from empnet.dataset.label_reader import LabelReader
from empnet.dataset.rows import species_of
from empnet.errors import EmpnetError
from empnet.prediction.metrics import Metric, metrics_of_components
from empnet.prediction.prediction import Outputs, Prediction
from empnet.prediction.predictor import Predictor
from empnet.system.label_spec import LabelSpec
from empnet.system.one_hot import symbol
from empnet.system.system import System
from empnet.training.run.model_file import ModelCard

__all__ = ["DerivativeErrors", "Labels"]

VOIGT = ("xx", "yy", "zz", "yz", "xz", "xy")


@dataclass(frozen=True, slots=True, eq=False)
class DerivativeErrors:
    """Predicted forces or stress with their targets and errors.

    Arguments:
        name: ``"forces"`` or ``"stress"``.
        unit: The property's unit per angstrom, or per cubic angstrom.
        targets: One row for each particle or system, shape (n, C).
        predicted: The same shape.
        metrics: MAE, RMSE and largest error of a component. The intervals come from drawing whole systems, because the
            forces in one system are not independent.
        target_rms: Root mean square of the targets: the RMSE of predicting zero.
        groups: The same metrics of the forces on each species, or of each component of the stress.
    """

    name: str
    unit: str
    targets: Float64[np.ndarray, "n C"]
    predicted: Float64[np.ndarray, "n C"]
    metrics: dict[str, Metric]
    target_rms: float
    groups: dict[str, dict[str, Metric]]

    @property
    def groups_and_all(self) -> dict[str, dict[str, Metric]]:
        """All components first, then the groups; a single group would repeat the first line."""
        return {"all": self.metrics} | (self.groups if len(self.groups) > 1 else {})

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""

        def plain(metrics: dict[str, Metric]) -> dict[str, Any]:
            return {name: asdict(metric) for name, metric in metrics.items()}

        groups = {name: plain(metrics) for name, metrics in self.groups.items()}
        return {
            "unit": self.unit,
            "components": self.targets.size,
            "metrics": plain(self.metrics),
            "target_rms": self.target_rms,
            "by_species" if self.name == "forces" else "by_component": groups,
        }


@dataclass(slots=True)
class Labels:
    """Collects predicted forces and stress of a stream of systems with their targets.

    Arguments:
        card: Card of the model.
        derivatives: Names and units of the labels in these data; None: as in the run's own data.
    """

    card: ModelCard
    derivatives: LabelSpec | None = None
    _rows: list[tuple[np.ndarray, ...]] = field(default_factory=list)
    _species: list[np.ndarray] = field(default_factory=list)
    _stress: list[tuple[np.ndarray, np.ndarray, int]] = field(default_factory=list)
    _systems: int = 0
    _reader: LabelReader = field(init=False)

    def __post_init__(self) -> None:
        self._reader = LabelReader(self.card.derivatives if self.derivatives is None else self.derivatives)

    def refuse_absent(self) -> None:
        """Raise if no system has a requested label; the message lists similar names.

        Raises:
            EmpnetError: If so.
        """
        self._reader.refuse_absent()

    def absent(self) -> str:
        """Name the labels that no system has, in a line; empty if none is absent."""
        try:
            self._reader.refuse_absent()
        except EmpnetError as error:
            return str(error)
        return ""

    def take(self, systems: Sequence[System], predictor: Predictor) -> Prediction:
        """Predict systems, and keep their forces and stress with the targets.

        Arguments:
            systems: Systems that fit into memory.
            predictor: The trained model.

        Returns:
            The prediction.
        """
        labels = self._reader.wanted
        if not labels:
            return predictor.predict_piece(systems)
        wanted = Outputs(forces=bool(labels.forces), stress=bool(labels.stress))
        # not predict_piece: an open system among crystals has no stress, which is no error here
        found = predictor.predict_dataset(predictor.dataset(systems), wanted)
        for k, system in enumerate(systems):
            number, rows = self._systems + k, self._reader.of(system)
            if found.forces is not None:
                target = rows["forces"]
                if not np.isnan(target[0, 0]):
                    self._rows.append((target, found.forces[k], np.full(len(system), number)))
                    self._species.append(species_of(system))
            if found.stress is not None:
                target = rows["stress"][0]
                if not np.isnan(target[0]):
                    self._stress.append((target, found.stress[k], number))
        self._systems += len(systems)
        return found

    def errors(self) -> dict[str, DerivativeErrors]:
        """Return the errors of the labels that the data have, by name."""
        return {found.name: found for found in self._each()}

    def _each(self) -> Iterator[DerivativeErrors]:
        unit = self.card.units[0]
        if self._rows:
            targets, predicted, system_of = map(np.concatenate, zip(*self._rows, strict=True))
            species = np.concatenate(self._species)
            kinds = {symbol(int(kind)): species == kind for kind in np.unique(species)}
            groups = {
                name: metrics_of_components(targets[rows], predicted[rows], system_of[rows])
                for name, rows in kinds.items()
            }
            yield _errors("forces", f"{unit}/angstrom", targets, predicted, system_of, groups)
        if self._stress:
            targets, predicted = (np.stack(rows) for rows in list(zip(*self._stress, strict=True))[:2])
            system_of = np.array([number for _, _, number in self._stress])
            groups = {
                name: metrics_of_components(targets[:, [c]], predicted[:, [c]], system_of)
                for c, name in enumerate(VOIGT)
            }
            yield _errors("stress", f"{unit}/angstrom^3", targets, predicted, system_of, groups)


def _errors(
    name: str,
    unit: str,
    targets: np.ndarray,
    predicted: np.ndarray,
    system_of: Int64[np.ndarray, " n"],
    groups: dict[str, dict[str, Metric]],
) -> DerivativeErrors:
    metrics = metrics_of_components(targets, predicted, system_of)
    rms = float(np.sqrt(np.square(targets).mean()))
    return DerivativeErrors(name, unit, targets, predicted, metrics, rms, groups)
