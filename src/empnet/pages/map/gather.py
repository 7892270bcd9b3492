"""Gather the content of the map: learned representations and values of all systems, structures of some."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float64, Int64

from empnet.errors import EmpnetError
from empnet.files.source import Data, name_of
from empnet.prediction.class_evaluation import number_of_class
from empnet.prediction.evaluate import measured_side, own_side
from empnet.prediction.predictor import Predictor
from empnet.prediction.reading import Reading, named_in_data
from empnet.runtime.progress import track
from empnet.system.checks import target_of
from empnet.system.system import System
from empnet.training.run.model_file import ModelCard
from empnet.training.run.run_folder import RunFolder

__all__ = ["MOST_PARTICLES", "MOST_POINTS", "Points", "gather"]

MOST_POINTS = 2_000
"""Largest number of systems on the page, with their structures; if there are more, this many are drawn at random."""

MOST_PARTICLES = 200_000
"""Largest number of particles in all structures on the page, about 10 MB; if systems are large, fewer are shown."""


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """The systems of a map.

    Arguments:
        name: The property.
        unit: Its unit.
        side: Source of the systems, in words.
        representation: Learned representation of each system, shape (n, F), without unit.
        target: The property in the data, shape (n,), in the unit; nan where the data do not contain it.
        predicted: The predicted property, shape (n,), in the unit.
        shown: Indices of the systems on the page, ascending, shape (m,).
        systems: The systems on the page.
        classes: Names of the classes, whose numbers are target and prediction; empty for a number.
    """

    name: str
    unit: str
    side: str
    representation: Float64[np.ndarray, "n F"]
    target: Float64[np.ndarray, " n"]
    predicted: Float64[np.ndarray, " n"]
    shown: Int64[np.ndarray, " m"]
    systems: tuple[System, ...]
    classes: tuple[str, ...] = ()

    @property
    def error(self) -> Float64[np.ndarray, " n"]:
        """Predicted minus true value, shape (n,), in the property's unit; nan where the data do not contain it.

        Of classes: 1 where the predicted one is wrong, 0 where it is right.
        """
        apart = self.predicted - self.target
        return np.where(np.isnan(apart), np.nan, (apart != 0).astype(np.float64)) if self.classes else apart


@dataclass(slots=True)
class Sample:
    """A random sample of systems from a stream of unknown length, small enough for a page.

    Each system gets a random key; the systems with the smallest keys are kept, as many as the bounds allow. The sample
    therefore does not depend on the order or size of the systems, and memory is bounded.

    Arguments:
        seed: Seed of the keys.
        most: Largest number of systems.
        particles: Largest number of particles in all systems; one system is always kept, whatever its size.

    Example:
        >>> sample = Sample(0, most=2)
        >>> for x in range(10):
        ...     sample.offer(System([[x, 0, 0]]))
        >>> len(sample.kept()), sample.seen
        (2, 10)
    """

    seed: int
    most: int = MOST_POINTS
    particles: int = MOST_PARTICLES
    seen: int = 0
    _heap: list[tuple[float, int, System]] = field(default_factory=list)
    _load: int = 0
    _keys: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self._keys = np.random.default_rng(self.seed)

    def offer(self, system: System) -> None:
        """Offer the next system of the stream to the sample."""
        heapq.heappush(self._heap, (-self._keys.random(), self.seen, system))  # the largest key comes out first
        self._load += len(system)
        self.seen += 1
        while len(self._heap) > 1 and (len(self._heap) > self.most or self._load > self.particles):
            self._load -= len(heapq.heappop(self._heap)[2])

    def kept(self) -> list[tuple[int, System]]:
        """Return the drawn systems with their numbers in the stream, in the order of the stream."""
        return sorted(((number, system) for _, number, system in self._heap), key=lambda item: item[0])


def gather(
    predictor: Predictor,
    data: Data | None,
    reading: Reading,
    *,
    errors: bool,
    seed: int,
    quiet: bool,
) -> Points:
    """Predict the systems and compute their representations, piece by piece.

    Arguments:
        predictor: The trained model.
        data: Path of the data, the name of bundled data, or systems; None: the run's own test set, else its validation
            set.
        reading: The property, and names and units in the data; without a property, the model's first one.
        errors: Whether errors are needed: then every system must have the property.
        seed: Seed of the sample on the page.
        quiet: No progress bar.

    Raises:
        EmpnetError: If the data cannot be read or predicted, or if errors are needed and the data lack the property.
    """
    asked = named_in_data(reading.property, predictor.card.properties)
    number, classes = predictor.number_of(next(iter(asked), None)), predictor.card.classes
    name = predictor.card.properties[number]
    systems, side = _systems(predictor, data, reading, renamed=asked.get(name, name) != name)
    sample, target = Sample(seed), list[float]()
    predicted: list[np.ndarray] = []
    representation: list[np.ndarray] = []
    for piece, values, _ in predictor.stream(track(systems, f"mapping {side}", quiet=quiet)):
        for system in piece:
            target.append(_target(system, name, predictor.card, needed=errors))
            sample.offer(system)
        rows = predictor.represent(piece, name)
        column = values.argmax(axis=1).astype(np.float64) if classes else values[:, number]
        _refuse_infinite(piece, np.column_stack([rows, column]), predictor.run)
        predicted.append(column)
        representation.append(rows)
    if not target:
        raise EmpnetError("no systems", where=side, wanted="three or more")
    numbers, shown = zip(*sample.kept(), strict=True)
    rows, values = np.concatenate(representation), np.concatenate(predicted)
    listed = ", ".join(f"{k} {each}" for k, each in enumerate(classes))
    unit = f"class: {listed}" if classes else predictor.card.units[number]
    return Points(name, unit, side, rows, np.array(target), values, np.array(numbers), shown, classes)


def _target(system: System, name: str, card: ModelCard, *, needed: bool) -> float:
    """Return the property of a system, or the number of its class; nan if the data do not have it."""
    if card.classes:
        known = needed or name in system.info or name in system.properties
        return float(number_of_class(system, name, card)) if known else np.nan
    return target_of(system, name) if needed or name in system.properties else np.nan


def _systems(
    predictor: Predictor, data: Data | None, reading: Reading, *, renamed: bool
) -> tuple[Iterable[System], str]:
    if not renamed:
        reading = replace(reading, property=None)  # the name only selects the property: the data may lack it
    reading = reading.for_data(data, predictor.card)
    if data is None:
        run = RunFolder(predictor.run)
        side = measured_side(run)
        return own_side(predictor, side), f"the {side} set of the run's data"
    return reading.systems(data, predictor.card), name_of(data)


def _refuse_infinite(systems: list[System], rows: np.ndarray, run: str) -> None:
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        first = systems[int(np.argmin(finite))]
        raise EmpnetError(
            f"the prediction or the representation of {first.origin or first.formula} is not finite",
            where=run,
            remedy="check whether the model or the system is damaged: empnet check and empnet inspect",
        )
