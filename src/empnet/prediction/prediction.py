"""Predictions for users, and the derivatives requested with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from empnet.errors import EmpnetError
from empnet.system.system import System
from empnet.training.classes.temperature import probabilities
from empnet.training.run.model_file import ModelCard

__all__ = ["Outputs", "Prediction"]


@dataclass(frozen=True, slots=True)
class Outputs:
    """Derivatives and parts requested with the properties; all belong to the first property.

    Arguments:
        forces: -dE/dr of each particle.
        stress: The strain derivative over the volume.
        energies: Contribution of each particle.
        outside: Reason why a system is unlike the training data.

    Example:
        >>> bool(Outputs()), bool(Outputs(stress=True))
        (False, True)
    """

    forces: bool = False
    stress: bool = False
    energies: bool = False
    outside: bool = False

    def __bool__(self) -> bool:
        return self.forces or self.stress or self.energies

    @property
    def named(self) -> str:
        """Name of the first requested one, for messages."""
        return next(name for name in ("forces", "stress", "energies") if getattr(self, name))

    def refuse_impossible(self, card: ModelCard, run: str = "") -> None:
        """Raise if a model cannot compute what is requested.

        Arguments:
            card: Card of the model.
            run: The run folder, for messages.

        Raises:
            EmpnetError: If its first property is not a sum over particles, or the model learned a difference.
        """
        if not self:
            return
        name = card.properties[0]
        if card.architecture.readout == "pooled":
            raise EmpnetError(
                f"'{name}' is read from the whole system, not a sum over particles, so it has no {self.named}",
                where=run,
            )
        if card.architecture.pooling[0] != "sum":
            wanted = f"a sum over particles, such as an energy, for its {self.named}"
            raise EmpnetError(f"'{name}' is a mean over particles", where=run, wanted=wanted)
        if card.baseline_keys:
            raise EmpnetError(
                f"{self.named}: the model predicts a difference to '{card.baseline_keys[0]}' of the data, and does not "
                f"know the {self.named} of that",
                where=run,
                remedy="train without --baseline-key",
            )

    def refuse_without_volume(self, system: System) -> None:
        """Raise if stress is requested for a system that does not repeat along all three axes.

        Arguments:
            system: The system.

        Raises:
            EmpnetError: If so.

        Example:
            >>> Outputs(stress=True).refuse_without_volume(System([[0, 0, 0]]))
            Traceback (most recent call last):
            ...
            empnet.errors.EmpnetError: there is no stress: the system does not repeat (pbc F F F); wanted ...
        """
        if self.stress and not all(system.pbc):
            pbc = " ".join("T" if axis else "F" for axis in system.pbc)
            how = "repeats along some axes only" if any(system.pbc) else "does not repeat"
            vacuum = (
                "of a slab or wire: set pbc T T T with vacuum in the cell, wider than the cutoff (energy and forces "
                "stay the same, and stress is over the volume of that cell); or "
            )
            raise EmpnetError(
                f"there is no stress: the system {how} (pbc {pbc})",
                where=system.origin,
                wanted="a crystal, with a cell and pbc T T T: without a volume there is no stress",
                remedy=f"{vacuum if any(system.pbc) else ''}ask for energy and forces only",
            )


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Predicted properties of systems, in the order in which the systems were given.

    Arguments:
        values: Shape (B, F'), float64, in the properties' units.
        baseline: Prediction of the composition alone (with delta learning, plus the baseline key), same shape.
        properties: Names of the properties.
        units: Their units.
        forces: -dE/dr of the first property, in its unit per angstrom: for each system an array of shape (N, 3),
            particles in their given order; None if not requested.
        stress: (1/V) dE / d strain in the unit per cubic angstrom, xx yy zz yz xz xy, positive if the system tends to
            shrink, as in ASE, shape (B, 6); None if not requested.
        energies: Contribution of each particle to the first property, in its unit: for each system an array of shape
            (N,); None if not requested.
        std: Standard deviation of each of the values, within which 68 % of errors are; None if the run predicts none.
        outside: For each system the reason why it is unlike the training data, empty if it is not; None if not
            requested.
        classes: Names of the classes, if these are predicted: values are then their logits over the temperature, shape
            (B, K).

    Example:
        >>> prediction = Prediction(np.array([[1.5]]), np.array([[1.0]]), ("energy",), ("eV",))
        >>> prediction["energy"], float(prediction)
        (array([1.5]), 1.5)
    """

    values: Float64[np.ndarray, "B F_prime"]
    baseline: Float64[np.ndarray, "B F_prime"]
    properties: tuple[str, ...]
    units: tuple[str, ...]
    forces: list[np.ndarray] | None = None
    stress: Float64[np.ndarray, "B 6"] | None = None
    energies: list[np.ndarray] | None = None
    std: Float64[np.ndarray, "B F_prime"] | None = None
    outside: list[str] | None = None
    classes: tuple[str, ...] = ()

    @classmethod
    def joined(cls, parts: Sequence[Prediction], card: ModelCard, wanted: Outputs = Outputs()) -> Prediction:
        """Join any number of predictions.

        Arguments:
            parts: The predictions, none too.
            card: Card of the model that made them.
            wanted: The derivatives and parts that they hold.
        """
        none, deviations = np.zeros((0, card.n_outputs)), [part.std for part in parts if part.std is not None]
        return cls(
            np.concatenate([none, *(part.values for part in parts)]),
            np.concatenate([none, *(part.baseline for part in parts)]),
            card.properties,
            card.units,
            [rows for part in parts for rows in part.forces or ()] if wanted.forces else None,
            np.concatenate([np.zeros((0, 6)), *(part.stress for part in parts)]) if wanted.stress else None,
            [rows for part in parts for rows in part.energies or ()] if wanted.energies else None,
            np.concatenate([none, *deviations]) if len(deviations) == len(parts) else None,
            [why for part in parts for why in part.outside or ()] if wanted.outside else None,
            card.classes,
        )

    @property
    def probabilities(self) -> Float64[np.ndarray, "B K"]:
        """Probabilities of the classes, calibrated on the run's validation set.

        Raises:
            EmpnetError: If the model predicts numbers.
        """
        if not self.classes:
            raise EmpnetError(f"'{self.properties[0]}' is a number, so it has no probabilities")
        return probabilities(self.values)

    @property
    def labels(self) -> list[str]:
        """The most probable class of each system."""
        return [self.classes[k] for k in self.probabilities.argmax(axis=1)]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, name: str) -> Float64[np.ndarray, " B"]:
        if name not in self.properties:
            raise KeyError(f"'{name}' is not predicted (predicted: {', '.join(self.properties)})")
        return self.values[:, self.properties.index(name)]

    def __array__(self, dtype: type | None = None, copy: bool | None = None) -> np.ndarray:
        values = self.values[:, 0] if len(self.properties) == 1 else self.values
        return np.array(values, dtype=dtype) if copy is not False else values

    def __float__(self) -> float:
        if self.values.size != 1:
            raise TypeError(f"a prediction of shape {self.values.shape} is not one number")
        return float(self.values.item())
