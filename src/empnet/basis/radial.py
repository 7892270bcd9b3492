"""Functions of one distance: the radial basis, input of phi, and the envelope, which is zero from the cutoff on."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["RadialBasis", "envelope"]


def envelope(d: Float[Tensor, "*shape"], cutoff: float) -> Float[Tensor, "*shape"]:
    r"""Return a polynomial that falls from 1 at distance 0 to 0 at the cutoff, with two zero derivatives there.

    .. math:: env(d) = 1 - 10 u^3 + 15 u^4 - 6 u^5 = (1 - u)^3 (1 + 3u + 6u^2), \quad u = d / d_{cut}

    It is exactly 0 beyond. The product is never negative, and exact near the cutoff, where the sum loses its digits.

    References:
        Directional message passing for molecular graphs, Gasteiger et al., 2020, https://arxiv.org/abs/2003.03123
        (another polynomial for the same purpose).

    Arguments:
        d: Distances in angstrom, any shape.
        cutoff: Interaction cutoff in angstrom.

    Returns:
        The envelope, dimensionless, in d's shape and dtype.

    Example:
        >>> envelope(torch.tensor([0.0, 2.5, 5.0, 7.0]), cutoff=5.0).tolist()
        [1.0, 0.5, 0.0, 0.0]
    """
    u = (d / cutoff).clamp(max=1)
    return (1 - u) ** 3 * (1 + u * (3 + 6 * u))


def _sinc(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return sin(x) / x, by its series near zero, where torch.sinc has no second derivative."""
    near = x.abs() < 0.1  # the first omitted term is then below 1e-17
    x2 = torch.where(near, x, 0).square()
    series = 1 - x2 / 6 * (1 - x2 / 20 * (1 - x2 / 42 * (1 - x2 / 72)))
    far = torch.where(near, 1, x)  # keeps the quotient away from zero where it is not used
    return torch.where(near, series, far.sin() / far)


class RadialBasis(torch.nn.Module):
    r"""Standing waves in a sphere: a basis of smooth functions of the distance, without parameters.

    .. math:: e_n(d) = \sqrt{2 / d_{cut}} \; \sin(n \pi d / d_{cut}) / d, \quad n = 1 \dots n_{basis}

    References:
        Directional message passing for molecular graphs, Gasteiger et al., 2020, https://arxiv.org/abs/2003.03123

    Arguments:
        n: Number of functions.
        r_max: Radius of the sphere in angstrom.

    Example:
        >>> RadialBasis(n=8, r_max=5.0)(torch.tensor([0.0, 1.0, 2.0])).shape
        torch.Size([3, 8])
    """

    def __init__(self, n: int, r_max: float) -> None:
        super().__init__()
        self.n = n
        self.r_max = r_max

    def forward(self, d: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape n"]:
        """Return the basis functions at each distance.

        Arguments:
            d: Distances in angstrom, any shape; zero is allowed.

        Returns:
            The n functions along a new last axis, in d's dtype.
        """
        frequencies = torch.arange(1, self.n + 1, dtype=d.dtype, device=d.device) * (math.pi / self.r_max)
        return math.sqrt(2 / self.r_max) * frequencies * _sinc(d[..., None] * frequencies)

    def extra_repr(self) -> str:
        """Return the sizes that ``print`` shows."""
        return f"n={self.n}, r_max={self.r_max}"
