"""Exponential moving average of the weights; a run evaluates and keeps the average."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch

__all__ = ["MovingAverage"]


Module = TypeVar("Module", bound=torch.nn.Module)


class MovingAverage(Generic[Module]):
    r"""Copy of a model whose weights follow it: :math:`\theta' \leftarrow \beta \theta' + (1 - \beta) \theta`.

    beta rises to ``decay`` as (1 + t) / (10 + t), so the average soon forgets the first weights.

    Arguments:
        model: The model that is trained.
        decay: Highest beta.

    Example:
        >>> model = torch.nn.Linear(1, 1)
        >>> average = MovingAverage(model)
        >>> average.update(model, step=0)
        >>> average.model is model
        False
    """

    def __init__(self, model: Module, decay: float = 0.99) -> None:
        self.model: Module = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: Module, step: int) -> None:
        """Update the average after the model's step of this number, counted from 0."""
        beta = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.model.parameters()), list(model.parameters()), 1 - beta)
