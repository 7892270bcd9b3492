"""Gradient clipping at a multiple of the usual length, so that one odd batch cannot spoil the weights."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

__all__ = ["clip_gradients"]

LARGEST = 1.0
"""Largest length of a gradient, whatever the usual length."""

TIMES = 2.0
"""Largest length of a gradient, in units of the usual length."""

MEMORY = 0.99
"""Decay of the running mean of lengths: a memory of about a hundred steps."""


def clip_gradients(parameters: Iterable[Tensor], usual: float | None) -> tuple[float, float | None]:
    """Shorten a gradient that is much longer than the earlier ones.

    Adam divides a gradient by the root mean square of earlier ones, so late in training, when gradients are small, a
    single long one moves every weight by several learning rates. A bound that follows the usual length prevents it.

    References:
        AutoClip: adaptive gradient clipping for source separation networks, Seetharaman et al., 2020,
        https://arxiv.org/abs/2007.14469 (the same idea with a percentile).

    Arguments:
        parameters: Parameters with gradients, which are changed in place.
        usual: Running mean of the lengths so far, as clipped; None at the first step.

    Returns:
        The gradient's length before clipping, and the running mean with it; if the length is not finite, the
        gradients are unusable and the mean stays unchanged.

    Example:
        >>> weight = torch.nn.Parameter(torch.zeros(2))
        >>> weight.grad = torch.tensor([3.0, 4.0])
        >>> clip_gradients([weight], usual=0.1)
        (5.0, 0.101)
        >>> weight.grad.norm().item() < 0.2001
        True
    """
    limit = LARGEST if usual is None else min(LARGEST, TIMES * usual)
    gradients = [p.grad for p in parameters if p.grad is not None]
    length = float(torch.nn.utils.get_total_norm(gradients)) if gradients else 0.0
    if not math.isfinite(length):
        return length, usual
    if length > limit:
        torch._foreach_mul_(gradients, limit / length)
    clipped = min(length, limit)
    return length, clipped if usual is None else MEMORY * usual + (1 - MEMORY) * clipped
