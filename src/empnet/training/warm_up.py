"""Warm-up of a run: compile its loops first, so that the time budget is spent on training alone."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int64

from empnet.dataset.dataset import Dataset
from empnet.model.network import Network
from empnet.training.job import Job
from empnet.training.measure import measure
from empnet.training.optimiser.objective import Objective
from empnet.training.optimiser.pooled_objective import PooledObjective

__all__ = ["warm_up"]


def warm_up(
    objective: Objective | PooledObjective, model: Network, average: Network, job: Job, device: torch.device
) -> None:
    """Compute and discard a loss with its gradient and a few predictions, as in training and validation.

    Weights, gradients and random numbers do not change.

    Arguments:
        objective: The training objective.
        model: The model that will be trained.
        average: The average that will be validated.
        job: The data.
        device: Device of the models.
    """
    split = job.split
    with torch.random.fork_rng():
        loss = objective.loss(model, _of_each_kind(job.dataset, split.train))
        torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
        side = split.validation if len(split.validation) else split.train
        measure(average, job.dataset, _of_each_kind(job.dataset, side), job.card, device)


def _of_each_kind(dataset: Dataset, side: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " m"]:
    """Return a few systems that use all branches of the loops, which do not depend on the number of systems."""
    kinds = dataset.arrays["n_pairs"][side] > 0, dataset.with_forces[side], dataset.with_stress[side]
    firsts = [side[kind][:1] for kind in kinds]
    return np.unique(np.concatenate([side[:2], *firsts]))
