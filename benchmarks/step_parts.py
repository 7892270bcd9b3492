"""Where does the time of a step go, and how far is it from its floor? ``python benchmarks/profile.py`` runs it.

The largest molecules of QM7 in one batch. Each part is measured alone on the step's own tensors, all parts in turn,
medians. The floor is what no implementation of this network can leave out: its matrix products, as bare products of
the same shapes, the memory traffic of the sums over pairs, as the product of a sparse matrix that adds the rows of
neighbours without any filter, and that of activations and residuals, as bare copies. It is measured in the same rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

import empnet
from empnet.dataset.dataset import collate
from empnet.kernels import pair_sums
from empnet.model import Architecture, PropertyModel
from empnet.system.batch import Batch
from empnet.system.one_hot import OneHot
from empnet.training.loop import new_optimizer
from empnet.training.optimiser.average import MovingAverage
from empnet.training.optimiser.clipping import clip_gradients
from empnet.training.optimiser.descent import take_step

Part = Callable[[], object]


def adjacency(batch: Batch) -> Tensor:
    """The matrix that adds the rows of all neighbours: the traffic of a sum over pairs, and nothing else."""
    n, (j, i) = len(batch.positions), (batch.pairs.first, batch.pairs.second)
    at = torch.stack([torch.cat([j, i]), torch.cat([i, j])])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")
        return torch.sparse_coo_tensor(at, torch.ones(at.shape[1]), (n, n)).to_sparse_csr()


@dataclass
class Workload:
    """A batch, a model, and all that a step needs."""

    batch: Batch
    model: PropertyModel

    def __post_init__(self) -> None:
        self.targets = torch.zeros(self.batch.n_systems, 1, dtype=torch.float64)
        self.optimizer = new_optimizer(self.model, 1e-4)
        self.average = MovingAverage(self.model)

    def loss(self, predicted: Tensor) -> Tensor:
        """Mean square of the energies."""
        return (predicted - self.targets).square().mean()

    def energy(self) -> None:
        """Prediction, without a graph."""
        with torch.inference_mode():
            self.frozen(self.batch)

    def energy_and_forces(self) -> None:
        """Prediction and its gradient by the positions."""
        batch = replace(self.batch, positions=self.batch.positions.clone().requires_grad_())
        torch.autograd.grad(self.frozen(batch).sum(), batch.positions)

    def training_step(self) -> None:
        """A whole step on energies."""
        take_step(self.loss(self.model(self.batch)), self.optimizer, clip=lambda p: clip_gradients(p, 1.0)[0])
        self.average.update(self.model, 100)

    def force_training_step(self) -> None:
        """A whole step on energies and forces."""
        batch = replace(self.batch, positions=self.batch.positions.clone().requires_grad_())
        predicted = self.model(batch)
        (forces,) = torch.autograd.grad(predicted.sum(), batch.positions, create_graph=True)
        loss = self.loss(predicted) + forces.square().mean()
        take_step(loss, self.optimizer, clip=lambda p: clip_gradients(p, 1.0)[0])
        self.average.update(self.model, 100)

    @property
    def frozen(self) -> PropertyModel:
        """The model as it predicts."""
        if not hasattr(self, "_frozen"):
            self._frozen = self.model.frozen()
        return self._frozen


def products_of(model: PropertyModel, batch: Batch) -> list[tuple[int, int, int]]:
    """Shapes (rows, in, out) of all matrix products of an evaluation but those of the filters' tables."""
    n, shapes = len(batch.positions), []
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and ".phi" not in name:
            shapes.append((n, module.in_features, module.out_features))
    return shapes


def table_products_of(model: PropertyModel) -> list[tuple[int, int, int]]:
    """Shapes of the products of the filters on the knots."""
    K = model.architecture.knots
    modules = [m for name, m in model.named_modules() if isinstance(m, torch.nn.Linear) and ".phi" in name]
    return [(K, module.in_features, module.out_features) for module in modules]


def floors(work: Workload) -> dict[str, Part]:
    """Products and traffic of an evaluation, to be combined: how often each is needed stands in ``NEEDED``."""
    model, batch = work.model, work.batch
    F, layers = model.architecture.width, model.architecture.layers

    def products(shapes: list[tuple[int, int, int]]) -> Part:
        operands = [(torch.randn(n, a), torch.randn(a, b), torch.empty(n, b)) for n, a, b in shapes]
        return lambda: [torch.mm(x, W, out=y) for x, W, y in operands]

    A, f = adjacency(batch), torch.ones(len(batch.positions), F)

    def traffic() -> None:
        for _ in range(layers):
            A @ f

    values, copied = torch.ones(len(batch.positions), F), torch.empty(len(batch.positions), F)
    return {
        "floor: copies": lambda: [copied.copy_(values) for _ in range(layers + 1)],
        "floor: products": products(products_of(model, batch)),
        "floor: table": products(table_products_of(model)),
        "floor: traffic": traffic,
    }


NEEDED = {
    "energy": {"floor: products": 1, "floor: traffic": 1, "floor: copies": 2},
    "energy and forces": {"floor: products": 2, "floor: traffic": 3, "floor: copies": 4},
    "training step, energies": {"floor: products": 3, "floor: table": 3, "floor: traffic": 3, "floor: copies": 5},
    "training step, energies and forces": {
        "floor: products": 6,
        "floor: table": 3,
        "floor: traffic": 9,
        "floor: copies": 10,
    },
}
"""How often each floor stands in a step. A product has two derivatives, each a product again, and the sum over pairs
one for features, one for the table and one for the distances; the gradient of forces doubles what they need. Copies:
the activation and the residual of each layer, and their derivatives."""


def parts(work: Workload) -> dict[str, Part]:
    """The parts of an evaluation, each on tensors as the step has them."""
    model, batch = work.model, work.batch
    with torch.no_grad():
        geometry, f = model.geometry(batch), model.embedding(batch.features)
        layer = model.interactions[0]
        _, T = layer.filter_table(geometry.basis)
        f_bar = layer.message_passing(f, geometry)
    return {
        "distances and spline weights": lambda: model.geometry(batch),
        "filters' tables": lambda: [each.filter_table(geometry.basis) for each in model.interactions],
        "embedding": lambda: model.embedding(batch.features),
        "sums over pairs": lambda: [
            pair_sums(geometry.w, T, None, f, geometry.q, geometry.pairs) for _ in model.interactions
        ],
        "point-wise convolutions": lambda: [each.pointwise_convolution(f_bar) for each in model.interactions],
        "readout": lambda: model.readout(f),
        "optimiser": work.optimizer.step,
        "moving average": lambda: work.average.update(work.model, 100),
    }


def measure(tasks: dict[str, Part], rounds: int) -> dict[str, float]:
    """Median milliseconds of each task, all of them in turn."""
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for task in tasks.values():
        task()
    for _ in range(rounds):
        for name, task in tasks.items():
            began = time.perf_counter()
            task()
            taken[name].append(1e3 * (time.perf_counter() - began))
    return {name: statistics.median(times) for name, times in taken.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--molecules", type=int, default=64)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--products", action="store_true", help="products of sums, as in the default model")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    molecules = sorted(empnet.read("qm7"), key=len, reverse=True)[: arguments.molecules]
    encoder = OneHot(sorted({int(z) for molecule in molecules for z in molecule.species}))
    sizes = {"width": arguments.width, "hidden": arguments.width, "layers": arguments.layers, "n_basis": 50}
    architecture = Architecture(n_species=len(encoder), pooling=("sum",), products=arguments.products, **sizes)
    work = Workload(collate(molecules, 5.0, encoder), PropertyModel(architecture))
    print(f"{len(work.batch.positions)} particles, {len(work.batch.pairs)} pairs, {architecture}")
    print(f"{torch.get_num_threads()} threads; ms, medians of {arguments.rounds}")
    steps = {
        "energy": work.energy,
        "energy and forces": work.energy_and_forces,
        "training step, energies": work.training_step,
        "training step, energies and forces": work.force_training_step,
    }
    work.training_step()
    taken = measure({**steps, **floors(work)}, arguments.rounds)
    for name in steps:
        floor = sum(times * taken[part] for part, times in NEEDED[name].items())
        print(f"{name:40s} {taken[name]:8.2f}   floor {floor:8.2f}   ratio {taken[name] / floor:5.2f}")
    floor_parts = {name: ms for name, ms in taken.items() if name.startswith("floor")}
    for name, ms in {**measure(parts(work), arguments.rounds), **floor_parts}.items():
        print(f"  {name:38s} {ms:8.2f}")
