"""Results of an inspection: plain frozen records that become JSON, a table or a page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

__all__ = ["UNNAMED_UNIT", "Bars", "Finding", "Inspection", "Key", "Level", "PropertyFacts", "bars", "gravest_first"]

Level = Literal["note", "advice", "warning", "error"]
"""Severity: a useful fact; something to do; a suspected error; an error that training refuses."""

UNNAMED_UNIT = "file units"
"""Unit of numbers whose unit nobody has named."""

LEVELS: tuple[Level, ...] = ("error", "warning", "advice", "note")
N_BARS = 40
OUTERMOST = 0.005  # share of values at each end that lie beyond a histogram's edges and are drawn there


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Arguments:
        level: ``"note"``, ``"advice"``, ``"warning"`` (suspected to be wrong) or ``"error"`` (training refuses it).
        topic: What it is about, such as ``"forces"`` or the name of a property.
        text: What was found, with its number and the reasoning.
        remedy: What to do; may be empty.
        where: The frame, if it is in one place.

    Example:
        >>> print(Finding("warning", "energy", "it is 0 in all frames", "is this the right key?"))
        warning: energy: it is 0 in all frames; is this the right key?
    """

    level: Level
    topic: str
    text: str
    remedy: str = ""
    where: str = ""

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{self.level}: {self.topic}: {self.text}{place}{remedy}"

    def to_json(self) -> dict[str, str]:
        """The finding as plain values; its text is called ``told`` there."""
        values = asdict(self)
        return {"told" if name == "text" else name: value for name, value in values.items()}


def gravest_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings by level, in their order within a level.

    Arguments:
        findings: In any order.
    """
    return tuple(sorted(findings, key=lambda finding: LEVELS.index(finding.level)))


@dataclass(frozen=True, slots=True)
class Key:
    """A name under which the data hold values.

    Arguments:
        name: The key.
        place: ``"per frame"`` or ``"per particle"``.
        kind: The kind of its values: number, whole number, label, text, vector, tensor, ...
        frames: Number of frames that have it.
        low: Smallest finite value; None where values are no numbers.
        high: Largest finite value.
        values: Its different values, if they are few texts or labels.
        not_finite: In how many frames a value is nan or infinite.
    """

    name: str
    place: str
    kind: str
    frames: int
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    not_finite: int = 0


@dataclass(frozen=True, slots=True)
class PropertyFacts:
    """Facts of a scalar, known before training.

    Arguments:
        name: Its key.
        unit: Its unit, or ``"file units"`` if nobody has named it.
        frames: In how many frames it is a finite number.
        mean: Mean value.
        deviation: Standard deviation: the error of predicting the mean.
        left: Root mean square residual of a linear fit on the composition: the part that geometry has to explain.
        pooling: ``"sum"`` (extensive), ``"mean"`` (intensive), or empty if the data do not decide.
        why: How that was decided, in words.
        per_species: The fit's contribution of each species, by symbol; empty if species never vary independently.
    """

    name: str
    unit: str
    frames: int
    mean: float
    deviation: float
    left: float
    pooling: str
    why: str
    per_species: dict[str, float]


@dataclass(frozen=True, slots=True)
class Bars:
    """A histogram.

    Arguments:
        title: The counted quantity.
        label: The axis, with its unit.
        edges: Edges of the bars, one more than counts.
        counts: Number of values in each bar.
        beyond: Number of values beyond the outermost edges, counted in the outermost bars.
        what: The counted things: systems, particles, ...
    """

    title: str
    label: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    beyond: int
    what: str


def bars(title: str, label: str, values: np.ndarray, what: str = "systems") -> Bars | None:
    """Return the histogram of numbers; a few outliers are counted at the edges, so that the rest stays visible.

    Arguments:
        title: The counted quantity.
        label: The axis, with its unit.
        values: The numbers; numbers that are not finite are left out.
        what: The counted things: systems, particles, ...

    Returns:
        The histogram; None if there are no different numbers to show.

    Example:
        >>> sum(bars("sizes", "particles", np.array([3, 3, 5])).counts)
        3
    """
    values = np.asarray(values, dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values) or np.ptp(values) == 0:
        return None
    if np.all(values == np.round(values)) and np.ptp(values) < N_BARS:
        edges, inside = np.arange(values.min() - 0.5, values.max() + 1.0), values
    else:
        low, high = np.quantile(values, [OUTERMOST, 1 - OUTERMOST])
        reach = high - low
        if values.min() > low - 0.5 * reach and values.max() < high + 0.5 * reach:  # no outliers
            low, high = values.min(), values.max()
        low, high = (low, high) if high > low else (values.min(), values.max())
        edges, inside = np.linspace(low, high, N_BARS + 1), np.clip(values, low, high)
    counts, _ = np.histogram(inside, edges)
    beyond = int(((values < edges[0]) | (values > edges[-1])).sum())
    return Bars(title, label, tuple(edges.tolist()), tuple(counts.tolist()), beyond, what)


@dataclass(frozen=True, slots=True)
class Inspection:
    """Results of an inspection.

    Arguments:
        file: The data as the user named them.
        systems: Number of systems read.
        particles: Total number of their particles.
        sizes: Smallest, median and largest number of particles.
        periodic: Number of systems with at least one periodic axis.
        species: Number of systems with each species, by symbol; empty if particles have no species.
        shortest: Shortest distance between two particles, in angstrom; None if no system has two.
        shortest_where: The frame that has it.
        exact_duplicates: Systems that are exactly equal to one before them.
        near_duplicates: Further systems that are nearly equal to another one.
        keys: Keys of the data beside positions, species and cell.
        properties: Facts of each scalar that could be learned.
        findings: The findings, the gravest first.
        histograms: For the page.
        sampled: The parts that were only sampled, in words; empty if there are none.
        seconds: Duration of the inspection.
    """

    file: str
    systems: int
    particles: int
    sizes: tuple[int, int, int]
    periodic: int
    species: dict[str, int]
    shortest: float | None
    shortest_where: str
    exact_duplicates: int
    near_duplicates: int
    keys: tuple[Key, ...]
    properties: tuple[PropertyFacts, ...]
    findings: tuple[Finding, ...]
    histograms: tuple[Bars, ...]
    sampled: tuple[str, ...]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return plain values; numbers that are not finite become None."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
