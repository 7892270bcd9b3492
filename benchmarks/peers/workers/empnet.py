"""This package's network, in the form with the peers' matrix products (``matched``) and as it comes (``default``)."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from empnet.dataset.dataset import collate
from empnet.model.architecture import Architecture
from empnet.model.evaluator import Evaluator
from empnet.model.property_model import PropertyModel
from empnet.system.batch import Batch
from empnet.system.one_hot import OneHot
from empnet.system.system import System
from empnet.training.optimiser.muon import new_optimizer
from workers.epochs import mean_squares
from workers.protocol import serve
from workers.steps import Prepared, Step, weights
from workers.work import BASIS, BATCH, CUTOFF, LAYERS, WIDTH, Work


def architecture(form: str, n_species: int) -> Architecture:
    """The common sizes; without products of sums an interaction has SchNet's three matrix products."""
    return Architecture(
        n_species=n_species,
        pooling=("sum",),
        cutoff=CUTOFF,
        width=WIDTH,
        layers=LAYERS,
        n_basis=BASIS,
        hidden=WIDTH,
        products=form == "default",
    )


def batch_of(work: Work, encoder: OneHot) -> Batch:
    """The same systems; the neighbour list is made anew, outside the timing."""
    systems = [System(part.positions.double().numpy(), species=part.species.numpy()) for part in work.parts()]
    return collate(systems, CUTOFF, encoder)


def prepare(work: Work, form: str) -> Prepared:
    """Steps of one of the two forms."""
    encoder = OneHot(sorted(set(work.species.tolist())))
    batch = batch_of(work, encoder)
    trained = PropertyModel(architecture(form, len(encoder.alphabet)))
    in_both_directions = 2 * len(batch.pairs)  # it lists each pair once
    return Prepared(steps_of(trained, batch, work), weights(trained), in_both_directions)


def steps_of(trained: PropertyModel, batch: Batch, work: Work) -> dict[str, Step]:
    """The four measures; inference is as in ``empnet predict``."""
    asked = Evaluator(trained)
    step = new_optimizer(trained, 1e-4)
    energies, forces = work.energies.double(), work.forces.double()

    def infer() -> Tensor:
        with torch.no_grad():
            return asked(batch).values

    def infer_forces() -> tuple[Tensor, Tensor | None]:
        with torch.no_grad():
            found = asked(batch, forces=True)
        return found.values, found.forces

    def train_energy() -> None:
        step.zero_grad()
        mean_squares(trained(batch)[:, 0], energies).backward()
        step.step()

    def train_forces() -> None:
        step.zero_grad()
        positions = batch.positions.clone().requires_grad_(True)
        predicted = trained(replace(batch, positions=positions))[:, 0]
        force = -torch.autograd.grad(predicted.sum(), positions, create_graph=True)[0]
        loss = mean_squares(predicted, energies) + mean_squares(force, forces)
        loss.backward(inputs=list(trained.parameters()))  # as take_step does: nobody wants that of the positions
        step.step()

    return {"energy": infer, "forces": infer_forces, "train-energy": train_energy, "train-forces": train_forces}


def epoch(work: Work, form: str, question: dict) -> dict:
    """Bare steps of the architecture that ``empnet train`` made: its epochs are timed by the driver."""
    record = json.loads(Path(question["model"]).read_text(encoding="utf-8"))
    made = Architecture.from_json(record["architecture"])
    encoder = OneHot(record["species"])
    batches = [(batch_of(part, encoder), part.energies.double()) for part in work.parts(BATCH)]
    model = PropertyModel(made)
    step, seconds = new_optimizer(model, 1e-4), []
    for _ in range(question["epochs"] + 1):
        began = time.perf_counter()
        for batch, energies in batches:
            step.zero_grad()
            mean_squares(model(batch)[:, 0], energies).backward()
            step.step()
        seconds.append(time.perf_counter() - began)
    return {"bare": seconds[1:]}


if __name__ == "__main__":
    serve(prepare, ("empnet",), epoch)
