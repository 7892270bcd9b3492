"""Material of the map: a learned representation of each system, its values, and some systems to look at."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float64, Int64

from empnet.errors import EmpnetError
from empnet.files.source import Data, name_of
from empnet.prediction.evaluate import measured_side, own_side
from empnet.prediction.predictor import Predictor
from empnet.prediction.reading import Reading, named_in_data
from empnet.runtime.progress import track
from empnet.system.checks import target_of
from empnet.system.system import System
from empnet.training.run.run_folder import RunFolder

__all__ = ["MOST_PARTICLES", "MOST_POINTS", "Points", "gather"]

MOST_POINTS = 2_000
"""Systems on the page, with their structures: of more, so many are drawn at random."""

MOST_PARTICLES = 200_000
"""Particles of all structures on the page, about 10 MB: of large systems there are fewer points on it."""


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """The systems of a map.

    Arguments:
        name: The property.
        unit: Its unit.
        side: Where the systems come from, in words.
        representation: What the network has learned of each system, shape (n, F).
        target: The property in the data, shape (n,); nan where the data do not tell.
        predicted: The property as predicted, shape (n,).
        shown: Which systems are on the page, ascending, shape (m,).
        systems: Those systems.
    """

    name: str
    unit: str
    side: str
    representation: Float64[np.ndarray, "n F"]
    target: Float64[np.ndarray, " n"]
    predicted: Float64[np.ndarray, " n"]
    shown: Int64[np.ndarray, " m"]
    systems: tuple[System, ...]

    @property
    def error(self) -> Float64[np.ndarray, " n"]:
        """Predicted less true, in the property's unit; nan where the data do not tell."""
        return self.predicted - self.target


@dataclass(slots=True)
class Sample:
    """Systems drawn at random from a stream of unknown length, and no more than fit on a page.

    Each system gets a random key; kept are those of the smallest keys as far as the bounds allow. So they are drawn
    without regard to their order or size, and memory is bounded.

    Arguments:
        seed: Of the keys.
        most: Bound on the systems.
        particles: Bound on the particles of all of them; one system is kept however large it is.

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
        """Take a system that goes by into account."""
        heapq.heappush(self._heap, (-self._keys.random(), self.seen, system))  # the largest key comes out first
        self._load += len(system)
        self.seen += 1
        while len(self._heap) > 1 and (len(self._heap) > self.most or self._load > self.particles):
            self._load -= len(heapq.heappop(self._heap)[2])

    def kept(self) -> list[tuple[int, System]]:
        """The systems that were drawn with their numbers, in the order in which they came."""
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
    """Predict and represent the systems, piece by piece.

    Arguments:
        predictor: The trained model.
        data: Path of the data, the name of bundled data, or systems; None: the side that the run is measured on.
        reading: Which property, what the data call it, and their units; no property: the first.
        errors: Whether the errors are wanted: then every system must have the property.
        seed: Of the sample that is shown.
        quiet: No progress bar.

    Raises:
        EmpnetError: If the data cannot be read or predicted, or lack a property whose error is wanted.
    """
    asked = named_in_data(reading.property, predictor.card.properties)
    number = predictor.number_of(next(iter(asked), None))
    name = predictor.card.properties[number]
    systems, side = _systems(predictor, data, reading, renamed=asked.get(name, name) != name)
    sample, target = Sample(seed), list[float]()
    predicted: list[np.ndarray] = []
    representation: list[np.ndarray] = []
    for piece, values, _ in predictor.stream(track(systems, f"mapping {side}", quiet=quiet)):
        for system in piece:
            known = errors or name in system.properties
            target.append(target_of(system, name) if known else np.nan)
            sample.offer(system)
        rows = predictor.represent(piece, name)
        _refuse_infinite(piece, np.column_stack([rows, values[:, number]]), predictor.run)
        predicted.append(values[:, number])
        representation.append(rows)
    if not target:
        raise EmpnetError("no systems", where=side, wanted="three or more")
    numbers, shown = zip(*sample.kept(), strict=True)
    rows, values = np.concatenate(representation), np.concatenate(predicted)
    return Points(name, predictor.card.units[number], side, rows, np.array(target), values, np.array(numbers), shown)


def _systems(
    predictor: Predictor, data: Data | None, reading: Reading, *, renamed: bool
) -> tuple[Iterable[System], str]:
    if not renamed:
        reading = replace(reading, property=None)  # it only chooses: data may lack it
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
            f"what the model makes of {first.origin or first.formula} is not finite",
            where=run,
            remedy="see if the model or the system is damaged: empnet check and empnet inspect",
        )
