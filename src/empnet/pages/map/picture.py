"""Draw the map as a still picture."""

from __future__ import annotations

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from empnet.pages.map.colours import Scale
from empnet.pages.map.layout import Layout
from empnet.pages.parity import MANY, plain
from empnet.pages.ticks import number_ticks
from empnet.runtime.durable_files import replacing

__all__ = ["axis_names", "draw_map", "map_picture"]


def axis_names(layout: Layout) -> tuple[str, str]:
    """Return the labels of the two axes."""
    first, second = (f"axis {k} ({100 * share:.1f} % of the variance)" for k, share in enumerate(layout.explained, 1))
    return first, second


def draw_map(figure: Figure, layout: Layout, scale: Scale) -> None:
    """Draw every system as a point, with a colour bar.

    Arguments:
        figure: The figure.
        layout: Places of the systems.
        scale: Colours of the systems.
    """
    axes = figure.subplots()
    x, y = layout.places.T
    points = axes.scatter(
        x, y, c=scale.values, norm=scale.norm, cmap=scale.colours,
        s=14 if len(x) <= 2_000 else 5, alpha=0.8, linewidths=0, rasterized=len(x) > MANY,
    )  # fmt: skip
    axes.set(**dict(zip(("xlabel", "ylabel"), axis_names(layout), strict=True)))
    bar = figure.colorbar(points, ax=axes, label=plain(scale.label), extend="both" if scale.beyond else "neither")
    bar.outline.set_visible(False)  # type: ignore[operator]


def map_picture(title: str, layout: Layout, scale: Scale, path: str | Path) -> None:
    """Write the map of all systems as a PNG.

    Arguments:
        title: Title above the map.
        layout: Places of the systems.
        scale: Colours of the systems.
        path: Path of the file; an existing file is replaced.
    """
    with matplotlib.rc_context({"mathtext.default": "regular"}):
        figure = Figure(figsize=(7.2, 5.2), dpi=150, layout="constrained")  # no pyplot: no windows, no global state
        draw_map(figure, layout, scale)
        figure.axes[0].set_title(plain(title), fontsize=10)
        number_ticks(figure)
        with replacing(Path(path)) as unfinished:
            figure.savefig(unfinished, format="png")
