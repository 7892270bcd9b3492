"""Choose the objective of a model, and the decay of its moving average."""

from __future__ import annotations

import torch

from empnet.model.network import Network
from empnet.model.pooled_model import PooledModel
from empnet.training.job import Job
from empnet.training.optimiser.objective import Objective
from empnet.training.optimiser.pooled_objective import PooledObjective

__all__ = ["decay_of", "objective_of"]

SHORT_MEMORY, LONG_MEMORY = 0.9, 0.99
"""Decays of the moving average of weights: runs on clouds take hundreds of steps, others thousands."""


def objective_of(job: Job, model: Network, device: torch.device) -> Objective | PooledObjective:
    """Return the objective of a job.

    Arguments:
        job: Configuration, data and units.
        model: The model that is trained.
        device: Device of the model.
    """
    if isinstance(model, PooledModel):
        datasets = (job.dataset, *job.variants)
        config, spread = job.config, job.scales.energy
        return PooledObjective(
            model, datasets, job.split.train, job.card.encoder, spread, config.loss, config.seed, device
        )
    return Objective(job.config, job.card, job.dataset, job.scales, device)


def decay_of(model: Network) -> float:
    """Return the decay of the moving average of the weights.

    Arguments:
        model: The model that is trained.
    """
    return SHORT_MEMORY if isinstance(model, PooledModel) else LONG_MEMORY
