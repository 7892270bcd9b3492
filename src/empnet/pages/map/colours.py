"""Colours of the points on the map, and their meaning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from matplotlib import colormaps
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize, to_hex

from empnet.pages.map.gather import Points

__all__ = ["Scale", "scale_of"]

OUTLIERS = 0.01
"""Share of the systems at each end of the scale that may be off the scale, so that a few do not compress the rest."""

FAR = 2.0
"""Ratio of the range with outliers to the range without, above which outliers are left off the scale."""

ORDERED = LinearSegmentedColormap.from_list("ordered", colormaps["viridis"](np.linspace(0.15, 0.95, 64)))
"""From blue through green to yellow, without the ends, which are hard to see on white or black. Lightness increases
steadily, so that colour-blind readers can see the order."""

SIGNED = LinearSegmentedColormap.from_list("signed", ["#1f6fd0", "#9aa0a8", "#e0641b"])
"""Blue: predicted too low; orange: too high; grey: correct."""


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """A value for each system, and the colours for these values.

    Arguments:
        values: The values, shape (n,), in the unit.
        label: Name of the values, with the unit.
        unit: Unit of the values.
        low: Value of the first colour, in the unit.
        high: Value of the last colour, in the unit.
        colours: The colours from the first to the last.
    """

    values: Float64[np.ndarray, " n"]
    label: str
    unit: str
    low: float
    high: float
    colours: Colormap

    @property
    def norm(self) -> Normalize:
        """Map from values to places on the scale; values beyond its ends get the colour of the end."""
        return Normalize(self.low, self.high, clip=True)

    @property
    def beyond(self) -> int:
        """Number of systems beyond the ends of the scale."""
        return int(((self.values < self.low) | (self.values > self.high)).sum())

    def of(self, numbers: np.ndarray) -> list[str]:
        """Return the colours of some systems as ``#rrggbb``."""
        return [to_hex(colour) for colour in self.colours(self.norm(self.values[numbers]))]

    def gradient(self) -> list[str]:
        """Return the colours of the scale at equal steps, for a bar."""
        return [to_hex(colour) for colour in self.colours(np.linspace(0, 1, 9))]


def scale_of(points: Points, *, errors: bool) -> Scale:
    """Return the scale of the property in the data (predicted, if some data lack it), or of the signed error.

    Arguments:
        points: The systems.
        errors: Whether to return the scale of the error.
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
    """Return the largest value, or ``most`` if the largest is far beyond it."""
    return most if largest > FAR * most else largest
