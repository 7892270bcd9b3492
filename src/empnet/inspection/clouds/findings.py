"""Findings about clouds of points: what training would refuse, merge, or ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from jaxtyping import Float64

from empnet.inspection.clouds.facts import CloudFacts
from empnet.inspection.record import Finding
from empnet.system.classes import look_like_classes

__all__ = ["cloud_findings"]

FEW_CLOUDS = 20
"""Number of clouds below which they do not show how a property grows."""

FEW_MEMBERS = 3
"""Number of members below which a class cannot be learned: one each for training, validation and test."""

GROWS = 0.9
"""Correlation of the logarithms of property and size from which the property is said to grow with size."""

UNITLESS = 50.0
"""Ratio of the largest to the smallest size from which clouds hardly have one unit of length."""


def cloud_findings(
    facts: CloudFacts, properties: Mapping[str, Float64[np.ndarray, " n"]], radii: Float64[np.ndarray, " n"]
) -> Iterator[Finding]:
    """Yield what to know before training on clouds.

    Arguments:
        facts: Facts about the clouds.
        properties: Values of each scalar.
        radii: Radius of gyration of each cloud.
    """
    if facts.few:
        text = "a cloud has fewer than four different points, so it has no volume"
        yield Finding("error", "points", text, "remove the file or the frame", facts.few)
    if facts.coincident:
        text = f"{facts.coincident:,} points in {facts.with_coincident:,} clouds coincide with others: they are merged"
        yield Finding("note", "points", text)
    low, _, high = facts.sizes
    if high > UNITLESS * low:
        text = f"they differ by a factor of {high / max(low, 1e-300):.3g}: do the clouds have units of their own?"
        yield Finding("note", "sizes", text, "training leaves their size out then (--sized, --not-sized)")
    for name, counts in facts.classes.items():
        yield from _of_class(name, counts)
    for name, values in properties.items():
        yield from _of_number(name, values, radii)
    if partial := [name for name, count in facts.features.items() if count < len(radii)]:
        listed = ", ".join(partial[:8]) + (f" and {len(partial) - 8} more" if len(partial) > 8 else "")
        text = f"not all clouds have {listed}: these cannot be features of points"
        yield Finding("note", "fields of points", text)


def _of_class(name: str, counts: Mapping[str, int]) -> Iterator[Finding]:
    listed = ", ".join(f"{value} {count:,}" for value, count in list(counts.items())[:12])
    more = f" and {len(counts) - 12} more" if len(counts) > 12 else ""
    yield Finding("note", name, f"{len(counts)} classes: {listed}{more}", f"learn them with --property {name}")
    if few := [value for value, count in counts.items() if count < FEW_MEMBERS]:
        text = f"class '{few[0]}' has {counts[few[0]]} members only; training needs {FEW_MEMBERS}"
        yield Finding("warning", name, text, "add members, or remove the class")


def _of_number(name: str, values: Float64[np.ndarray, " n"], radii: Float64[np.ndarray, " n"]) -> Iterator[Finding]:
    known = np.isfinite(values)
    values, radii = values[known], radii[known]
    if count := look_like_classes(values):
        yield Finding("advice", name, f"{count} values, all whole numbers: classes?", "say --classes")
        return
    if len(values) < FEW_CLOUDS or not (values > 0).all() or np.ptp(radii) == 0:
        return
    slope = float(np.polyfit(np.log(radii), np.log(values), 1)[0])
    correlation = float(np.corrcoef(np.log(radii), np.log(values))[0, 1])
    if correlation > GROWS:
        power = round(slope)
        text = f"it grows with size to the {slope:.2f} (correlation of the logarithms {correlation:.2f})"
        yield Finding("advice", name, text, f"learn what is left with --scale-power {max(1, power)}")
