"""The interaction that sees angles: moments of the neighbours, their products, and tensors that are kept."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from empnet.data.batch import Pairs
from empnet.nn.harmonics import degree_of
from empnet.nn.kernels import pair_sums, products, tensor_sums
from empnet.nn.perceptron import perceptron
from empnet.nn.spline import CubicSpline

__all__ = ["MomentFilters", "MomentInteraction", "Moments"]


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """What moments see of the positions, computed once for all interactions.

    Arguments:
        w: Four spline weights of each pair times the envelope, shape (P, 4).
        Y: Spherical harmonics of each pair's direction, shape (P, (L + 1)^2).
        q: First of the pair's four spline coefficients, shape (P,), int64.
        basis: Radial basis at the knots, shape (K, n_basis); None if the filters' tables are frozen.
        pairs: The neighbour list.
    """

    w: Float[Tensor, "P 4"]
    Y: Float[Tensor, "P S"]
    q: Int64[Tensor, " P"]
    basis: Float[Tensor, "K n_basis"] | None
    pairs: Pairs


@dataclass(frozen=True, slots=True, eq=False)
class MomentFilters:
    """The filters of an interaction as tables.

    Arguments:
        phi_0: phi of degree 0 at distance zero, for the particle itself, shape (F,).
        phi: Spline coefficients of n^(-1/2) phi_l, which makes moments of features, shape (K + 2, L + 1, F).
        chi: Those of n^(-1/2) chi_l, which sums the neighbours' tensors, the same shape; None in the first interaction.
    """

    phi_0: Float[Tensor, " F"]
    phi: Float[Tensor, "K_2 L_1 F"]
    chi: Float[Tensor, "K_2 L_1 F"] | None


class MomentInteraction(torch.nn.Module):
    r"""One message passing step with directions and one point-wise convolution, added to the features.

    .. math::
        A_{j,lm,k} &= \delta_{l0} \, \phi_0(0)_k \, x_{jk} + V_{j,lm,k} + n^{-1/2} \sum_{i \neq j} \big(
                      \phi_l(d_{ji})_k \, Y_{lm}(\hat r_{ji}) \, x_{ik} + \chi_l(d_{ji})_k \, V_{i,lm,k} \big),
                      \quad x = W f \\
        B_{lm} &= A_{lm} W_l, \quad C = A B + B A, \quad
        f' = f + \psi\big(f, A_0, \langle A, B \rangle_l, \langle C, B \rangle_l, \langle C, C \rangle_l\big) \\
        V'_{lm} &= g_l(f') \odot (B + C)_{lm}

    The moments A are tensors of degree l = 0 ... L; products of them that do not change under rotation go into the
    point-wise network psi, and others are kept as the tensors V of the next interaction. See
    :func:`empnet.nn.kernels.products`. Both filters phi and chi are read off one small network of the distance.

    References:
        Tensor field networks, Thomas et al., 2018, https://arxiv.org/abs/1802.08219;
        Atomic cluster expansion, Drautz, 2019, https://doi.org/10.1103/PhysRevB.99.014104.

    Arguments:
        F: Number of features.
        degree: L, at least 1.
        n_basis: Number of radial basis functions.
        hidden: Width of the filters' hidden layer.
        spline: The spline on which the filters are laid out, shared by all interactions.
        first: Whether there are no tensors to be heard of yet.
        last: Whether no tensors are to be kept.
    """

    mean_neighbours: Tensor
    l_of: Tensor

    def __init__(
        self, F: int, degree: int, n_basis: int, hidden: int, spline: CubicSpline, *, first: bool, last: bool
    ) -> None:
        super().__init__()
        self.F, self.degree = F, degree
        self._spline = (spline,)  # in a tuple: shared, not a submodule of each interaction
        self.radial = torch.nn.Sequential(torch.nn.Linear(n_basis, hidden), torch.nn.SiLU())
        self.phi = torch.nn.Linear(hidden, (degree + 1) * F)
        self.chi = None if first else torch.nn.Linear(hidden, (degree + 1) * F)
        self.W = torch.nn.Linear(F, F, bias=False)
        self.W_l = torch.nn.Parameter(torch.randn(degree + 1, F, F) / F**0.5)
        self.psi = perceptron(11 * F, 2 * F, F, torch.nn.SiLU)
        self.gate = None if last else torch.nn.Linear(F, (degree + 1) * F)
        self.register_buffer("mean_neighbours", torch.ones(()))
        self.register_buffer("l_of", torch.tensor(degree_of(degree)), persistent=False)
        self.frozen_table: MomentFilters | None = None

    def filter_table(self, basis: Float[Tensor, "K n_basis"] | None) -> MomentFilters:
        """The filters, laid out on the knots; frozen ones if there are."""
        if self.frozen_table is not None:
            return self.frozen_table
        assert basis is not None  # own invariant: whoever has no tables gets a basis
        hidden = self.radial(basis)
        coefficients = self._spline[0].coefficients(hidden)  # a spline is linear in its values: half the work
        n = self.mean_neighbours.rsqrt()
        tables = [
            None if head is None else (head(coefficients) * n).view(-1, self.degree + 1, self.F)
            for head in (self.phi, self.chi)
        ]
        phi_0 = self.phi(hidden[:1])[0, : self.F]
        return MomentFilters(phi_0, tables[0], tables[1])  # type: ignore[arg-type]

    def message_passing(
        self, f: Float[Tensor, "N F"], V: Float[Tensor, "N S F"] | None, seen: Moments
    ) -> Float[Tensor, "N S F"]:
        """A: the moments of what each particle receives from its neighbours and itself."""
        filters = self.filter_table(seen.basis)
        x = self.W(f)
        A = pair_sums(seen.w, filters.phi, seen.Y, x, seen.q, seen.pairs)
        if V is not None and filters.chi is not None:
            A = A + V + tensor_sums(seen.w, filters.chi, V, seen.q, seen.pairs)
        own = torch.nn.functional.pad((filters.phi_0 * x)[:, None, :], (0, 0, 0, A.shape[1] - 1))
        return A + own

    def mixed(self, A: Float[Tensor, "N S F"]) -> Float[Tensor, "N S F"]:
        """B: each degree's channels mixed among themselves."""
        return torch.bmm(A.transpose(0, 1), self.W_l.index_select(0, self.l_of)).transpose(0, 1)

    def forward(
        self, f: Float[Tensor, "N F"], V: Float[Tensor, "N S F"] | None, seen: Moments
    ) -> tuple[Float[Tensor, "N F"], Float[Tensor, "N S F"] | None]:
        """New features of the particles, and tensors."""
        A = self.message_passing(f, V, seen)
        B = self.mixed(A)
        invariants, C = products(A, B)
        f = f + self.psi(torch.cat([f, A[:, 0], invariants.flatten(1)], dim=1))
        if self.gate is None:
            return f, None
        g = self.gate(f).view(-1, self.degree + 1, self.F).index_select(1, self.l_of)
        return f, g * (B + C)
