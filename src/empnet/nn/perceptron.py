"""The perceptron with one hidden layer: phi and psi everywhere."""

from __future__ import annotations

import torch

__all__ = ["perceptron"]


def perceptron(
    n_in: int, n_hidden: int, n_out: int, activation: type[torch.nn.Module] = torch.nn.Softplus
) -> torch.nn.Sequential:
    r"""A perceptron with one hidden layer, on the last axis of its input.

    .. math:: y = W_2 \, \sigma(W_1 x + b_1) + b_2

    Arguments:
        n_in: Size of x.
        n_hidden: Number of hidden units.
        n_out: Size of y.
        activation: Class of the nonlinearity sigma.

    Returns:
        The module: (..., n_in) -> (..., n_out).

    Example:
        >>> perceptron(3, 128, 2)(torch.zeros(5, 3)).shape
        torch.Size([5, 2])
    """
    return torch.nn.Sequential(torch.nn.Linear(n_in, n_hidden), activation(), torch.nn.Linear(n_hidden, n_out))
