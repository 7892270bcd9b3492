"""The error of a spline table against the filter that it tabulates, and its effect on a prediction."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float64
from torch import Tensor

from empnet.basis.radial import envelope
from empnet.basis.spline import CubicSpline
from empnet.model.property_model import PropertyModel

__all__ = ["TableError", "interaction_table_errors", "table_error", "with_knots"]

Filter = Callable[[Float64[Tensor, " P"]], Float64[Tensor, "P F"]]

POINTS = 16
"""Points between two knots: the error of a cubic spline has one maximum there, which 16 points find to 1 %."""


@dataclass(frozen=True)
class TableError:
    """The difference between a filter and its table on [0, r_max], over all features.

    Arguments:
        largest: Largest absolute difference.
        mean: Root mean square difference.
        size: Root mean square of the filter itself.

    Example:
        >>> TableError(largest=2e-6, mean=1e-6, size=0.5).relative
        2e-06
    """

    largest: float
    mean: float
    size: float

    @property
    def relative(self) -> float:
        """Root mean square difference relative to the filter's root mean square; zero for a filter that is zero."""
        return self.mean / self.size if self.size else 0.0


@torch.no_grad()
def table_error(phi: Filter, spline: CubicSpline, window: Filter | None = None) -> TableError:
    r"""Compare a filter with the spline through its values on the knots.

    .. math:: e(d) = \Big( \sum_b w_b(d) \, T_{q+b} - \phi(d) \Big) \, window(d)

    Arguments:
        phi: The filter: distances in angstrom, shape (P,), float64 -> its components, shape (P, F), float64.
        spline: The spline.
        window: A factor of the filter where it is used, such as an envelope, shape (P, 1); None: no factor.

    Returns:
        The error on 16 points between two knots, in float64.

    Example:
        >>> table_error(lambda d: d[:, None] ** 3, CubicSpline(8, 5.0)).relative < 1e-14  # a cubic is reproduced
        True
    """
    knots = spline.knots
    d = torch.linspace(0, spline.r_max, POINTS * (len(knots) - 1) + 1, dtype=knots.dtype, device=knots.device)
    q = spline.locate(d)
    T, w = spline.coefficients(phi(knots)), spline.weights(d, q)
    interpolated = torch.stack([w[:, [b]] * T.index_select(0, q + b) for b in range(4)]).sum(0)
    exact, factor = phi(d), 1 if window is None else window(d)
    difference, exact = (interpolated - exact) * factor, exact * factor
    mean, size = (x.square().mean().sqrt().item() for x in (difference, exact))
    return TableError(difference.abs().max().item(), mean, size)


def interaction_table_errors(model: PropertyModel) -> list[TableError]:
    """Return the error of the tables in each interaction of a network: of all its filters, times the envelope.

    Arguments:
        model: The network; its filters are compared in float64.

    Example:
        >>> from empnet.model.architecture import Architecture
        >>> model = PropertyModel(Architecture(n_species=2, pooling=("sum",)))
        >>> len(interaction_table_errors(model))
        3
    """
    cutoff = model.architecture.cutoff

    def filter_of(interaction: torch.nn.Module) -> Filter:
        given = (getattr(interaction, "phi", None), getattr(interaction, "chi", None))
        filters = [copy.deepcopy(network).double() for network in given if network is not None]
        return lambda d: torch.cat([network(model.basis(d)) for network in filters], dim=1)

    def window(d: Float64[Tensor, " P"]) -> Float64[Tensor, "P 1"]:
        return envelope(d, cutoff)[:, None]

    return [table_error(filter_of(interaction), model.spline, window) for interaction in model.tabulated()]


def with_knots(model: PropertyModel, knots: int) -> PropertyModel:
    """Return a copy of a network with its filters tabulated on another number of knots.

    Arguments:
        model: The network.
        knots: The number of knots.

    Example:
        >>> from empnet.model.architecture import Architecture
        >>> model = PropertyModel(Architecture(n_species=2, pooling=("sum",)))
        >>> with_knots(model, 512).spline.n_knots
        512
    """
    other = PropertyModel(replace(model.architecture, knots=knots))
    for own, given in zip(other.parameters(), model.parameters(), strict=True):
        own.data = own.data.to(given)
    other.load_state_dict(model.state_dict())
    return other.train(model.training)
