"""Training as a whole: it learns, it resumes exactly, it loses nothing."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from empnet.errors import EmpnetError
from empnet.files.write import write
from empnet.prediction.load import load
from empnet.system.system import System
from empnet.training.loop import Trainer
from empnet.training.optimiser.budget import PaceMaker
from empnet.training.start_run import resume_training as resume
from empnet.training.start_run import run_training as train


def morse_pairs(n: int = 60, seed: int = 0) -> list[System]:
    """Two or three particles on a line whose energy is a sum of Morse potentials."""
    rng = np.random.default_rng(seed)
    systems = []
    for k in range(n):
        d = rng.uniform(0.8, 2.5, size=1 + k % 2)
        z = np.concatenate([[0], np.cumsum(d)])
        distances = np.abs(z[:, None] - z)[np.triu_indices(len(z), 1)]
        energy = float(((1 - np.exp(-(distances - 1.2))) ** 2 - 1).sum()) - 3.0 * len(z)
        positions = np.stack([0 * z, 0 * z, z], axis=1)
        systems.append(System(positions, [1, 8, 1][: len(z)], properties={"energy": energy, "twice": 2 * energy}))
    return systems


SMALL = {"width": 8, "layers": 1, "batch": 8, "val": 0.15, "test": 0.15, "threads": 1, "quiet": True}


def weights(run: Path, file: str = "model.safetensors") -> dict[str, torch.Tensor]:
    return load_file(run / file)


def same_weights(one: Path, other: Path) -> bool:
    a, b = weights(one), weights(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A run of six epochs that nobody stopped."""
    out = tmp_path_factory.mktemp("runs") / "finished"
    return train(morse_pairs(), "energy", out=out, epochs=6, **SMALL).run


@pytest.fixture(scope="module")
def data_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "pairs.extxyz"
    write(path, morse_pairs())
    return path


def test_it_learns(tmp_path):
    settings = {**SMALL, "width": 16, "moments": 0}
    result = train(morse_pairs(200), "energy", out=tmp_path / "run", epochs=60, **settings)
    errors = result.results["test"]["energy"]
    assert errors["mae"] < 0.2 * errors["baseline_mae"]


def test_the_run_folder_holds_what_it_should(finished):
    names = {str(path.relative_to(finished)) for path in finished.rglob("*") if path.is_file()}
    assert names == {
        "config.toml",
        "split.json",
        "model.json",
        "model.safetensors",
        "metrics.csv",
        "results.json",
        "uncertainty.safetensors",
        "log.txt",
        "checkpoint/state.safetensors",
    }
    with (finished / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(6))
    assert "validation_mae_energy [eV]" in rows[0]
    card = json.loads((finished / "model.json").read_text())
    assert card["format_version"] == 5
    assert len(card["data"]["sha256"]) == 64
    assert {"empnet", "torch", "python"} <= card["versions"].keys()


def test_same_seed_same_run(finished, tmp_path):
    again = train(morse_pairs(), "energy", out=tmp_path / "again", epochs=6, **SMALL).run
    assert same_weights(finished, again)


def test_another_seed_another_run(finished, tmp_path):
    other = train(morse_pairs(), "energy", out=tmp_path / "other", epochs=6, seed=1, **SMALL).run
    assert not same_weights(finished, other)


SCRIPT = """
import sys, time
import empnet.training.loop as loop
step = loop.Trainer._step
def slow(self, indices):
    time.sleep(0.05)  # so that there is a moment to stop it
    return step(self, indices)
loop.Trainer._step = slow
from empnet.cli import app
app(sys.argv[1:])
"""


def start(data: Path, out: Path) -> subprocess.Popen:
    sizes = ["--width", "8", "--layers", "1", "--batch", "8", "--val", "0.15", "--test", "0.15"]
    options = [*sizes, "--threads", "1", "--epochs", "6", "--quiet"]
    command = [sys.executable, "-c", SCRIPT, "train", str(data), "--out", str(out), *options]
    return subprocess.Popen(command, env={**os.environ, "PYTHONWARNINGS": "default"})


def wait_for(condition, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def uninterrupted(data_file, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "uninterrupted"
    return train(str(data_file), out=out, epochs=6, **SMALL).run


@pytest.mark.parametrize("epochs_before", [0, 1, 3])
def test_kill_and_resume_gives_the_same_bits(data_file, uninterrupted, tmp_path, epochs_before):
    out = tmp_path / "killed"
    process = start(data_file, out)
    if epochs_before == 0:
        wait_for(lambda: (out / "config.toml").exists())
    else:
        wait_for(
            lambda: (
                (out / "metrics.csv").exists() and len((out / "metrics.csv").read_text().splitlines()) > epochs_before
            )
        )
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert resume(out, quiet=True).finished
    assert same_weights(uninterrupted, out)
    rows = [(run / "metrics.csv").read_text().splitlines() for run in (uninterrupted, out)]
    losses = [[line.split(",")[4:] for line in lines] for lines in rows]  # all but the seconds
    assert losses[0] == losses[1]


def test_ctrl_c_leaves_a_usable_run_that_resumes(data_file, uninterrupted, tmp_path):
    out = tmp_path / "stopped"
    process = start(data_file, out)
    wait_for(lambda: (out / "metrics.csv").exists())
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert np.isfinite(load(out).predict(morse_pairs(3)).values).all()
    assert resume(out, quiet=True).finished
    assert same_weights(uninterrupted, out)


def test_resume_refuses_another_configuration(finished):
    with pytest.raises(EmpnetError, match=r"the configuration has changed: lr was 0\.004, is 0\.1"):
        resume(finished, morse_pairs(), lr=0.1)


def test_resume_refuses_other_data(finished):
    with pytest.raises(EmpnetError, match="the data have changed"):
        resume(finished, morse_pairs(seed=1))


def test_a_run_is_never_overwritten_unasked(finished, tmp_path):
    with pytest.raises(EmpnetError, match="already exists"):
        train(morse_pairs(), "energy", out=finished, epochs=1, **SMALL)
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(EmpnetError, match="is not a run folder"):
        train(morse_pairs(), "energy", out=tmp_path, epochs=1, force=True, **SMALL)
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_a_mistake_in_the_data_writes_nothing(tmp_path):
    with pytest.raises(EmpnetError, match="no"):
        train(morse_pairs(), "enthalpy", out=tmp_path / "run", **SMALL)
    assert not list(tmp_path.iterdir())


def test_time_budget_fixes_the_steps(tmp_path):
    began = time.monotonic()
    run = train(morse_pairs(), "energy", out=tmp_path / "run", time="3s", **SMALL).run
    assert time.monotonic() - began < 30  # not a speed test: it must end, and not after the default's 15,000 steps
    assert "the time budget allows" in (run / "log.txt").read_text()


def test_a_time_budget_is_kept_when_steps_become_slower(tmp_path, monkeypatch):
    now, taken = 0.0, Trainer._step

    def step(self, indices):
        nonlocal now
        now += 0.01 if self.progress.step < 100 else 0.02
        return taken(self, indices)

    for module in ("loop", "optimiser.budget"):
        monkeypatch.setattr(f"empnet.training.{module}.time", SimpleNamespace(perf_counter=lambda: now))
    monkeypatch.setattr(Trainer, "_step", step)
    run = train(morse_pairs(), "energy", out=tmp_path / "run", time="5s", **SMALL).run
    assert 4.7 < now < 5.3
    told = re.findall(r"(?:allows|than before:) (\d+) (?:steps|in place)", (run / "log.txt").read_text())
    counted = [int(steps) for steps in told]
    assert counted[0] == pytest.approx(500, abs=10)
    epochs = np.genfromtxt(run / "metrics.csv", delimiter=",", names=True)
    assert epochs["step"][-1] == pytest.approx(300, abs=20)
    assert counted[-1] == pytest.approx(300, rel=0.15)
    assert epochs["lr"][-1] < 1e-3 * epochs["lr"].max()  # annealed to the end, though it came sooner
    assert (np.diff(epochs["lr"][epochs["step"] > 110]) < 0).all()


def test_a_time_budget_is_used_up_when_steps_become_faster_within_an_epoch(tmp_path, monkeypatch):
    """Another program has ended: only the ends of epochs looked at the clock, and two minutes became 102 seconds."""
    now, taken = 0.0, Trainer._step

    def step(self, indices):
        nonlocal now
        now += 0.02 if self.progress.step < 40 else 0.005
        return taken(self, indices)

    for module in ("loop", "optimiser.budget"):
        monkeypatch.setattr(f"empnet.training.{module}.time", SimpleNamespace(perf_counter=lambda: now))
    monkeypatch.setattr(Trainer, "_step", step)
    settings = SMALL | {"batch": 1}
    run = train(morse_pairs(400), "energy", out=tmp_path / "run", time="2s", **settings).run
    assert 1.9 < now < 2.1
    epochs = np.genfromtxt(run / "metrics.csv", delimiter=",", names=True, ndmin=1)
    assert epochs["step"][-1] == pytest.approx(40 + (2 - 0.8) / 0.005, abs=20)
    assert epochs["lr"][-1] < 1e-3 * 4e-3


@pytest.mark.parametrize("seed", range(20))
def test_a_time_budget_is_kept_while_the_pace_jumps(seed):
    """Other programs come and go: seven recounts made 85 s and 119 steps of a run of two minutes."""
    random = np.random.default_rng(seed)
    mean_duration = np.exp(random.uniform(*np.log([2, 40])))
    changes = np.cumsum(random.exponential(mean_duration, 200))
    paces = np.exp(random.uniform(*np.log([0.02, 1.5]), 201))
    step, now = 10, 3.6
    total = step + int((120 - now) / paces[np.searchsorted(changes, now)])
    watch = PaceMaker(120.0, step, now)
    while step < total:
        now += paces[np.searchsorted(changes, now)] * random.uniform(0.7, 1.3)
        step += 1
        total = watch.total(step, total, now) if step < total else total
    assert 110 < now < 130


def test_patience(tmp_path):
    run = train(morse_pairs(30), "energy", out=tmp_path / "run", epochs=4000, lr=1e-30, patience=3, **SMALL).run
    assert len((run / "metrics.csv").read_text().splitlines()) < 40


def test_several_properties(tmp_path):
    run = train(morse_pairs(), ["energy", "twice"], unit="eV", out=tmp_path / "run", epochs=2, **SMALL).run
    assert load(run).predict(morse_pairs(4)).values.shape == (4, 2)


@pytest.mark.parametrize("loss", ["mse", "huber"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_losses_and_types(tmp_path, loss, dtype):
    result = train(morse_pairs(), "energy", out=tmp_path / "run", epochs=1, loss=loss, dtype=dtype, **SMALL)
    assert result.finished


def test_fine_tuning_with_a_new_species_and_another_zero(finished, tmp_path, capsys):
    shifted = [
        System(
            s.positions,
            np.where(np.asarray(s.species) == 8, 16, s.species),
            properties={"energy": s.properties["energy"] + 100},
        )
        for s in morse_pairs(40, seed=3)
    ]
    settings = {**SMALL, "quiet": False, "width": None, "layers": None}
    result = train(shifted, "energy", out=tmp_path / "run", fine_tune=str(finished), epochs=2, **settings)
    assert "new species, unknown to" in capsys.readouterr().out
    assert load(result.run).card.species == (1, 8, 16)
    assert result.results["test"]["energy"]["mae"] < 2.0  # eV; without a new baseline it would be about 100


def test_fine_tuning_refuses_another_size(finished, tmp_path):
    with pytest.raises(EmpnetError, match="width 32 is given"):
        train(morse_pairs(), "energy", out=tmp_path / "run", fine_tune=str(finished), **{**SMALL, "width": 32})


def test_a_run_stopped_after_the_last_step_of_an_epoch_records_its_rate(tmp_path, monkeypatch):
    """The checkpoint is written before the epoch's row: no step is left to tell the learning rate."""
    whole = train(morse_pairs(), "energy", out=tmp_path / "whole", epochs=3, **SMALL).run

    def killed(self):
        self._checkpoint()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_end_epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            train(morse_pairs(), "energy", out=tmp_path / "run", epochs=3, **SMALL)
    run = resume(tmp_path / "run", morse_pairs(), quiet=True).run
    rates = [np.genfromtxt(each / "metrics.csv", delimiter=",", names=True)["lr"].tolist() for each in (whole, run)]
    assert rates[0] == rates[1]
