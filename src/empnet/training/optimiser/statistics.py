"""Statistics of the training data that a model takes over before the first step."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float64, Int64

from empnet.dataset.dataset import Dataset
from empnet.model.network import Network
from empnet.model.pooled_model import PooledModel
from empnet.model.property_model import PropertyModel
from empnet.system.composition import composition_baseline, design
from empnet.system.one_hot import OneHot
from empnet.training.optimiser.pooled_statistics import fit_pooled_statistics
from empnet.training.optimiser.scales import Scales

__all__ = ["fit_statistics"]


def fit_statistics(model: Network, dataset: Dataset, train: Int64[np.ndarray, " n"], encoder: OneHot) -> Scales:
    """Set the statistics of either network, and return the units of the loss.

    Arguments:
        model: The model, changed in place.
        dataset: The data with targets.
        train: Indices of the training set.
        encoder: One-hot encoder of the species.
    """
    if isinstance(model, PooledModel):
        return fit_pooled_statistics(model, dataset, train)
    return _fit_additive_statistics(model, dataset, train, encoder)


def _fit_additive_statistics(
    model: PropertyModel, dataset: Dataset, train: Int64[np.ndarray, " n"], encoder: OneHot
) -> Scales:
    """Set the model's composition baseline, output scale and mean number of neighbours.

    The scale is the standard deviation of the baseline's residuals, for a sum divided by the root of the mean number
    of particles, so that a network whose output is of order one begins near the data's spread. Where forces are
    learned, it is their root mean square times an angstrom: the energy of a network whose output changes by order one
    along an angstrom then has slopes of the data's size. That is many times more than the spread of the energies of
    one molecule's frames, because large changes of its contributions cancel in their sum.

    Arguments:
        model: The model, changed in place.
        dataset: The data with targets.
        train: Indices of the training set.
        encoder: One-hot encoder of the species.

    Returns:
        The units of the loss.
    """
    counts, targets = dataset.composition(encoder)[train], dataset.targets[train]
    sizes, alone = counts.sum(axis=1, keepdims=True), dataset.isolated[train]
    roots = np.sqrt(sizes) if dataset.has_forces or dataset.has_stress else np.ones_like(sizes)
    spread = np.empty(targets.shape[1])
    for k, pooling in enumerate(model.architecture.pooling):
        b = composition_baseline(counts, targets[:, k], pooling, alone)
        # free atoms included: the bound on an exploding loss assumes a spread over all systems
        left = float(np.std((targets[:, k] - design(counts, pooling) @ b) / roots[:, 0]))
        spread[k] = left if left > 1e-12 * float(np.abs(targets[:, k]).max()) else 1.0  # the composition explains all
        model.baseline[:, k] = torch.from_numpy(b)
        model.scale[k] = spread[k] / ((sizes / roots**2).mean() ** 0.5 if pooling == "sum" else 1.0)
    forces, stress = _forces_scale(dataset, train), _stress_scale(dataset, train)
    if forces is not None:
        model.scale[:] = forces  # times an angstrom
        spread = np.maximum(spread, forces)
    neighbours = dataset.arrays["n_pairs"][train].sum() / sizes.sum()
    for interaction in model.tabulated():
        interaction.mean_neighbours.fill_(max(1.0, float(neighbours)))
    return Scales(spread, forces or 1.0, stress or 1.0, per_root=dataset.has_forces or dataset.has_stress)


def _forces_scale(dataset: Dataset, train: Int64[np.ndarray, " n"]) -> float | None:
    """Return the root mean square of the training set's forces; None if there are none, or all are zero."""
    if not dataset.has_forces:
        return None
    squares, trained = np.zeros(2), np.zeros(len(dataset), dtype=bool)
    trained[train] = True
    for block in dataset.blocks():
        kept = np.repeat(trained[block.systems], dataset.sizes[block.systems])
        forces = np.asarray(dataset.arrays["forces"][block.particles])[kept]
        forces = forces[~np.isnan(forces)]
        squares += float(np.square(forces).sum()), forces.size
    return float(np.sqrt(squares[0] / squares[1])) or None if squares[1] else None


def _stress_scale(dataset: Dataset, train: Int64[np.ndarray, " n"]) -> float | None:
    """Return the training stress's standard deviation about each component's mean; None if there is none."""
    if not dataset.has_stress:
        return None
    stress: Float64[np.ndarray, "n 6"] = dataset.arrays["stress"][train]
    stress = stress[~np.isnan(stress[:, 0])]
    if not len(stress):
        return None
    deviation, size = float(np.sqrt(stress.var(axis=0).mean())), float(np.sqrt(np.square(stress).mean()))
    return (deviation if deviation > 1e-9 * size else size) or None  # a single crystal: rounding only
