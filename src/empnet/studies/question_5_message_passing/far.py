"""Errors of distances and predictions far from the origin, by the method for the distances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from empnet.audit.variants import moved
from empnet.model.property_predictor import PropertyPredictor
from empnet.studies.question_5_message_passing.clouds import random_systems, tensors
from empnet.studies.question_5_message_passing.premises import MessagePassing
from empnet.system.one_hot import OneHot
from empnet.system.system import System

__all__ = ["FAR_PREMISES", "SHIFTS", "WAYS", "Far", "measure_far", "moved_all"]

FAR_PREMISES = ("systems", "particles", "features", "shift", "distances")
"""Premises of :func:`measure_far`."""

SHIFTS = tuple(float(shift) for shift in 10.0 ** np.arange(0.0, 7.5, 0.5))
"""Shifts of the figure, in angstrom."""

DIRECT = "donot_use_mm_for_euclid_dist"


def _differences(r: Tensor) -> Tensor:
    return torch.linalg.vector_norm(r[..., :, None, :] - r[..., None, :, :], dim=-1)


WAYS = {
    "cdist, products, float32": lambda r: torch.cdist(r.float(), r.float(), compute_mode="use_mm_for_euclid_dist"),
    "cdist, differences, float32": lambda r: torch.cdist(r.float(), r.float(), compute_mode=DIRECT),
    "cdist, products, float64": lambda r: torch.cdist(r, r, compute_mode="use_mm_for_euclid_dist"),
    "differences, float64 (empnet)": _differences,
}
"""Methods for the distances of float64 positions, by name."""


@dataclass(frozen=True)
class Far:
    """Measurements on systems far from the origin.

    Arguments:
        shift: Distance from the origin in angstrom.
        cdist: Largest error of a distance by torch.cdist without options, in float32, angstrom.
        positions: Bound on the change of a distance by rounding the positions to float32, angstrom.
        products: True if torch.cdist multiplied matrices, as it does for more than 25 points.
        moved: Largest change of a prediction by translating the systems, relative to the largest prediction; the
            network's parameters are float32.
        bound: Bound on that change by rounding in float32.
        errors: Largest error of a distance by method, for each of :data:`SHIFTS`, angstrom.
    """

    shift: float
    cdist: float
    positions: float
    products: bool
    moved: float
    bound: float
    errors: dict[str, tuple[float, ...]]


def moved_all(systems: Sequence[System], by: float) -> list[System]:
    """Return the systems, translated by a distance, each in a direction of its own.

    Arguments:
        systems: The systems.
        by: Distance in angstrom.
    """
    shifts = by * _directions(len(systems))
    return [moved(system, shift) for system, shift in zip(systems, shifts, strict=True)]


def _directions(n: int) -> Float64[np.ndarray, "n 3"]:
    directions = np.random.default_rng(4).normal(size=(n, 3))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def _positions(systems: Sequence[System]) -> Float64[Tensor, "B N 3"]:
    return torch.from_numpy(np.stack([system.positions for system in systems]))


def rounded_positions(r: Float64[Tensor, "B N 3"]) -> float:
    """Return a bound on the change of a distance when positions are rounded to float32, in angstrom.

    Each of three coordinates of both ends moves by at most half a unit in the last place of the largest coordinate;
    taking differences and the root adds less.
    """
    largest = float(r.abs().max())
    return float(2 * np.sqrt(3) * 0.5 * np.spacing(np.float32(largest)) + 4 * np.finfo(np.float32).eps * 2 * 3**0.5)


def predicted(
    predictor: PropertyPredictor, d: Float[Tensor, "B N N"], f: Float[Tensor, "B N F"]
) -> Float[Tensor, "B F_prime"]:
    """Return the predictor's formula from given distances, such as those of torch.cdist.

    Arguments:
        predictor: Predictor that provides phi and psi.
        d: Distances in angstrom, shape (B, N, N).
        f: Features of the particles, shape (B, N, F).
    """
    layer = predictor.message_passing
    f_bar = layer.rho(torch.einsum("bjik,bik->bjk", layer.phi(d[..., None]), f))
    y: Tensor = predictor.pointwise_convolution(f_bar).sum(1)
    return y


def measure_far(premises: MessagePassing) -> Far:
    """Translate random systems away from the origin, and measure distances and predictions.

    Arguments:
        premises: Premises of the study; :data:`FAR_PREMISES` names the relevant ones.
    """
    return _measured(premises.only(*FAR_PREMISES))


@cache
def _measured(p: MessagePassing) -> Far:
    systems = random_systems(p.systems, p.particles, p.features)
    near, far = _positions(systems), _positions(moved_all(systems, p.shift))
    f = tensors(systems, OneHot(range(p.features)), p.particles, torch.float32)[1]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(2)
        predictor = PropertyPredictor(p.particles, p.features)
        if p.distances == "cdist":
            y, y_far = (predicted(predictor, torch.cdist(r.float(), r.float()), f) for r in (near, far))
        else:
            y, y_far = (predictor(r, f) for r in (near, far))
    exact, by_cdist = _differences(far), torch.cdist(far.float(), far.float())
    return Far(
        shift=p.shift,
        cdist=float((by_cdist.double() - exact).abs().max()),
        positions=rounded_positions(far),
        products=not torch.equal(by_cdist, torch.cdist(far.float(), far.float(), compute_mode=DIRECT)),
        moved=float((y_far - y).abs().max() / y.abs().max()),
        bound=8 * (p.particles + 2 * 128) * 2.0**-23,
        errors={name: _errors(way, systems) for name, way in WAYS.items()},
    )


def _errors(way, systems: Sequence[System]) -> tuple[float, ...]:  # noqa: ANN001 (one of WAYS)
    """Return the largest error of a distance at each of the shifts, including rounding of positions to float64."""
    near = 0.9 * _positions(systems)  # off the grid: for the grid's points, float64 would round nothing
    directions = torch.from_numpy(_directions(len(systems)))[:, None]
    exact = _differences(near)
    return tuple(float((way(near + by * directions).double() - exact).abs().max()) for by in SHIFTS)
