"""Find species and distances that do not occur in the training data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from empnet.audit.record import AuditLine, in_words, skipped, verdict_of
from empnet.audit.subject import origin_of
from empnet.dataset.coverage import BIN, DataCoverage
from empnet.dataset.dataset import Dataset
from empnet.system.one_hot import symbol
from empnet.system.system import System

__all__ = ["MOST_STRANGE", "coverage_lines"]

MOST_STRANGE = 0.1
"""Largest accepted share of particles with a neighbour at a distance that did not occur in training: one in ten.

This is a convention. Data from the same source as the training data also contain some such particles (fewer, if the
training set is larger), and a good run must not fail because of them. In data of another kind, nearly all particles
have such a neighbour."""

NAMES = ("particles", "shortest distance", "distances")

DONE = (
    "Particles of species that do not occur in the training set are counted.",
    "The shortest distance between two particles is compared with the shortest one in training.",
    f"Particles are counted if the distance to a neighbour differs by more than {BIN:g} angstrom from all distances "
    "between these species in training.",
)


def coverage_lines(
    seen: DataCoverage | None, dataset: Dataset, systems: Sequence[System], *, own: bool = False
) -> list[AuditLine]:
    """Compare data with the range of the training set.

    The test of particles fails if a species does not occur in the training set. The test of the shortest distance
    fails if two particles are nearer to each other than any two in training by more than a bin (0.05 angstrom): there
    the network extrapolates a steep function. The test of distances fails if more than one particle in ten has a
    neighbour at a distance that did not occur in training. Sizes are only reported: a sum over particles extends to
    larger systems whose particles have known surroundings.

    For the run's own test or validation set, the shortest distance is also only reported: the sets were drawn at
    random, so the shortest distance of all data can be in any of them, and this is not a fault of the model.

    Arguments:
        seen: Species, sizes and distances of the training set; None if they are not recorded in the model file.
        dataset: The data, encoded for the model.
        systems: The same systems, for their names.
        own: Whether the data are the run's own test or validation set.
    """
    if seen is None:
        return [skipped(*text, "not recorded in this model file") for text in zip(NAMES, DONE, strict=True)]
    receivers, d, away = (np.concatenate(column) for column in zip(*seen.unseen(dataset), strict=True))
    system_of = np.repeat(np.arange(len(dataset)), dataset.sizes)
    return [
        _particles(seen, dataset, systems, system_of),
        _shortest(seen, systems, system_of[receivers], d, own),
        _distances(systems, system_of, receivers, away),
    ]


def _particles(seen: DataCoverage, dataset: Dataset, systems: Sequence[System], system_of: np.ndarray) -> AuditLine:
    species = dataset.arrays["species"]
    strange = ~np.isin(species, seen.species)
    smallest, largest = seen.sizes
    outside = int(((dataset.sizes < smallest) | (dataset.sizes > largest)).sum())
    text = [f"not in training: {', '.join(map(symbol, np.unique(species[strange])))}"] if strange.any() else []
    if outside:
        range_ = f"{smallest} to {largest} particles"
        text.append(f"{outside} of {len(dataset)} systems are outside the range of sizes in training ({range_})")
    where = origin_of(systems, int(system_of[np.argmax(strange)])) if strange.any() else ""
    verdict = verdict_of(not strange.any())
    return AuditLine(NAMES[0], DONE[0], float(strange.mean()), 0.0, "", verdict, "; ".join(text), where)


def _shortest(
    seen: DataCoverage, systems: Sequence[System], system_of: np.ndarray, d: np.ndarray, own: bool
) -> AuditLine:
    if not len(d):
        return skipped(NAMES[1], DONE[1], "no two particles are within the cutoff")
    if not np.isfinite(seen.shortest):
        return skipped(NAMES[1], DONE[1], "no two particles of the training set are within the cutoff")
    nearest = int(np.argmin(d))
    shorter = max(0.0, seen.shortest - float(d[nearest]))
    where = origin_of(systems, int(system_of[nearest]))
    text = f"{d[nearest]:.3f} angstrom here, {seen.shortest:.3f} angstrom in training"
    if own and shorter > BIN:
        text += f"; {where} is extrapolated; this is not a failure, because the run's own sets were drawn together"
    most, good = None if own else BIN, own or shorter <= BIN
    return AuditLine(NAMES[1], DONE[1], shorter, most, "angstrom", verdict_of(good), text, where)


def _distances(systems: Sequence[System], system_of: np.ndarray, receivers: np.ndarray, away: np.ndarray) -> AuditLine:
    strange = np.zeros(len(system_of), dtype=bool)
    strange[receivers[away > BIN]] = True
    counts = np.bincount(system_of, weights=strange)
    pairs = float((away > BIN).mean()) if len(away) else 0.0
    text = f"{in_words(pairs, '')} of all distances are outside the ranges of training"
    where = origin_of(systems, int(np.argmax(counts))) if strange.any() else ""
    share = float(strange.mean())
    verdict = verdict_of(share <= MOST_STRANGE)
    return AuditLine(NAMES[2], DONE[2], share, MOST_STRANGE, "", verdict, text, where)
