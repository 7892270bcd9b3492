"""Numbers that a model takes from its training data before the first step."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float64, Int64

from empnet.data.composition import composition_left, fit_composition
from empnet.data.dataset import Dataset
from empnet.data.one_hot import OneHot
from empnet.nn.model import PropertyModel

__all__ = ["fit_statistics"]


def fit_statistics(
    model: PropertyModel, dataset: Dataset, train: Int64[np.ndarray, " n"], encoder: OneHot
) -> Float64[np.ndarray, " F_prime"]:
    """Set the model's composition baseline, output scale and mean number of neighbours.

    The scale is the standard deviation of what the baseline leaves, for a sum divided by the root of the mean number
    of particles, so that a network whose output is of order one begins near the data's spread.

    Arguments:
        model: The model, changed in place.
        dataset: The data with targets.
        train: Its training side.
        encoder: One-hot encoder of the species.

    Returns:
        What the baseline leaves, as a standard deviation for each property, shape (F',): the unit of the loss.
    """
    counts, targets = dataset.composition(encoder)[train], dataset.targets[train]
    sizes = counts.sum(axis=1, keepdims=True)
    spread = np.empty(targets.shape[1])
    for k, pooling in enumerate(model.architecture.pooling):
        b = fit_composition(counts, targets[:, k], pooling)
        left = float(np.std(composition_left(counts, targets[:, k], pooling)))
        spread[k] = left if left > 1e-12 * float(np.abs(targets[:, k]).max()) else 1.0  # composition tells all
        model.baseline[:, k] = torch.from_numpy(b)
        model.scale[k] = spread[k] / (sizes.mean() ** 0.5 if pooling == "sum" else 1.0)
    neighbours = dataset.arrays["n_pairs"][train].sum() / sizes.sum()
    for interaction in model.interactions:
        interaction.mean_neighbours.fill_(max(1.0, float(neighbours)))  # type: ignore[operator, union-attr]
    return spread
