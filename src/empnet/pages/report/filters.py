"""Draw the learned filters: the weight of a neighbour against its distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64
from matplotlib.axes import Axes

from empnet.basis.radial import envelope
from empnet.model.interaction import Interaction
from empnet.model.moment_interaction import MomentInteraction
from empnet.model.network import Network
from empnet.pages.report.figures import WIDTH
from empnet.pages.svg import COLOURS, new_figure, svg

__all__ = ["Filters", "draw_filters", "filters_of"]

N_STRONG = 8
STYLES = [(colour, "-") for colour in COLOURS] + [(colour, "--") for colour in COLOURS]


@dataclass(frozen=True, slots=True, eq=False)
class Filters:
    """The filters of one interaction: phi, the weights in sums of features, or chi, the weights in sums of tensors.

    Arguments:
        d: Distances of the values, in angstrom, shape (K,).
        values: phi_lk(d) env(d) for each degree l, without unit, shape (K, L + 1, F).
        number: Number of the interaction, counted from 1.
        name: ``"phi"`` or ``"chi"``.
    """

    d: Float64[np.ndarray, " K"]
    values: Float64[np.ndarray, "K L_1 F"]
    number: int = 1
    name: str = "phi"

    def strongest(self, beyond: float, degree: int = 0) -> list[int]:
        """Return the features with the most varying filters at distances above ``beyond``, in decreasing order.

        Arguments:
            beyond: Shortest distance in the data, in angstrom.
            degree: Degree l of the filters.
        """
        spread = self.values[self.d >= beyond, degree].var(axis=0)
        return np.argsort(-spread, kind="stable")[:N_STRONG].tolist()


@torch.no_grad()
def filters_of(model: Network) -> list[Filters]:
    """Return the filters of each interaction at the knots of their spline, where they are exact.

    Arguments:
        model: The model.

    Example:
        >>> from empnet.model.architecture import Architecture
        >>> from empnet.model.property_model import PropertyModel
        >>> filters = filters_of(PropertyModel(Architecture(n_species=1, pooling=("sum",), layers=2)))
        >>> len(filters), filters[0].values.shape, float(abs(filters[0].values[-1]).max())
        (2, (128, 1, 64), 0.0)
        >>> filters = filters_of(PropertyModel(Architecture(n_species=1, pooling=("sum",), layers=2, moments=2)))
        >>> [(each.number, each.name, each.values.shape[1]) for each in filters]
        [(1, 'phi', 3), (2, 'phi', 3), (2, 'chi', 3)]
    """
    d = model.spline.knots
    basis = model.basis(d).to(model.dtype)
    weight = envelope(d, model.architecture.cutoff)[:, None]
    found = []
    for number, interaction in enumerate(model.interactions, start=1):
        assert isinstance(interaction, Interaction | MomentInteraction)  # own invariant
        for name, network in (("phi", interaction.phi), ("chi", getattr(interaction, "chi", None))):
            if network is not None:
                values = (network(basis).double() * weight).view(len(d), -1, model.architecture.width)
                found.append(Filters(d.numpy(), values.numpy(), number, name))
    return found


def draw_filters(filters: Filters, distances: Float64[np.ndarray, " P"] | None, unit: str = "angstrom") -> str:
    """Draw the filters of one interaction against distance, one panel for each degree, the most varying in colour.

    Arguments:
        filters: The filters.
        distances: Distances in the data, in the unit, shape (P,); None if they are unknown.
        unit: Unit of distances.
    """
    known = distances if distances is not None and len(distances) else None
    degrees = filters.values.shape[1]
    with new_figure(WIDTH, 3.1 * degrees) as figure:
        panels = figure.subplots(degrees, 1, sharex=True, squeeze=False)[:, 0]
        for degree, axes in enumerate(panels):
            _draw_degree(axes, filters, degree, known)
        panels[-1].set(xlabel=f"distance d [{unit}]")
        what = "Learned filters" if filters.name == "phi" else "Learned filters of tensors"
        return svg(figure, f"{what} of interaction {filters.number}")


def _draw_degree(axes: Axes, filters: Filters, degree: int, distances: Float64[np.ndarray, " P"] | None) -> None:
    """Draw the filters of one degree, with a legend of the most varying ones."""
    nearest = 0.0 if distances is None else float(distances.min())
    strong, values = filters.strongest(nearest, degree), filters.values[:, degree]
    if distances is not None:
        _draw_distances(axes, distances, float(filters.d[-1]))
    axes.plot(filters.d, np.delete(values, strong, axis=1), color="0.6", alpha=0.35, linewidth=0.7, rasterized=True)
    for k, (colour, line) in zip(strong, STYLES, strict=False):
        axes.plot(filters.d, values[:, k], line, color=colour, linewidth=1.5, label=f"k = {k}")
    axes.axhline(0.0, color="0.6", linewidth=0.7)
    inside = values[filters.d >= nearest]  # at shorter distances than in the data, a filter is not fitted
    margin = 0.05 * float(np.ptp(inside)) or 1.0
    axes.set(xlim=(0, filters.d[-1]), ylim=(inside.min() - margin, inside.max() + margin))
    index = f"{degree}k" if filters.values.shape[1] > 1 else "k"
    axes.set(ylabel=f"{filters.name}_{index}(d) env(d) [no unit]")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9, handlelength=1.4)


def _draw_distances(axes: Axes, distances: Float64[np.ndarray, " P"], cutoff: float) -> None:
    """Draw the frequency of each distance behind the filters, without an axis."""
    behind = axes.twinx()
    behind.hist(distances, bins=100, range=(0, cutoff), color="0.6", alpha=0.25)
    behind.set_axis_off()
    behind.set_zorder(-1)
