"""The figure: ratios to this package, as bars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from contestants import OURS
from matplotlib.axes import Axes
from page import TITLES
from ratios import BASE, ratio, rows
from session import MEASURES

from empnet.pages.svg import new_figure

__all__ = ["draw"]

COLOURS = {"schnetpack": "#3b6ea5", "pyg": "#d07c2e", "torchmd_net": "#5b8f5a", "graph_pes": "#8d6aa8"}
HATCHES = {"compiled": "///", "script": "..."}


def draw(record: dict[str, Any], path: Path) -> None:
    """Draw the times of the batch, and time and memory of the droplets.

    Arguments:
        record: The raw record.
        path: Path of the PNG.
    """
    panels: list[tuple[str, list[str], dict[str, list[float | None]]]] = []
    if "batch" in record:
        part = record["batch"]
        groups = [TITLES[measure].replace(", ", ",\n").replace(" and ", "\nand ") for measure in MEASURES]
        panels.append(("64 molecules: time", groups, _ratios([(part, measure, "seconds") for measure in MEASURES])))
    if "droplet" in record:
        sizes, found = list(record["droplet"]), record["droplet"]
        groups = [f"{int(size):,}\natoms" for size in sizes]
        for name, title in (("seconds", "time"), ("added", "added memory")):
            ratios = _ratios([(found[size], None, name) for size in sizes])
            panels.append((f"Water droplet: {title}", groups, ratios))
    if not panels:
        return
    with new_figure(4.6 * len(panels) + 0.6, 4.4) as figure:
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for place, (title, groups, ratios) in zip(axes, panels, strict=True):
            _bars(place, title, groups, ratios)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4)
        figure.savefig(path, dpi=110, facecolor="white")


def _ratios(columns: list[tuple[dict[str, Any], str | None, str]]) -> dict[str, list[float | None]]:
    """For each peer with the same network its ratios, one a column; those in which it failed are None."""
    found: dict[str, list[float | None]] = {}
    for place, (part, measure, name) in enumerate(columns):
        base = part.get(BASE, {})
        for one in rows(part, same=True):
            if one.peer == OURS:
                continue
            record = part[one.key] if measure is None else part[one.key].get(measure)
            compared = ratio(record, base if measure is None else base.get(measure), name)
            found.setdefault(one.key, [None] * len(columns))[place] = compared
    return {key: values for key, values in found.items() if any(value is not None for value in values)}


def _bars(place: Axes, title: str, groups: list[str], ratios: dict[str, list[float | None]]) -> None:
    labels = {one.key: one for one in rows(ratios)}
    width = 0.85 / max(1, len(ratios))
    for i, (key, values) in enumerate(ratios.items()):
        one = labels[key]
        at = [group + (i - (len(ratios) - 1) / 2) * width for group in range(len(groups))]
        there = [(x, value) for x, value in zip(at, values, strict=True) if value is not None]
        place.bar(
            [x for x, _ in there],
            [value - 1 for _, value in there],
            width,
            bottom=1,  # as long as this package is ahead
            label=one.label,
            color=COLOURS.get(one.peer, "#777777"),
            alpha=0.55 if one.compiled else 1.0,
            hatch=HATCHES.get(one.form),
            edgecolor="white",
            linewidth=0.5,
        )
    place.axhline(1.0, color="black", linewidth=1.0)
    place.set_yscale("log")
    place.set_xticks(range(len(groups)), groups, fontsize=8)
    place.set_title(title, fontsize=10)
    place.set_ylabel("times as much as empnet (= 1)")
    place.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
