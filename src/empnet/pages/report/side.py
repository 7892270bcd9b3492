"""Measure the errors on one of a run's own sets, with further facts on each system for the report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64, Int64

from empnet.dataset.rows import species_of
from empnet.kernels.pairs import pair_distances
from empnet.prediction.derivative_errors import Labels
from empnet.prediction.evaluate import Evaluation, Side, evaluations_of, measured_side, own_side
from empnet.prediction.pieces import pieces
from empnet.prediction.prediction import Prediction
from empnet.prediction.predictor import Predictor
from empnet.runtime.progress import track
from empnet.system.checks import target_of
from empnet.system.system import System
from empnet.training.run.run_folder import RunFolder

__all__ = ["DRAWN", "MeasuredSide", "measure_side"]

DRAWN = 6
"""Number of worst systems with pictures."""

SAMPLE = 5_000
"""Number of particles in the histogram of distances to neighbours."""


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredSide:
    """Errors on one set of the data.

    Arguments:
        name: ``"test"``, or ``"validation"`` if there is no test set.
        evaluations: One evaluation for each property.
        sizes: Number of particles in each system, shape (n,).
        counts: Number of particles of each of the model's species in each system, shape (n, species).
        worst: Systems with the largest errors for each property, the largest error first.
        sample: Some of the systems.
        distances: Distances between neighbours within the cutoff in the sample, in angstrom, shape (P,).
    """

    name: Side
    evaluations: tuple[Evaluation, ...]
    sizes: Int64[np.ndarray, " n"]
    counts: Int64[np.ndarray, "n species"]
    worst: tuple[tuple[System, ...], ...]
    sample: tuple[System, ...]
    distances: Float64[np.ndarray, " P"]


@dataclass(slots=True)
class _Watch:
    """Collects facts on the systems of a stream."""

    predictor: Predictor
    targets: list[list[float]] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    formulas: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    counts: list[np.ndarray] = field(default_factory=list)
    sample: list[System] = field(default_factory=list)

    def each(self, systems: Iterable[System]) -> Iterator[System]:
        """Yield the same systems, and record facts on them."""
        card, sampled = self.predictor.card, 0
        for system in systems:
            self.targets.append([target_of(system, name) for name in card.properties])
            self.origins.append(str(system.origin))
            self.formulas.append(system.formula)
            self.sizes.append(len(system))
            self.counts.append((species_of(system)[:, None] == np.array(card.species)).sum(axis=0))
            if sampled < SAMPLE:
                self.sample.append(system)
                sampled += len(system)
            yield system


def measure_side(predictor: Predictor, *, quiet: bool = False) -> MeasuredSide:
    """Predict the test set of the run's own data, or the validation set if there is no test set.

    Arguments:
        predictor: The trained model of a run folder.
        quiet: No progress bar.

    Raises:
        EmpnetError: If the data do not exist any more or have changed.
    """
    run = RunFolder(predictor.run)
    side = measured_side(run)
    watch = _Watch(predictor)
    systems = watch.each(track(own_side(predictor, side), f"predicting the {side} set", quiet=quiet))
    found: list[Prediction] = []
    done = 0
    worst: list[list[tuple[float, System]]] = [[] for _ in predictor.card.properties]
    labels = Labels(predictor.card)
    for piece in pieces(systems):
        found.append(labels.take(piece, predictor))
        errors = np.abs(found[-1].values - np.array(watch.targets[done : done + len(piece)]))
        done += len(piece)
        for k, column in enumerate(errors.T):
            largest = sorted([*worst[k], *zip(column.tolist(), piece, strict=True)], key=lambda item: -item[0])
            worst[k] = largest[:DRAWN]
    joined = Prediction.joined(found, predictor.card)
    sizes, counts, sample = np.array(watch.sizes), np.stack(watch.counts), tuple(watch.sample)
    evaluations = evaluations_of(
        predictor.card,
        np.array(watch.targets),
        joined.values,
        joined.baseline,
        watch.origins,
        watch.formulas,
        sizes,
        derivatives=labels.errors(),
        std=joined.std,
    )
    systems_of = tuple(tuple(system for _, system in largest) for largest in worst)
    return MeasuredSide(
        side, tuple(evaluations), sizes, counts, systems_of, sample, _distances(predictor, watch.sample)
    )


def _distances(predictor: Predictor, systems: list[System]) -> Float64[np.ndarray, " P"]:
    dataset = predictor.dataset(systems)
    card, found = predictor.card, []
    for chunk in dataset.chunks(np.arange(len(dataset))):
        batch = dataset.batch(chunk, card.encoder, card.torch_dtype)
        found.append(pair_distances(batch).numpy())
    return np.concatenate(found)
