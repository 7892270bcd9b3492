"""Deviations of the two layers from their formulas: questions V.A and V.B."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from empnet.audit.variants import reordered
from empnet.model.message_passing import MessagePassingLayer
from empnet.model.pointwise import PointwiseConvolutionLayer
from empnet.studies.networks.symmetry_breaking import FilterPerPairLayer, MixingLayer, marked, n_marks
from empnet.studies.question_5_message_passing.clouds import random_systems, tensors, turned
from empnet.studies.question_5_message_passing.far import moved_all
from empnet.studies.question_5_message_passing.premises import MessagePassing
from empnet.system.one_hot import OneHot
from empnet.system.system import System

__all__ = ["LAYER_PREMISES", "Layers", "measure_layers", "rounding"]

EPS = 2.0**-52

LAYER_PREMISES = (
    *("systems", "particles", "features", "features_out", "hidden", "shift", "layer", "kernel"),
    *("self_message", "filters", "coordinates", "labels", "handedness"),
)
"""Premises of :func:`measure_layers`."""


@dataclass(frozen=True)
class Layers:
    """Measurements on the layers, in float64; deviations are relative to the largest output.

    Arguments:
        pointwise_reordered: Deviation of the point-wise layer's output for reordered particles from its reordered
            output.
        pointwise_shape: Shape of its output.
        wanted_shape: (B, N, F').
        pointwise_parameters: Number of its parameters by number of slots.
        pointwise_formula: Its number of parameters by formula: (F + 1) H + (H + 1) F' for H hidden units.
        hidden: Units between its two linear maps.
        asked: Required units.
        activation: Name of its nonlinearity.
        convolution: Deviation from torch's convolution along the list of particles with the same weights.
        loop: Deviation of the message passing layer from the sum over pairs, one after the other.
        turned: Deviation of its output for rotated systems from that for the original systems.
        moved: Deviation of its output for translated systems from that for the original systems.
        reordered: Deviation of its output for reordered particles from its reordered output.
        filter_parameters: Parameters of message passing by number of slots.
        bound: Bound on the effect of rounding on any of these.
    """

    pointwise_reordered: float
    pointwise_shape: tuple[int, ...]
    wanted_shape: tuple[int, ...]
    pointwise_parameters: dict[int, int]
    pointwise_formula: int
    hidden: int
    asked: int
    activation: str
    convolution: float
    loop: float
    turned: float
    moved: float
    reordered: float
    filter_parameters: dict[int, int]
    bound: float


def rounding(particles: int, hidden: int = 128, eps: float = EPS) -> float:
    """Return a bound on the effect of rounding, relative to the largest output.

    An output passes through sums of N messages, and of 128 terms in each of two perceptrons: a sum of n terms errs by
    at most n eps times the sum of their magnitudes (Higham, Accuracy and Stability of Numerical Algorithms, section
    4.2). Magnitudes are taken as 8 times the largest output, since terms cancel.

    Arguments:
        particles: N.
        hidden: Hidden units of a perceptron.
        eps: Spacing of numbers near one.
    """
    return 8 * (particles + 2 * hidden) * eps


def relative(found: Tensor, wanted: Tensor) -> float:
    """Return the largest difference over the largest expected magnitude."""
    return float((found - wanted).abs().max() / wanted.abs().max())


@cache
def _measured(p: MessagePassing) -> Layers:
    systems = random_systems(p.systems, p.particles, p.features)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return Layers(**_pointwise(p), **_message_passing(p, systems), **_parameters(p), bound=rounding(p.particles))


def measure_layers(premises: MessagePassing) -> Layers:
    """Measure both layers with new parameters on random systems.

    Arguments:
        premises: Premises of the study; :data:`LAYER_PREMISES` names the relevant ones.

    Example:
        >>> found = measure_layers(MessagePassing(particles=5, systems=1))
        >>> found.loop < found.bound
        True
    """
    return _measured(premises.only(*LAYER_PREMISES))


def _pointwise_layer(p: MessagePassing, particles: int) -> PointwiseConvolutionLayer | MixingLayer:
    kind = PointwiseConvolutionLayer if p.layer == "pointwise" else MixingLayer
    return kind(particles, p.features, p.features_out)


def _pointwise(p: MessagePassing) -> dict[str, Any]:
    layer = _pointwise_layer(p, p.particles).double()
    f_bar = torch.randn(p.systems, p.particles, p.features, dtype=torch.float64)
    rows = torch.randperm(p.particles)
    with torch.no_grad():
        f_prime = layer(f_bar)
        return {
            "pointwise_reordered": relative(layer(f_bar[:, rows]), f_prime[:, rows]),
            "pointwise_shape": tuple(f_prime.shape),
            "hidden": len(next(layer.psi.parameters())),
            "wanted_shape": (p.systems, p.particles, p.features_out),
            "asked": p.hidden,
            "activation": type(layer.psi[1]).__name__,
            "convolution": _from_convolution(p, f_bar),
        }


def _from_convolution(p: MessagePassing, f_bar: Tensor) -> float:
    """Return the deviation of the point-wise layer from a convolution along the list of particles."""
    layer = PointwiseConvolutionLayer(p.particles, p.features, p.features_out).double()
    W_1, b_1, W_2, b_2 = layer.psi.parameters()
    weight = torch.randn(len(W_1), p.features, p.kernel, dtype=torch.float64)
    weight[:, :, p.kernel // 2] = W_1
    x = functional.conv1d(f_bar.transpose(1, 2), weight, b_1, padding=p.kernel // 2)
    x = functional.conv1d(functional.softplus(x), W_2[:, :, None], b_2)
    return relative(layer(f_bar), x.transpose(1, 2))


def literal_loop(layer: MessagePassingLayer, r: Tensor, f: Tensor, *, self_message: bool = True) -> Tensor:
    """Return formula (1) by two loops: over each particle j and each particle i.

    Arguments:
        layer: Layer that provides phi.
        r: Positions of one system, shape (N, 3).
        f: Features, shape (N, F).
        self_message: Include i = j in the sum.
    """
    rows = []
    for j in range(len(r)):
        received = torch.zeros_like(f[0])
        for i in range(len(r)):
            if i != j or self_message:
                received = received + layer.phi(torch.linalg.vector_norm(r[i] - r[j])[None]) * f[i]
        rows.append(functional.softplus(received))
    return torch.stack(rows)


def _message_passing(p: MessagePassing, systems: tuple[System, ...]) -> dict[str, Any]:
    marks = {"coordinates": p.coordinates, "labels": p.labels, "handedness": p.handedness}
    encoder = OneHot(range(p.features))
    layer = MessagePassingLayer(p.particles, p.features + n_marks(**marks)).double()

    def seen(systems: list[System] | tuple[System, ...]) -> tuple[Tensor, Tensor]:
        r, f, mask = tensors(systems, encoder, p.particles)
        return r, marked(r, f, mask=mask, **marks)

    with torch.no_grad():
        r, f = seen(systems)
        f_bar = layer(r, f)
        rows = np.random.default_rng(2).permutation(p.particles)
        loop = literal_loop(layer, r[0], f[0], self_message=p.self_message)
        return {
            "loop": relative(f_bar[0], loop),
            "turned": relative(layer(*seen(turned(systems, seed=3))), f_bar),
            "moved": relative(layer(*seen(moved_all(systems, p.shift))), f_bar),
            "reordered": relative(layer(*seen([reordered(s, rows) for s in systems])), f_bar[:, rows]),
        }


def _parameters(p: MessagePassing) -> dict[str, Any]:
    """Return the number of parameters of both layers for N, 2 N and 3 N particles."""
    kind = MessagePassingLayer if p.filters == "shared" else FilterPerPairLayer
    sizes = (p.particles, 2 * p.particles, 3 * p.particles)
    H = MessagePassing().hidden
    return {
        "pointwise_parameters": {N: _count(_pointwise_layer(p, N)) for N in sizes},
        "pointwise_formula": (p.features + 1) * H + (H + 1) * p.features_out,
        "filter_parameters": {N: _count(kind(N, p.features)) for N in sizes},
    }


def _count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
