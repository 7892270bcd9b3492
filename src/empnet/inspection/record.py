"""Results of an inspection: frozen records for output as JSON, a table or a page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from empnet.inspection.clouds.facts import CloudFacts

__all__ = ["UNNAMED_UNIT", "Bars", "Finding", "Inspection", "Key", "Level", "PropertyFacts", "bars", "gravest_first"]

Level = Literal["note", "advice", "warning", "error"]
"""Severity: ``"note"``: a useful fact; ``"advice"``: a recommended action; ``"warning"``: a suspected error;
``"error"``: training refuses the data."""

UNNAMED_UNIT = "file units"
"""Name for the unit of numbers without a stated unit."""

LEVELS: tuple[Level, ...] = ("error", "warning", "advice", "note")
N_BARS = 40
OUTERMOST = 0.005  # share of values at each end that are beyond the edges of a histogram and counted at the edge


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of an inspection.

    Arguments:
        level: ``"note"``, ``"advice"``, ``"warning"`` (suspected error) or ``"error"`` (training refuses the data).
        topic: Topic, such as ``"forces"`` or the name of a property.
        text: Description of the result, with numbers and reasons.
        remedy: Recommended action; may be empty.
        where: Name of the frame, if the result concerns one frame.

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
        """Return the finding as plain values; the key of its text is ``told``."""
        values = asdict(self)
        return {"told" if name == "text" else name: value for name, value in values.items()}


def gravest_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings sorted by level, errors first; findings of one level keep their order.

    Arguments:
        findings: Findings in any order.
    """
    return tuple(sorted(findings, key=lambda finding: LEVELS.index(finding.level)))


@dataclass(frozen=True, slots=True)
class Key:
    """Key of the data, with facts about its values.

    Arguments:
        name: Name of the key.
        place: ``"per frame"`` or ``"per particle"``.
        kind: Kind of the values: number, whole number, label, text, vector, tensor, ...
        frames: Number of frames with this key.
        low: Smallest finite value; None if the values are not numbers.
        high: Largest finite value; None if the values are not numbers.
        values: The different values, if they are few texts or labels.
        not_finite: Number of frames with a nan or infinite value.
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
    """Facts about a scalar, known before training.

    Arguments:
        name: Key of the scalar.
        unit: Unit of the scalar; ``"file units"`` if it is not stated.
        frames: Number of frames with a finite value.
        mean: Mean value.
        deviation: Standard deviation: the error of predicting the mean.
        left: Root mean square residual of a linear fit on the composition: the part that the geometry must explain.
        pooling: ``"sum"`` (extensive), ``"mean"`` (intensive), or empty if the data do not decide.
        why: Reason for the choice of the pooling.
        per_species: Contribution of each species in the fit, by symbol; empty if species do not vary independently.
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
        title: Counted quantity.
        label: Label of the axis, with the unit.
        edges: Edges of the bars, one more than counts.
        counts: Number of values in each bar.
        beyond: Number of values beyond the outermost edges, counted in the outermost bars.
        what: Counted objects: systems, particles, ...
    """

    title: str
    label: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    beyond: int
    what: str


def bars(title: str, label: str, values: np.ndarray, what: str = "systems") -> Bars | None:
    """Return the histogram of numbers; a few outliers are counted at the edges to keep the rest visible.

    Arguments:
        title: Counted quantity.
        label: Label of the axis, with the unit.
        values: Numbers, shape (n,); numbers that are not finite are left out.
        what: Counted objects: systems, particles, ...

    Returns:
        The histogram; None if there are not at least two different numbers.

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
        file: The user's name for the data.
        systems: Number of systems read.
        particles: Total number of particles.
        sizes: Smallest, median and largest number of particles.
        periodic: Number of systems with at least one periodic axis.
        species: Number of systems with each species, by symbol; empty if particles have no species.
        shortest: Shortest distance between two particles, in angstrom; None if no system has two particles.
        shortest_where: Name of the frame with the shortest distance.
        exact_duplicates: Number of systems that are exactly equal to an earlier system.
        near_duplicates: Number of further systems that are nearly equal to another system.
        keys: Keys of the data, without positions, species and cell.
        properties: Facts about each scalar that could be a target.
        findings: The findings, the most serious first.
        histograms: Histograms for the page.
        sampled: Descriptions of the parts that were only sampled; empty if there are none.
        seconds: Duration of the inspection in seconds.
        clouds: Facts about clouds of points; None for other systems.
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
    clouds: CloudFacts | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the results as plain values; numbers that are not finite become None."""
        bare = self if self.clouds is None else replace(self, clouds=replace(self.clouds, specimens=()))
        plain: dict[str, Any] = _plain(asdict(bare))
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
