"""Premises and measurement: outputs, gradients and live units of many random networks."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from empnet.model.dead_units import Activity, dead_units
from empnet.model.perceptron import perceptron
from empnet.runtime.progress import track
from empnet.studies.claim import Effort, Premises, premise

__all__ = ["Networks", "Signal", "measure", "random_inputs", "random_network"]

ACTIVATIONS: dict[str, type[torch.nn.Module]] = {"relu": torch.nn.ReLU, "leaky_relu": torch.nn.LeakyReLU}

LARGER = 1000.0
"""Factor of all weights, to see whether their size matters."""

QUICK, DRAWN = 50, 10
"""Networks of a quick run, at most, and of each kind in the figure."""

OTHERS = {
    "half of the weights negative": {"negative_weights": 0.5},
    "positive inputs": {"positive_inputs": 1.0},
    "leaky ReLU": {"activation": "leaky_relu"},
    "a bias of 0.1": {"bias": 0.1},
}
"""Networks that are drawn beside the question's."""


@dataclass(frozen=True)
class Networks(Premises):
    """Random dense networks with one output, and random inputs."""

    layers: int = premise(5, "Hidden layers.", at_least=0, at_most=20)
    width: int = premise(32, "Units of a hidden layer.", at_least=1, at_most=1024)
    inputs: int = premise(20, "Entries of an input.", at_least=1, at_most=1024)
    weight: float = premise(0.1, "Largest size of a weight.", at_least=1e-6, at_most=10.0)
    negative_weights: float = premise(0.0, "Share of the weights that are negative.", at_least=0.0, at_most=1.0)
    bias: float = premise(0.0, "Bias of each unit.", at_least=-1e6, at_most=1e6)
    activation: str = premise("relu", "Nonlinearity of the hidden units.", one_of=tuple(ACTIVATIONS))
    positive_inputs: float = premise(0.0, "Share of the entries that are positive.", at_least=0.0, at_most=1.0)
    networks: int = premise(1000, "Random networks; 50 at most with --quick.", at_least=1)
    samples: int = premise(200, "Random inputs of each network.", at_least=2)


@dataclass(frozen=True)
class Signal:
    """Outputs of the networks, and the differences of inputs that reach each layer.

    Arguments:
        networks: Number of networks.
        zero: Number of outputs that are exactly zero.
        negative: Number of outputs below zero.
        positive: Number of outputs above zero.
        smallest: Smallest output.
        largest: Largest output.
        gradient: Largest magnitude of the output's derivative by any weight, over all networks.
        bias_gradient: Largest magnitude of the derivative by the output's bias.
        change: Largest change of an output when all weights are multiplied by 1000.
        alive: Share of units whose output depends on the input, for each hidden layer: mean over networks.
        liveliest: Largest such share over the networks, for each hidden layer.
        unreached: Share of networks in which the layer receives equal values for all inputs, for each hidden layer.
        spreads: Largest difference between two inputs, at the input, in each hidden layer and at the output: mean
            over networks, for these networks and others.
    """

    networks: int
    zero: int
    negative: int
    positive: int
    smallest: float
    largest: float
    gradient: float
    bias_gradient: float
    change: float
    alive: Float64[np.ndarray, " layers"]
    liveliest: Float64[np.ndarray, " layers"]
    unreached: Float64[np.ndarray, " layers"]
    spreads: dict[str, Float64[np.ndarray, " places"]]

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return self.zero + self.negative + self.positive


@dataclass(frozen=True)
class _One:
    """Measurement of a single network."""

    outputs: Tensor
    gradient: float
    bias_gradient: float
    change: float
    layers: tuple[Activity, ...]
    spread: list[float]


def measure(premises: Networks, effort: Effort) -> Signal:
    """Measure many random networks.

    Arguments:
        premises: Networks and inputs.
        effort: Quick: at most fifty networks.
    """
    number = min(premises.networks, QUICK) if effort.quick else premises.networks
    seeds = track(range(number), "random networks", total=number, quiet=effort.quiet)
    every = [_look(premises, seed) for seed in seeds]
    outputs = torch.cat([one.outputs for one in every])
    alive = np.array([[layer.alive / layer.units for layer in one.layers] for one in every])
    unreached = np.array([[not layer.reached for layer in one.layers] for one in every])
    spreads = {"these networks": np.mean([one.spread for one in every], axis=0)}
    for name, changes in OTHERS.items():
        others = dataclasses.replace(premises, **changes)  # type: ignore[arg-type]
        spreads[name] = np.mean([_look(others, seed).spread for seed in range(min(number, DRAWN))], axis=0)
    return Signal(
        networks=number,
        zero=int((outputs == 0).sum()),
        negative=int((outputs < 0).sum()),
        positive=int((outputs > 0).sum()),
        smallest=float(outputs.min()),
        largest=float(outputs.max()),
        gradient=max(one.gradient for one in every),
        bias_gradient=max(one.bias_gradient for one in every),
        change=max(one.change for one in every),
        alive=alive.mean(axis=0),
        liveliest=alive.max(axis=0),
        unreached=unreached.mean(axis=0),
        spreads=spreads,
    )


def random_network(premises: Networks, generator: torch.Generator) -> torch.nn.Sequential:
    """Return a perceptron with weights uniform in (0, largest], some with flipped signs, and equal biases.

    Arguments:
        premises: Sizes, weights and biases.
        generator: Source of the random numbers.
    """
    hidden = (premises.width,) * premises.layers
    with torch.random.fork_rng(devices=[]):  # the perceptron's own weights are replaced
        model = perceptron(premises.inputs, hidden, 1, ACTIVATIONS[premises.activation]).double()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.fill_(premises.bias)
            else:
                numbers = _with_signs(tuple(parameter.shape), premises.negative_weights, generator)
                parameter.copy_(premises.weight * numbers)
    return model


def random_inputs(premises: Networks, generator: torch.Generator) -> Float64[Tensor, "samples inputs"]:
    """Return inputs with entries uniform in [-1, 0), some with flipped signs.

    Arguments:
        premises: Sizes, and the share of positive entries.
        generator: Source of the random numbers.
    """
    return -_with_signs((premises.samples, premises.inputs), premises.positive_inputs, generator)


def _with_signs(shape: tuple[int, ...], turned: float, generator: torch.Generator) -> Tensor:
    """Return numbers uniform in (0, 1], never zero, a share of them with flipped signs."""
    sizes = 1 - torch.rand(shape, generator=generator, dtype=torch.float64)
    return torch.where(torch.rand(shape, generator=generator, dtype=torch.float64) < turned, -sizes, sizes)


def _look(premises: Networks, seed: int) -> _One:
    generator = torch.Generator().manual_seed(seed)
    model, x = random_network(premises, generator), random_inputs(premises, generator)
    outputs = model(x)[:, 0]
    outputs.sum().backward()
    gradients = {name: float(p.grad.abs().max()) for name, p in model.named_parameters() if p.grad is not None}
    last = f"{len(model) - 1}.bias"
    layers = dead_units(model, [x])
    ends = [float((each.amax(dim=0) - each.amin(dim=0)).max()) for each in (x, outputs.detach()[:, None])]
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("weight"):
                parameter.mul_(LARGER)
        change = float((model(x)[:, 0] - outputs).abs().max())
    return _One(
        outputs.detach(),
        max(size for name, size in gradients.items() if name.endswith("weight")),
        gradients[last],
        change,
        layers,
        [ends[0], *(layer.spread for layer in layers), ends[1]],
    )
