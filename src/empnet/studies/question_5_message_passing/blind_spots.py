"""Different clouds that a network on distances cannot distinguish."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from empnet.dataset.dataset import collate
from empnet.model.architecture import Architecture
from empnet.model.property_model import PropertyModel
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
"""Premises of :func:`measure_blind_spots`."""

SEEDS = 5
WIDE = 8.0
"""Cutoff in angstrom that includes all pairs of a small cloud."""

KIND = OneHot([0])


@dataclass(frozen=True)
class BlindSpots:
    """Measurements on pairs of clouds of six equal particles; changes are relative, the largest over networks.

    Arguments:
        cutoff: Cutoff of messages for the rings, in angstrom.
        rings: Change of the prediction from the six-ring to two three-rings, with that cutoff.
        rings_rmsd: Distance of the two after the best superposition, in angstrom.
        clouds: Change from the hexagon to the antiprism, with all distances.
        clouds_rmsd: Distance of the two after the best superposition, in angstrom.
        distances: Largest difference of the sorted distances around any particle, in angstrom.
        displaced: Displacement of one particle of the antiprism, in angstrom.
        networks: Number of networks for each pair.
        bound: Bound on the effect of rounding.
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
    """Predict both clouds of each pair by networks with random parameters, in float64.

    Arguments:
        premises: Premises of the study; :data:`BLIND_PREMISES` names the relevant ones.
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
    """Return the relative difference of two systems' predictions by a new model of three interactions."""
    model = PropertyModel(Architecture(n_species=1, pooling=("sum",), cutoff=cutoff)).double()
    return _change(model(collate([a, b], cutoff, KIND, torch.float64)))


def _through_predictor(a: System, b: System) -> float:
    """Return the relative difference of two systems' predictions by a new predictor, without a cutoff."""
    predictor = PropertyPredictor(len(a), 1).double()
    r, f, _ = tensors([a, b], KIND, len(a))
    return _change(predictor(r, f))


def _surroundings(a: System, b: System) -> float:
    """Return the largest difference of sorted distances around particles, over the best order of the particles."""

    def sorted_rows(system: System) -> Float64[np.ndarray, "n n"]:
        r = system.positions
        rows = np.sort(np.linalg.norm(r[:, None] - r[None], axis=-1), axis=1)
        return rows[np.lexsort(rows.T)]

    return float(np.abs(sorted_rows(a) - sorted_rows(b)).max())
