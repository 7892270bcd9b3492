"""Print an inspection to the terminal: facts, keys, properties and findings."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from empnet.inspection.clouds.facts import CloudFacts
from empnet.inspection.record import Finding, Inspection, Key, Level, PropertyFacts

__all__ = ["facts", "key_row", "key_rows", "print_inspection", "property_row"]

COLOURS: dict[Level, str] = {"error": "bold red", "warning": "bold yellow", "advice": "bold cyan", "note": "dim"}
MANY_TEXTS = 4
"""Largest number of texts in a list; if there are more, only their number is shown."""

MOST_KEYS, MOST_FINDINGS = 40, 40
"""Largest numbers of keys and findings shown, so that the important ones stay visible."""

KEY_COLUMNS = ("key", "place", "kind", "frames", "smallest", "largest", "values")
PROPERTY_COLUMNS = ("property", "unit", "mean", "standard deviation", "left by composition", "particles")


def print_inspection(inspection: Inspection) -> None:
    """Print an inspection.

    Arguments:
        inspection: The inspection.
    """
    console = Console(highlight=False, width=None if Console().is_terminal else 120)
    console.print(_grid(facts(inspection)))
    if inspection.keys:
        rows = key_rows(inspection.keys)
        if inspection.clouds is not None:
            rows = [tuple(cell.replace("per particle", "per point") for cell in row) for row in rows]
        console.print(_table("keys in the data", KEY_COLUMNS, rows))
    if inspection.properties:
        rows = [property_row(fact) for fact in inspection.properties]
        columns: Sequence[str] = PROPERTY_COLUMNS
        if inspection.clouds is not None:  # without a composition, only the first columns mean something
            rows, columns = [row[:4] for row in rows], PROPERTY_COLUMNS[:4]
        console.print(_table("properties of the whole system", columns, rows))
    for finding in inspection.findings[:MOST_FINDINGS]:
        console.print(_line(finding))
    if len(inspection.findings) > MOST_FINDINGS:
        console.print(f"and {len(inspection.findings) - MOST_FINDINGS} more findings, none more severe: see --json")
    if not inspection.findings:
        console.print("no problems found")


def facts(inspection: Inspection) -> list[tuple[str, str]]:
    """Return the facts about the data as pairs of a name and its value in words.

    Arguments:
        inspection: The inspection.
    """
    if inspection.clouds is not None:
        return _cloud_facts(inspection, inspection.clouds)
    least, median, most = inspection.sizes
    size = str(least) if least == most else f"{least} to {most}, median {median}"
    rows = [
        ("data", inspection.file or "systems in memory"),
        ("systems", f"{inspection.systems:,} ({_periodic(inspection)})"),
        ("particles", f"{size}; {inspection.particles:,} in total"),
        ("species", ", ".join(f"{name} in {n:,}" for name, n in inspection.species.items()) or "none named"),
    ]
    if inspection.shortest is not None:
        rows.append(("shortest distance", f"{inspection.shortest:.4g} angstrom ({inspection.shortest_where})"))
    rows.append(("duplicates", f"{inspection.exact_duplicates:,} exact, {inspection.near_duplicates:,} near"))
    rows += [("sampled", text) for text in inspection.sampled]
    rows.append(("duration", f"{inspection.seconds:.1f} s"))
    return rows


def _cloud_facts(inspection: Inspection, clouds: CloudFacts) -> list[tuple[str, str]]:
    """Return the facts about clouds of points."""
    least, median, most = inspection.sizes
    points = str(least) if least == most else f"{least:,} to {most:,}, median {median:,}"
    low, middle, high = clouds.sizes
    return [
        ("data", inspection.file or "clouds in memory"),
        ("clouds", f"{inspection.systems:,}"),
        ("points", f"{points}; {inspection.particles:,} in total"),
        ("size", f"radius of gyration {low:.3g} to {high:.3g} {clouds.unit}, median {middle:.3g} {clouds.unit}"),
        ("fields of points", ", ".join(clouds.features) or "none"),
        ("coincident points", f"{clouds.coincident:,} in {clouds.with_coincident:,} clouds"),
        ("duplicates", f"{inspection.exact_duplicates:,} clouds are exactly equal to an earlier one"),
        ("duration", f"{inspection.seconds:.1f} s"),
    ]


def _periodic(inspection: Inspection) -> str:
    if inspection.periodic in (0, inspection.systems):
        return "all periodic" if inspection.periodic else "all open"
    return f"{inspection.periodic:,} periodic"


def key_rows(keys: Sequence[Key]) -> list[tuple[str, ...]]:
    """Return the rows of a table of :data:`KEY_COLUMNS`; of many keys, only the keys in the most frames.

    Arguments:
        keys: The keys.
    """
    if len(keys) <= MOST_KEYS:
        return [key_row(key) for key in keys]
    most = sorted(keys, key=lambda key: -key.frames)[:MOST_KEYS]
    rest = f"and {len(keys) - MOST_KEYS} more"
    return [*(key_row(key) for key in most), (rest, *[""] * (len(KEY_COLUMNS) - 1))]


def key_row(key: Key) -> tuple[str, ...]:
    """Return a key as texts for a table of :data:`KEY_COLUMNS`.

    Arguments:
        key: The key.
    """
    low, high = (f"{value:.6g}" if value is not None else "" for value in (key.low, key.high))
    few = ", ".join(key.values) if len(key.values) <= MANY_TEXTS else f"{len(key.values)} different"
    return key.name, key.place, key.kind, f"{key.frames:,}", low, high, few


def property_row(fact: PropertyFacts) -> tuple[str, ...]:
    """Return the facts of a property as texts for a table of :data:`PROPERTY_COLUMNS`.

    Arguments:
        fact: The facts.
    """
    share = f" ({100 * fact.left / fact.deviation:.1f} %)" if fact.deviation else ""
    pooling = {"sum": "sum (extensive)", "mean": "mean (intensive)"}.get(fact.pooling, "unclear")
    numbers = f"{fact.mean:.8g}", f"{fact.deviation:.4g}", f"{fact.left:.4g}{share}"
    return fact.name, fact.unit, *numbers, pooling


def _grid(rows: Sequence[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    for name, value in rows:
        grid.add_row(escape(name), escape(value))
    return grid


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(*map(escape, columns), title=escape(title))
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def _line(finding: Finding) -> Text:
    """Return a finding with its level in colour."""
    text = Text(str(finding))
    text.stylize(COLOURS[finding.level], 0, len(finding.level))
    return text
