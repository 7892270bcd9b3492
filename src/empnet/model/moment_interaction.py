"""The interaction on distances and angles: moments of the neighbours, their products, and tensors for the next one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import linear, pad, silu

from empnet.basis.products import inner
from empnet.basis.spline import CubicSpline
from empnet.kernels import gated, mixed, moments, products
from empnet.model.interaction import Geometry, spline_table
from empnet.model.perceptron import perceptron

__all__ = ["MomentFilters", "MomentInteraction", "all_filter_tables"]

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


def all_filter_tables(
    interactions: Sequence[MomentInteraction], basis: Float[Tensor, "K n_basis"]
) -> list[MomentFilters]:
    """Return the tables of all interactions, computed together: in a third of the operations, which are small.

    Arguments:
        interactions: The interactions of a network.
        basis: Radial basis at the knots, shape (K, n_basis).

    Example:
        >>> spline = CubicSpline(8, 5.0)
        >>> ends = {"first": True, "last": False}, {"first": False, "last": True}
        >>> interactions = [MomentInteraction(4, 1, 3, 6, spline, **end) for end in ends]
        >>> basis = torch.rand(8, 3)
        >>> together = all_filter_tables(interactions, basis)
        >>> alone = [each.filter_table(basis) for each in interactions]
        >>> all(torch.allclose(a.phi, b.phi, atol=1e-5) for a, b in zip(together, alone, strict=True))
        True
    """
    networks = [(each.phi, each) for each in interactions]
    networks += [(each.chi, each) for each in interactions if each.chi is not None]
    firsts: list[Any] = [network[0] for network, _ in networks]
    lasts: list[Any] = [network[-1] for network, _ in networks]
    weight, bias = torch.cat([each.weight for each in firsts]), torch.cat([each.bias for each in firsts])
    hidden = silu(linear(basis, weight, bias))  # (K, n hidden)
    C = interactions[0]._spline[0].coefficients(hidden).view(-1, len(networks), firsts[0].out_features).transpose(0, 1)
    T = torch.baddbmm(
        torch.stack([each.bias for each in lasts])[:, None], C, torch.stack([each.weight for each in lasts]).mT
    )
    scales = torch.stack([each.mean_neighbours for _, each in networks]).rsqrt()
    L_1, F = interactions[0].degree + 1, interactions[0].F
    tables = iter((T * scales[:, None, None]).view(len(networks), -1, L_1, F).unbind())
    phi = [next(tables) for _ in interactions]
    return [
        MomentFilters(own, None if each.chi is None else next(tables))
        for own, each in zip(phi, interactions, strict=True)
    ]
