"""From the raw record to numbers: medians, and ratios of what was measured in the same round."""

from __future__ import annotations

import statistics
from typing import Any

from contestants import CONTESTANTS, OURS, Contestant

__all__ = ["BASE", "best_peer", "median", "ratio", "rows", "values"]

BASE = f"{OURS}/matched"
"""What everybody is compared with."""


def values(record: dict[str, Any] | None, name: str) -> list[float]:
    """The numbers of a measurement; none if it failed or was not made."""
    if not record or "failed" in record:
        return []
    found = record.get(name, [])
    return found if isinstance(found, list) else [found]


def median(record: dict[str, Any] | None, name: str = "seconds") -> float | None:
    """The median of a measurement's numbers."""
    numbers = values(record, name)
    return statistics.median(numbers) if numbers else None


def ratio(record: dict[str, Any] | None, base: dict[str, Any] | None, name: str = "seconds") -> float | None:
    """How many times as much as the base: the median over rounds of the ratio within a round.

    Arguments:
        record: A measurement.
        base: The same measurement of what it is compared with.
        name: Which numbers.

    Returns:
        The ratio; that of the medians if the two were not taken in the same rounds; None if one of them is missing.
    """
    above, below = values(record, name), values(base, name)
    if not above or not below:
        return None
    if len(above) == len(below):
        return statistics.median(a / b for a, b in zip(above, below, strict=True) if b > 0)
    return statistics.median(above) / statistics.median(below)


def rows(part: dict[str, Any], same: bool | None = None) -> list[Contestant]:
    """The contestants of a part of the record, in their order.

    Arguments:
        part: A measurement's record by contestant.
        same: Only those of the same network, or only the others; all if None.
    """
    return [one for one in CONTESTANTS if one.key in part and same in (None, one.same)]


def best_peer(part: dict[str, Any], measure: str | None, name: str = "seconds") -> tuple[Contestant, float] | None:
    """The peer with the same network that is nearest to this package, and its ratio.

    Arguments:
        part: A measurement's record by contestant.
        measure: Which measure of a contestant's record; None if there is only one.
        name: Which numbers.
    """
    found = []
    for one in rows(part, same=True):
        record, base = part[one.key], part.get(BASE, {})
        if measure is not None:
            record, base = record.get(measure), base.get(measure)
        compared = ratio(record, base, name)
        if one.peer != OURS and compared is not None:
            found.append((one, compared))
    return min(found, key=lambda pair: pair[1]) if found else None
