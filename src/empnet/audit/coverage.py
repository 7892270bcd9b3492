"""Particles and distances that the training data never had."""

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
"""Share of particles that may have a neighbour at a distance which training never had: one in ten.

A convention, not a law. Data drawn as the training data were have some such particles too, fewer the more systems
there were to learn from, and a healthy run must not fail for them; data of another kind have them nearly everywhere."""

NAMES = ("particles", "shortest distance", "distances")

DONE = (
    "Particles are counted whose species no system of the training set has.",
    "The shortest distance between two particles is compared with the shortest one in training.",
    f"Particles are counted that have a neighbour more than {BIN:g} angstrom from any distance at which training had "
    "one of its species.",
)


def coverage_lines(
    seen: DataCoverage | None, dataset: Dataset, systems: Sequence[System], *, own: bool = False
) -> list[AuditLine]:
    """Hold data against what the training set had.

    Two things fail a model for these data: a species that it was never trained on, and particles nearer to each other
    (by more than a bin, 0.05 angstrom) than any two in training, where the network extrapolates to the steep side.
    Of distances between and beyond those of training a share is measured, and fails above one particle in ten. Sizes
    are only told: a larger system of known surroundings is nothing new to a sum over particles.

    Where the data are a side of the run's own, the shortest distance is only told too: of data that were drawn
    together the shortest distance lies on any side by chance, which says nothing against the model.

    Arguments:
        seen: What the training set had; None if the model file does not tell.
        dataset: The data, as the model takes them.
        systems: The same, for their names.
        own: The data are the run's own test or validation set.
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
    text = [f"never in training: {', '.join(map(symbol, np.unique(species[strange])))}"] if strange.any() else []
    if outside:
        text.append(f"{outside} of {len(dataset)} systems are outside the sizes of training ({smallest} to {largest})")
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
        text += f"; {where} is extrapolated; this is no failure, because the run's own sides were drawn together"
    most, good = None if own else BIN, own or shorter <= BIN
    return AuditLine(NAMES[1], DONE[1], shorter, most, "angstrom", verdict_of(good), text, where)


def _distances(systems: Sequence[System], system_of: np.ndarray, receivers: np.ndarray, away: np.ndarray) -> AuditLine:
    strange = np.zeros(len(system_of), dtype=bool)
    strange[receivers[away > BIN]] = True
    counts = np.bincount(system_of, weights=strange)
    pairs = float((away > BIN).mean()) if len(away) else 0.0
    text = f"{in_words(pairs, '')} of all distances lie outside those of training"
    where = origin_of(systems, int(np.argmax(counts))) if strange.any() else ""
    share = float(strange.mean())
    verdict = verdict_of(share <= MOST_STRANGE)
    return AuditLine(NAMES[2], DONE[2], share, MOST_STRANGE, "", verdict, text, where)
