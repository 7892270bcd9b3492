"""Losses of errors in their unit, and their weights."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float64
from torch import Tensor
from torch.nn import functional

__all__ = ["FORCES_WEIGHT", "STRESS_WEIGHT", "Loss", "loss_of", "summed_loss"]

Loss = Literal["mse", "mae", "huber"]

FORCES_WEIGHT = 5.0
"""Weight of the forces' mean loss, in the units of :class:`~empnet.training.optimiser.scales.Scales`; energies have 1.

Measured (docs/experiments.md): with energies weighted a hundred times more, forces become half as accurate, and
energies no better; a system has 3 N components of forces and one energy: most of its information is in its forces."""

STRESS_WEIGHT = 1.0
"""Weight of the stress's mean loss; energies have 1."""

KNEE = 0.1
"""Error at which the Huber loss turns from a square to a line."""


def summed_loss(error: Float64[Tensor, "*shape"], kind: Loss) -> Float64[Tensor, ""]:
    """Return the sum of losses of errors: ``mse``: e^2; ``mae``: |e|; ``huber``: e^2 / 2 up to |e| = 0.1, then linear.

    Arguments:
        error: Errors in their unit.
        kind: Kind of loss.

    Example:
        >>> summed_loss(torch.tensor([1.0, -2.0], dtype=torch.float64), "mse").item()
        5.0
    """
    if kind == "mse":
        return error.square().sum()
    if kind == "mae":
        return error.abs().sum()
    return functional.huber_loss(error, torch.zeros_like(error), delta=KNEE, reduction="sum")


def loss_of(
    predicted: Float64[Tensor, "B F_prime"],
    targets: Float64[Tensor, "B F_prime"],
    spread: Float64[Tensor, " F_prime"],
    kind: Loss,
) -> Float64[Tensor, ""]:
    """Return the mean loss over systems and properties of the error e = (predicted - target) / spread.

    The spread gives properties of any unit the same weight.

    Arguments:
        predicted: Predictions in the properties' units.
        targets: Targets in the properties' units.
        spread: Standard deviation of each property after its composition baseline is removed.
        kind: Kind of loss.

    Example:
        >>> one = torch.ones(1, 1, dtype=torch.float64)
        >>> loss_of(3 * one, one, 2 * one[0], "mae").item()
        1.0
    """
    return summed_loss((predicted - targets) / spread, kind) / targets.numel()
