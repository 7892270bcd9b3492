"""What angular moments cost: energies and forces beside those without, a training step beside another program's.

    python benchmarks/moments.py [--prototype FOLDER]

The systems are five clusters of nine water molecules (27 atoms each). FOLDER may hold a ``moments.py`` with classes
``Net`` and ``Topo`` like the project's first prototype; a step of it is then timed in the same run, in turns.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from ase.build import molecule

import empnet
from empnet.dataset.dataset import collate
from empnet.model.architecture import Architecture
from empnet.model.energy_derivatives import energy_and_derivatives
from empnet.model.property_model import PropertyModel
from empnet.system.batch import Batch
from empnet.system.one_hot import OneHot
from empnet.training.optimiser.muon import new_optimizer

MOLECULES, WATERS, CUTOFF = 5, 9, 5.0


def clusters() -> Batch:
    """Clusters of water molecules in random orientation on a jittered grid of liquid density."""
    random, water = np.random.default_rng(0), molecule("H2O").positions
    systems = []
    for _ in range(MOLECULES):
        grid = np.stack(np.meshgrid(*[np.arange(3) * 3.1] * 2, [0.0]), -1).reshape(-1, 3)[:WATERS]
        grid = grid + random.uniform(-0.4, 0.4, grid.shape)
        turns = [np.linalg.qr(random.normal(size=(3, 3)))[0] for _ in grid]
        positions = np.concatenate([water @ turn + centre for turn, centre in zip(turns, grid, strict=True)])
        systems.append(empnet.System(positions, species=[8, 1, 1] * WATERS))
    return collate(systems, CUTOFF, OneHot([1, 8]))


def model_of(moments: int, layers: int) -> PropertyModel:
    """A network of the default width."""
    torch.manual_seed(0)
    return PropertyModel(Architecture(2, ("sum",), layers=layers, moments=moments, cutoff=CUTOFF))


def evaluation(model: PropertyModel, batch: Batch) -> Callable[[], object]:
    """Energies and forces, as in prediction."""
    frozen = model.frozen()
    return lambda: energy_and_derivatives(frozen, batch)


def step(model: PropertyModel, batch: Batch, forces: torch.Tensor) -> Callable[[], object]:
    """A training step on energies and forces."""
    optimizer, parameters = new_optimizer(model, 1e-4), list(model.parameters())

    def take() -> None:
        found = energy_and_derivatives(model, batch, graph=True)
        assert found.forces is not None
        loss = (found.forces - forces).square().mean() + 0.01 * found.values.square().mean()
        optimizer.zero_grad()
        loss.backward(inputs=parameters)
        optimizer.step()

    return take


def prototype_step(folder: Path, batch: Batch, forces: torch.Tensor) -> Callable[[], object]:
    """A step of the prototype on the same systems, at its own default sizes (64 features, 3 layers, degree 2)."""
    prototype = _load(folder / "moments.py")
    pairs = batch.pairs
    receivers, senders = torch.cat([pairs.first, pairs.second]), torch.cat([pairs.second, pairs.first])
    order = torch.from_numpy(np.lexsort((senders, receivers)))
    receivers, senders = receivers[order], senders[order]
    topology = prototype.Topo(receivers.numpy(), senders.numpy(), len(batch.positions))
    species, net = batch.features.argmax(1), prototype.Net(2)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)

    def take() -> None:
        positions = batch.positions.clone().requires_grad_()
        vectors = (positions[senders] - positions[receivers]).float()
        energies = net(vectors, species, topology, batch.system_of, batch.n_systems)
        (slope,) = torch.autograd.grad(energies.sum(), positions, create_graph=True)
        loss = (-slope - forces).square().mean() + 0.01 * energies.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return take


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("prototype_moments", path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def interleaved(works: dict[str, Callable[[], object]], rounds: int = 40) -> dict[str, float]:
    """Median times in ms, in turns, so that whatever else the machine does meets all alike."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for round_ in range(rounds + 5):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            if round_ >= 5:  # the first ones compile
                times[name].append(1e3 * (time.perf_counter() - began))
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Time all and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prototype", type=Path, help="folder of the prototype")
    folder = parser.parse_args().prototype
    batch = clusters()
    forces = torch.from_numpy(np.random.default_rng(1).normal(size=batch.positions.shape))
    works = {
        "energy and forces, --moments 0 (3 layers)": evaluation(model_of(0, 3), batch),
        "energy and forces, --moments 2 (2 layers)": evaluation(model_of(2, 2), batch),
        "energy and forces, --moments 2 (3 layers)": evaluation(model_of(2, 3), batch),
        "training step, --moments 0 (3 layers)": step(model_of(0, 3), batch, forces),
        "training step, --moments 2 (2 layers)": step(model_of(2, 2), batch, forces),
        "training step, --moments 2 (3 layers)": step(model_of(2, 3), batch, forces),
    }
    if folder is not None:
        works["training step, prototype (3 layers)"] = prototype_step(folder, batch, forces)
    print(f"{MOLECULES} x {3 * WATERS} atoms, {2 * len(batch.pairs)} pairs, {torch.get_num_threads()} threads")
    for name, value in interleaved(works).items():
        print(f"{name:45} {value:7.2f} ms")


if __name__ == "__main__":
    main()
