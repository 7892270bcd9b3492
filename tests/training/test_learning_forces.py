"""Whole runs on energies, forces and stress: what they find, write down and go on from."""

import csv
import json

import numpy as np
import pytest
import torch

from empnet.dataset.dataset import collate
from empnet.training.run.model_file import load_model, read_card
from empnet.training.start_run import resume_training as resume
from empnet.training.start_run import run_training as train

SMALL = {"unit": "eV", "cutoff": 2.5, "layers": 1, "width": 16, "moments": 0, "threads": 1, "quiet": True, "lr": 0.01}


def rows(run) -> list[dict[str, str]]:
    with (run / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def by_forces(labelled, tmp_path_factory):
    """Trained on the forces of clusters; their energies have no weight."""
    run = tmp_path_factory.mktemp("runs") / "forces"
    given = {"forces": "forces", "energy_weight": 0.0, "epochs": 100, "batch": 10, "val": 20, "test": 20}
    return train(labelled.clusters(160), "energy", out=run, **{**SMALL, **given})


def test_forces_alone_tell_the_potential(by_forces, labelled):
    """The energies of new clusters of each size, which were never shown, follow but for a constant a size."""
    model, card = load_model(by_forces.run)
    systems = labelled.clusters(60, first=1000)
    with torch.no_grad():
        predicted = model(collate(systems, card.architecture.cutoff, card.encoder))[:, 0].numpy()
    energies = np.array([system.properties["energy"] for system in systems])
    for size in (3, 4, 5):
        of_size = np.array([len(system) == size for system in systems])
        left = np.std((predicted - energies)[of_size])
        assert left < 0.1 * np.std(energies[of_size]), size  # a network without forces knows nothing of it: 1.0


def test_errors_are_written_with_their_units(by_forces):
    results = json.loads((by_forces.run / "results.json").read_text())
    for side in ("validation", "test"):
        told = results[side]["energy"]
        assert told["forces"]["unit"] == "eV/angstrom"
        assert told["forces"]["rmse"] < 0.1 * told["forces"]["target_rms"]
        assert told["forces"]["mae"] <= told["forces"]["rmse"]
        assert set(told["forces"]["by_species"]) == {"Ar"}
        assert told["per_particle"]["unit"] == "eV/particle"
    last = rows(by_forces.run)[-1]
    assert float(last["validation_rmse_forces [eV/angstrom]"]) < 0.2 * results["test"]["energy"]["forces"]["target_rms"]
    assert "forces: MAE" in (by_forces.run / "log.txt").read_text()
    assert read_card(by_forces.run).derivatives.forces == "forces"


def test_stress_is_learned_and_a_run_goes_on(labelled, mixed, tmp_path):
    """Stopped and resumed, a run with frames of all kinds is the run that was never stopped."""
    import os
    import signal

    import empnet.training.loop as loop

    systems = [*mixed, *labelled.crystals(24, first=50), *labelled.clusters(8, first=50)]
    unit = "eV/angstrom^3"  # named, since these cells are under more pressure than is believed without a word
    given = {
        **SMALL,
        "forces": "forces",
        "stress": "stress",
        "stress_unit": unit,
        "epochs": 24,
        "batch": 8,
        "dtype": "float64",
    }
    whole = train(systems, "energy", out=tmp_path / "whole", **given)
    step = loop.Trainer._step

    def stopped(self, indices):
        if self.progress.step == 20:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, indices)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop.Trainer, "_step", stopped)
        assert not train(systems, "energy", out=tmp_path / "stopped", **given).finished
    assert resume(tmp_path / "stopped", systems, quiet=True).results == whole.results
    losses = [float(row["train_loss"]) for row in rows(tmp_path / "whole")]
    assert losses[-1] < 0.3 * losses[0]
    assert "validation_mae_stress [eV/angstrom^3]" in rows(tmp_path / "whole")[0]
