"""When a loss stops being a number or explodes: which system, which value or which setting did it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64

from empnet.dataset.dataset import Dataset
from empnet.kernels.pairs import pair_distances
from empnet.model.property_model import PropertyModel
from empnet.training.measure import Measured, measure
from empnet.training.optimiser.scales import Scales
from empnet.training.run.model_file import ModelCard

__all__ = ["Explosion", "Suspect", "cause_of"]

FACTOR = 100.0
"""How far above the largest innocent loss a loss must be to count as an explosion."""

FAR_OUT = 10.0
"""A target so many standard deviations from what its composition says is an outlier worth naming."""

VOIGT_NAMES = ("xx", "yy", "zz", "yz", "xz", "xy")

TOO_NEAR = 0.6
"""Particles nearer than this share of the usual nearest distance are worth naming."""


class Explosion:
    """Tells whether a step's loss has exploded.

    Targets are measured in the standard deviation of what the composition leaves, so a network that predicts the
    composition's values has a mean loss of at most 1 over the n systems of the training set, and a batch of B, even
    if all the scatter lies in it, at most n / B. An explosion is a hundred times that: no outlier can cause it, only
    predictions that have run away. Forces and stress, measured in their root mean square and their deviation, obey
    the same bound as far as systems are alike in size; a mean of several losses with weights that add up to one, too.

    Arguments:
        n_systems: Systems on the training set.
        batch: Systems in a step.

    Example:
        >>> exploded = Explosion(n_systems=1000, batch=10)
        >>> exploded(100.0), exploded(1e5), exploded(float("nan"))
        (False, True, True)
    """

    def __init__(self, n_systems: int, batch: int) -> None:
        self.bound = FACTOR * max(1.0, n_systems / batch)

    def __call__(self, loss: float) -> bool:
        """Whether this loss is one that training should not go on with."""
        return not math.isfinite(loss) or loss > self.bound


@dataclass(frozen=True, slots=True)
class Suspect:
    """The system of a batch that has most to do with its loss.

    Arguments:
        origin: File and frame.
        property: The property with the largest error.
        unit: Its unit.
        target: What is to be predicted.
        predicted: What was predicted.
        deviation: How far the target is from the composition baseline, in standard deviations of the training set.
        shortest: Shortest distance in the system, angstrom; infinite without neighbours.
        usual: Median over the data of the same, angstrom.
        worst: The force or stress whose error is larger than that of any property, in words; empty if there is none.
    """

    origin: str
    property: str
    unit: str
    target: float
    predicted: float
    deviation: float
    shortest: float
    usual: float
    worst: str = ""

    def __str__(self) -> str:
        told = [f"{self.property} {self.target:.4g} {self.unit}, predicted {self.predicted:.4g} {self.unit}"]
        if self.worst:
            told.insert(0, self.worst)
        if abs(self.deviation) > FAR_OUT:
            told.append(f"the target is {abs(self.deviation):.0f} standard deviations from what its composition says")
        if self.shortest < TOO_NEAR * self.usual:
            told.append(f"two particles are {self.shortest:.3g} angstrom apart (usual nearest: {self.usual:.3g})")
        return f"{self.origin}: {'; '.join(told)}"


@torch.no_grad()
def cause_of(
    model: PropertyModel,
    dataset: Dataset,
    indices: Int64[np.ndarray, " B"],
    card: ModelCard,
    scales: Scales,
    rate: float,
) -> str:
    """Why a step failed, in words: the weights, a system of the batch, or the learning rate.

    Arguments:
        model: The model as the step met it.
        dataset: The data with targets.
        indices: The systems of the step's batch.
        card: Names and units.
        scales: The loss's units.
        rate: The step's learning rate.
    """
    broken = [name for name, value in model.named_parameters() if not torch.isfinite(value).all()]
    if broken:
        return f"the weights are no longer finite ({broken[0]}): the learning rate {rate:.3g} was too high"
    suspect = _suspect(model, dataset, indices, card, scales)
    innocent = abs(suspect.deviation) <= FAR_OUT and suspect.shortest >= TOO_NEAR * suspect.usual
    blamed = f"; nothing is odd about it, so the learning rate {rate:.3g} may be too high" if innocent else ""
    return f"learning rate {rate:.3g}; the largest error is at {suspect}{blamed}"


def _suspect(model: PropertyModel, dataset: Dataset, indices: np.ndarray, card: ModelCard, scales: Scales) -> Suspect:
    found = measure(model, dataset, indices, card, next(model.parameters()).device)
    unit = scales.of_energies(found.sizes)
    error = _known(found.predicted - found.targets) / unit
    s, k = np.unravel_index(int(np.argmax(error)), error.shape)
    worst, told = float(error[s, k]), ""
    for largest, system, words in _derivatives(found, card, scales):
        if largest > worst:
            worst, s, told = largest, np.int64(system), words
            k = np.argmax(error[s])
    return Suspect(
        origin=str(dataset.origin(int(indices[s]))) or f"system {indices[s]}",
        property=card.properties[k],
        unit=card.units[k],
        target=float(found.targets[s, k]),
        predicted=float(found.predicted[s, k]),
        deviation=float((found.targets[s, k] - found.baseline[s, k]) / unit[s, k]),
        shortest=_shortest(dataset, np.array([indices[s]]), card),
        usual=_usual(dataset, card),
        worst=told,
    )


def _known(difference: np.ndarray) -> np.ndarray:
    """How large an error is; one that is no number is the largest."""
    return np.where(np.isfinite(difference), np.abs(difference), np.inf)


def _derivatives(found: Measured, card: ModelCard, scales: Scales) -> Iterator[tuple[float, int, str]]:
    """The largest error of the forces and of the stress in its unit, the system that has it, and both in words."""
    particle_of = np.repeat(np.arange(len(found.sizes)), found.sizes)
    first = np.cumsum(found.sizes) - found.sizes
    for both, unit, per in ((found.forces, scales.forces, "angstrom"), (found.stress, scales.stress, "angstrom^3")):
        if both is None or not both.there.any():
            continue
        error = np.where(both.there[:, None], _known(both.predicted - both.targets), 0.0) / unit
        row, column = np.unravel_index(int(np.argmax(error)), error.shape)
        target, predicted = both.targets[row, column], both.predicted[row, column]
        said = f"{target:.4g} {card.units[0]}/{per}, predicted {predicted:.4g}"
        system, what = int(row), f"stress {VOIGT_NAMES[column]}"
        if both is found.forces:
            system = int(particle_of[row])
            what = f"force on particle {row - first[system]} along {'xyz'[column]}"
        yield float(error[row, column]), system, f"{what} {said}"


def _shortest(dataset: Dataset, index: np.ndarray, card: ModelCard) -> float:
    batch = dataset.batch(index, card.encoder, card.torch_dtype)
    d = pair_distances(batch)
    return float(d.min()) if len(d) else math.inf


def _usual(dataset: Dataset, card: ModelCard) -> float:
    """Median of the shortest distance over (at most 200 of) the systems that have neighbours."""
    sample = np.linspace(0, len(dataset) - 1, min(len(dataset), 200)).astype(np.int64)
    found = [_shortest(dataset, np.array([index]), card) for index in sample]
    finite = [d for d in found if math.isfinite(d)]
    return float(np.median(finite)) if finite else math.inf
