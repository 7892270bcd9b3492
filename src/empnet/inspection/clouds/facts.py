"""Facts about clouds of points, gathered in one pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from empnet.preparation.duplicates import merged
from empnet.preparation.preparation import LEAST_POINTS
from empnet.system.system import System

__all__ = ["CloudFacts", "CloudTally", "Specimen"]

DRAWN_POINTS = 3_000
"""Points of a cloud that are kept for its picture."""

SPECIMENS = 24
"""Clouds that are drawn."""

EACH = 4
"""Clouds of one class that are drawn, at first."""


@dataclass(frozen=True, slots=True, eq=False)
class Specimen:
    """A cloud for a picture.

    Arguments:
        points: Some of its points, shape (n, 3), in the unit of the file.
        name: File and frame.
        label: Its class; empty if it has none.
    """

    points: Float64[np.ndarray, "n 3"]
    name: str
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class CloudFacts:
    """Facts about clouds of points.

    Arguments:
        unit: Unit of lengths that the files state; ``"file units"`` if they state none.
        sizes: Smallest, median and largest radius of gyration, in that unit.
        coincident: Number of points that coincide with others.
        with_coincident: Number of clouds that have such points.
        classes: For each text, the number of clouds of each of its values.
        features: Names of the fields of points, with the number of clouds that have them.
        few: File and frame of the first cloud with fewer than four different points; empty if there is none.
        specimens: Clouds for pictures.
    """

    unit: str
    sizes: tuple[float, float, float]
    coincident: int
    with_coincident: int
    classes: dict[str, dict[str, int]]
    features: dict[str, int]
    few: str
    specimens: tuple[Specimen, ...] = field(repr=False)


@dataclass(slots=True)
class CloudTally:
    """Collects facts on the clouds of a stream."""

    radii: list[float] = field(default_factory=list)
    units: set[str] = field(default_factory=set)
    coincident: int = 0
    with_coincident: int = 0
    classes: dict[str, dict[str, int]] = field(default_factory=dict)
    features: dict[str, int] = field(default_factory=dict)
    few: str = ""
    _kept: dict[str, list[Specimen]] = field(default_factory=dict)

    def add(self, system: System) -> None:
        """Add a cloud.

        Arguments:
            system: The cloud.
        """
        positions = np.asarray(system.positions)
        different = merged(positions, np.zeros((len(system), 0)))[0]
        self.coincident += len(system) - len(different)
        self.with_coincident += len(system) > len(different)
        if len(different) < LEAST_POINTS and not self.few:
            self.few = str(system.origin)
        self.radii.append(float(np.sqrt(np.square(positions - positions.mean(axis=0)).sum(axis=1).mean())))
        self.units.add(str(system.info.get("length_unit", "")))
        for name in system.arrays:
            self.features[name] = self.features.get(name, 0) + 1
        texts = {key: str(value) for key, value in system.info.items() if isinstance(value, str | np.str_)}
        for key, value in texts.items():
            if key not in ("name", "length_unit"):
                counts = self.classes.setdefault(key, {})
                counts[value] = counts.get(value, 0) + 1
        self._keep(system, next(iter(self._label(texts)), ""))

    @staticmethod
    def _label(texts: dict[str, str]) -> Iterable[str]:
        return (texts[key] for key in ("label", "class", "category") if key in texts)

    def _keep(self, system: System, label: str) -> None:
        """Keep a cloud for a picture: some of each class, and more if there are few classes."""
        kept = self._kept.setdefault(label, [])
        if len(kept) < (EACH if label else SPECIMENS):
            step = max(1, len(system) // DRAWN_POINTS)
            kept.append(Specimen(np.asarray(system.positions)[::step], str(system.origin), label))

    def facts(self, unit: str = "") -> CloudFacts:
        """Return the facts.

        Arguments:
            unit: Unit of lengths, if the files state none.
        """
        unit = next(iter(self.units)) or unit if len(self.units) == 1 else ""
        low, median, high = np.percentile(self.radii, [0, 50, 100]).tolist()
        specimens = [each for kept in self._kept.values() for each in kept]
        few_texts = {
            key: dict(sorted(counts.items(), key=lambda item: -item[1]))
            for key, counts in self.classes.items()
            if len(counts) <= max(2, len(self.radii) // 2)  # a text of its own for each cloud is a name
        }
        return CloudFacts(
            unit or "file units",
            (low, median, high),
            self.coincident,
            self.with_coincident,
            few_texts,
            self.features,
            self.few,
            tuple(specimens[:SPECIMENS]),
        )
