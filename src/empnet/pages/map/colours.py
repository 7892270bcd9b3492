"""Colours of the points, and their meaning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from matplotlib import colormaps
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize, to_hex

from empnet.pages.map.gather import Points

__all__ = ["Scale", "scale_of"]

OUTLIERS = 0.01
"""Share of the systems at either end of the values that share the end's colour, so that few do not fade the rest."""

FAR = 2.0
"""All values over those without outliers, as ranges, from which outliers are left off the scale."""

ORDERED = LinearSegmentedColormap.from_list("ordered", colormaps["viridis"](np.linspace(0.15, 0.95, 64)))
"""From blue over green to yellow, without the ends that white or black paper would swallow; lightness rises steadily,
so that the order can be seen by the colour-blind."""

SIGNED = LinearSegmentedColormap.from_list("signed", ["#1f6fd0", "#9aa0a8", "#e0641b"])
"""Blue is too low, orange too high, grey is right."""


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """A value of each system, and the colours from the lowest to the highest.

    Arguments:
        values: Shape (n,), in the unit.
        label: What they are, with the unit.
        unit: Their unit.
        low: What the first colour stands for.
        high: What the last colour stands for.
        colours: The colours between them.
    """

    values: Float64[np.ndarray, " n"]
    label: str
    unit: str
    low: float
    high: float
    colours: Colormap

    @property
    def norm(self) -> Normalize:
        """From values to places on the scale; values beyond its ends are drawn in the ends' colours."""
        return Normalize(self.low, self.high, clip=True)

    @property
    def beyond(self) -> int:
        """Count the systems beyond the ends."""
        return int(((self.values < self.low) | (self.values > self.high)).sum())

    def of(self, numbers: np.ndarray) -> list[str]:
        """Colours of some systems as ``#rrggbb``."""
        return [to_hex(colour) for colour in self.colours(self.norm(self.values[numbers]))]

    def gradient(self) -> list[str]:
        """Colours of the scale at equal steps, for a bar."""
        return [to_hex(colour) for colour in self.colours(np.linspace(0, 1, 9))]


def scale_of(points: Points, *, errors: bool) -> Scale:
    """The property in the data (where some lack it, as predicted), or the error with its sign.

    Arguments:
        points: The systems.
        errors: Whether it is the error.
    """
    if errors:
        size = np.abs(points.error)
        reach = _unless_far(float(np.quantile(size, 1 - OUTLIERS)), float(size.max())) or 1.0
        label = f"error of {points.name}: predicted - true [{points.unit}]"
        return Scale(points.error, label, points.unit, -reach, reach, SIGNED)
    known = bool(np.isfinite(points.target).all())
    values = points.target if known else points.predicted
    low, high = np.quantile(values, [OUTLIERS, 1 - OUTLIERS]).tolist()
    if np.ptp(values) <= FAR * (high - low):
        low, high = float(values.min()), float(values.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    text = "in the data" if known else "predicted"
    return Scale(values, f"{points.name} {text} [{points.unit}]", points.unit, low, high, ORDERED)


def _unless_far(most: float, largest: float) -> float:
    """The largest of all values, unless it is far beyond most of them."""
    return most if largest > FAR * most else largest
