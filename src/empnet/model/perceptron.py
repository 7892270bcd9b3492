"""The multilayer perceptron: phi and psi everywhere, and the dense networks of the studies."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch

__all__ = ["perceptron"]


def perceptron(
    n_in: int, n_hidden: int | Sequence[int], n_out: int, activation: type[torch.nn.Module] = torch.nn.Softplus
) -> torch.nn.Sequential:
    r"""Return a perceptron on the last axis of its input, usually with one hidden layer.

    .. math:: y = W_2 \, \sigma(W_1 x + b_1) + b_2

    Arguments:
        n_in: Size of x.
        n_hidden: Number of hidden units; for several hidden layers, one number each.
        n_out: Size of y.
        activation: Class of the nonlinearity sigma.

    Returns:
        The module: (..., n_in) -> (..., n_out).

    Example:
        >>> perceptron(3, 128, 2)(torch.zeros(5, 3)).shape
        torch.Size([5, 2])
        >>> perceptron(25, (30, 5, 50), 25, torch.nn.ReLU)[4]
        Linear(in_features=5, out_features=50, bias=True)
    """
    sizes = [n_in, *([n_hidden] if isinstance(n_hidden, int) else n_hidden)]
    hidden = [layer for a, b in pairwise(sizes) for layer in (torch.nn.Linear(a, b), activation())]
    return torch.nn.Sequential(*hidden, torch.nn.Linear(sizes[-1], n_out))
