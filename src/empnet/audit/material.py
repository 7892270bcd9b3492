"""Choose the systems for an audit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from empnet.errors import EmpnetError
from empnet.files.source import Data, name_of
from empnet.prediction.evaluate import measured_side, own_side
from empnet.prediction.predictor import Predictor
from empnet.prediction.reading import Reading
from empnet.system.system import System
from empnet.training.own_data import refuse_data_in_memory
from empnet.training.run.run_folder import RunFolder

__all__ = ["CLOUD_POINTS", "drawn", "material", "sample_of"]

SYSTEMS, PARTICLES = 1000, 50_000
"""Largest numbers of systems and of particles for the tests of dead units and coverage."""

SAMPLE_SYSTEMS, SAMPLE_PARTICLES = 32, 500
"""Largest numbers for the tests of symmetry, which predict each system at least four times."""


CLOUD_POINTS = 200_000
"""Largest number of points of the clouds for the tests of symmetry."""


def material(predictor: Predictor, data: Data | None, reading: Reading) -> tuple[Iterable[System], str]:
    """Return the systems for the audit, and a name for them.

    Arguments:
        predictor: The model.
        data: A path, the name of bundled data, systems or ase.Atoms; None: the run's own test set, else its
            validation set.
        reading: Names and units in the data.

    Raises:
        EmpnetError: If the run's own data do not exist any more.
    """
    reading = reading.for_data(data, predictor.card)
    if data is None:
        return _own(predictor)
    return reading.systems(data, predictor.card), name_of(data)


def _own(predictor: Predictor) -> tuple[Iterable[System], str]:
    run = RunFolder(predictor.run)
    remedy = "name the data to audit on: empnet check RUN DATA"
    refuse_data_in_memory(run.read_config().data, run.path, remedy)
    side = measured_side(run)
    try:
        return own_side(predictor, side), f"the run's own {side} set"
    except EmpnetError as error:
        raise EmpnetError(f"the run's own data cannot be read ({error})", where=run, remedy=remedy) from error


def drawn(systems: Iterable[System], rng: np.random.Generator) -> list[System]:
    """Draw at most 1,000 systems with 50,000 particles in all, each equally likely, in one pass and bounded memory.

    Arguments:
        systems: The systems; they may be a generator.
        rng: Random generator for the draw.

    Returns:
        The drawn systems, in their original order.
    """
    kept: list[tuple[int, System]] = []
    for number, system in enumerate(systems):
        if len(kept) < SYSTEMS:
            kept.append((number, system))
        elif (place := int(rng.integers(number + 1))) < SYSTEMS:
            kept[place] = number, system
    if not kept:
        raise EmpnetError("there are no systems to audit on", remedy="name data: empnet check RUN DATA")
    chosen = _within([system for _, system in kept], PARTICLES, SYSTEMS, rng)
    numbers = {id(system): number for number, system in kept}
    return sorted(chosen, key=lambda system: numbers[id(system)])


def sample_of(systems: Sequence[System], rng: np.random.Generator, particles: int = SAMPLE_PARTICLES) -> list[System]:
    """Draw at most 32 systems with 500 particles in all.

    Arguments:
        systems: The systems.
        rng: Random generator for the draw.
        particles: Largest number of particles; of clouds, which are prepared first, more.
    """
    return list(_within(systems, particles, SAMPLE_SYSTEMS, rng))


def _within(systems: Sequence[System], particles: int, most: int, rng: np.random.Generator) -> Iterator[System]:
    """Yield systems in random order within both limits; if even the smallest system is too large, yield that one."""
    left, n = particles, 0
    for index in rng.permutation(len(systems)):
        system = systems[index]
        if n < most and len(system) <= left:
            left, n = left - len(system), n + 1
            yield system
    if not n:
        yield min(systems, key=len)
