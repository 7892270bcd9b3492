"""Point-wise convolution: one perceptron, shared by all particles; and the way from padded to flat lists and back."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from empnet.model.perceptron import perceptron

__all__ = ["HIDDEN", "PointwiseConvolutionLayer", "check_mask", "check_values", "padded", "unpadded"]

HIDDEN = 128
"""Hidden units of phi and psi in the three layers."""


def check_values(name: str, values: Tensor, shape: tuple[int | str, ...]) -> None:
    """Refuse a batch that has the wrong shape or an integer dtype.

    Arguments:
        name: The argument's name.
        values: The tensor.
        shape: The required shape; a letter stands for any size.

    Raises:
        ValueError: Naming the argument, the required and the given shape or dtype.

    Example:
        >>> check_values("r_batch", torch.zeros(7, 3), ("B", 5, 3))
        Traceback (most recent call last):
        ValueError: r_batch: wanted shape (B, 5, 3), given (7, 3)
    """
    given = tuple(values.shape)
    fits = len(given) == len(shape) and all(
        isinstance(want, str) or want == got for want, got in zip(shape, given, strict=True)
    )
    if not fits:
        raise ValueError(f"{name}: wanted shape ({', '.join(map(str, shape))}), given {given}")
    if not values.is_floating_point():
        raise ValueError(f"{name}: wanted floating-point numbers, given {values.dtype}")


def check_mask(mask: Tensor | None, B: int, N: int) -> None:
    """Refuse a mask that has the wrong shape or dtype; None is valid: every slot holds a particle.

    Arguments:
        mask: Which slots hold a particle, shape (B, N), bool.
        B: Number of systems.
        N: Number of slots in each system.

    Raises:
        ValueError: Naming the required and the given shape or dtype.
    """
    if mask is not None and mask.shape != (B, N):
        raise ValueError(f"mask: wanted shape ({B}, {N}), given {tuple(mask.shape)}")
    if mask is not None and mask.dtype != torch.bool:
        raise ValueError(f"mask: wanted torch.bool (True: a particle is there), given {mask.dtype}")


def unpadded(values: Float[Tensor, "B N F"], mask: Bool[Tensor, "B N"] | None) -> Float[Tensor, "n F"]:
    """Return the particles of all systems, one after the other; empty slots are never read.

    Arguments:
        values: One row for each slot, shape (B, N, F).
        mask: Which slots hold a particle, shape (B, N), bool; None: all of them.

    Returns:
        One row for each of the n particles, shape (n, F).

    Example:
        >>> values = torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]])
        >>> unpadded(values, torch.tensor([[True, False], [True, True]])).tolist()
        [[1.0], [3.0], [4.0]]
    """
    rows = values.flatten(0, 1)
    return rows if mask is None else rows.index_select(0, mask.flatten().nonzero()[:, 0])


def padded(values: Float[Tensor, "n F"], mask: Bool[Tensor, "B N"] | None, N: int) -> Float[Tensor, "B {N} F"]:
    """Invert :func:`unpadded`, with zeros in the empty slots.

    Arguments:
        values: One row for each of the n particles, shape (n, F).
        mask: Which slots hold a particle, shape (B, N), bool; None: all of them.
        N: Number of slots in each system.

    Returns:
        One row for each slot, shape (B, N, F).

    Example:
        >>> padded(torch.tensor([[1.0], [3.0], [4.0]]), torch.tensor([[True, False], [True, True]]), N=2).tolist()
        [[[1.0], [0.0]], [[3.0], [4.0]]]
    """
    if mask is not None:
        slots = values.new_zeros(mask.numel(), values.shape[1])
        values = slots.index_copy(0, mask.flatten().nonzero()[:, 0], values)
    return values.view(len(values) // N, N, values.shape[1])


class PointwiseConvolutionLayer(torch.nn.Module):
    r"""Transforms the features of each particle by one shared perceptron.

    .. math:: f'_j = \psi(\bar f_j), \quad \psi: \mathbb R^F \to \mathbb R^{F'}

    psi has one hidden layer of 128 units with softplus.

    Arguments:
        N: Number of slots for particles in each system.
        F: Number of input features.
        F_prime: Number of output features F'.

    Example:
        >>> layer = PointwiseConvolutionLayer(N=5, F=4, F_prime=2)
        >>> layer(torch.zeros(3, 5, 4)).shape
        torch.Size([3, 5, 2])
    """

    def __init__(self, N: int, F: int, F_prime: int) -> None:
        super().__init__()
        self.N, self.F, self.F_prime = N, F, F_prime
        self.psi = perceptron(F, HIDDEN, F_prime)

    def forward(self, f_bar_batch: Tensor, *, mask: Tensor | None = None) -> Float[Tensor, "B N F_prime"]:
        """Return f', the new features.

        Arguments:
            f_bar_batch: Features of the particles, shape (B, N, F), floating point.
            mask: Which slots hold a particle, shape (B, N), bool; None: all of them.

        Returns:
            f', shape (B, N, F'), in the parameters' dtype; zero in empty slots, whatever they contain.

        Raises:
            ValueError: If a shape or dtype is wrong.
        """
        check_values("f_bar_batch", f_bar_batch, ("B", self.N, self.F))
        check_mask(mask, len(f_bar_batch), self.N)
        f_bar = unpadded(f_bar_batch, mask).to(next(self.psi.parameters()).dtype)
        return padded(self.psi(f_bar), mask, self.N)

    def extra_repr(self) -> str:
        """Return the sizes that ``print`` shows."""
        return f"N={self.N}, F={self.F}, F_prime={self.F_prime}"
