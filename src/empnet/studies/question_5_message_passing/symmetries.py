"""Changes of the predicted property by rotation, translation, reordering and reflection: question V.C."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from empnet.audit.variants import reordered
from empnet.dataset.rows import species_of
from empnet.model.property_predictor import PropertyPredictor
from empnet.studies.networks.handedness import signed_volumes
from empnet.studies.networks.symmetry_breaking import MarkedPredictor
from empnet.studies.question_5_message_passing.clouds import (
    SLOTS,
    among_equals,
    mirrored,
    molecules,
    random_systems,
    tensors,
    turned,
)
from empnet.studies.question_5_message_passing.far import moved_all
from empnet.studies.question_5_message_passing.layers import rounding
from empnet.studies.question_5_message_passing.premises import MessagePassing
from empnet.system.one_hot import OneHot
from empnet.system.system import System
from empnet.training.optimiser.descent import descend

__all__ = ["SYMMETRY_PREMISES", "Symmetries", "change", "measure_symmetries"]

SYMMETRY_PREMISES = (
    *("systems", "particles", "features", "shift"),
    *("readout", "coordinates", "labels", "handedness"),
)
"""Premises of :func:`measure_symmetries`."""

MOLECULES = 32
STEPS = 30

Predict = Callable[[Sequence[System]], Float64[Tensor, "B 1"]]
Change = Callable[[Sequence[System]], list[System]]


@dataclass(frozen=True)
class Symmetries:
    """Largest change of a predicted property, by network, relative to the largest prediction; in float64.

    The networks are an untrained one on random systems, and an untrained and a trained one on molecules.

    Arguments:
        turned: Change by random rotations.
        moved: Change by translations.
        equals: Change by exchanging equal particles.
        reordered: Change by reordering all particles, with their features.
        mirrored: Change by reflection.
        volume: Smallest over the random systems of the largest signed volume of a particle, cubic angstrom: where it
            is not zero, the system differs from its mirror image.
        learned: Ratio of the training loss after training to that before.
        bound: Bound on the effect of rounding.
    """

    turned: dict[str, float]
    moved: dict[str, float]
    equals: dict[str, float]
    reordered: dict[str, float]
    mirrored: dict[str, float]
    volume: float
    learned: float
    bound: float


def change(predict: Predict, systems: Sequence[System], others: Sequence[System]) -> float:
    """Return the largest change of a prediction, relative to the largest prediction.

    Arguments:
        predict: The network.
        systems: Original systems.
        others: Changed systems.
    """
    with torch.no_grad():
        y, y_other = predict(systems), predict(others)
    return float((y_other - y).abs().max() / y.abs().max())


def measure_symmetries(premises: MessagePassing) -> Symmetries:
    """Rotate, translate, reorder and reflect random systems and molecules, and predict again.

    Arguments:
        premises: Premises of the study; :data:`SYMMETRY_PREMISES` names the relevant ones.
    """
    return _measured(premises.only(*SYMMETRY_PREMISES))


def _network(p: MessagePassing, N: int, F: int) -> PropertyPredictor | MarkedPredictor:
    """Return the product's predictor, or one with symmetry-breaking features or readout."""
    if p.readout == "sum" and not (p.coordinates or p.labels or p.handedness):
        return PropertyPredictor(N, F)
    return MarkedPredictor(N, F, readout=p.readout, coordinates=p.coordinates, labels=p.labels, handedness=p.handedness)


def _predict(network: torch.nn.Module, encoder: OneHot, N: int) -> Predict:
    def predict(systems: Sequence[System]) -> Tensor:
        r, f, mask = tensors(systems, encoder, N)
        y: Tensor = network(r, f, mask=mask)
        return y

    return predict


@cache
def _measured(p: MessagePassing) -> Symmetries:
    clouds = random_systems(p.systems, p.particles, p.features)
    real = molecules(MOLECULES)
    elements = OneHot(np.unique(np.concatenate([species_of(system) for system in real])))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        fresh = _network(p, p.particles, p.features).double()
        on_molecules, trained = (_network(p, SLOTS, len(elements)).double() for _ in range(2))
        learned = _train(trained, real, elements)
    cases: dict[str, tuple[Predict, Sequence[System]]] = {
        "fresh, random systems": (_predict(fresh, OneHot(range(p.features)), p.particles), clouds),
        "fresh, molecules": (_predict(on_molecules, elements, SLOTS), real),
        "trained, molecules": (_predict(trained, elements, SLOTS), real),
    }

    def changes(how: Change) -> dict[str, float]:
        return {name: change(predict, systems, how(systems)) for name, (predict, systems) in cases.items()}

    rng = np.random.default_rng(6)
    return Symmetries(
        turned=changes(lambda systems: turned(systems, seed=7)),
        moved=changes(lambda systems: moved_all(systems, p.shift)),
        equals=changes(lambda systems: [among_equals(system, rng) for system in systems]),
        reordered=changes(lambda systems: [reordered(system, rng.permutation(len(system))) for system in systems]),
        mirrored=changes(mirrored),
        volume=_least_volume(clouds),
        learned=learned,
        bound=rounding(max(p.particles, SLOTS)),
    )


def _train(network: torch.nn.Module, systems: Sequence[System], encoder: OneHot) -> float:
    """Train some steps of Adam on the molecules' standardised energies, and return the ratio of losses."""
    r, f, mask = tensors(systems, encoder, SLOTS)
    energies = torch.tensor([[system.properties["energy"]] for system in systems], dtype=torch.float64)
    targets = (energies - energies.mean()) / energies.std()
    adam = torch.optim.Adam(network.parameters(), lr=3e-3)
    batches = [(r, f, mask)] * STEPS

    def loss(batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        r, f, mask = batch
        return (network(r, f, mask=mask) - targets).square().mean()

    losses = list(descend(loss, batches, adam))
    return losses[-1] / losses[0]


def _least_volume(systems: Sequence[System]) -> float:
    return min(float(signed_volumes(torch.tensor(system.positions)[None]).abs().max()) for system in systems)
