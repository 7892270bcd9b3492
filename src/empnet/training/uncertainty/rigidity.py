"""How sure a trained network is: the rigidity of its last, linear layer, fitted in one pass after training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from empnet.dataset.dataset import Dataset
from empnet.dataset.split import Split
from empnet.kernels.pairs import mean_per_system, sum_per_system
from empnet.model.property_model import PropertyModel
from empnet.system.batch import Batch
from empnet.system.composition import Pooling
from empnet.training.run.model_file import ModelCard
from empnet.training.uncertainty.calibration import FEW, Calibration

__all__ = ["INSIDE", "Deviation", "LastLayer", "deviations", "fit_last_layer"]

MOST = 20_000
"""Systems of the training set that are looked at: 300 for each feature, and never longer than a short epoch."""

RIDGES = 10.0 ** np.arange(-4, -13, -1)
"""Ridges that are tried, as shares of the mean eigenvalue. Larger ones would hide that a direction was never seen."""

USUAL_RIDGE = 1e-8
"""Taken where too few errors are known to choose one."""

INSIDE = 0.995
"""Share of ordinary systems whose standard deviation is below the limit."""

_POOL = {"sum": sum_per_system, "mean": mean_per_system}


@runtime_checkable
class Deviation(Protocol):
    """What predicts standard deviations: a last layer's rigidity, or an ensemble's spread."""

    def std(self, model: PropertyModel, batch: Batch) -> Float64[np.ndarray, "B F_prime"]:
        """The standard deviation of each prediction, in the properties' units."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class LastLayer:
    r"""The standard deviation of a prediction, as that of a linear fit on what the last layer sees.

    .. math::
        q(x)^2 = h^T (H^T H + \lambda)^{-1} h = |h W|^2, \quad s = \alpha \, (\nu + q^2)^{\gamma / 2}

    h is what the prediction is linear in: hidden features of the last layer, pooled over the particles as the property
    is, and the number of particles (for a mean: 1), which stands for the bias; the rows of H are those of the training
    side. All other numbers come from the validation set's errors: lambda by their likelihood, alpha, nu and gamma as
    :class:`~empnet.training.uncertainty.calibration.Calibration` says.

    References:
        A prediction rigidity formalism for low-cost uncertainties in trained neural networks, Bigi et al., 2024,
        https://arxiv.org/abs/2403.02251; Being Bayesian, even just a bit, fixes overconfidence in ReLU networks,
        Kristiadi et al., 2020, https://arxiv.org/abs/2002.10118

    Arguments:
        whitening: W, shape (F', F + 1, F + 1): its columns span the same fit for each property.
        limits: Standard deviation below which 99.5 % of the training and validation set are, shape (F',).
        calibrations: From q to s, for each property.
    """

    whitening: Float64[Tensor, "F_prime D D"]
    limits: Float64[np.ndarray, " F_prime"]
    calibrations: tuple[Calibration, ...]

    def std(
        self, model: PropertyModel, batch: Batch, kept: Sequence[Float[Tensor, "N F"]] = ()
    ) -> Float64[np.ndarray, "B F_prime"]:
        """The standard deviation of each prediction, in the properties' units.

        Arguments:
            model: The model that was fitted, or its frozen copy.
            batch: The systems.
            kept: The last layer's input, if the model has kept it; else it is computed anew.

        Returns:
            Shape (B, F'), float64, on the CPU.
        """
        kinds, hidden = model.architecture.pooling, kept[-1] if kept else None
        rows = {kind: _rows(model, batch, kind, hidden) for kind in set(kinds)}
        columns = [
            calibration.std(_spread(rows[kind], W.numpy()))
            for kind, W, calibration in zip(kinds, self.whitening, self.calibrations, strict=True)
        ]
        return np.stack(columns, axis=1)


def _rows(
    model: PropertyModel, batch: Batch, pooling: Pooling, hidden: Tensor | None = None
) -> Float64[np.ndarray, "B D"]:
    """h of each system: pooled features, and the number of particles or 1."""
    if hidden is None:
        with torch.no_grad():
            pooled = model.representation(batch, pooling)
    else:
        pooled = _POOL[pooling](hidden, batch.system_of, batch.n_systems)
    sizes = torch.bincount(batch.system_of, minlength=batch.n_systems).to(pooled)
    bias = sizes if pooling == "sum" else torch.ones_like(sizes)
    return torch.cat([pooled, bias[:, None]], dim=1).double().cpu().numpy()


def _spread(rows: Float64[np.ndarray, "n D"], whitening: Float64[np.ndarray, "D D"]) -> Float64[np.ndarray, " n"]:
    """q of each system."""
    return np.sqrt(np.square(rows @ whitening).sum(axis=1))


def fit_last_layer(
    model: PropertyModel, dataset: Dataset, split: Split, card: ModelCard, device: torch.device
) -> LastLayer | None:
    """One pass over the training set for the features, one over the validation set for the errors.

    Arguments:
        model: The trained model with its best weights.
        dataset: Its data with targets.
        split: The sides; of the training set no more than :data:`MOST` systems are looked at.
        card: Species and dtype of the model.
        device: Where the model is.

    Returns:
        What tells standard deviations; None without a validation set, on which alone they can be calibrated, and of
        a network that predicts no finite numbers.
    """
    if not len(split.validation):
        return None
    training = split.train
    if len(training) > MOST:
        training = np.sort(np.random.default_rng(0).choice(training, MOST, replace=False))
    seen, _ = _pass(model, dataset, training, card, device)
    held_out, predicted = _pass(model, dataset, split.validation, card, device)
    errors = predicted - dataset.targets[split.validation]
    if not all(np.isfinite(part).all() for part in (errors, *seen.values(), *held_out.values())):
        return None
    kinds = model.architecture.pooling
    spectra = {kind: np.linalg.eigh(rows.T @ rows) for kind, rows in seen.items()}
    fits = [_fit(seen[kind], held_out[kind], errors[:, k], *spectra[kind]) for k, kind in enumerate(kinds)]
    whitenings, limits, calibrations = zip(*fits, strict=True)
    return LastLayer(torch.from_numpy(np.stack(whitenings)), np.array(limits), calibrations)


@torch.no_grad()
def _pass(
    model: PropertyModel, dataset: Dataset, indices: Int64[np.ndarray, " n"], card: ModelCard, device: torch.device
) -> tuple[dict[Pooling, np.ndarray], np.ndarray]:
    """h of each system by pooling, and the predictions."""
    rows: dict[Pooling, list[np.ndarray]] = {kind: [] for kind in model.architecture.pooling}
    predicted, encoder = [], card.encoder
    for piece in dataset.chunks(indices):
        batch = dataset.batch(piece, encoder, card.torch_dtype).to(device)
        kept: list[Tensor] = []
        predicted.append(model(batch, kept).cpu().numpy())
        for kind, pieces in rows.items():
            pieces.append(_rows(model, batch, kind, kept[-1]))
    return {kind: np.concatenate(pieces) for kind, pieces in rows.items()}, np.concatenate(predicted)


def _fit(
    seen: Float64[np.ndarray, "n D"],
    held_out: Float64[np.ndarray, "m D"],
    errors: Float64[np.ndarray, " m"],
    eigenvalues: Float64[np.ndarray, " D"],
    eigenvectors: Float64[np.ndarray, "D D"],
) -> tuple[Float64[np.ndarray, "D D"], float, Calibration]:
    """W, the limit of ordinary standard deviations, and the calibration, of one property."""
    tried = []
    for ridge in RIDGES if len(errors) >= FEW else [USUAL_RIDGE]:
        W = eigenvectors / np.sqrt(np.maximum(eigenvalues, 0.0) + ridge * eigenvalues.mean())
        q = _spread(held_out, W)
        calibration = Calibration.of(errors, q)
        tried.append((calibration.likelihood(errors, q), W, q, calibration))
    _, W, q, calibration = max(tried, key=lambda each: each[0])
    ordinary = calibration.std(np.concatenate([q, _left_out(_spread(seen, W))]))
    return W, float(np.quantile(ordinary, INSIDE, method="higher")), calibration


def deviations(
    sure: Deviation, model: PropertyModel, dataset: Dataset, indices: Int64[np.ndarray, " n"], card: ModelCard
) -> Float64[np.ndarray, "n F_prime"]:
    """Predicted standard deviations of some systems of a data set, in pieces of bounded memory, on the CPU.

    Arguments:
        sure: What predicts them.
        model: The model that it belongs to.
        dataset: The data.
        indices: Which systems, at least one.
        card: Species and dtype of the model.
    """
    encoder = card.encoder
    batches = (dataset.batch(piece, encoder, card.torch_dtype) for piece in dataset.chunks(indices))
    return np.concatenate([sure.std(model, batch) for batch in batches])


def _left_out(q: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """The spread that systems of the training set would have if each had been left out (Sherman and Morrison)."""
    leverage = np.minimum(np.square(q), 1 - 1e-9)
    return np.sqrt(leverage / (1 - leverage))
