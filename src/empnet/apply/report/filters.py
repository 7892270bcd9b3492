"""The learned filters: how much a neighbour counts at each distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64
from matplotlib.axes import Axes

from empnet.apply.report.figures import WIDTH
from empnet.apply.svg import COLOURS, new_figure, svg
from empnet.nn.interaction import Interaction
from empnet.nn.model import PropertyModel
from empnet.nn.moment_interaction import MomentInteraction
from empnet.nn.radial import envelope

__all__ = ["Filters", "draw_filters", "filters_of"]

N_STRONG = 8
STYLES = [(colour, "-") for colour in COLOURS] + [(colour, "--") for colour in COLOURS]


@dataclass(frozen=True, slots=True, eq=False)
class Filters:
    """The filters of one interaction.

    Arguments:
        d: Distances at which they were computed, angstrom, shape (K,).
        values: phi_k(d) env(d), without unit, shape (K, F).
    """

    d: Float64[np.ndarray, " K"]
    values: Float64[np.ndarray, "K F"]

    def strongest(self, beyond: float) -> list[int]:
        """The features whose filters vary most at distances above ``beyond``, the first one most.

        Arguments:
            beyond: Where the data have their nearest neighbours, angstrom.
        """
        spread = self.values[self.d >= beyond].var(axis=0)
        return np.argsort(-spread, kind="stable")[:N_STRONG].tolist()


@torch.no_grad()
def filters_of(model: PropertyModel) -> list[Filters]:
    """The filters of each interaction at the knots of their spline, where they are exact.

    Arguments:
        model: A model.

    Example:
        >>> from empnet.nn.model import Architecture
        >>> filters = filters_of(PropertyModel(Architecture(n_species=1, pooling=("sum",), layers=2)))
        >>> len(filters), filters[0].values.shape, float(abs(filters[0].values[-1]).max())
        (2, (128, 64), 0.0)
    """
    d = model.spline.knots
    basis = model.basis(d).to(model.dtype)
    weight = envelope(d, model.architecture.cutoff)[:, None]
    found = []
    for interaction in model.interactions:
        assert isinstance(interaction, Interaction | MomentInteraction)  # own invariant
        found.append(Filters(d.numpy(), (interaction.phi(basis).double() * weight).numpy()))
    return found


def draw_filters(filters: Filters, number: int, distances: Float64[np.ndarray, " P"] | None) -> str:
    """The filters of one interaction over the distance, those that vary most in colour.

    Arguments:
        filters: What is drawn.
        number: Of the interaction, counted from 1, for the label.
        distances: Distances that occur in the data, angstrom; None if they are not known.
    """
    known = distances is not None and len(distances) > 0
    nearest = float(distances.min()) if distances is not None and known else 0.0
    strong = filters.strongest(nearest)
    with new_figure(WIDTH, 3.9) as figure:
        axes = figure.subplots()
        if distances is not None and known:
            _draw_distances(axes, distances, float(filters.d[-1]))
        faint = np.delete(filters.values, strong, axis=1)
        axes.plot(filters.d, faint, color="0.6", alpha=0.35, linewidth=0.7, rasterized=True)
        for k, (colour, line) in zip(strong, STYLES, strict=False):
            axes.plot(filters.d, filters.values[:, k], line, color=colour, linewidth=1.5, label=f"k = {k}")
        axes.axhline(0.0, color="0.6", linewidth=0.7)
        inside = filters.values[filters.d >= nearest]  # nearer than any pair, a filter was never fitted
        margin = 0.05 * float(np.ptp(inside)) or 1.0
        axes.set(xlim=(0, filters.d[-1]), ylim=(inside.min() - margin, inside.max() + margin))
        axes.set(xlabel="distance d [angstrom]", ylabel="phi_k(d) env(d) [no unit]")
        figure.legend(loc="outside lower center", ncols=4, fontsize=9, handlelength=1.4, columnspacing=1.2)
        return svg(figure, f"Learned filters of interaction {number}")


def _draw_distances(axes: Axes, distances: Float64[np.ndarray, " P"], cutoff: float) -> None:
    """How often each distance occurs, behind the filters, without a scale of its own."""
    behind = axes.twinx()
    behind.hist(distances, bins=100, range=(0, cutoff), color="0.6", alpha=0.25)
    behind.set_axis_off()
    behind.set_zorder(-1)
