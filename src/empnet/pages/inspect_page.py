"""Write an inspection as an HTML page with histograms."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

import numpy as np

from empnet.inspection.clouds.facts import CloudFacts
from empnet.inspection.record import UNNAMED_UNIT, Bars, Finding, Inspection
from empnet.pages.clouds.contact_sheet import contact_sheet
from empnet.pages.inspect_table import KEY_COLUMNS, PROPERTY_COLUMNS, facts, key_rows, property_row
from empnet.pages.page import Section, figure, page, paragraph, table
from empnet.pages.parity import plain
from empnet.pages.svg import COLOURS, new_figure, svg
from empnet.runtime.durable_files import write_text

__all__ = ["write_inspection_page"]

KINDS = {"error": "bad", "warning": "warn", "advice": "good", "note": "faint"}
HARDNESS = (
    "The column 'left by composition' is the root mean square residual of a linear fit of the property on the "
    "composition: the part that the geometry must explain, and the error of a model that only counts particles."
)


def write_inspection_page(inspection: Inspection, path: str | Path) -> None:
    """Write an inspection as a self-contained page.

    Arguments:
        inspection: The inspection.
        path: Path of the HTML file; an existing file is replaced.
    """
    write_text(Path(path), inspection_page(inspection))


def inspection_page(inspection: Inspection) -> str:
    """Return the page as HTML text.

    Arguments:
        inspection: The inspection.
    """
    lead = table(("", ""), facts(inspection)[1:])  # without the first fact, which is in the title
    sections = [Section("Findings", _findings(inspection)), *_sections(inspection)]
    return page(f"Data: {inspection.file or 'systems in memory'}", lead, sections)


def _sections(inspection: Inspection) -> Iterator[Section]:
    if inspection.clouds is not None:
        yield from _cloud_sections(inspection, inspection.clouds)
    elif inspection.properties:
        rows = table(PROPERTY_COLUMNS, map(property_row, inspection.properties), numbers=(2, 3, 4))
        why = "".join(paragraph(fact.why, kind="faint") for fact in inspection.properties)
        yield Section("Properties", rows + paragraph(HARDNESS, kind="faint") + why)
    if inspection.keys:
        yield Section("Keys", table(KEY_COLUMNS, key_rows(inspection.keys), numbers=(3, 4, 5)))
    if inspection.histograms:
        drawn = "\n".join(map(_histogram, inspection.histograms))
        yield Section("Histograms", f'<div class="grid">{drawn}</div>')


def _cloud_sections(inspection: Inspection, clouds: CloudFacts) -> Iterator[Section]:
    """Yield the pictures of clouds, and their properties."""
    shown = clouds.specimens
    sheet = contact_sheet(
        [each.points for each in shown],
        [each.name for each in shown],
        [each.label for each in shown],
        unit="" if clouds.unit == UNNAMED_UNIT else clouds.unit,
    )
    if sheet:
        caption = f"{len(shown)} of {inspection.systems:,} clouds. Dark is low (z), bright is high."
        yield Section("Clouds", figure(sheet, caption))
    if inspection.properties:
        rows = [property_row(fact)[:4] for fact in inspection.properties]
        yield Section("Properties", table(PROPERTY_COLUMNS[:4], rows, numbers=(2, 3)))


def _findings(inspection: Inspection) -> str:
    if not inspection.findings:
        return paragraph("No problems found.", kind="good")
    return "\n".join(map(_finding, inspection.findings))


def _finding(finding: Finding) -> str:
    """Return a finding with its level as a coloured word, readable without colour; remedy and place are below."""
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
    beyond = f"; {bars.beyond:,} beyond the edges are drawn at the edges" if bars.beyond else ""
    return figure(element, f"{bars.title}: {sum(bars.counts):,} {bars.what}{beyond}")
