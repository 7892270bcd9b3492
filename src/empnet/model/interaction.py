"""The interaction on distances: one message passing step and one point-wise convolution."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import linear

from empnet.basis.spline import CubicSpline
from empnet.kernels import pair_sums
from empnet.model.perceptron import perceptron
from empnet.system.batch import Pairs

__all__ = ["Geometry", "Interaction", "spline_table"]


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """The geometry of a batch, computed once for all interactions.

    Arguments:
        w: Four spline weights of each pair times the envelope, shape (P, 4).
        q: First of the pair's four spline coefficients, shape (P,), int64.
        basis: Radial basis at the knots, shape (K, n_basis); None if the filters' tables are frozen.
        pairs: The neighbour list.
        Y: Spherical harmonics of each pair's direction, shape (P, (L + 1)^2); None without angular moments.
    """

    w: Float[Tensor, "P 4"]
    q: Int64[Tensor, " P"]
    basis: Float[Tensor, "K n_basis"] | None
    pairs: Pairs
    Y: Float[Tensor, "P S"] | None = None


def spline_table(
    phi: torch.nn.Sequential, basis: Float[Tensor, "K n_basis"], spline: CubicSpline
) -> Float[Tensor, "K_2 n"]:
    """Return the spline coefficients of a filter network's values on the knots.

    Arguments:
        phi: A network that ends with a linear layer.
        basis: Its input at the spline's knots, shape (K, n_basis).
        spline: The spline.

    Example:
        >>> phi, spline = torch.nn.Sequential(torch.nn.SiLU(), torch.nn.Linear(1, 5)), CubicSpline(8, 5.0)
        >>> x = spline.knots[:, None].float()
        >>> torch.allclose(spline_table(phi, x, spline), spline.coefficients(phi(x)), atol=1e-5)
        True
    """
    last = phi[-1]
    # coefficients are linear in the values, as the last layer is, and the hidden layer before it is narrower
    return linear(spline.coefficients(phi[:-1](basis)), last.weight, last.bias)  # type: ignore[arg-type]


class Interaction(torch.nn.Module):
    r"""One message passing step and one point-wise convolution, added to the features.

    .. math::
        x = W f, \quad
        \bar f_{jk} = \phi(0)_k x_{jk} + n^{-1/2} \sum_{i \neq j} \phi(d_{ji})_k \, env(d_{ji}) \, x_{ik}, \quad
        f' = f + \psi(\bar f,\; W_1 \bar f \odot W_2 \bar f)

    phi is a perceptron on a radial basis, evaluated on knots and interpolated by a cubic B-spline. Products of sums
    depend on three particles at a time. psi begins with a linear map, which takes the place of rho.

    References:
        SchNet: a continuous-filter convolutional neural network, Schuett et al., 2017, https://arxiv.org/abs/1706.08566

    Arguments:
        F: Number of features.
        n_basis: Number of radial basis functions, the input of phi.
        hidden: Width of phi's hidden layer.
        spline: The spline that tabulates phi, shared by all interactions.
        products: Whether psi takes products of sums.
    """

    mean_neighbours: Tensor

    def __init__(self, F: int, n_basis: int, hidden: int, spline: CubicSpline, *, products: bool = True) -> None:
        super().__init__()
        self._spline = (spline,)  # in a tuple: shared, not a submodule of each interaction
        self.phi = perceptron(n_basis, hidden, F, torch.nn.SiLU)
        self.W = torch.nn.Linear(F, F, bias=False)
        self.products = products
        if self.products:
            self.W_1 = torch.nn.Linear(F, F, bias=False)
            self.W_2 = torch.nn.Linear(F, F, bias=False)
        n_sums = 2 * F if self.products else F
        self.psi = perceptron(n_sums, n_sums, F, torch.nn.SiLU)
        self.register_buffer("mean_neighbours", torch.ones(()))
        self.frozen_table: tuple[Tensor, Tensor] | None = None

    def message_passing(self, f: Float[Tensor, "N F"], geometry: Geometry) -> Float[Tensor, "N F"]:
        """Return f_bar: the sum over each particle's neighbours and itself."""
        phi_0, T = self.filter_table(geometry.basis)
        x = self.W(f)
        received = pair_sums(geometry.w, T, None, x, geometry.q, geometry.pairs).view_as(x)
        return torch.addcmul(received, phi_0, x)

    def filter_table(
        self, basis: Float[Tensor, "K n_basis"] | None
    ) -> tuple[Float[Tensor, " F"], Float[Tensor, "K_2 1 F"]]:
        """Return phi(0) for the particle itself, and the spline coefficients of n^(-1/2) phi for its neighbours."""
        if self.frozen_table is not None:
            return self.frozen_table
        assert basis is not None  # own invariant: without frozen tables there is a basis
        phi = self.phi(basis)  # (K, F)
        T = self._spline[0].coefficients(phi / self.mean_neighbours.sqrt())
        return phi[0], T[:, None, :]

    def pointwise_convolution(self, f_bar: Float[Tensor, "N F"]) -> Float[Tensor, "N F"]:
        """Return psi of the sums and of their products."""
        if not self.products:
            return self.psi(f_bar)
        return self.psi(torch.cat([f_bar, self.W_1(f_bar) * self.W_2(f_bar)], dim=-1))

    def forward(self, f: Float[Tensor, "N F"], V: None, geometry: Geometry) -> tuple[Float[Tensor, "N F"], None]:
        """Return the particles' new features; there are no tensors V here."""
        return self.pointwise_convolution(self.message_passing(f, geometry)).add_(f), V
