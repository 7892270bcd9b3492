"""What a run does once before it trains: compile its loops, so that its time budget pays for training alone."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int64

from empnet.dataset.dataset import Dataset
from empnet.model.property_model import PropertyModel
from empnet.training.job import Job
from empnet.training.measure import measure
from empnet.training.optimiser.objective import Objective

__all__ = ["warm_up"]


def warm_up(objective: Objective, model: PropertyModel, average: PropertyModel, job: Job, device: torch.device) -> None:
    """Compute a loss with its gradient and a few predictions, as training and validation will, and drop them.

    Nothing is left behind: neither weights, gradients, nor random numbers change.

    Arguments:
        objective: What will be minimised.
        model: What will be trained.
        average: What will be validated.
        job: The data.
        device: Where the models are.
    """
    split = job.split
    with torch.random.fork_rng():
        loss = objective.loss(model, _of_each_kind(job.dataset, split.train))
        torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
        side = split.validation if len(split.validation) else split.train
        measure(average, job.dataset, _of_each_kind(job.dataset, side), job.card, device)


def _of_each_kind(dataset: Dataset, side: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " m"]:
    """Few systems that take all ways through the loops: loops do not depend on how many systems there are."""
    kinds = dataset.arrays["n_pairs"][side] > 0, dataset.with_forces[side], dataset.with_stress[side]
    firsts = [side[kind][:1] for kind in kinds]
    return np.unique(np.concatenate([side[:2], *firsts]))
