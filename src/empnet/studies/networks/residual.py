"""A skip connection around any module."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["Residual"]


class Residual(torch.nn.Module):
    r"""Adds a module's input to its output.

    .. math:: y = x + f(x)

    References:
        Deep residual learning for image recognition, He et al., 2016, https://arxiv.org/abs/1512.03385

    Arguments:
        inner: f, whose output has the shape of its input.

    Example:
        >>> Residual(torch.nn.Tanh())(torch.zeros(2, 3)).shape
        torch.Size([2, 3])
    """

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Return y."""
        return x + self.inner(x)
