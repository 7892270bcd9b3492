"""Different clouds that a network on distances takes for the same."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from empnet.dataset.dataset import collate
from empnet.model.property_model import Architecture, PropertyModel
from empnet.model.property_predictor import PropertyPredictor
from empnet.studies.question_5_message_passing.clouds import (
    antiprism,
    displaced,
    hexagon,
    smallest_rmsd,
    tensors,
    two_triangles,
)
from empnet.studies.question_5_message_passing.layers import rounding
from empnet.studies.question_5_message_passing.premises import MessagePassing
from empnet.system.one_hot import OneHot
from empnet.system.system import System

__all__ = ["BLIND_PREMISES", "BlindSpots", "measure_blind_spots"]

BLIND_PREMISES = ("cutoff", "displaced")
"""The premises that :func:`measure_blind_spots` depends on."""

SEEDS = 5
WIDE = 8.0
"""A cutoff in angstrom within which all particles of a small cloud lie."""

KIND = OneHot([0])


@dataclass(frozen=True)
class BlindSpots:
    """What was measured on pairs of clouds of six equal particles; changes are relative, the largest over networks.

    Arguments:
        cutoff: Range of a message for the rings, in angstrom.
        rings: Change of the prediction from the six-ring to two three-rings, with that cutoff.
        rings_rmsd: Distance of the two, best superposed, in angstrom.
        clouds: Change from the hexagon to the antiprism, all distances seen.
        clouds_rmsd: Distance of the two, best superposed, in angstrom.
        distances: Largest difference of the sorted distances around any particle, in angstrom.
        displaced: How far one particle of the antiprism was moved, in angstrom.
        networks: Number of networks that looked at each pair.
        bound: What rounding may do.
    """

    cutoff: float
    rings: float
    rings_rmsd: float
    clouds: float
    clouds_rmsd: float
    distances: float
    displaced: float
    networks: int
    bound: float


def measure_blind_spots(premises: MessagePassing) -> BlindSpots:
    """Show both clouds of each pair to networks with random parameters, in float64.

    Arguments:
        premises: Of the study; those that :data:`BLIND_PREMISES` names count.
    """
    return _measured(premises.only(*BLIND_PREMISES))


@cache
def _measured(p: MessagePassing) -> BlindSpots:
    ring, triangles = hexagon(), two_triangles()
    flat, bent = hexagon(), displaced(antiprism(), p.displaced)
    rings, clouds = [], []
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        for seed in range(SEEDS):
            torch.manual_seed(seed)
            rings.append(_through_model(ring, triangles, p.cutoff))
            clouds += [_through_model(flat, bent, WIDE), _through_predictor(flat, bent)]
    return BlindSpots(
        cutoff=p.cutoff,
        rings=max(rings),
        rings_rmsd=smallest_rmsd(ring.positions, triangles.positions),
        clouds=max(clouds),
        clouds_rmsd=smallest_rmsd(flat.positions, bent.positions),
        distances=_surroundings(flat, bent),
        displaced=p.displaced,
        networks=len(clouds),
        bound=rounding(6),
    )


def _change(y: Tensor) -> float:
    return float((y[1] - y[0]).abs().max() / y.abs().max())


def _through_model(a: System, b: System, cutoff: float) -> float:
    """Relative difference of two systems' predictions by a fresh model of three interactions."""
    model = PropertyModel(Architecture(n_species=1, pooling=("sum",), cutoff=cutoff)).double()
    return _change(model(collate([a, b], cutoff, KIND, torch.float64)))


def _through_predictor(a: System, b: System) -> float:
    """The same by a fresh predictor, which sees all pairs."""
    predictor = PropertyPredictor(len(a), 1).double()
    r, f, _ = tensors([a, b], KIND, len(a))
    return _change(predictor(r, f))


def _surroundings(a: System, b: System) -> float:
    """How far the sorted distances around particles differ, the particles themselves in the best order."""

    def sorted_rows(system: System) -> Float64[np.ndarray, "n n"]:
        r = system.positions
        rows = np.sort(np.linalg.norm(r[:, None] - r[None], axis=-1), axis=1)
        return rows[np.lexsort(rows.T)]

    return float(np.abs(sorted_rows(a) - sorted_rows(b)).max())
