"""What training minimises."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float64
from torch import Tensor
from torch.nn import functional

__all__ = ["FORCES_WEIGHT", "STRESS_WEIGHT", "Loss", "loss_of", "summed_loss"]

Loss = Literal["mse", "mae", "huber"]

FORCES_WEIGHT = 5.0
"""Of the forces' mean loss beside the energies', in the units of :class:`~empnet.training.optimiser.scales.Scales`.

Measured (docs/experiments.md): with energies weighted a hundred times more, forces learn half as well, and energies no
better; a system has 3 N components of forces and one energy, so most of what a frame tells is in its forces."""

STRESS_WEIGHT = 1.0
"""Of the stress's mean loss beside the energies'."""

KNEE = 0.1
"""Where the Huber loss turns from a square to a line."""


def summed_loss(error: Float64[Tensor, "*shape"], kind: Loss) -> Float64[Tensor, ""]:
    """Sum of the losses of some errors: ``mse``: e^2; ``mae``: |e|; ``huber``: e^2 / 2 up to |e| = 0.1, then linear.

    Arguments:
        error: Errors in their unit.
        kind: Which loss.

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
    """Mean loss over systems and properties of the error e = (predicted - target) / spread.

    The spread makes properties of any unit weigh alike.

    Arguments:
        predicted: Predictions in the properties' units.
        targets: What they should be.
        spread: Standard deviation of each property after its composition baseline is removed.
        kind: Which loss.

    Example:
        >>> one = torch.ones(1, 1, dtype=torch.float64)
        >>> loss_of(3 * one, one, 2 * one[0], "mae").item()
        1.0
    """
    return summed_loss((predicted - targets) / spread, kind) / targets.numel()
