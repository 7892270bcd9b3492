"""Ordinary networks on raw coordinates, for comparison with message passing."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from empnet.model.perceptron import perceptron
from empnet.model.pointwise import check_mask, check_values

__all__ = ["ConvolutionalCoordinateNetwork", "DenseCoordinateNetwork", "columns"]


def columns(r_batch: Tensor, f_batch: Tensor, N: int, F: int, mask: Tensor | None) -> Float[Tensor, "B N F_3"]:
    """Return positions and features, concatenated, with zeros in empty slots.

    Arguments:
        r_batch: Positions in angstrom, shape (B, N, 3), floating point.
        f_batch: Features of the particles, shape (B, N, F), floating point.
        N: Required number of slots.
        F: Required number of features.
        mask: True where a slot holds a particle, shape (B, N), bool; None: all of them.

    Returns:
        Three columns of positions, then the features, shape (B, N, 3 + F), in the features' dtype.

    Raises:
        ValueError: If a shape or dtype is wrong.

    Example:
        >>> columns(torch.zeros(1, 2, 3), torch.ones(1, 2, 1), 2, 1, torch.tensor([[True, False]])).tolist()
        [[[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]]]
    """
    check_values("r_batch", r_batch, ("B", N, 3))
    check_values("f_batch", f_batch, (len(r_batch), N, F))
    check_mask(mask, len(r_batch), N)
    x = torch.cat([r_batch.to(f_batch.dtype), f_batch], dim=-1)
    return x if mask is None else torch.where(mask[:, :, None], x, 0)


class DenseCoordinateNetwork(torch.nn.Module):
    r"""A dense network on positions and features of all particles, written one after the other.

    .. math:: y = \mathrm{mlp}([r_1, f_1, r_2, f_2, \dots, r_N, f_N])

    It has the signature of :class:`~empnet.model.property_predictor.PropertyPredictor`, but none of its symmetries: y
    changes when the system is rotated or translated, or when equal particles change places.

    Arguments:
        N: Number of slots for particles in each system.
        F: Number of features of a particle.
        F_prime: Number of properties F'.
        hidden: Number of units of each hidden layer (SiLU).

    Example:
        >>> network = DenseCoordinateNetwork(N=5, F=4)
        >>> network(torch.zeros(2, 5, 3), torch.zeros(2, 5, 4)).shape
        torch.Size([2, 1])
    """

    def __init__(self, N: int, F: int, F_prime: int = 1, *, hidden: Sequence[int] = (256, 256)) -> None:
        super().__init__()
        self.N, self.F = N, F
        self.mlp = perceptron(N * (3 + F), hidden, F_prime, torch.nn.SiLU)

    def forward(self, r_batch: Tensor, f_batch: Tensor, *, mask: Tensor | None = None) -> Float[Tensor, "B F_prime"]:
        """Return y, the properties of each system.

        Arguments:
            r_batch: Positions in angstrom, shape (B, N, 3), floating point.
            f_batch: Features of the particles, shape (B, N, F), in the parameters' dtype.
            mask: True where a slot holds a particle, shape (B, N), bool; None: all of them.

        Raises:
            ValueError: If a shape or dtype is wrong.
        """
        y: Tensor = self.mlp(columns(r_batch, f_batch, self.N, self.F, mask).flatten(1))
        return y


class ConvolutionalCoordinateNetwork(torch.nn.Module):
    r"""Convolutions along the list of particles, whose channels are positions and features, then a dense network.

    .. math:: x^0_j = [r_j, f_j], \quad x^{t+1} = \sigma(\mathrm{conv}(x^t)), \quad y = \mathrm{mlp}([x_1, \dots, x_N])

    A convolution combines particles that are neighbours *in the list*, not in space, so its result changes when the
    particles are reordered. Its channels are coordinates, so its result changes when the system is rotated.

    Arguments:
        N: Number of slots for particles in each system.
        F: Number of features of a particle.
        F_prime: Number of properties F'.
        channels: Number of channels after each convolution (SiLU).
        kernel: Width of each convolution in particles, odd; the list's ends are padded with zeros.
        hidden: Units of the dense network's hidden layer.

    Raises:
        ValueError: If the kernel is even.

    Example:
        >>> network = ConvolutionalCoordinateNetwork(N=5, F=4)
        >>> network(torch.zeros(2, 5, 3), torch.zeros(2, 5, 4)).shape
        torch.Size([2, 1])
    """

    def __init__(
        self,
        N: int,
        F: int,
        F_prime: int = 1,
        *,
        channels: Sequence[int] = (64, 64),
        kernel: int = 3,
        hidden: int = 128,
    ) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"kernel: wanted an odd number, given {kernel}")
        self.N, self.F = N, F
        sizes = [3 + F, *channels]
        layers: list[torch.nn.Module] = []
        for k, channel in enumerate(channels):
            layers += [torch.nn.Conv1d(sizes[k], channel, kernel, padding="same"), torch.nn.SiLU()]
        self.convolutions = torch.nn.Sequential(*layers)
        self.mlp = perceptron(N * sizes[-1], hidden, F_prime, torch.nn.SiLU)

    def forward(self, r_batch: Tensor, f_batch: Tensor, *, mask: Tensor | None = None) -> Float[Tensor, "B F_prime"]:
        """Return y, the properties of each system.

        Arguments:
            r_batch: Positions in angstrom, shape (B, N, 3), floating point.
            f_batch: Features of the particles, shape (B, N, F), in the parameters' dtype.
            mask: True where a slot holds a particle, shape (B, N), bool; None: all of them.

        Raises:
            ValueError: If a shape or dtype is wrong.
        """
        x = columns(r_batch, f_batch, self.N, self.F, mask).transpose(1, 2)
        y: Tensor = self.mlp(self.convolutions(x).flatten(1))
        return y
