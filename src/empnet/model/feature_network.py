"""The network that both models share: embedding and interactions, from a batch to features of its particles."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import linear, silu

from empnet.basis.radial import RadialBasis
from empnet.basis.spline import CubicSpline
from empnet.kernels import pair_directions, pair_weights
from empnet.model.architecture import Architecture
from empnet.model.interaction import Geometry, Interaction
from empnet.model.moment_interaction import MomentFilters, MomentInteraction
from empnet.system.batch import Batch

__all__ = ["FeatureNetwork"]

Network = TypeVar("Network", bound="FeatureNetwork")


class FeatureNetwork(torch.nn.Module):
    r"""Embedding and interactions: features of each particle, unchanged by rotating, translating or reordering.

    .. math::
        f^0 = W_e f, \quad f^{t+1}, V^{t+1} = \mathrm{interaction}_t(f^t, V^t)

    The base of the two models: :class:`~empnet.model.property_model.PropertyModel` adds up contributions of particles,
    :class:`~empnet.model.pooled_model.PooledModel` reads whole clouds.

    Arguments:
        architecture: Sizes, cutoff and pooling.
    """

    interactions: torch.nn.ModuleList

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.spline = CubicSpline(architecture.knots, architecture.cutoff)
        self.basis = RadialBasis(architecture.n_basis, architecture.cutoff)
        self._at_knots: Tensor | None = None
        columns = architecture.n_species + architecture.n_features
        self.embedding = torch.nn.Linear(columns, architecture.width, bias=False)
        self.interactions = torch.nn.ModuleList(self._interaction(t) for t in range(architecture.layers))

    def _interaction(self, t: int, alone: bool = False) -> Interaction | MomentInteraction:
        """Return the interaction number t, or one that takes and returns no tensors, with moments or without."""
        a = self.architecture
        if not a.moments:
            return Interaction(a.width, a.n_basis, a.hidden, self.spline, products=a.products)
        ends = {"first": alone or t == 0, "last": alone or t == a.layers - 1}
        return MomentInteraction(a.width, a.moments, a.n_basis, a.hidden, self.spline, **ends)

    def tabulated(self) -> list[Interaction | MomentInteraction]:
        """Return all interactions: their filters are tables."""
        return [module for module in self.modules() if isinstance(module, Interaction | MomentInteraction)]

    def frozen(self: Network) -> Network:
        """Return a copy for predictions: the filters' tables are computed once, and no weight requires a gradient.

        Example:
            >>> network = FeatureNetwork(Architecture(n_species=2, pooling=("sum",)))
            >>> any(parameter.requires_grad for parameter in network.frozen().parameters())
            False
        """
        with torch.inference_mode(False):  # else its tensors could not be part of a graph, which forces need
            model = copy.deepcopy(self).eval().requires_grad_(False)
            basis = model.basis_at_knots()
            for interaction in model.tabulated():
                interaction.frozen_table = interaction.filter_table(basis)
        return model

    def filter_tables(self) -> list[Any]:
        """Return the filters of all interactions as tables: what each one's ``filter_table`` returns.

        Example:
            >>> network = FeatureNetwork(Architecture(n_species=1, pooling=("sum",), moments=1))
            >>> alone = [each.filter_table(network.basis_at_knots()) for each in network.interactions]
            >>> [torch.allclose(a.phi, b.phi, atol=1e-5) for a, b in zip(network.filter_tables(), alone, strict=True)]
            [True, True, True]
        """
        interactions: list[Any] = list(self.interactions)
        basis = None if self.is_frozen else self.basis_at_knots()
        if basis is not None and isinstance(interactions[0], MomentInteraction):
            return _tables_together(interactions, basis)
        return [each.filter_table(basis) for each in interactions]

    @property
    def is_frozen(self) -> bool:
        """True if the filters' tables are precomputed and fixed."""
        return any(interaction.frozen_table is not None for interaction in self.tabulated())

    def basis_at_knots(self) -> Float[Tensor, "K n_basis"]:
        """Return the radial basis at the spline's knots, the input of all filters."""
        known = self._at_knots
        if known is None or known.dtype != self.dtype or known.device != self.embedding.weight.device:
            with torch.inference_mode(False), torch.no_grad():  # a constant; it must serve in graphs, too
                known = self._at_knots = self.basis(self.spline.knots).to(self.dtype)
        return known

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the network's arithmetic; sums over particles are in float64 always."""
        return self.embedding.weight.dtype

    def geometry(self, batch: Batch) -> Geometry:
        """Return spline weights, directions and phi's input at the knots; distances are in float64."""
        basis = None if self.is_frozen else self.basis_at_knots()
        of_batch = batch.positions, batch.pairs, batch.cells, batch.system_of, self.spline
        if self.architecture.moments:
            w, Y, q, _ = pair_directions(*of_batch, self.architecture.moments, self.dtype)
            return Geometry(w, q, basis, batch.pairs, Y)
        w, q, _ = pair_weights(*of_batch, self.dtype)
        return Geometry(w, q, basis, batch.pairs)

    def features(self, batch: Batch) -> Float[Tensor, "N F"]:
        """Features of the particles after the last interaction."""
        geometry = self.geometry(batch)
        f, V = self.embedding(batch.features), None
        for interaction in self.interactions:
            f, V = interaction(f, V, geometry)
        return f  # type: ignore[no-any-return]


def _tables_together(interactions: list[MomentInteraction], basis: Float[Tensor, "K n_basis"]) -> list[MomentFilters]:
    """Return the tables of all interactions, in a third of the operations, which are small."""
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
