"""The map as a page: the reader chooses a point, and the page shows the system's structure and values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files

import numpy as np

from empnet.pages.map.colours import Scale
from empnet.pages.map.gather import MOST_PARTICLES, MOST_POINTS, Points
from empnet.pages.map.layout import Layout
from empnet.pages.map.picture import axis_names, draw_map
from empnet.pages.page import Section, page, paragraph, table
from empnet.pages.report.scene import MOST, scene_of
from empnet.pages.report.viewer import STYLE, legend, script
from empnet.pages.report.words import amount
from empnet.pages.svg import new_figure, svg
from empnet.system.system import System
from empnet.training.run.model_file import ModelCard

__all__ = ["map_page"]

STYLE_OF_MAP = """
.map { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 19rem); gap: 1rem; align-items: start; }
@media (max-width: 52rem) { .map { grid-template-columns: minmax(0, 1fr); } }
.map figure { margin: 0; } .map h3 { margin: 0 0 .5rem; overflow-wrap: anywhere; }
.chart { position: relative; border-radius: .3rem; cursor: crosshair; touch-action: pan-y pinch-zoom; }
.chart:focus-visible, .tools button:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.chart svg.plane { display: block; width: 100%; max-height: none; font-size: 12px; user-select: none; }
.plane text { fill: var(--ink); } .plane .grid-line { stroke: var(--line); }
.plane circle { stroke: var(--ink); stroke-opacity: .35; stroke-width: .6; }
.plane .ring { stroke: var(--ink); stroke-opacity: 1; stroke-width: 2.5; }
.plane .near { stroke: var(--ink); stroke-opacity: .8; stroke-width: 1.2; }
.hint { position: absolute; pointer-events: none; background: var(--card); border: 1px solid var(--line);
  font-size: .8rem; border-radius: .3rem; padding: .1rem .5rem; max-width: 16rem; overflow-wrap: anywhere; }
.tools { display: flex; flex-wrap: wrap; gap: .4rem; align-items: center; margin: .6rem 0; }
.tools button { font: inherit; font-size: .85rem; color: var(--ink); background: var(--card); cursor: pointer;
  border: 1px solid var(--line); border-radius: .3rem; padding: .15rem .7rem; min-height: 2rem; }
.bar { font-size: .8rem; margin: .4rem 0 .8rem; } .bar div { height: .7rem; border-radius: .2rem;
  print-color-adjust: exact; }
.bar p { display: flex; justify-content: space-between; margin: 0; max-width: none; color: var(--faint);
  font-variant-numeric: tabular-nums; }
.chosen table { width: 100%; } .chosen th { overflow-wrap: anywhere; }
.chosen td { text-align: right; padding-right: 0; white-space: nowrap; }
.chosen tr:first-child td { white-space: normal; overflow-wrap: anywhere; }
@media print { .tools, .hint { display: none; } .map { grid-template-columns: minmax(0, 1fr) 18rem; } }
"""

KEYS = (
    "Click on a point, or move from point to point with the arrow keys when the map has the focus. Page up and page "
    "down go to the next higher and lower value, Home and End to the lowest and the highest; plus and minus zoom at "
    "the chosen point, 0 shows all points. Where points overlap, click again to choose the next one."
)


def map_page(title: str, card: ModelCard, points: Points, layout: Layout, scale: Scale, picture: str) -> str:
    """Return the page as HTML text.

    Arguments:
        title: Heading of the page.
        card: Card of the model.
        points: The systems.
        layout: Places of the systems.
        scale: Colours of the systems.
        picture: Name of the picture of all systems, in the same folder.
    """
    scenes = [scene_of(system) for system in points.systems]
    own = files("empnet.pages.map").joinpath("assets", "map.js").read_text(encoding="utf-8")
    data = json.dumps(_record(points, layout, scale), separators=(",", ":"), allow_nan=False)
    sections = [
        Section(
            "Map", _map(points, layout, scale, legend(scenes)) + paragraph(KEYS, kind="faint") + _shown(points, picture)
        ),
        Section("Explained variance", _variance(layout)),
        Section("How to read the map", "".join(map(paragraph, _reading(card, points)))),
    ]
    lead = f"<style>{STYLE_OF_MAP}{STYLE}</style>\n{paragraph(_lead(points, scale))}"
    return page(title, lead, sections, script=script(scenes, f"const MAP = {data};\n{own}"))


def _lead(points: Points, scale: Scale) -> str:
    n = len(points.target)
    return (
        f"{n:,} systems ({points.side}), placed by the network's learned representation: systems near each other are "
        f"similar to the network. The colour shows: {scale.label}."
    )


def _map(points: Points, layout: Layout, scale: Scale, species: str) -> str:
    """Return the chart (a still picture until the script replaces it) and the card of the chosen system."""
    with new_figure(6.4, 4.6) as drawing:
        draw_map(drawing, layout, scale)
        still = svg(drawing, f"Map of systems, coloured by {scale.label}")
    buttons = (("in", "Zoom in"), ("out", "Zoom out"), ("all", "Show all"))
    tools = "".join(f'<button type="button" data-zoom="{what}" hidden>{name}</button>' for what, name in buttons)
    return (
        f'<div class="map"><figure><div class="chart">{still}</div>\n<div class="tools">{tools}</div>\n'
        f"{_bar(scale)}</figure>\n"
        '<div class="chosen card"><h3>No system is chosen</h3><div class="stage" data-scene="0"></div>'
        f'{species}<div aria-live="polite"><table><tbody></tbody></table></div>'
        "<noscript><p>To choose a point, switch on JavaScript.</p></noscript></div></div>\n"
    )


def _bar(scale: Scale) -> str:
    ends = [amount(value, scale.unit) for value in (scale.low, (scale.low + scale.high) / 2, scale.high)]
    texts = "".join(f"<span>{escape(text)}</span>" for text in ends)
    message = f"{scale.label}{_beyond(scale)}"
    colours = ", ".join(scale.gradient())
    return (
        f'<div class="bar"><div role="img" aria-label="{escape(message)}" '
        f'style="background: linear-gradient(to right, {colours})"></div><p>{texts}</p>{escape(message)}</div>'
    )


def _beyond(scale: Scale) -> str:
    if not scale.beyond:
        return ""
    one = scale.beyond == 1
    who = "1 system lies" if one else f"{scale.beyond:,} systems lie"
    return f"; {who} beyond the scale and {'has' if one else 'have'} the colour of its end"


def _shown(points: Points, picture: str) -> str:
    n, m = len(points.target), len(points.shown)
    if m == n:
        return paragraph(f"All {n:,} systems are on this page; {picture} shows them as a still picture.", kind="faint")
    return paragraph(
        f"{m:,} of the {n:,} systems, drawn at random, are on this page, which holds at most {MOST_POINTS:,} "
        f"structures with {MOST_PARTICLES:,} particles in all; {picture} shows every system."
    )


def _variance(layout: Layout) -> str:
    rows = [
        [name, *(f"{100 * share:.3f} %" for share in shares)]
        for name, *shares in (
            ("axis 1", layout.explained[0], layout.pca[0]),
            ("axis 2", layout.explained[1], layout.pca[1]),
            ("both", sum(layout.explained), sum(layout.pca)),
        )
    ]
    text = (
        "The table shows the share of the variance of the representations along the axes. No plane has a larger share "
        "than that of principal component analysis; the transpose autoencoder, which is trained by gradient descent, "
        "should reach it. The rest of the variance is not visible: systems that differ only in the rest are at the "
        "same place on the map."
    )
    columns = ["", "autoencoder", "PCA (scikit-learn)"]
    return table(columns, rows, numbers=[1, 2]) + paragraph(text, kind="faint")


def _reading(card: ModelCard, points: Points) -> list[str]:
    pooling = card.architecture.pooling[card.properties.index(points.name)]
    width = card.architecture.width
    pooled = (
        f"summed over the particles like {points.name}; it grows with the system, so large systems lie far from small "
        "ones"
        if pooling == "sum"
        else f"averaged over the particles like {points.name}; it does not grow with the system"
    )
    return [
        f"The representation of a system consists of the {width} inputs of the network's last, linear layer, {pooled}. "
        "The prediction is a linear function of them plus the composition baseline, which is not part of the map.",
        "The axes are the two perpendicular directions in the space of representations along which the systems differ "
        "most. They have no unit and no meaning of their own, and each has its own scale on the map. Their signs are "
        "arbitrary.",
    ]


def _record(points: Points, layout: Layout, scale: Scale) -> dict[str, object]:
    """Return plain values and complete texts for the map's script."""
    m = points.shown
    texts = [_texts(points, layout, system, int(i)) for system, i in zip(points.systems, m, strict=True)]
    errors = np.abs(points.error[m])
    first = int(np.nanargmax(errors)) if np.isfinite(errors).any() else 0
    return {
        "axes": axis_names(layout),
        "fields": _fields(points),
        "places": [[float(f"{x:.6g}") for x in place] for place in layout.places[m].tolist()],
        "colours": scale.of(m),
        "values": [float(f"{value:.9g}") for value in scale.values[m].tolist()],
        "texts": texts,
        "formulas": [system.formula for system in points.systems],
        "first": first,
    }


def _fields(points: Points) -> list[str]:
    return [
        "where",
        "points" if points.systems[0].species is None else "particles",
        f"{points.name} in the data",
        "predicted",
        "error",
        "on the map",
    ]


def _texts(points: Points, layout: Layout, system: System, i: int) -> Sequence[str]:
    target, predicted, unit = points.target[i], points.predicted[i], points.unit
    known = bool(np.isfinite(target))
    x, y = layout.places[i].tolist()
    drawn = f" ({MOST:,} drawn)" if len(system) > MOST else ""
    if points.classes:
        true = points.classes[int(target)] if known else "not in the data"
        verdict = ("right" if target == predicted else "wrong") if known else "unknown"
        values = [true, points.classes[int(predicted)], verdict]
    else:
        values = [
            f"{target:.6g}\u00a0{unit}" if known else "not in the data",
            f"{predicted:.6g}\u00a0{unit}",
            f"{predicted - target:+.4g}\u00a0{unit}" if known else "unknown",
        ]
    return [
        str(system.origin) or f"system {i}",
        f"{len(system):,}{drawn}",
        *values,
        f"{x:.3g}, {y:.3g}",
    ]
