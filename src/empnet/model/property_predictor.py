"""The three layers together: message passing, point-wise convolution, and pooling to properties of the whole system."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from empnet.kernels.pairs import POOLINGS
from empnet.model.message_passing import MessagePassingLayer
from empnet.model.pointwise import PointwiseConvolutionLayer, unpadded

__all__ = ["PropertyPredictor"]


class PropertyPredictor(torch.nn.Module):
    r"""Predicts properties of a whole system of N particles.

    .. math::
        \bar f_{j,k} = \rho \Big( \sum_i \phi(d_{ji})_k \, f_{i,k} \Big), \quad f'_j = \psi(\bar f_j), \quad
        y = \sum_j f'_j \;\text{ or }\; \frac{1}{N} \sum_j f'_j

    y is invariant: positions enter through the distances d_ji alone, and rotations, reflections and translations keep
    every distance. Exchanging particles permutes the terms of the sum over i, which leaves each f_bar unchanged, and
    the rows f'_j, which leaves their sum unchanged; all particles share psi, so nothing depends on an index.

    It cannot distinguish mirror images, which have equal distances, though they may differ in a property such as
    optical rotation; nor certain different clouds whose particles have equal distances around them (Pozdnyakov and
    Ceriotti, 2022).

    References:
        Incompleteness of graph neural networks for points clouds in three dimensions, Pozdnyakov and Ceriotti, 2022,
        https://arxiv.org/abs/2201.07136

    Arguments:
        N: Number of slots for particles in each system.
        F: Number of features of a particle.
        F_prime: Number of properties F'.
        pooling: ``"sum"`` for extensive properties, ``"mean"`` for intensive ones.
        knots: Number of knots of the filter's table; see :class:`MessagePassingLayer`. None: no table.
        r_max: The table's range in angstrom.

    Raises:
        ValueError: If ``pooling`` is neither, or ``knots`` and ``r_max`` do not fit.

    Example:
        >>> predictor = PropertyPredictor(N=5, F=4)
        >>> r, f = torch.rand(3, 5, 3, dtype=torch.float64), torch.rand(3, 5, 4)
        >>> predictor(r, f).shape
        torch.Size([3, 1])
        >>> torch.allclose(predictor(r, f), predictor(r.flip(1) + 1e6, f.flip(1)))
        True
    """

    def __init__(
        self,
        N: int,
        F: int,
        F_prime: int = 1,
        *,
        pooling: str = "sum",
        knots: int | None = None,
        r_max: float | None = None,
    ) -> None:
        super().__init__()
        if pooling not in POOLINGS:
            raise ValueError(f"pooling: wanted {' or '.join(map(repr, POOLINGS))}, given {pooling!r}")
        self.pooling = pooling
        self.message_passing = MessagePassingLayer(N, F, knots=knots, r_max=r_max)
        self.pointwise_convolution = PointwiseConvolutionLayer(N, F, F_prime)

    def forward(self, r_batch: Tensor, f_batch: Tensor, *, mask: Tensor | None = None) -> Float[Tensor, "B F_prime"]:
        """Return y, the properties of each system.

        Arguments:
            r_batch: Positions in angstrom, shape (B, N, 3), floating point, best float64.
            f_batch: Features of the particles, shape (B, N, F), floating point.
            mask: Which slots hold a particle, shape (B, N), bool; None: all of them.

        Returns:
            y, shape (B, F'), in the parameters' dtype, summed in float64; zero for a system without particles.

        Raises:
            ValueError: If a shape or dtype is wrong.
        """
        f_bar = self.message_passing(r_batch, f_batch, mask=mask)
        f_prime = self.pointwise_convolution(f_bar, mask=mask)
        system = torch.arange(len(f_prime), device=f_prime.device)[:, None].expand(f_prime.shape[:2])
        system_of = system.flatten() if mask is None else system[mask]
        y = POOLINGS[self.pooling](unpadded(f_prime, mask), system_of, len(f_prime))
        return y.to(f_prime.dtype)

    def extra_repr(self) -> str:
        """Return the options that ``print`` shows."""
        return f"pooling={self.pooling!r}"
