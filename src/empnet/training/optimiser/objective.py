"""Loss of a batch and score of a validation: energies, forces and stress in one number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from empnet.dataset.dataset import Dataset
from empnet.errors import EmpnetError
from empnet.model.network import Network
from empnet.model.training_pass import trainable_prediction
from empnet.training.measure import AnyMeasured, Compared, Measured
from empnet.training.optimiser.loss import FORCES_WEIGHT, STRESS_WEIGHT, Loss, summed_loss
from empnet.training.optimiser.scales import Scales
from empnet.training.run.config import TrainConfig
from empnet.training.run.model_file import ModelCard

__all__ = ["Objective", "Weights"]


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of the means in the loss; they add up to one.

    Arguments:
        energy: Weight of the properties.
        forces: Weight of the forces; 0 if none are learned.
        stress: Weight of the stress; 0 if none is learned.

    Example:
        >>> Weights.of(TrainConfig(data="a.xyz", forces="forces", forces_weight=3.0))
        Weights(energy=0.25, forces=0.75, stress=0.0)
    """

    energy: float = 1.0
    forces: float = 0.0
    stress: float = 0.0

    @classmethod
    def of(cls, config: TrainConfig) -> Weights:
        """Return the weights of a configuration, with the defaults of :mod:`~empnet.training.optimiser.loss`.

        Arguments:
            config: The configuration.

        Raises:
            EmpnetError: If all of them are zero.
        """
        forces = FORCES_WEIGHT if config.forces_weight is None else config.forces_weight
        stress = STRESS_WEIGHT if config.stress_weight is None else config.stress_weight
        parts = (
            config.energy_weight,
            forces if config.forces else 0.0,
            stress if config.stress or config.virial else 0.0,
        )
        if not sum(parts):
            raise EmpnetError("all weights of the loss are zero", wanted="one above zero")
        return cls(*(part / sum(parts) for part in parts))


@dataclass(frozen=True, slots=True, eq=False)
class _Term:
    """One mean of the loss: its weight, its errors, and the number of values in the whole batch."""

    weight: float
    predicted: Tensor
    targets: Tensor
    unit: Tensor
    count: int


class Objective:
    r"""Objective of training: the weighted mean of up to three mean losses, each of errors in its own unit.

    .. math::
        L = w_E \, \Big\langle \ell\Big(\frac{E - E^*}{s_E \sqrt N}\Big) \Big\rangle_{\text{systems}}
          + w_F \, \Big\langle \ell\Big(\frac{F - F^*}{s_F}\Big) \Big\rangle_{\text{components}}
          + w_S \, \Big\langle \ell\Big(\frac{S - S^*}{s_S}\Big) \Big\rangle_{\text{components}}

    Each mean runs over the available targets: a system without forces or stress does not enter theirs. Without
    derivatives the root of N, the number of particles, is left out.
    See :class:`~empnet.training.optimiser.scales.Scales` for the units.

    Arguments:
        config: Kind of loss and weights.
        card: Species of the model.
        dataset: The data with targets.
        scales: The units.
        device: Device of the model.
    """

    def __init__(
        self, config: TrainConfig, card: ModelCard, dataset: Dataset, scales: Scales, device: torch.device
    ) -> None:
        self.kind: Loss = config.loss
        self.weights, self.scales = Weights.of(config), scales
        self._dataset, self._device, self._encoder = dataset, device, card.encoder
        self._n_forces = 3 * dataset.sizes * dataset.with_forces
        self._n_stress = 6 * dataset.with_stress

    def loss(
        self,
        model: Network,
        indices: Int64[np.ndarray, " B"],
        part: Int64[np.ndarray, " b"] | None = None,
        step: int = 0,
    ) -> Float64[Tensor, ""]:
        """Return the loss of a batch, or the share of some of its systems: shares add up to the whole.

        Arguments:
            model: The model.
            indices: The systems of the batch.
            part: Positions in ``indices`` of the systems whose share is computed; None for all.
            step: Number of the step; not used, because nothing here is drawn at random.
        """
        mine = indices if part is None else indices[part]
        terms = self._terms(model, mine, indices)
        shares = [term.weight / term.count * self._summed(term.predicted, term.targets, term.unit) for term in terms]
        return torch.stack(shares).sum()

    def _terms(self, model: Network, mine: np.ndarray, whole: np.ndarray) -> Iterator[_Term]:
        """Yield predictions and targets of the systems ``mine``, with the number of targets in the whole batch."""
        batch = self._dataset.batch(mine, self._encoder, model.dtype).to(self._device)
        assert batch.targets is not None  # invariant: a data set for training has targets
        weights, scales = self.weights, self.scales
        forces = weights.forces > 0 and self._n_forces[mine].any()  # skipped if no system has any: they cost time
        stress = weights.stress > 0 and self._n_stress[mine].any()
        found = trainable_prediction(model, batch, forces=bool(forces), stress=bool(stress))
        unit = torch.from_numpy(scales.of_energies(self._dataset.sizes[mine])).to(self._device)
        yield _Term(weights.energy, found.values, batch.targets, unit, len(whole) * batch.targets.shape[1])
        if found.forces is not None and batch.forces is not None:
            count = int(self._n_forces[whole].sum())
            yield _Term(weights.forces, found.forces, batch.forces, unit.new_tensor(scales.forces), count)
        if found.stress is not None and batch.stress is not None:
            count = int(self._n_stress[whole].sum())
            yield _Term(weights.stress, found.stress, batch.stress, unit.new_tensor(scales.stress), count)

    def _summed(self, predicted: Tensor, targets: Tensor, unit: Tensor) -> Tensor:
        """Return the sum of the losses; predictions without a target count as zero."""
        error = torch.where(targets.isnan(), 0.0, predicted - targets) / unit
        return summed_loss(error, self.kind)

    def measured_loss(self, measured: AnyMeasured) -> float:
        """Return the loss of measured predictions, defined as in :meth:`loss`.

        Arguments:
            measured: Predictions beside targets.
        """
        assert isinstance(measured, Measured)  # own invariant: classes have another objective
        unit = torch.from_numpy(self.scales.of_energies(measured.sizes))
        parts = [(self.weights.energy, measured.predicted, measured.targets, unit)]
        parts += [
            (weight, both.predicted, both.targets, unit.new_tensor(scale))
            for weight, both, scale in self._derivatives(measured)
        ]
        total = 0.0
        for weight, predicted, targets, part_unit in parts:
            count = max(1, int((~np.isnan(targets)).sum()))
            lost = self._summed(torch.from_numpy(predicted), torch.from_numpy(targets), part_unit)
            total += weight / count * float(lost)
        return total

    def score(self, measured: AnyMeasured) -> float:
        """Return the validation score: mean absolute errors in the loss's units and weights; smaller is better.

        With the default weights the forces decide. Targets that the set lacks are left out.

        Arguments:
            measured: Predictions beside targets.
        """
        assert isinstance(measured, Measured)  # own invariant: classes have another objective
        energy = np.abs(measured.predicted - measured.targets) / self.scales.of_energies(measured.sizes)
        parts = [(self.weights.energy, float(energy.mean()))]
        parts += [(weight, both.mae / scale) for weight, both, scale in self._derivatives(measured)]
        weights, errors = np.array(parts).T
        return float(weights @ errors / weights.sum()) if weights.any() else float(energy.mean())

    def slack(self, measured: AnyMeasured) -> float:
        """Return 0: only weights with a better score are kept.

        Arguments:
            measured: Predictions beside targets.
        """
        return 0.0

    def _derivatives(self, measured: Measured) -> Iterator[tuple[float, Compared, float]]:
        """Yield weight, predictions and unit of the forces and of the stress, if there are any."""
        scales, weights = self.scales, self.weights
        forces, stress = (
            (weights.forces, measured.forces, scales.forces),
            (weights.stress, measured.stress, scales.stress),
        )
        for weight, both, scale in (forces, stress):
            if weight > 0 and both is not None and both.there.any():
                yield weight, both, scale
