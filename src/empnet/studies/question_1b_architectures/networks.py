"""The network of the question, and the kinds that it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt

import torch
from torch import Tensor

from empnet.model.perceptron import perceptron
from empnet.studies.networks.residual import Residual

__all__ = ["KINDS", "StepwiseReader", "build"]

KINDS = ("dense", "skip", "recurrent")


class StepwiseReader(torch.nn.Module):
    """Reads its input in pieces with a recurrent layer; a perceptron continues from the last state.

    Arguments:
        n_in: Size of the input; a piece has the size of its largest divisor up to its square root.
        n_hidden: Size of the state, then of each further hidden layer.
        n_out: Size of the output.

    Example:
        >>> StepwiseReader(25, (30, 5, 50), 25)(torch.zeros(2, 25)).shape
        torch.Size([2, 25])
    """

    def __init__(self, n_in: int, n_hidden: Sequence[int], n_out: int) -> None:
        super().__init__()
        self.piece = max(size for size in range(1, isqrt(n_in) + 1) if n_in % size == 0)
        self.reader = torch.nn.RNN(self.piece, n_hidden[0], batch_first=True)
        state, *further = n_hidden
        self.rest = perceptron(state, further, n_out, torch.nn.SiLU)

    def forward(self, x: Tensor) -> Tensor:
        """Return the output for each row of x."""
        states, _ = self.reader(x.reshape(len(x), -1, self.piece))
        return self.rest(states[:, -1])


def build(kind: str, n_in: int, n_hidden: Sequence[int], n_out: int) -> torch.nn.Module:
    """Return a network with these layers.

    Arguments:
        kind: ``dense``: a perceptron. ``skip``: one whose input is added to its output. ``recurrent``: one whose first
            hidden layer reads the input step by step.
        n_in: Size of the input.
        n_hidden: Size of each hidden layer.
        n_out: Size of the output.

    Example:
        >>> build("skip", 25, (30, 5, 50), 25)(torch.zeros(2, 25)).shape
        torch.Size([2, 25])
    """
    if kind == "recurrent":
        return StepwiseReader(n_in, n_hidden, n_out)
    dense = perceptron(n_in, n_hidden, n_out, torch.nn.SiLU)
    return Residual(dense) if kind == "skip" else dense
