"""Structure of the network, and its error in reproducing spectra of molecules through its bottleneck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from empnet.errors import EmpnetError
from empnet.files.read import iread
from empnet.runtime.progress import track
from empnet.studies.claim import Effort, Premises, premise
from empnet.studies.data.coulomb import coulomb_spectrum
from empnet.studies.networks.structure import Structure, structure
from empnet.studies.question_1b_architectures.networks import KINDS, build
from empnet.training.optimiser.capacity import Capacity

__all__ = ["Architectures", "Network", "measure"]

LARGEST = 23
"""Atoms of the largest molecule in QM7."""

QUICK, FULL = (400, 200, 1000), (2000, 1000, 2000)
"""Training molecules, test molecules, and full-batch steps of AdamW."""


@dataclass(frozen=True)
class Network(Premises):
    """The network that is to be classified."""

    inputs: int = premise(
        25, "Nodes of the input layer; QM7's spectra of up to 23 values are padded.", at_least=LARGEST
    )
    widths: str = premise("30,5,50", "Nodes of the hidden layers, with commas.")
    outputs: int = premise(25, "Nodes of the output layer.", at_least=1)
    kind: str = premise(
        "dense", "How layers are joined: with the input added in the end, or reading in steps.", one_of=KINDS
    )

    @property
    def hidden(self) -> tuple[int, ...]:
        """:attr:`widths` as numbers."""
        return tuple(int(width) for width in self.widths.split(","))

    def check(self) -> None:
        """Refuse widths that are not positive, and a sum of tensors of different sizes."""
        parts = self.widths.split(",")
        if not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
            raise EmpnetError(f"--widths {self.widths!r}", wanted="positive whole numbers with commas, such as 30,5,50")
        if self.kind == "skip" and self.inputs != self.outputs:
            raise EmpnetError(
                f"--kind skip with {self.inputs} inputs and {self.outputs} outputs", wanted="as many of both"
            )
        if self.kind == "recurrent" and len(parts) < 2:
            raise EmpnetError(f"--kind recurrent with --widths {self.widths}", wanted="a state and a further layer")


@dataclass(frozen=True, slots=True)
class Architectures:
    """Structure and errors: mean squares on test molecules, each eigenvalue in its own standard deviation.

    Arguments:
        structure: Structure of the network.
        of_mean: Error of the mean of the training molecules.
        of_network: Error of the network, trained to reproduce its input; None if its output has another size.
        of_pca: Error of principal components, by their number.
        of_autoencoders: Errors of perceptrons by the width of the bottleneck in their middle; for the figure.
    """

    structure: Structure
    of_mean: float
    of_network: float | None
    of_pca: Mapping[int, float]
    of_autoencoders: Mapping[int, float]


def measure(premises: Network, effort: Effort) -> Architectures:
    """Record the network's structure, train it to reproduce its input, and compare it with the mean and with PCA."""
    found = structure(_built(premises.kind, premises), torch.zeros(2, premises.inputs))
    n_train, n_test, steps = QUICK if effort.quick else FULL
    train, test = _spectra(n_train, n_test, premises.inputs)
    bottleneck = found.bottleneck
    numbers = sorted({1, 2, 3, 5, 8, 12, *([bottleneck] if bottleneck else [])})
    asked = _reproduction(premises, n_train, n_test, steps) if premises.outputs == premises.inputs else None
    curve: dict[int, float] = {}
    if not effort.quick and bottleneck is not None:
        before, after = _around(premises.hidden)
        for width in track((1, 2, 3, 5, 8, 12), "autoencoders", quiet=effort.quiet):
            other = Network(premises.inputs, ",".join(map(str, (*before, width, *after))), premises.inputs)
            curve[width] = _reproduction(other, n_train, n_test, steps)
    return Architectures(
        structure=found,
        of_mean=float(np.square(test).mean()),
        of_network=asked,
        of_pca={number: _pca_error(train, test, number) for number in numbers},
        of_autoencoders=curve,
    )


def _around(hidden: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return widths before and after the narrowest layer."""
    k = hidden.index(min(hidden))
    return hidden[:k], hidden[k + 1 :]


def _built(kind: str, premises: Network) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(kind, premises.inputs, premises.hidden, premises.outputs)


@lru_cache(maxsize=4)
def _spectra(n_train: int, n_test: int, size: int) -> tuple[Float64[np.ndarray, "n d"], Float64[np.ndarray, "m d"]]:
    """Return spectra of training and test molecules, standardised by the former; QM7's file is in random order."""
    systems = islice(iread("qm7"), n_train + n_test)
    spectra = np.array([coulomb_spectrum(system, size) for system in systems])
    mean, spread = spectra[:n_train].mean(axis=0), spectra[:n_train].std(axis=0)
    spectra = (spectra - mean) / np.where(spread > 0, spread, 1.0)  # a value that is always zero stays so
    return spectra[:n_train], spectra[n_train:]


@lru_cache(maxsize=32)
def _reproduction(premises: Network, n_train: int, n_test: int, steps: int) -> float:
    """Train a network to reproduce its input, and return its error on test molecules."""
    train, test = (torch.from_numpy(side).float() for side in _spectra(n_train, n_test, premises.inputs))

    def error(network: Any, x: Tensor) -> Tensor:
        return (network(x) - x).square().mean()

    def fresh(widening: int) -> torch.nn.Module:
        return build(premises.kind, premises.inputs, premises.hidden, premises.outputs)

    capacity = Capacity(fresh, lambda network: error(network, train), lr=1e-2, steps=steps)
    trained = next(capacity.attempts(seeds=[0])).network
    with torch.no_grad():
        return error(trained, test).item()


def _pca_error(train: Float64[np.ndarray, "n d"], test: Float64[np.ndarray, "m d"], number: int) -> float:
    from sklearn.decomposition import PCA

    pca = PCA(number).fit(train)
    return float(np.square(pca.inverse_transform(pca.transform(test)) - test).mean())
