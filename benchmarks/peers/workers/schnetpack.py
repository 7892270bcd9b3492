"""SchNetPack's SchNet; neighbour lists are handed to it, as its own transforms do before the network."""

from __future__ import annotations

import logging
import tempfile
import time
import traceback
import warnings
from pathlib import Path

import ase
import numpy as np
import pytorch_lightning
import schnetpack
import torch
from schnetpack import properties, transform
from schnetpack.data import ASEAtomsData, AtomsDataModule
from torch import Tensor

from workers.epochs import mean_squares
from workers.protocol import serve
from workers.steps import Prepared, Step, optimiser, weights
from workers.work import BASIS, BATCH, CUTOFF, LAYERS, WIDTH, Work

NEIGHBOURS = {
    "ASE": (lambda: transform.ASENeighborList(cutoff=CUTOFF), 0),
    "MatScipy": (lambda: transform.MatScipyNeighborList(cutoff=CUTOFF), 0),
    "MatScipy, 2 loaders": (lambda: transform.MatScipyNeighborList(cutoff=CUTOFF), 2),
    "Vesin": (lambda: transform.VesinNeighborList(cutoff=CUTOFF), 0),
    "cached": (None, 0),
}
"""Neighbour-list transforms of the Trainer and its number of loader processes; the fastest is what counts."""


def network(forces: bool) -> schnetpack.model.NeuralNetworkPotential:
    """SchNet of the common sizes; forces are its own module's."""
    representation = schnetpack.representation.SchNet(
        n_atom_basis=WIDTH,
        n_interactions=LAYERS,
        radial_basis=schnetpack.nn.GaussianRBF(n_rbf=BASIS, cutoff=CUTOFF),
        cutoff_fn=schnetpack.nn.CosineCutoff(CUTOFF),
        n_filters=WIDTH,
    )
    outputs = [schnetpack.atomistic.Atomwise(n_in=WIDTH, output_key="energy")]
    if forces:
        outputs.append(schnetpack.atomistic.Forces(energy_key="energy", force_key="forces"))
    return schnetpack.model.NeuralNetworkPotential(
        representation, input_modules=[schnetpack.atomistic.PairwiseDistances()], output_modules=outputs
    )


def inputs(work: Work) -> dict[str, Tensor]:
    """A batch as its loader makes it, neighbour list included."""
    return {
        properties.Z: work.species,
        properties.R: work.positions,
        properties.idx_i: work.receivers,
        properties.idx_j: work.senders,
        properties.idx_m: work.system_of,
        properties.n_atoms: work.n_particles,
        properties.offsets: torch.zeros(len(work.receivers), 3),
        properties.cell: torch.zeros(len(work), 3, 3),
        properties.pbc: torch.zeros(3 * len(work), dtype=torch.bool),
    }


def prepare(work: Work, form: str) -> Prepared:
    """Steps of the eager network, of ``torch.compile``'s or of TorchScript's."""
    plain, derived = network(False), network(True)
    steps = {**_steps(plain, work, "energy", form), **_steps(derived, work, "forces", form)}
    return Prepared(steps, weights(plain), len(work.receivers))


def _steps(net: torch.nn.Module, work: Work, target: str, form: str) -> dict[str, Step]:
    call = {"eager": lambda: net, "compiled": lambda: torch.compile(net, dynamic=False)}.get(
        form, lambda: torch.jit.script(net)
    )()
    batch, step = inputs(work), optimiser(net.parameters())

    def run(training: bool) -> dict[str, Tensor]:
        if net.training != training:
            call.train(training)
            net.train(training)
            net.requires_grad_(training)
        return call({**batch, properties.R: work.positions.clone()})

    def infer() -> object:
        if target == "forces":
            return {name: value.detach() for name, value in run(False).items() if name in ("energy", "forces")}
        with torch.inference_mode():
            return run(False)["energy"]

    def train() -> None:
        step.zero_grad()
        out = run(True)
        loss = mean_squares(out["energy"], work.energies)
        if target == "forces":
            loss = loss + mean_squares(out["forces"], work.forces)
        loss.backward()
        step.step()

    return {target: infer, f"train-{target}": train}


def epoch(work: Work, form: str, question: dict) -> dict:
    """Its Trainer over its database, for each of its neighbour lists, and the same steps on batches that are ready."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    answer: dict = {"epoch_by_setting": {}, "bare": _bare_epochs(work, question["epochs"])}
    with tempfile.TemporaryDirectory() as folder:
        database = _write_database(work, Path(folder))
        for name in NEIGHBOURS:
            try:
                answer["epoch_by_setting"][name] = _fit(database, len(work), name, question["epochs"])
            except Exception as error:
                traceback.print_exc()
                answer["epoch_by_setting"][name] = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    answer["bare"] += _bare_epochs(work, question["epochs"])
    measured = {name: value for name, value in answer["epoch_by_setting"].items() if isinstance(value, list)}
    if not measured:
        raise RuntimeError(answer["epoch_by_setting"]["ASE"])
    best = min(measured, key=lambda name: float(np.median(measured[name])))
    return {**answer, "setting": best, "epoch": measured[best]}


def _bare_epochs(work: Work, epochs: int) -> list[float]:
    net = network(False)
    step, seconds = optimiser(net.parameters()), []
    batches = [(inputs(part), part.energies) for part in work.parts(BATCH)]
    for _ in range(epochs + 1):
        began = time.perf_counter()
        for batch, energies in batches:
            step.zero_grad()
            mean_squares(net(dict(batch))["energy"], energies).backward()
            step.step()
        seconds.append(time.perf_counter() - began)
    return seconds[1:]


def _write_database(work: Work, folder: Path) -> Path:
    path = folder / "molecules.db"
    database = ASEAtomsData.create(str(path), distance_unit="Ang", property_unit_dict={"energy": "kcal/mol"})
    parts = work.parts()
    spare = parts[:32]  # its data module wants a validation and a test set, which are not used
    atoms = [ase.Atoms(part.species.numpy(), part.positions.double().numpy()) for part in parts + spare]
    energies = [{"energy": part.energies.double().numpy()} for part in parts + spare]
    database.add_systems(energies, atoms)
    return path


class _Clock(pytorch_lightning.Callback):
    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_epoch_start(self, *_: object) -> None:
        self._began = time.perf_counter()

    def on_train_epoch_end(self, *_: object) -> None:
        self.seconds.append(time.perf_counter() - self._began)


def _fit(database: Path, n: int, setting: str, epochs: int) -> list[float]:
    make, loaders = NEIGHBOURS[setting]
    neighbours = make() if make else _cached(database.parent / "cache")
    data = AtomsDataModule(
        str(database),
        batch_size=BATCH,
        num_train=n,
        num_val=16,
        num_test=16,
        split_file=None,
        num_workers=loaders,
        transforms=[transform.RemoveOffsets("energy", remove_mean=True), neighbours, transform.CastTo32()],
    )
    output = schnetpack.task.ModelOutput(name="energy", loss_fn=torch.nn.MSELoss(), loss_weight=1.0, metrics={})
    task = schnetpack.task.AtomisticTask(
        model=network(False),
        outputs=[output],
        optimizer_cls=torch.optim.AdamW,
        optimizer_args={"lr": 1e-4, "fused": True},
    )
    clock = _Clock()
    pytorch_lightning.Trainer(
        max_epochs=epochs + 1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        callbacks=[clock],
        accelerator="cpu",
        default_root_dir=str(database.parent),
    ).fit(task, datamodule=data)
    return clock.seconds[1:]


def _cached(folder: Path) -> torch.nn.Module:
    return transform.CachedNeighborList(str(folder), transform.ASENeighborList(cutoff=CUTOFF), keep_cache=True)


if __name__ == "__main__":
    serve(prepare, ("schnetpack",), epoch)
