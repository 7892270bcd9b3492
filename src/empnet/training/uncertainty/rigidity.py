"""Uncertainty of a trained network: the rigidity of its last, linear layer, fitted in one pass after training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from empnet.dataset.dataset import Dataset
from empnet.dataset.split import Split
from empnet.kernels.pairs import POOLINGS
from empnet.model.network import Network
from empnet.model.property_model import PropertyModel
from empnet.model.system_model import BatchPrediction, SystemModel
from empnet.system.batch import Batch
from empnet.system.composition import Pooling
from empnet.training.run.model_file import ModelCard
from empnet.training.uncertainty.calibration import FEW, Calibration

__all__ = ["INSIDE", "Deviation", "LastLayer", "deviations", "fit_last_layer"]

MOST = 20_000
"""Largest number of training systems used: 300 for each feature, and less time than a short epoch."""

RIDGES = 10.0 ** np.arange(-4, -13, -1)
"""Trial ridges, as shares of the mean eigenvalue. Larger ones would hide directions without training data."""

USUAL_RIDGE = 1e-8
"""Ridge if there are too few errors to choose one."""

WHOLE_RIDGES, USUAL_WHOLE_RIDGE = 10.0 ** np.arange(-1, -5, -1), 1e-3
"""Ridges for models of whole systems: with fewer systems than hidden features a smaller ridge gives each
training system a standard deviation near zero. Classes have no errors to choose one by."""

Rows = Pooling | Literal["whole"]
"""Origin of h: pooled over particles as the property is, or made by a model that reads whole systems."""

INSIDE = 0.995
"""Share of ordinary systems whose standard deviation is below the limit."""


class Deviation(ABC):
    """Predictor of standard deviations: a last layer's rigidity, or an ensemble's spread."""

    __slots__ = ()
    relative = False

    @abstractmethod
    def spread(self, found: BatchPrediction, batch: Batch) -> Float64[np.ndarray, "B F_prime"]:
        """Return the standard deviations as the limits have them: in the properties' units, or as shares if relative.

        Arguments:
            found: The model's prediction, or its frozen copy's.
            batch: The systems.
        """

    def in_units(
        self, spread: Float64[np.ndarray, "B F_prime"], found: BatchPrediction
    ) -> Float64[np.ndarray, "B F_prime"]:
        """Return standard deviations in the properties' units.

        Arguments:
            spread: Standard deviations from :meth:`spread`.
            found: The prediction.
        """
        return spread * np.abs(found.values.detach().cpu().numpy()) if self.relative else spread

    def std(self, found: BatchPrediction, batch: Batch) -> Float64[np.ndarray, "B F_prime"]:
        """Return the standard deviation of each prediction, in the properties' units.

        Arguments:
            found: The model's prediction, or its frozen copy's.
            batch: The systems.

        Returns:
            Shape (B, F'), float64, on the CPU.
        """
        return self.in_units(self.spread(found, batch), found)


@dataclass(frozen=True, slots=True, eq=False)
class LastLayer(Deviation):
    r"""Standard deviation of a prediction, from a linear fit on the input of the last layer.

    .. math::
        q(x)^2 = h^T (H^T H + \lambda)^{-1} h = |h W|^2, \quad s = \alpha \, (\nu + q^2)^{\gamma / 2}

    The prediction is linear in h: hidden features of the last layer, pooled over the particles like the property, and
    the number of particles (for a mean: 1), for the bias. The rows of H are h of the training set. All other numbers
    come from the validation set's errors: lambda by their likelihood, alpha, nu and gamma as in
    :class:`~empnet.training.uncertainty.calibration.Calibration`.

    A model of whole systems has one h for each. With a scale power its errors grow with the property, so that q, s and
    the limits are shares of the prediction. Classes have no s; there q alone
    measures the distance from the training set.

    References:
        A prediction rigidity formalism for low-cost uncertainties in trained neural networks, Bigi et al., 2024,
        https://arxiv.org/abs/2403.02251; Being Bayesian, even just a bit, fixes overconfidence in ReLU networks,
        Kristiadi et al., 2020, https://arxiv.org/abs/2002.10118

    Arguments:
        whitening: W of each property, shape (F', F + 1, F + 1); a single one for classes.
        limits: 99.5 % quantile of the standard deviations of training and validation set, shape (F',).
        calibrations: Map from q to s, for each property; for classes s = q.
        pooling: Pooling of each property; "whole" if a whole system has one h.
        relative: Whether standard deviations are shares of the predictions.
    """

    whitening: Float64[Tensor, "F_prime D D"]
    limits: Float64[np.ndarray, " F_prime"]
    calibrations: tuple[Calibration, ...]
    pooling: tuple[Rows, ...]
    relative: bool = False

    def spread(self, found: BatchPrediction, batch: Batch) -> Float64[np.ndarray, "B F_prime"]:
        """Return the standard deviations as the limits have them: see :meth:`Deviation.spread`."""
        assert found.hidden is not None  # invariant: a network predicts with its hidden features
        rows = {kind: _rows(found.hidden, batch, kind) for kind in set(self.pooling)}
        columns = [
            calibration.std(_spread(rows[kind], W.numpy()))
            for kind, W, calibration in zip(self.pooling, self.whitening, self.calibrations, strict=True)
        ]
        return np.stack(columns, axis=1)


def _rows(hidden: Tensor, batch: Batch, pooling: Rows) -> Float64[np.ndarray, "B D"]:
    """Return h of each system: pooled features, and the number of particles or 1."""
    pooled = hidden.detach()
    if pooling != "whole":
        pooled = POOLINGS[pooling](pooled, batch.system_of, batch.n_systems)
    sizes = torch.bincount(batch.system_of, minlength=batch.n_systems).to(pooled)
    bias = sizes if pooling == "sum" else torch.ones_like(sizes)
    return torch.cat([pooled, bias[:, None]], dim=1).double().cpu().numpy()


def _spread(rows: Float64[np.ndarray, "n D"], whitening: Float64[np.ndarray, "D D"]) -> Float64[np.ndarray, " n"]:
    """Return q of each system."""
    return np.sqrt(np.square(rows @ whitening).sum(axis=1))


def fit_last_layer(
    model: Network, dataset: Dataset, split: Split, card: ModelCard, device: torch.device
) -> LastLayer | None:
    """Fit in two passes: over the training set for the features, and over the validation set for the errors.

    Arguments:
        model: The trained model with its best weights.
        dataset: Its data with targets.
        split: The split; at most :data:`MOST` systems of the training set are used.
        card: Species and dtype of the model.
        device: Device of the model.

    Returns:
        The fitted last layer; None without a validation set, which calibration needs, or if the network's
        predictions are not all finite.
    """
    if not len(split.validation):
        return None
    training = split.train
    if len(training) > MOST:
        training = np.sort(np.random.default_rng(0).choice(training, MOST, replace=False))
    kinds = rows_of_model(model)
    seen, _ = _pass(model, dataset, training, card, device)
    held_out, predicted = _pass(model, dataset, split.validation, card, device)
    if not all(np.isfinite(part).all() for part in (predicted, *seen.values(), *held_out.values())):
        return None
    spectra = {kind: np.linalg.eigh(rows.T @ rows) for kind, rows in seen.items()}
    relative = model.architecture.scale_power is not None
    if card.classes:
        fits = [_fit_unlabelled(seen["whole"], held_out["whole"], *spectra["whole"])]
    else:
        errors = predicted - dataset.targets[split.validation]
        errors = errors / np.abs(predicted) if relative else errors
        fits = [
            _fit(seen[kind], held_out[kind], errors[:, k], *spectra[kind], _ridges(kind, len(errors)))
            for k, kind in enumerate(kinds)
        ]
    whitenings, limits, calibrations = zip(*fits, strict=True)
    return LastLayer(torch.from_numpy(np.stack(whitenings)), np.array(limits), calibrations, kinds, relative)


def rows_of_model(model: Network) -> tuple[Rows, ...]:
    """Return the origin of h for each property of a network; one for all classes.

    Arguments:
        model: The network.
    """
    a = model.architecture
    if isinstance(model, PropertyModel):
        return a.pooling
    whole: Rows = "whole"
    return (whole,) * (1 if a.classes else a.n_outputs)


@torch.no_grad()
def _pass(
    model: Network, dataset: Dataset, indices: Int64[np.ndarray, " n"], card: ModelCard, device: torch.device
) -> tuple[dict[Rows, np.ndarray], np.ndarray]:
    """Return h of each system by its origin, and the predictions."""
    rows: dict[Rows, list[np.ndarray]] = {kind: [] for kind in rows_of_model(model)}
    predicted, encoder = [], card.encoder
    for piece in dataset.chunks(indices):
        batch = dataset.batch(piece, encoder, card.torch_dtype).to(device)
        found = model.predict(batch)
        assert found.hidden is not None  # invariant: a network, not an ensemble
        predicted.append(found.values.cpu().numpy())
        for kind, pieces in rows.items():
            pieces.append(_rows(found.hidden, batch, kind))
    return {kind: np.concatenate(pieces) for kind, pieces in rows.items()}, np.concatenate(predicted)


def _fit_unlabelled(
    seen: Float64[np.ndarray, "n D"],
    held_out: Float64[np.ndarray, "m D"],
    eigenvalues: Float64[np.ndarray, " D"],
    eigenvectors: Float64[np.ndarray, "D D"],
) -> tuple[Float64[np.ndarray, "D D"], float, Calibration]:
    """Return W, the limit of ordinary spreads, and no calibration: classes have no errors to calibrate on."""
    W = _whitening(eigenvalues, eigenvectors, USUAL_WHOLE_RIDGE)
    calibration = Calibration(1.0)
    return W, _limit(calibration, _spread(held_out, W), _spread(seen, W)), calibration


def _limit(calibration: Calibration, held_out: Float64[np.ndarray, " m"], seen: Float64[np.ndarray, " n"]) -> float:
    """Return the limit of ordinary standard deviations from the spreads of validation and training set."""
    ordinary = calibration.std(np.concatenate([held_out, _left_out(seen)]))
    return float(np.quantile(ordinary, INSIDE, method="higher"))


def _whitening(
    eigenvalues: Float64[np.ndarray, " D"], eigenvectors: Float64[np.ndarray, "D D"], ridge: float
) -> Float64[np.ndarray, "D D"]:
    return np.asarray(eigenvectors / np.sqrt(np.maximum(eigenvalues, 0.0) + ridge * eigenvalues.mean()))


def _ridges(kind: Rows, n: int) -> list[float]:
    """Return the ridges that are tried with n errors."""
    if kind == "whole":
        return WHOLE_RIDGES.tolist() if n >= FEW else [USUAL_WHOLE_RIDGE]
    return RIDGES.tolist() if n >= FEW else [USUAL_RIDGE]


def _fit(
    seen: Float64[np.ndarray, "n D"],
    held_out: Float64[np.ndarray, "m D"],
    errors: Float64[np.ndarray, " m"],
    eigenvalues: Float64[np.ndarray, " D"],
    eigenvectors: Float64[np.ndarray, "D D"],
    ridges: Sequence[float],
) -> tuple[Float64[np.ndarray, "D D"], float, Calibration]:
    """Fit one property: return W, the limit of ordinary standard deviations, and the calibration."""
    tried = []
    for ridge in ridges:
        W = _whitening(eigenvalues, eigenvectors, ridge)
        q = _spread(held_out, W)
        calibration = Calibration.of(errors, q)
        tried.append((calibration.likelihood(errors, q), W, q, calibration))
    _, W, q, calibration = max(tried, key=lambda each: each[0])
    return W, _limit(calibration, q, _spread(seen, W)), calibration


def deviations(
    of: Callable[[BatchPrediction, Batch], Float64[np.ndarray, "B F_prime"]],
    model: SystemModel,
    dataset: Dataset,
    indices: Int64[np.ndarray, " n"],
    card: ModelCard,
) -> Float64[np.ndarray, "n F_prime"]:
    """Return predicted standard deviations of systems of a data set, in pieces of bounded memory, on the CPU.

    Arguments:
        of: :meth:`Deviation.std`, or :meth:`Deviation.spread`.
        model: The model of the predictor.
        dataset: The data.
        indices: Indices of the systems, at least one.
        card: Species and dtype of the model.
    """
    encoder = card.encoder
    batches = (dataset.batch(piece, encoder, card.torch_dtype) for piece in dataset.chunks(indices))
    with torch.no_grad():
        return np.concatenate([of(model.predict(batch), batch) for batch in batches])


def _left_out(q: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Return leave-one-out spreads of training systems (Sherman and Morrison)."""
    leverage = np.minimum(np.square(q), 1 - 1e-9)
    return np.sqrt(leverage / (1 - leverage))
