"""Statistics of the training data that a model for whole clouds takes over before the first step."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float64, Int64

from empnet.dataset.dataset import Dataset
from empnet.errors import EmpnetError
from empnet.model.pooled_model import PooledModel
from empnet.preparation.invariants import LOG_SIZE
from empnet.training.optimiser.scales import Scales

__all__ = ["fit_pooled_statistics"]

SMALLEST = 1e-6
"""Least standard deviation of a feature: one that does not vary is divided by 1."""


def fit_pooled_statistics(model: PooledModel, dataset: Dataset, train: Int64[np.ndarray, " n"]) -> Scales:
    """Set the means and deviations of features, the constant and scale of the output, and the number of neighbours.

    Arguments:
        model: The model, changed in place.
        dataset: The data with targets.
        train: Indices of the training set.

    Returns:
        The units of the loss.

    Raises:
        EmpnetError: If a property with a scale power is not positive.
    """
    a = model.architecture
    if a.n_features:
        _set(model, "feature", *_moments_of_features(dataset, train))
    if a.n_cloud:
        rows = np.asarray(dataset.arrays["clouds"])[train][:, LOG_SIZE + 1 :]
        _set(model, "cloud", rows.mean(axis=0), rows.std(axis=0))
    spread = np.ones(a.n_outputs)
    if not a.classes:
        targets = _learned(model, dataset, train)
        spread = np.maximum(targets.std(axis=0), 1e-12 * np.abs(targets).max())
        model.baseline[:] = torch.from_numpy(targets.mean(axis=0))
        model.scale[:] = torch.from_numpy(spread)
    neighbours = dataset.arrays["n_pairs"][train].sum() / dataset.sizes[train].sum()
    for interaction in model.tabulated():
        interaction.mean_neighbours.fill_(max(1.0, float(neighbours)))
    return Scales(spread)


def _set(model: PooledModel, name: str, mean: np.ndarray, deviation: np.ndarray) -> None:
    getattr(model, f"{name}_mean").copy_(torch.from_numpy(mean))
    getattr(model, f"{name}_scale").copy_(torch.from_numpy(np.where(deviation > SMALLEST, deviation, 1.0)))


def _moments_of_features(dataset: Dataset, train: Int64[np.ndarray, " n"]) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of the particles' features over the training set, read block by block."""
    trained = np.zeros(len(dataset), dtype=bool)
    trained[train] = True
    width = dataset.arrays["features"].shape[1]
    count, total, squares = 0, np.zeros(width), np.zeros(width)
    for block in dataset.blocks():
        kept = np.repeat(trained[block.systems], dataset.sizes[block.systems])
        rows = np.asarray(dataset.arrays["features"][block.particles])[kept]
        count, total, squares = count + len(rows), total + rows.sum(axis=0), squares + np.square(rows).sum(axis=0)
    mean = total / count
    return mean, np.sqrt((squares / count - mean**2).clip(0))


def _learned(model: PooledModel, dataset: Dataset, train: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, "n F_prime"]:
    """Return the targets as the network learns them: as they are, or log(y / R^p)."""
    targets, power = dataset.targets[train], model.architecture.scale_power
    if power is None:
        return targets
    if not (dataset.targets > 0).all():
        worst = int(np.argmin(dataset.targets[:, 0]))
        raise EmpnetError(
            f"the property is {dataset.targets[worst, 0]:g}",
            where=dataset.origin(worst),
            wanted=f"numbers above zero, which grow with size to the {power:g}",
            remedy="leave --scale-power out",
        )
    sizes: np.ndarray = np.asarray(dataset.arrays["clouds"])[train][:, [LOG_SIZE]]
    return np.log(targets) - power * sizes  # type: ignore[no-any-return]
