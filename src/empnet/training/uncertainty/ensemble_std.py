"""Uncertainty of an ensemble: the calibrated spread of its members."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64

from empnet.dataset.dataset import Dataset
from empnet.dataset.split import Split
from empnet.model.ensemble import Ensemble
from empnet.model.system_model import BatchPrediction
from empnet.system.batch import Batch
from empnet.training.run.model_file import ModelCard
from empnet.training.uncertainty.calibration import Calibration
from empnet.training.uncertainty.rigidity import INSIDE, Deviation

__all__ = ["EnsembleStd", "fit_spread"]


@dataclass(frozen=True, slots=True, eq=False)
class EnsembleStd(Deviation):
    r"""Standard deviation of an ensemble's prediction.

    .. math::
        q(x)^2 = \frac{1}{K - 1} \sum_k (y_k(x) - \bar y(x))^2, \quad s = \alpha \, (\nu + q^2)^{\gamma / 2}

    All members may agree and be wrong: alpha, nu and gamma come from the errors of the validation set, see
    :class:`~empnet.training.uncertainty.calibration.Calibration`.

    References:
        Simple and scalable predictive uncertainty estimation using deep ensembles, Lakshminarayanan et al., 2017,
        https://arxiv.org/abs/1612.01474

    Arguments:
        limits: 99.5 % quantile of the standard deviations of the validation set, shape (F',).
        calibrations: Map from q to s, for each property.
    """

    limits: Float64[np.ndarray, " F_prime"]
    calibrations: tuple[Calibration, ...]

    def spread(self, found: BatchPrediction, batch: Batch) -> Float64[np.ndarray, "B F_prime"]:
        """Return the standard deviations in the properties' units: see :meth:`Deviation.spread`."""
        assert found.members is not None  # invariant: an ensemble predicts with its members
        q = found.members.std(dim=0).detach().cpu().numpy()
        return np.stack([each.std(q[:, k]) for k, each in enumerate(self.calibrations)], axis=1)


def fit_spread(model: Ensemble, dataset: Dataset, split: Split, card: ModelCard, device: torch.device) -> EnsembleStd:
    """Calibrate the spread by the errors of the validation set.

    Arguments:
        model: The ensemble.
        dataset: Its data with targets.
        split: The split, the same for all members; without a validation set the spread is not calibrated.
        card: Species and dtype of the models.
        device: Device of the models.
    """
    F_prime = len(card.properties)
    raw = EnsembleStd(np.full(F_prime, np.inf), (Calibration(1.0),) * F_prime)
    if not len(split.validation):
        return raw
    q, predicted = [], []
    for piece in dataset.chunks(split.validation):
        batch = dataset.batch(piece, card.encoder, card.torch_dtype).to(device)
        with torch.no_grad():
            found = model.predict(batch)
        predicted.append(found.values.cpu().numpy())
        q.append(raw.std(found, batch))
    spread, errors = np.concatenate(q), np.concatenate(predicted) - dataset.targets[split.validation]
    calibrations = tuple(Calibration.of(errors[:, k], spread[:, k]) for k in range(F_prime))
    limits = np.quantile(spread, INSIDE, axis=0, method="higher")
    return EnsembleStd(np.concatenate([each.std(limits[[k]]) for k, each in enumerate(calibrations)]), calibrations)
