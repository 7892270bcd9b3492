"""What training minimises."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float64
from torch import Tensor
from torch.nn import functional

__all__ = ["Loss", "loss_of"]

Loss = Literal["mse", "mae", "huber"]


def loss_of(
    predicted: Float64[Tensor, "B F_prime"],
    targets: Float64[Tensor, "B F_prime"],
    spread: Float64[Tensor, " F_prime"],
    kind: Loss,
) -> Float64[Tensor, ""]:
    """Mean loss over systems and properties of the error e = (predicted - target) / spread.

    ``mse``: e^2. ``mae``: |e|. ``huber``: e^2 / 2 up to |e| = 0.1, linear beyond. The spread makes properties of
    any unit weigh alike.

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
    error = (predicted - targets) / spread
    if kind == "mse":
        return error.square().mean()
    if kind == "mae":
        return error.abs().mean()
    return functional.huber_loss(error, torch.zeros_like(error), delta=0.1)
