"""Cause of a loss that is not finite or explodes: a system, a value or a setting."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64

from empnet.dataset.dataset import Dataset
from empnet.kernels.pairs import pair_distances
from empnet.model.network import Network
from empnet.training.measure import Measured, measure
from empnet.training.optimiser.scales import Scales
from empnet.training.run.model_file import ModelCard

__all__ = ["Explosion", "Suspect", "cause_of"]

FACTOR = 100.0
"""Factor above the largest innocent loss from which a loss counts as an explosion."""

FAR_OUT = 10.0
"""Distance of a target from its composition baseline, in standard deviations, from which it counts as an outlier."""

VOIGT_NAMES = ("xx", "yy", "zz", "yz", "xz", "xy")

TOO_NEAR = 0.6
"""Share of the usual nearest distance below which particles are suspiciously close."""


class Explosion:
    """Test of a step's loss for an explosion.

    Targets are measured in the standard deviation of the composition's residuals, so a network that predicts the
    composition's values has a mean loss of at most 1 over the n systems of the training set, and a batch of B, even
    if all the scatter lies in it, at most n / B. An explosion is a hundred times that: no outlier can cause it, only
    diverging predictions. Forces and stress, measured in their root mean square and their deviation, obey
    the same bound if systems have similar sizes; a mean of several losses with weights that add up to one, too.

    Arguments:
        n_systems: Systems in the training set.
        batch: Systems in a step.

    Example:
        >>> exploded = Explosion(n_systems=1000, batch=10)
        >>> exploded(100.0), exploded(1e5), exploded(float("nan"))
        (False, True, True)
    """

    def __init__(self, n_systems: int, batch: int) -> None:
        self.bound = FACTOR * max(1.0, n_systems / batch)

    def __call__(self, loss: float) -> bool:
        """Return True if training should not go on with this loss."""
        return not math.isfinite(loss) or loss > self.bound


@dataclass(frozen=True, slots=True)
class Suspect:
    """System of a batch with the largest error.

    Arguments:
        origin: File and frame.
        property: The property with the largest error.
        unit: Its unit.
        target: The target value.
        predicted: The prediction.
        deviation: Target minus composition baseline, in standard deviations of the training set.
        shortest: Shortest distance in the system, angstrom; infinite without neighbours.
        usual: Median of the shortest distances over the data, angstrom.
        worst: Description of the force or stress with a larger error than any property; empty if there is none.
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
        lines = [f"{self.property} {self.target:.4g} {self.unit}, predicted {self.predicted:.4g} {self.unit}"]
        if self.worst:
            lines.insert(0, self.worst)
        if abs(self.deviation) > FAR_OUT:
            lines.append(f"the target is {abs(self.deviation):.0f} standard deviations from what its composition says")
        if self.shortest < TOO_NEAR * self.usual:
            lines.append(f"two particles are {self.shortest:.3g} angstrom apart (usual nearest: {self.usual:.3g})")
        return f"{self.origin}: {'; '.join(lines)}"


@torch.no_grad()
def cause_of(
    model: Network,
    dataset: Dataset,
    indices: Int64[np.ndarray, " B"],
    card: ModelCard,
    scales: Scales,
    rate: float,
) -> str:
    """Explain why a step failed: the weights, a system of the batch, or the learning rate.

    Arguments:
        model: The model before the step.
        dataset: The data with targets.
        indices: The systems of the step's batch.
        card: Names and units.
        scales: The loss's units.
        rate: The step's learning rate.
    """
    broken = [name for name, value in model.named_parameters() if not torch.isfinite(value).all()]
    if broken:
        return f"the weights are no longer finite ({broken[0]}): the learning rate {rate:.3g} was too high"
    if card.classes or card.preparation is not None:
        return f"the learning rate {rate:.3g} may be too high"
    suspect = _suspect(model, dataset, indices, card, scales)
    innocent = abs(suspect.deviation) <= FAR_OUT and suspect.shortest >= TOO_NEAR * suspect.usual
    blamed = f"; nothing is odd about it, so the learning rate {rate:.3g} may be too high" if innocent else ""
    return f"learning rate {rate:.3g}; the largest error is at {suspect}{blamed}"


def _suspect(model: Network, dataset: Dataset, indices: np.ndarray, card: ModelCard, scales: Scales) -> Suspect:
    found = measure(model, dataset, indices, card, next(model.parameters()).device)
    assert isinstance(found, Measured)  # own invariant: classes have no suspects
    unit = scales.of_energies(found.sizes)
    error = _known(found.predicted - found.targets) / unit
    s, k = np.unravel_index(int(np.argmax(error)), error.shape)
    worst, text = float(error[s, k]), ""
    for largest, system, words in _derivatives(found, card, scales):
        if largest > worst:
            worst, s, text = largest, np.int64(system), words
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
        worst=text,
    )


def _known(difference: np.ndarray) -> np.ndarray:
    """Return absolute errors; errors that are not finite become infinite."""
    return np.where(np.isfinite(difference), np.abs(difference), np.inf)


def _derivatives(found: Measured, card: ModelCard, scales: Scales) -> Iterator[tuple[float, int, str]]:
    """Yield the largest error of forces and stress in its unit, the system, and a description."""
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
    """Return the median of the shortest distance over (at most 200) systems that have neighbours."""
    sample = np.linspace(0, len(dataset) - 1, min(len(dataset), 200)).astype(np.int64)
    found = [_shortest(dataset, np.array([index]), card) for index in sample]
    finite = [d for d in found if math.isfinite(d)]
    return float(np.median(finite)) if finite else math.inf
