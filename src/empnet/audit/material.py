"""The systems that an audit is made with."""

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

__all__ = ["drawn", "material", "sample_of"]

SYSTEMS, PARTICLES = 1000, 50_000
"""Systems that are looked at for dead units and for what training never had, and their particles: at most."""

SAMPLE_SYSTEMS, SAMPLE_PARTICLES = 32, 500
"""The same for the tests of symmetry, for each of which systems are predicted four times and more."""


def material(predictor: Predictor, data: Data | None, reading: Reading) -> tuple[Iterable[System], str]:
    """The systems to audit on, and what they are called.

    Arguments:
        predictor: The model.
        data: A path, the name of bundled data, systems or ase.Atoms; None: the run's own test set, else its
            validation set.
        reading: What the data call things, and their units.

    Raises:
        EmpnetError: If the run's own data are not there any more.
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
    """At most 1,000 systems of 50,000 particles in all, each equally likely, in one pass and bounded memory.

    Arguments:
        systems: The systems, lazily.
        rng: For the draw.

    Returns:
        Some of the systems, in their order.
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


def sample_of(systems: Sequence[System], rng: np.random.Generator) -> list[System]:
    """At most 32 systems of 500 particles in all.

    Arguments:
        systems: The systems.
        rng: For the draw.
    """
    return list(_within(systems, SAMPLE_PARTICLES, SAMPLE_SYSTEMS, rng))


def _within(systems: Sequence[System], particles: int, most: int, rng: np.random.Generator) -> Iterator[System]:
    """Systems in random order, as many as may be; if even the smallest one is too large, that one."""
    left, n = particles, 0
    for index in rng.permutation(len(systems)):
        system = systems[index]
        if n < most and len(system) <= left:
            left, n = left - len(system), n + 1
            yield system
    if not n:
        yield min(systems, key=len)
