"""Objective of models for whole clouds: classes by cross-entropy, properties by their error or that of their log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor
from torch.nn import functional

from empnet.dataset.dataset import Dataset
from empnet.model.network import Network
from empnet.model.pooled_model import PooledModel
from empnet.preparation.invariants import LOG_SIZE
from empnet.system.batch import Batch
from empnet.training.classes.class_weights import class_weights
from empnet.training.classes.temperature import log_probabilities
from empnet.training.measure import AnyMeasured, ClassMeasured, Measured
from empnet.training.optimiser.loss import Loss, summed_loss

__all__ = ["SMOOTHING", "PooledObjective"]

SMOOTHING = 0.1
"""Label smoothing: the share of a class's probability that is spread over all classes."""


class PooledObjective:
    r"""Objective of training on whole clouds.

    .. math::
        L = \frac{\sum_b w_{c_b} \, \mathrm{CE}(o_b, c_b)}{\sum_b w_{c_b}} \;\text{ for classes, }\;
        L = \Big\langle \ell\Big(\frac{o_b - t_b}{s}\Big) \Big\rangle \;\text{ for a property,}

    with weights w that give each class the same total, and t = y, or t = log(y / R^p) with a scale power p. Each step
    draws the clouds themselves or one of their augmented variants.

    References:
        Rethinking the Inception architecture, Szegedy et al., 2016, https://arxiv.org/abs/1512.00567 (label smoothing).

    Arguments:
        model: The model, for its architecture.
        datasets: The clouds, then their augmented variants, in the same order.
        train: Indices of the training set.
        encoder: One-hot encoder of the species.
        spread: s, the standard deviation of t over the training set, shape (F',).
        kind: Kind of loss for properties.
        seed: Seed of the run.
        device: Device of the model.
    """

    def __init__(
        self,
        model: PooledModel,
        datasets: Sequence[Dataset],
        train: Int64[np.ndarray, " n"],
        encoder: Any,
        spread: Float64[np.ndarray, " F_prime"],
        kind: Loss,
        seed: int,
        device: torch.device,
    ) -> None:
        a = model.architecture
        self._datasets, self._encoder, self._kind, self._seed, self._device = datasets, encoder, kind, seed, device
        self._classes, self._power, self._spread = a.classes, a.scale_power, torch.from_numpy(spread)
        self._of = datasets[0].targets[:, 0].astype(np.int64) if a.classes else np.zeros(0, np.int64)
        self._weights = torch.from_numpy(class_weights(self._of[train], a.classes)) if a.classes else torch.ones(1)

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
            step: Number of the step, which seeds the choice of the variant and the dropout.
        """
        assert isinstance(model, PooledModel)  # own invariant: the other network has another objective
        chosen = int(np.random.default_rng([self._seed, step, 2]).integers(len(self._datasets)))
        torch.manual_seed((self._seed * 1_000_003 + step) % 2**63)  # the dropout of a resumed run is the same
        mine = indices if part is None else indices[part]
        batch = self._datasets[chosen].batch(mine, self._encoder, model.dtype).to(self._device)
        outputs = model.outputs(batch)
        if self._classes:
            weights = self._weights.to(self._device)
            of_mine = torch.from_numpy(self._of[mine]).to(self._device)
            losses = functional.cross_entropy(outputs, of_mine, weights, label_smoothing=SMOOTHING, reduction="sum")
            return losses / weights[torch.from_numpy(self._of[indices]).to(self._device)].sum()
        error = (outputs - self._targets(batch, mine)) / self._spread.to(self._device)
        return summed_loss(error, self._kind) / (len(indices) * outputs.shape[1])

    def _targets(self, batch: Batch, mine: Int64[np.ndarray, " b"]) -> Float64[Tensor, "b F_prime"]:
        """Return t; sizes are those of the clouds themselves, because a variant's property scales with its size."""
        assert batch.targets is not None  # invariant: a data set for training has targets
        if self._power is None:
            return batch.targets
        sizes = torch.from_numpy(self._datasets[0].arrays["clouds"][mine][:, [LOG_SIZE]]).to(self._device)
        return batch.targets.log() - self._power * sizes

    def _errors(self, measured: Measured) -> Float64[Tensor, "n F_prime"]:
        predicted, targets = torch.from_numpy(measured.predicted), torch.from_numpy(measured.targets)
        if self._power is not None:
            predicted, targets = predicted.log(), targets.log()
        return (predicted - targets) / self._spread

    def _log_losses(self, measured: ClassMeasured) -> tuple[np.ndarray, np.ndarray]:
        """Return the log-loss of each system, and its weight."""
        labels = measured.labels
        losses = -log_probabilities(measured.predicted)[np.arange(len(labels)), labels]
        return losses, self._weights.numpy()[labels]

    def measured_loss(self, measured: AnyMeasured) -> float:
        """Return the loss of measured predictions; for classes the weighted log-loss, without smoothing.

        Arguments:
            measured: Predictions beside targets.
        """
        if isinstance(measured, ClassMeasured):
            losses, weights = self._log_losses(measured)
            return float(weights @ losses / weights.sum())
        errors = self._errors(measured)
        return float(summed_loss(errors, self._kind)) / errors.numel()

    def score(self, measured: AnyMeasured) -> float:
        """Return the validation score, smaller is better: weighted log-loss, or mean absolute error in units of s.

        Arguments:
            measured: Predictions beside targets.
        """
        if isinstance(measured, ClassMeasured):
            return self.measured_loss(measured)
        return float(self._errors(measured).abs().mean())

    def slack(self, measured: AnyMeasured) -> float:
        """Return the standard error of the score: later weights are kept unless they are worse by more than it.

        Small validation sets would otherwise choose weights of an early, lucky epoch.

        Arguments:
            measured: Predictions beside targets.
        """
        if isinstance(measured, ClassMeasured):
            losses, weights = self._log_losses(measured)
            terms = weights * losses / weights.mean()
        else:
            terms = self._errors(measured).abs().mean(1).numpy()
        return float(terms.std() / max(1, len(terms)) ** 0.5)
