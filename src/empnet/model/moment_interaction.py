"""The interaction on distances and angles: moments of the neighbours, their products, and tensors for the next one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from empnet.basis.products import inner
from empnet.basis.spline import CubicSpline
from empnet.kernels import gated, mixed, moments, products
from empnet.model.interaction import Geometry, spline_table
from empnet.model.perceptron import perceptron

__all__ = ["MomentFilters", "MomentInteraction"]

N_COUPLED = 9
"""Components of degree 0, 1 and 2, which form a 3 x 3 matrix."""


@dataclass(frozen=True, slots=True, eq=False)
class MomentFilters:
    """The filters of an interaction as tables.

    Arguments:
        phi: Spline coefficients of n^(-1/2) phi_l, the filters of features, shape (K + 2, L + 1, F).
        chi: Spline coefficients of n^(-1/2) chi_l, the filters of tensors, of phi's shape; None in the first
            interaction.
    """

    phi: Float[Tensor, "K_2 L_1 F"]
    chi: Float[Tensor, "K_2 L_1 F"] | None


class MomentInteraction(torch.nn.Module):
    r"""One message passing step with directions and one point-wise convolution, added to the features.

    .. math::
        A_{j,lm,k} &= V_{j,lm,k} + n^{-1/2} \sum_{i \neq j} \big(
                      \phi_l(d_{ji})_k \, Y_{lm}(\hat r_{ji}) \, x_{ik} + \chi_l(d_{ji})_k \, V_{i,lm,k} \big),
                      \quad x = W f \\
        B_{lm} &= A_{lm} W_l, \quad C = A B + B A, \quad
        f' = f + \psi\big(f, \langle A, B \rangle_l, \langle C, B \rangle_l, \langle C, C \rangle_l, A_0\big) \\
        V'_{lm} &= g_l(f') \odot (B + C)_{lm}

    The first interaction has no V; the particle itself takes its place, with a weight of its own:
    :math:`V_{j,00,k} = u_k x_{jk}`. (Not phi(0): a radial basis is large at distance zero, the more so the shorter the
    cutoff, and products of four amplify it.) The moments A are tensors of degree l = 0 ... L. Products that do not
    change under rotation, the invariants, go into the point-wise network psi; others become the tensors V of the next
    interaction (products: :func:`empnet.kernels.products`; moments of degree 3 are multiplied in pairs only).
    Filters are as in :class:`~empnet.model.interaction.Interaction`, one for each degree.

    References:
        Tensor field networks, Thomas et al., 2018, https://arxiv.org/abs/1802.08219;
        Atomic cluster expansion, Drautz, 2019, https://doi.org/10.1103/PhysRevB.99.014104.

    Arguments:
        F: Number of features.
        degree: L, at least 1.
        n_basis: Number of radial basis functions.
        hidden: Width of the filters' hidden layer.
        spline: The spline that tabulates the filters, shared by all interactions.
        first: Whether this is the first interaction, which receives no tensors V.
        last: Whether this is the last interaction, which returns no tensors V.
    """

    mean_neighbours: Tensor

    def __init__(
        self, F: int, degree: int, n_basis: int, hidden: int, spline: CubicSpline, *, first: bool, last: bool
    ) -> None:
        super().__init__()
        self.F, self.degree = F, degree
        self._spline = (spline,)  # in a tuple: shared, not a submodule of each interaction
        self.phi = perceptron(n_basis, hidden, (degree + 1) * F, torch.nn.SiLU)
        self.chi = None if first else perceptron(n_basis, hidden, (degree + 1) * F, torch.nn.SiLU)
        self.own = torch.nn.Parameter(torch.ones(F)) if first else None
        self.W = torch.nn.Linear(F, F, bias=False)
        self.W_l = torch.nn.Parameter(torch.randn(degree + 1, F, F) / F**0.5)
        self.psi = perceptron((11 + (degree == 3)) * F, 2 * F, F, torch.nn.SiLU)
        self.gate = None if last else torch.nn.Linear(F, (degree + 1) * F)
        self.register_buffer("mean_neighbours", torch.ones(()))
        self.frozen_table: MomentFilters | None = None

    def filter_table(self, basis: Float[Tensor, "K n_basis"] | None) -> MomentFilters:
        """Return the filters as tables; the frozen ones if there are any."""
        if self.frozen_table is not None:
            return self.frozen_table
        assert basis is not None  # own invariant: without frozen tables there is a basis
        phi = self._by_degree(spline_table(self.phi, basis, self._spline[0]))
        chi = None if self.chi is None else self._by_degree(spline_table(self.chi, basis, self._spline[0]))
        return MomentFilters(phi, chi)

    def _by_degree(self, T: Float[Tensor, "K_2 n"]) -> Float[Tensor, "K_2 L_1 F"]:
        return (T * self.mean_neighbours.rsqrt()).view(-1, self.degree + 1, self.F)

    def message_passing(
        self, f: Float[Tensor, "N F"], V: Float[Tensor, "N S F"] | None, geometry: Geometry
    ) -> Float[Tensor, "N S F"]:
        """Return A: the moments of each particle's neighbours and of itself."""
        filters = self.filter_table(geometry.basis)
        assert geometry.Y is not None  # own invariant: with moments, there are directions
        x = self.W(f)
        A = moments(geometry.w, geometry.Y, filters.phi, x, filters.chi, V, geometry.q, geometry.pairs)
        if self.own is None:
            return A
        return A + pad((self.own * x)[:, None, :], (0, 0, 0, A.shape[1] - 1))

    def products(
        self, f: Float[Tensor, "N F"], A: Float[Tensor, "N S F"], B: Float[Tensor, "N S F"]
    ) -> tuple[Float[Tensor, "N n F"], Float[Tensor, "N S F"]]:
        """Return the invariants and B + C; products of three and four take moments of degree 0, 1, 2 only."""
        S = A.shape[1]
        if S == N_COUPLED:
            return products(f, A, B)
        if S < N_COUPLED:
            invariants, D = products(f, *(pad(X, (0, 0, 0, N_COUPLED - S)) for X in (A, B)))
            return invariants, D[:, :S]
        invariants, D = products(f, A[:, :N_COUPLED], B[:, :N_COUPLED])
        highest = inner(A, B)[:, 3:]
        return torch.cat([invariants, highest], dim=1), torch.cat([D, B[:, N_COUPLED:]], dim=1)

    def forward(
        self, f: Float[Tensor, "N F"], V: Float[Tensor, "N S F"] | None, geometry: Geometry
    ) -> tuple[Float[Tensor, "N F"], Float[Tensor, "N S F"] | None]:
        """Return the particles' new features and tensors."""
        A = self.message_passing(f, V, geometry)
        invariants, D = self.products(f, A, mixed(A, self.W_l))
        f = f + self.psi(invariants.flatten(1))
        if self.gate is None:
            return f, None
        return f, gated(self.gate(f).view(-1, self.degree + 1, self.F), D)
