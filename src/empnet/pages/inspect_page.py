"""An inspection as a page of HTML, with histograms."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

import numpy as np

from empnet.inspection.record import Bars, Finding, Inspection
from empnet.pages.inspect_table import KEY_COLUMNS, PROPERTY_COLUMNS, facts, key_rows, property_row
from empnet.pages.page import Section, figure, page, paragraph, table
from empnet.pages.parity import plain
from empnet.pages.svg import COLOURS, new_figure, svg
from empnet.runtime.durable_files import write_text

__all__ = ["write_inspection_page"]

KINDS = {"error": "bad", "warning": "warn", "advice": "good", "note": "faint"}
HARDNESS = (
    "Left by composition is the root mean square of what a linear fit on the composition leaves of the property: what "
    "geometry has to explain, and the error of a model that only counts particles."
)


def write_inspection_page(inspection: Inspection, path: str | Path) -> None:
    """Write a page that needs nothing but itself.

    Arguments:
        inspection: What it shows.
        path: Path of the HTML file, replaced if it is there.
    """
    write_text(Path(path), inspection_page(inspection))


def inspection_page(inspection: Inspection) -> str:
    """The page as text.

    Arguments:
        inspection: What it shows.
    """
    lead = table(("", ""), facts(inspection)[1:])  # the first is in the title
    sections = [Section("Findings", _findings(inspection)), *_sections(inspection)]
    return page(f"Data: {inspection.file or 'systems in memory'}", lead, sections)


def _sections(inspection: Inspection) -> Iterator[Section]:
    if inspection.properties:
        rows = table(PROPERTY_COLUMNS, map(property_row, inspection.properties), numbers=(2, 3, 4))
        why = "".join(paragraph(fact.why, kind="faint") for fact in inspection.properties)
        yield Section("Properties", rows + paragraph(HARDNESS, kind="faint") + why)
    if inspection.keys:
        yield Section("Keys", table(KEY_COLUMNS, key_rows(inspection.keys), numbers=(3, 4, 5)))
    if inspection.histograms:
        drawn = "\n".join(map(_histogram, inspection.histograms))
        yield Section("Histograms", f'<div class="grid">{drawn}</div>')


def _findings(inspection: Inspection) -> str:
    if not inspection.findings:
        return paragraph("No problems found.", kind="good")
    return "\n".join(map(_finding, inspection.findings))


def _finding(finding: Finding) -> str:
    """The level as a word in its colour, so that colour is not needed; what to do and where stand below."""
    more = "; ".join(part for part in (finding.remedy, finding.where) if part)
    below = f'<br><span class="faint">{escape(more)}</span>' if more else ""
    return (
        f'<p><span class="{KINDS[finding.level]}">{finding.level}</span> <b>{escape(finding.topic)}</b>: '
        f"{escape(finding.text)}{below}</p>"
    )


def _histogram(bars: Bars) -> str:
    edges = np.array(bars.edges)
    with new_figure(4.6, 3.0) as drawing:
        axes = drawing.subplots()
        axes.bar(edges[:-1], bars.counts, np.diff(edges), align="edge", color=COLOURS[0], alpha=0.8)
        axes.set(xlabel=plain(bars.label), ylabel=bars.what)
        axes.locator_params(axis="x", nbins=6)
        axes.ticklabel_format(axis="x", useOffset=False)
        element = svg(drawing, f"Histogram: {bars.title}")
    beyond = f"; {bars.beyond:,} beyond the edges are drawn at them" if bars.beyond else ""
    return figure(element, f"{bars.title}: {sum(bars.counts):,} {bars.what}{beyond}")
