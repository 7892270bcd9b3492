"""Inspection of clouds of points: one pass over the data, then findings."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from empnet.dataset.alike import group_ids
from empnet.dataset.rows import fingerprint
from empnet.errors import EmpnetError
from empnet.files.bundled import card
from empnet.files.read import iread_unchecked
from empnet.inspection.clouds.facts import CloudFacts, CloudTally
from empnet.inspection.clouds.findings import cloud_findings
from empnet.inspection.keys import Tally
from empnet.inspection.record import UNNAMED_UNIT, Bars, Finding, Inspection, PropertyFacts, bars, gravest_first
from empnet.runtime.progress import track
from empnet.system.checks import check_geometry
from empnet.system.system import System

__all__ = ["inspect_clouds"]


@dataclass(slots=True)
class _Gathered:
    """Results of one pass over the clouds."""

    keys: Tally = field(default_factory=Tally)
    clouds: CloudTally = field(default_factory=CloudTally)
    sizes: list[int] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    values: list[dict[str, float]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def read(self, data: str | Sequence[System], quiet: bool) -> None:
        """Read all clouds."""
        named = data if isinstance(data, str) else "clouds"
        for system in track(self._readable(data), f"inspecting {named}", quiet=quiet):
            self.keys.add(system)
            self.clouds.add(system)
            self.sizes.append(len(system))
            self.hashes.append(fingerprint(system))
            self.values.append({key: float(value) for key, value in system.properties.items()})

    def _readable(self, data: str | Sequence[System]) -> Iterator[System]:
        """Yield the clouds that training would take; note the reasons why others are refused."""
        systems: Iterable[System] = iread_unchecked(data) if isinstance(data, str) else data
        try:
            for system in systems:
                try:
                    yield check_geometry(system)
                except EmpnetError as error:
                    self.refused.append(str(error))
        except EmpnetError as error:
            self.refused.append(f"reading stopped: {error}")

    def scalars(self, properties: Sequence[str]) -> dict[str, Float64[np.ndarray, " n"]]:
        """Return the values of the scalars, nan where a cloud has none."""
        names = dict.fromkeys(key for row in self.values for key in row)
        chosen = [name for name in names if not properties or name in properties]
        return {name: np.array([row.get(name, np.nan) for row in self.values]) for name in chosen}

    def duplicates(self) -> int:
        """Return the number of clouds that are exactly equal to an earlier one."""
        keys = np.frombuffer(b"".join(self.hashes), dtype=np.int64).reshape(len(self.hashes), -1)
        return len(keys) - len(np.unique(group_ids(keys)))


def inspect_clouds(data: str | Sequence[System], properties: Sequence[str], quiet: bool) -> Inspection:
    """Inspect clouds of points in bounded memory.

    Arguments:
        data: A path, the name of bundled data, or systems.
        properties: Names of the scalars and classes to inspect; none: all.
        quiet: Whether to hide the progress bar.

    Raises:
        EmpnetError: If no cloud can be read.
    """
    begun, found = time.perf_counter(), _Gathered()
    found.read(data, quiet)
    if not found.sizes:
        raise EmpnetError(found.refused[0] if found.refused else "there are no clouds")
    facts, radii, sizes = found.clouds.facts(_length_unit(data)), np.array(found.clouds.radii), np.array(found.sizes)
    scalars, units, exact = found.scalars(properties), _units(data), found.duplicates()
    findings = [
        *cloud_findings(facts, scalars, radii),
        *_refused(found.refused),
        *_missing(properties, scalars, facts),
    ]
    if exact:
        findings.append(Finding("warning", "duplicates", f"{exact} clouds are exactly equal to an earlier one"))
    return Inspection(
        file=data if isinstance(data, str) else "",
        systems=len(sizes),
        particles=int(sizes.sum()),
        sizes=(int(sizes.min()), int(np.median(sizes)), int(sizes.max())),
        periodic=0,
        species={},
        shortest=None,
        shortest_where="",
        exact_duplicates=exact,
        near_duplicates=0,
        keys=found.keys.keys(),
        properties=tuple(_property(name, y, units.get(name, UNNAMED_UNIT)) for name, y in scalars.items()),
        findings=gravest_first(findings),
        histograms=tuple(_histograms(sizes, radii, scalars, facts, units)),
        sampled=(),
        seconds=time.perf_counter() - begun,
        clouds=facts,
    )


def _refused(refused: Sequence[str]) -> Iterator[Finding]:
    if refused:
        more = f" ({len(refused)} clouds are refused)" if len(refused) > 1 else ""
        yield Finding("error", "clouds", f"{refused[0]}{more}")


def _missing(properties: Sequence[str], scalars: dict[str, np.ndarray], facts: CloudFacts) -> Iterator[Finding]:
    for name in properties:
        if name not in scalars and name not in facts.classes:
            there = ", ".join([*scalars, *facts.classes]) or "none"
            yield Finding("error", name, f"no cloud has it; numbers and classes found: {there}")


def _units(data: str | Sequence[System]) -> dict[str, str]:
    bundled = card(data) if isinstance(data, str) else None
    return {} if bundled is None else bundled.units


def _length_unit(data: str | Sequence[System]) -> str:
    """Return the unit of lengths that the card of bundled data states; empty for other data."""
    bundled = card(data) if isinstance(data, str) else None
    return "" if bundled is None else bundled.length_unit


def _property(name: str, y: Float64[np.ndarray, " n"], unit: str) -> PropertyFacts:
    known = y[np.isfinite(y)]
    mean, deviation = (float(known.mean()), float(known.std())) if len(known) else (float("nan"), float("nan"))
    return PropertyFacts(name, unit, len(known), mean, deviation, deviation, "mean", "", {})


def _histograms(
    sizes: np.ndarray, radii: np.ndarray, scalars: dict[str, np.ndarray], facts: CloudFacts, units: dict[str, str]
) -> Iterator[Bars]:
    drawn = [
        bars("points of each cloud", "points", sizes, "clouds"),
        bars("sizes", f"radius of gyration [{facts.unit}]", radii, "clouds"),
        *(bars(name, f"{name} [{units.get(name, UNNAMED_UNIT)}]", y, "clouds") for name, y in scalars.items()),
    ]
    yield from (each for each in drawn if each is not None)
