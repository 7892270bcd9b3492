"""Draw one point cloud from one direction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int64
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize

__all__ = ["CORNER", "FRONT", "SIDE", "TOP", "View", "draw_view", "half_extent", "length_bar", "thinned"]

MOST = 3_000
"""Largest number of drawn points: more hide one another, and make a page large."""

SHADES = LinearSegmentedColormap.from_list("shades", colormaps["viridis"](np.linspace(0.15, 0.95, 64))).with_extremes(
    bad="0.6"
)
"""Dark for low and bright for high values; without the ends of viridis, which vanish on white or black."""

EDGE = 0.02
"""Share of the values at each end that may be beyond the shades, so that a few do not compress the rest."""

MARGIN, BELOW = 1.08, 1.42
"""Limits of the axes as multiples of half the cloud's extent: at three sides, and below, where the bar is."""

SHARE = 0.4
"""Largest length of the bar as a share of the cloud's extent."""


@dataclass(frozen=True, slots=True)
class View:
    """Direction of sight; the three vectors are orthogonal.

    Arguments:
        name: Its name in a figure.
        right: Vector that points right in the figure.
        up: Vector that points up in the figure.
        toward: Vector that points to the viewer.
    """

    name: str
    right: tuple[int, int, int]
    up: tuple[int, int, int]
    toward: tuple[int, int, int]

    def seen(self, points: Float64[np.ndarray, "N 3"]) -> Float64[np.ndarray, "N 3"]:
        """Return how far each point lies right, up and toward the viewer, in the points' unit.

        Arguments:
            points: Positions, shape (N, 3).

        Example:
            >>> FRONT.seen(np.array([[1.0, 2.0, 3.0]]))
            array([[ 1.,  3., -2.]])
        """
        axes = np.array([self.right, self.up, self.toward], dtype=np.float64)
        return np.asarray(points @ (axes / np.linalg.norm(axes, axis=1, keepdims=True)).T)


FRONT = View("front", (1, 0, 0), (0, 0, 1), (0, -1, 0))
SIDE = View("side", (0, 1, 0), (0, 0, 1), (1, 0, 0))
TOP = View("top", (1, 0, 0), (0, 1, 0), (0, 0, 1))
CORNER = View("corner", (1, 1, 0), (-1, 1, 2), (1, -1, 1))
"""Isometric: turned by 45 degrees and seen from above, so that all three axes are equally long."""


def thinned(points: Float[np.ndarray, "N 3"], most: int = MOST, seed: int = 0) -> Int64[np.ndarray, " M"]:
    """Return the numbers of the points that are drawn, ascending: finite ones, of too many a random selection.

    Arguments:
        points: Positions, shape (N, 3).
        most: Largest number of drawn points.
        seed: Seed of the selection.

    Example:
        >>> thinned(np.array([[0.0, 0.0, np.nan], [1.0, 1.0, 1.0]])), len(thinned(np.zeros((9, 3)), most=4))
        (array([1]), 4)
    """
    finite = np.flatnonzero(np.isfinite(points).all(axis=1))
    if len(finite) <= most:
        return finite
    return np.sort(np.random.default_rng(seed).choice(finite, most, replace=False))


def half_extent(seen: Float64[np.ndarray, "N 3"]) -> float:
    """Return half the larger extent of a seen cloud, right or up; 0 if it has none.

    Arguments:
        seen: What :meth:`View.seen` returned.

    Example:
        >>> half_extent(np.array([[0.0, 0.0, 0.0], [2.0, 6.0, 50.0]]))
        3.0
    """
    return float(np.ptp(seen[:, :2], axis=0).max()) / 2 if len(seen) else 0.0


def draw_view(
    axes: Axes, points: Float64[np.ndarray, "N 3"], shades: Float64[np.ndarray, " N"], view: View, half: float
) -> None:
    """Draw points from one direction at equal aspect; far points are drawn first, so that near ones hide them.

    Arguments:
        axes: The axes; they get no ticks and no frame.
        points: Finite positions, shape (N, 3).
        shades: A value of each point that sets its shade, shape (N,); points without a finite one are grey.
        view: Direction of sight.
        half: Half the extent that the axes show, in the points' unit; axes with equal values have equal scales.

    Example:
        >>> from matplotlib.figure import Figure
        >>> axes = Figure().subplots()
        >>> draw_view(axes, np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 3.0]]), np.array([1.0, 3.0]), FRONT, 1.0)
        >>> axes.collections[0].get_offsets().tolist()
        [[0.0, -1.0], [0.0, 1.0]]
    """
    axes.set_axis_off()
    half = half if half > 0 else 1.0
    axes.set(xlim=(-MARGIN * half, MARGIN * half), ylim=(-BELOW * half, MARGIN * half), aspect="equal")
    if not len(points):
        axes.text(0.5, 0.5, "no points", transform=axes.transAxes, ha="center", va="center", fontsize=8)
        return
    seen = view.seen(points)
    middle = (seen.min(axis=0) + seen.max(axis=0)) / 2
    order = np.argsort(seen[:, 2], kind="stable")
    right, up, _ = (seen - middle)[order].T
    size = float(np.clip(0.7 + 2_500 / len(points), 0.0, 12.0))
    axes.scatter(right, up, s=size, c=shades[order], cmap=SHADES, norm=_norm(shades), plotnonfinite=True,
                 linewidths=0, rasterized=True)  # fmt: skip


def length_bar(axes: Axes, half: float, unit: str) -> None:
    """Draw a bar of a round length below a drawn cloud; a cloud without an extent gets none.

    Arguments:
        axes: Axes of :func:`draw_view`.
        half: Half the extent that the axes show.
        unit: Unit after the number, such as ``"m"``; may be empty.

    Example:
        >>> from matplotlib.figure import Figure
        >>> axes = Figure().subplots()
        >>> length_bar(axes, 3.0, "m")
        >>> axes.texts[0].get_text()
        '2 m'
    """
    if half <= 0:
        return
    length, left, low = round_length(2 * SHARE * half), -half, -(BELOW - 0.14) * half
    axes.plot([left, left + length], [low, low], color="0.5", linewidth=1.5, solid_capstyle="butt")
    text = f"{length:g} {unit}".strip()
    axes.text(left + length + 0.08 * half, low, text, fontsize=7, va="center")


def round_length(most: float) -> float:
    """Return the largest of 1, 2 and 5 times a power of ten that is not above a length.

    Arguments:
        most: The length, above zero.

    Example:
        >>> round_length(7.3), round_length(0.25), round_length(1000.0)
        (5.0, 0.2, 1000.0)
    """
    power = int(np.floor(np.log10(most)))
    candidates = [float(f"{factor}e{exponent}") for exponent in (power - 1, power, power + 1) for factor in (1, 2, 5)]
    return max(length for length in candidates if length <= most)


def _norm(shades: Float64[np.ndarray, " N"]) -> Normalize:
    finite = shades[np.isfinite(shades)]
    low, high = np.quantile(finite, [EDGE, 1 - EDGE]) if len(finite) else (0.0, 1.0)
    return Normalize(float(low), float(high), clip=True)
