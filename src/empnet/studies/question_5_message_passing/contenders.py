"""Networks that learn energies of molecules: dense and convolutional ones on coordinates, and message passing.

All learn the energy minus its composition baseline, with the same molecules, loss, optimiser and stopping rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from scipy.spatial.transform import Rotation
from torch import Tensor

from empnet.dataset.dataset import Dataset, collate
from empnet.dataset.split import Split, split_systems
from empnet.model.architecture import Architecture
from empnet.model.property_model import PropertyModel
from empnet.studies.networks.coordinate_networks import ConvolutionalCoordinateNetwork, DenseCoordinateNetwork
from empnet.studies.question_5_message_passing.clouds import SLOTS, molecules, tensors
from empnet.system.batch import Batch
from empnet.system.composition import fit_composition
from empnet.system.one_hot import OneHot
from empnet.system.system import System
from empnet.training.optimiser.descent import epoch_batches, fit
from empnet.training.optimiser.statistics import fit_statistics

__all__ = ["KINDS", "Data", "OnCoordinates", "OnDistances", "Plan", "contender", "data_for", "plan_for"]

KINDS = ("dense", "convolutional", "dense, turned copies", "message passing", "message passing, coordinates")

CUTOFF = 5.0

B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Plan:
    """Cost of the trainings.

    Arguments:
        molecules: All molecules.
        validation: Molecules that choose the best weights.
        test: Molecules of the reported errors.
        batch: Molecules in a batch.
        epochs: Passes of the networks on coordinates.
        epochs_passing: Passes of message passing; each takes some ten times as long.
        width: Features of the message passing network.
        layers: Interactions of the message passing network.
    """

    molecules: int
    validation: int
    test: int
    batch: int
    epochs: int
    epochs_passing: int
    width: int
    layers: int


QUICK = Plan(molecules=1900, validation=100, test=300, batch=64, epochs=15, epochs_passing=2, width=16, layers=2)
WHOLE = Plan(molecules=6101, validation=305, test=610, batch=32, epochs=40, epochs_passing=6, width=48, layers=3)


def plan_for(quick: bool) -> Plan:
    """Return the plan.

    Arguments:
        quick: Seconds in place of minutes.
    """
    return QUICK if quick else WHOLE


@dataclass(frozen=True, eq=False)
class Data:
    """Molecules, their split, and their composition baseline.

    Arguments:
        systems: All molecules, centred at the origin.
        energies: Energies in kcal/mol.
        split: Training, validation and test set.
        encoder: Encoder of the elements.
        composition: Energy of each element, fitted to the training set, kcal/mol.
        spread: Standard deviation of the training set's energies minus the baseline, kcal/mol.
    """

    systems: tuple[System, ...]
    energies: Float64[np.ndarray, " n"]
    split: Split
    encoder: OneHot
    composition: Float64[np.ndarray, " species"]
    spread: float

    @property
    def test(self) -> list[System]:
        """Molecules of the test set."""
        return [self.systems[index] for index in self.split.test]

    def by_composition(self, systems: Sequence[System]) -> Float64[np.ndarray, " n"]:
        """Return the composition baseline, kcal/mol.

        Arguments:
            systems: Any molecules of these elements.
        """
        counts = np.array([self.encoder.encode(system.species).sum(axis=0) for system in systems])  # type: ignore[arg-type]
        return counts @ self.composition


@cache
def data_for(quick: bool) -> Data:
    """Return the bundled QM7, or its first molecules.

    Arguments:
        quick: Only the first molecules.
    """
    plan = plan_for(quick)
    systems = molecules(plan.molecules)
    energies = np.array([system.properties["energy"] for system in systems])
    encoder = OneHot(np.unique(np.concatenate([system.species for system in systems])))  # type: ignore[arg-type]
    split = split_systems(np.arange(len(systems)), validation=plan.validation, test=plan.test)
    counts = np.array([encoder.encode(system.species).sum(axis=0) for system in systems])  # type: ignore[arg-type]
    composition = fit_composition(counts[split.train], energies[split.train], "sum")
    spread = float(np.std(energies[split.train] - counts[split.train] @ composition))
    return Data(systems, energies, split, encoder, composition, spread)


class OnCoordinates:
    """A dense or convolutional network on the coordinates of molecules, padded to 23 atoms.

    Arguments:
        data: The molecules.
        network: A network of the signature of
            :class:`~empnet.studies.networks.coordinate_networks.DenseCoordinateNetwork`.
        turned_copies: Train on molecules that are rotated at random, anew in each pass.
    """

    def __init__(self, data: Data, network: torch.nn.Module, *, turned_copies: bool = False) -> None:
        self.data, self.network, self.turned_copies = data, network, turned_copies
        self._r, self._f, _ = tensors(data.systems, data.encoder, SLOTS, torch.float32)
        left = (data.energies - data.by_composition(data.systems)) / data.spread
        self._targets = torch.from_numpy(left).float()[:, None]

    def train(self, plan: Plan) -> None:
        """Fit the weights.

        Arguments:
            plan: Cost of the training.
        """
        _fit(self.network, self._batch, self._loss, self.data, plan.batch, plan.epochs, 2e-3)
        self.network.double()

    def _batch(self, indices: Int64[np.ndarray, " b"], epoch: int | None) -> tuple[Tensor, Tensor, Tensor]:
        r = self._r[indices]
        if self.turned_copies and epoch is not None:
            rng = np.random.default_rng([1, epoch, int(indices[0])])
            rotations = Rotation.random(len(indices), random_state=rng).as_matrix()
            r = r @ torch.from_numpy(rotations)
        return r.float(), self._f[indices], self._targets[indices]

    def _loss(self, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        r, f, targets = batch
        return (self.network(r, f) - targets).square().mean()

    def predict(self, systems: Sequence[System]) -> Float[Tensor, "B 1"]:
        """Predict energies in kcal/mol, computed in float64.

        Arguments:
            systems: Molecules of the known elements.
        """
        r, f, _ = tensors(systems, self.data.encoder, SLOTS)
        composition = torch.from_numpy(self.data.by_composition(systems))[:, None]
        return composition + self.data.spread * self.network(r, f)


class OnDistances:
    """The message passing network of this package.

    Arguments:
        data: The molecules.
        plan: Sizes of the network.
        coordinates: Add positions to the features of the atoms.
    """

    def __init__(self, data: Data, plan: Plan, *, coordinates: bool = False) -> None:
        self.data, self.coordinates = data, coordinates
        plain = Dataset.from_systems([self._seen(system) for system in data.systems], CUTOFF)
        self._dataset = Dataset({**plain.arrays, "targets": data.energies[:, None]})
        self.network = PropertyModel(
            Architecture(
                n_species=len(data.encoder),
                pooling=("sum",),
                n_features=3 * coordinates,
                cutoff=CUTOFF,
                layers=plan.layers,
                width=plan.width,
                hidden=plan.width,
            )
        )
        fit_statistics(self.network, self._dataset, data.split.train, data.encoder)

    def _seen(self, system: System) -> System:
        return replace(system, features=system.positions) if self.coordinates else system

    def train(self, plan: Plan) -> None:
        """Fit the weights.

        Arguments:
            plan: Cost of the training.
        """
        _fit(self.network, self._batch, self._loss, self.data, plan.batch, plan.epochs_passing, 5e-3)
        self.network.double()

    def _batch(self, indices: Int64[np.ndarray, " b"], epoch: int | None) -> Batch:
        return self._dataset.batch(indices, self.data.encoder)

    def _loss(self, batch: Batch) -> Tensor:
        assert batch.targets is not None  # own invariant: the data set was given them
        return ((self.network(batch) - batch.targets) / self.data.spread).square().mean()

    def predict(self, systems: Sequence[System]) -> Float[Tensor, "B 1"]:
        """Predict energies in kcal/mol, computed in float64.

        Arguments:
            systems: Molecules of the known elements.
        """
        seen = [self._seen(system) for system in systems]
        y: Tensor = self.network(collate(seen, CUTOFF, self.data.encoder, torch.float64))
        return y


def _fit(
    network: torch.nn.Module,
    batch_of: Callable[[Int64[np.ndarray, " b"], int | None], B],
    loss: Callable[[B], Tensor],
    data: Data,
    size: int,
    epochs: int,
    rate: float,
) -> None:
    """Train by AdamW with one cycle of the learning rate, and keep the weights with the lowest validation error."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate)
    steps = len(epoch_batches(data.split.train, size, seed=0, epoch=0))
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=epochs * steps + 1, cycle_momentum=False)

    def batches(epoch: int) -> Iterator[B]:
        for indices in epoch_batches(data.split.train, size, seed=0, epoch=epoch):
            yield batch_of(indices, epoch)
            cycle.step()

    validation = batch_of(data.split.validation, None)
    fit(network, batches, loss, optimizer, epochs=epochs, validate=lambda: loss(validation).item())


@cache
def contender(kind: str, quick: bool) -> OnCoordinates | OnDistances:
    """Return a trained network.

    Arguments:
        kind: One of :data:`KINDS`.
        quick: Train for seconds only.
    """
    data, plan = data_for(quick), plan_for(quick)
    F = len(data.encoder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        made: OnCoordinates | OnDistances
        if kind.startswith("message passing"):
            made = OnDistances(data, plan, coordinates=kind.endswith("coordinates"))
        elif kind == "convolutional":
            made = OnCoordinates(data, ConvolutionalCoordinateNetwork(SLOTS, F))
        else:
            network = DenseCoordinateNetwork(SLOTS, F)
            made = OnCoordinates(data, network, turned_copies=kind.endswith("copies"))
        made.train(plan)
    return made
