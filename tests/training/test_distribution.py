"""Several processes do what one does: real torchrun, two processes."""

import csv
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import empnet.training.loop as loop
from empnet.files.read import iread, read
from empnet.files.write import write
from empnet.prediction.load import load
from empnet.prediction.predict import predict_file
from empnet.runtime import distribution
from empnet.system.system import System
from empnet.training.start_run import resume_training as resume
from empnet.training.start_run import run_training as train
from empnet.workflows.train_ensemble import train_ensemble

SETTINGS = {
    "property": "energy",
    "unit": "kcal/mol",
    "width": 16,
    "layers": 2,
    "moments": 0,
    "threads": 1,
    "quiet": True,
}
DOUBLE = {**SETTINGS, "dtype": "float64", "epochs": 5}  # 11 steps an epoch
STOP_AT = 20
FORCES = {**DOUBLE, "unit": "eV", "cutoff": 2.5, "moments": 2, "forces": "forces", "batch": 10}
FORCES |= {"stress": "stress", "stress_unit": "eV/angstrom^3"}
"""Some frames lack forces or stress, so that processes have unequal shares of them."""

SCRIPT = """
import json, os, signal, sys
import numpy as np
from pathlib import Path
import torch
import empnet.training.loop as loop
from empnet.workflows.train_ensemble import train_ensemble
from empnet.prediction.predict import predict_file
from empnet.prediction.load import load
from empnet.cli import main
from empnet.errors import EmpnetError
from empnet.runtime.distribution import ProcessLost, processes
from empnet.training.start_run import resume_training as resume, run_training as train

data, settings, double, forces, stop_at = sys.argv[1], *map(json.loads, sys.argv[2:])
team = processes()
told = {}

def mistake(work):
    try:
        work()
    except EmpnetError as error:
        return str(error)

def of_the_second():
    if team.rank == 1:
        raise EmpnetError("a mistake")

told["finished"] = train(data, out="double", **double).finished
train(data, out="single", **{**double, "dtype": "float32"})
train(data, out="one-each", **{**double, "batch": 1, "train_size": 40, "epochs": 1})
train(data, out="patient", **{**settings, "lr": 1e-30, "patience": 2, "epochs": 400})
train(data, out="timed", **{**settings, "time": "1s"})
train("labelled.extxyz", out="forces", **forces)
told["members"] = train_ensemble("labelled.extxyz", members=2, out="ensemble", **forces).finished
told["resumed"] = resume("by-one", quiet=True).finished
told["exploded"] = mistake(lambda: train(data, out="exploded", **{**settings, "lr": 1e9, "epochs": 9}))
told["of one"] = mistake(lambda: team.together(of_the_second))
told["no folder"] = mistake(lambda: predict_file(load("double"), data, "nowhere/p.csv"))
torch.set_num_threads(1)
told["frames"] = [predict_file(load("double"), data, name, quiet=True) for name in ("p.extxyz", "p.csv")]
told["unknown"] = mistake(lambda: predict_file(load("double"), "iron.extxyz", "q.extxyz", quiet=True))

def command(*words):
    sys.argv = ["empnet", *words]
    try:
        main()
    except SystemExit as end:
        return end.code

type(team).leave = lambda self: None  # a command hangs up at its end, and this process goes on
told["enthalpy"] = command("train", data, "--property", "enthalpy", "--unit", "eV", "--out", "none")
told["nonsense"] = command("train", data, "--nonsense")
told["evaluate"] = command("evaluate", "double")

step = loop.Trainer._step
def stopped(self, indices):
    if self.progress.step == stop_at and team.rank == 1:
        os.kill(os.getpid(), signal.SIGTERM)  # only one of them is asked to stop
    return step(self, indices)
loop.Trainer._step = stopped
told["stopped"] = train(data, out="by-two", **double).finished

signal.signal(signal.SIGTERM, signal.SIG_IGN)  # which torchrun sends when it finds that the second one has died
if team.rank == 1:
    Path("told-1.json").write_text(json.dumps(told))
    os.kill(os.getpid(), signal.SIGKILL)
try:
    team.together(lambda: None)
except ProcessLost as lost:
    told["lost"] = str(lost)
Path("told-0.json").write_text(json.dumps(told))
"""


def torchrun(*words: object, cwd: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *map(str, words)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=cwd, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory, mixed, labelled) -> Path:
    """What one process has made, and then two."""
    path = tmp_path_factory.mktemp("shared")
    write(path / "labelled.extxyz", [*mixed, *labelled.crystals(20, first=50), *labelled.clusters(40, first=50)])
    data = path / "molecules.extxyz"
    write(data, itertools.islice(iread("qm7"), 400))
    iron = read(data)
    iron[250] = System([[0, 0, 0]], [26])
    write(path / "iron.extxyz", iron)
    with pytest.MonkeyPatch.context() as patch:
        step = loop.Trainer._step

        def stopped(self, indices):
            if self.progress.step == STOP_AT:
                os.kill(os.getpid(), signal.SIGTERM)
            return step(self, indices)

        patch.setattr(loop.Trainer, "_step", stopped)
        assert not train(data, out=path / "by-one", **DOUBLE).finished
    (path / "shared.py").write_text(SCRIPT)
    two = torchrun("shared.py", data, *map(json.dumps, (SETTINGS, DOUBLE, FORCES, STOP_AT)), cwd=path)
    for name, changed in {
        "double": {},
        "single": {"dtype": "float32"},
        "one-each": {"batch": 1, "train_size": 40, "epochs": 1},
    }.items():
        train(data, out=path / "alone" / name, **{**DOUBLE, **changed})
    train(path / "labelled.extxyz", out=path / "alone" / "forces", **FORCES)
    train_ensemble(path / "labelled.extxyz", members=2, out=path / "alone" / "ensemble", **FORCES)
    _, complaints = two.communicate(timeout=500)
    assert (path / "told-0.json").exists(), complaints
    (path / "complaints.txt").write_text(complaints)
    return path


def rows(run: Path) -> dict[str, np.ndarray]:
    with (run / "metrics.csv").open() as file:
        lines = list(csv.DictReader(file))
    return {name: np.array([float(line[name]) for line in lines]) for name in lines[0] if name != "seconds"}


def assert_same_runs(one: Path, other: Path, tolerance: float) -> None:
    for file in ("checkpoint/state.safetensors", "model.safetensors"):
        a, b = load_file(one / file), load_file(other / file)
        assert a.keys() == b.keys()
        for name in a:
            assert np.allclose(a[name].numpy(), b[name].numpy(), rtol=tolerance, atol=tolerance), name
    a, b = rows(one), rows(other)
    assert all(np.allclose(a[name], b[name], rtol=tolerance) for name in a)


ROUNDING = 3e-9
"""In float64. Sums in another order change a gradient g of order 1 by some 1e-15. AdamW divides it by sqrt(g^2) + 1e-8,
so that where g is nil its step changes by at most rate x 1e-15 / 1e-8; 55 steps at rates of at most 6e-4: 3e-9."""


def test_the_first_fifty_steps_are_those_of_one_process(folder):
    assert rows(folder / "double")["step"][-1] >= 50
    assert_same_runs(folder / "alone" / "double", folder / "double", ROUNDING)


def test_the_first_fifty_steps_in_float32(folder):
    """Where a gradient is nil but for rounding (6e-8), AdamW's step is arbitrary, but then so small is its effect:
    a loss changes by some 6e-8 a step and sum, times the some hundred terms of a sum and 55 steps."""
    a, b = rows(folder / "alone" / "single"), rows(folder / "single")
    assert np.allclose(a["train_loss"], b["train_loss"], rtol=3e-4)


def test_forces_and_stress_are_learned_as_by_one_process(folder):
    assert rows(folder / "forces")["step"][-1] >= 20
    assert_same_runs(folder / "alone" / "forces", folder / "forces", ROUNDING)


def test_an_ensemble_is_that_of_one_process(folder):
    assert json.loads((folder / "told-0.json").read_text())["members"]
    for member in ("member-1", "member-2"):
        assert_same_runs(folder / "alone" / "ensemble" / member, folder / "ensemble" / member, ROUNDING)
    one, two = (json.loads((folder / name / "ensemble/results.json").read_text()) for name in ("alone", "."))
    for side in ("validation", "test"):
        assert two[side]["energy"]["forces"]["mae"] == pytest.approx(one[side]["energy"]["forces"]["mae"], rel=ROUNDING)


def test_a_process_without_a_system_takes_part(folder):
    assert_same_runs(folder / "alone" / "one-each", folder / "one-each", ROUNDING)


@pytest.mark.parametrize("name", ["by-one", "by-two"])
def test_a_run_goes_on_with_another_number_of_processes(folder, name):
    told = json.loads((folder / "told-0.json").read_text())
    if name == "by-two":
        assert not told["stopped"]
        assert f"stopped at step {STOP_AT + 1};" in (folder / name / "log.txt").read_text()
        assert resume(folder / name, quiet=True).finished
    else:
        assert told["resumed"]
    assert_same_runs(folder / "alone" / "double", folder / name, ROUNDING)


def test_the_run_says_how_many_processes_there_were(folder):
    for run, processes in {"double": 2, "alone/double": 1}.items():
        assert json.loads((folder / run / "model.json").read_text())["processes"] == processes
    assert (folder / "double" / "log.txt").read_text().startswith("2 processes, 1 thread each\n")


def test_all_processes_agree_on_when_to_end(folder):
    assert len(rows(folder / "patient")["epoch"]) < 20
    assert "the time budget allows" in (folder / "timed" / "log.txt").read_text()
    assert (folder / "timed" / "results.json").exists()


def test_a_mistake_is_raised_in_all_processes(folder):
    first, second = (json.loads((folder / f"told-{rank}.json").read_text()) for rank in (0, 1))
    assert {**first, "lost": None} == {**second, "lost": None}
    assert first["of one"] == "process 1: a mistake"
    assert "exploded: the loss is" in first["exploded"]
    assert "its folder does not exist" in first["no folder"]
    assert "iron.extxyz, frame 250: particle 0 is Fe" in first["unknown"]
    assert not list(folder.glob("*q.extxyz*"))
    assert first["finished"]


def test_a_process_that_dies_ends_the_others(folder):
    assert "another process has ended" in json.loads((folder / "told-0.json").read_text())["lost"]


@pytest.mark.parametrize("name", ["p.extxyz", "p.csv"])
def test_predictions_are_those_of_one_process_to_the_bit(folder, name):
    """With the same number of threads: the pieces are the same, only who predicts them differs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    n = predict_file(load(folder / "double"), folder / "molecules.extxyz", folder / f"alone-{name}", quiet=True)
    torch.set_num_threads(before)
    assert json.loads((folder / "told-0.json").read_text())["frames"] == [n, n]
    assert (folder / name).read_bytes() == (folder / f"alone-{name}").read_bytes()


def test_the_command_line_stops_and_is_resumed(folder):
    """A scheduler's SIGTERM: to the launcher, which passes it on."""
    options = ["--unit", "kcal/mol", "--width", 16, "--layers", 2, "--epochs", 5000]
    process = torchrun("-m", "empnet", "train", "molecules.extxyz", "--out", "stopped", *options, cwd=folder)
    until = time.monotonic() + 300
    while not (folder / "stopped" / "metrics.csv").exists():
        assert time.monotonic() < until
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert told.count("go on with: empnet train --resume stopped") == 1
    assert load(folder / "stopped").card.processes == 2


def test_a_mistake_on_the_command_line_is_told_once(folder):
    complaints = (folder / "complaints.txt").read_text()
    for told in ("no property 'enthalpy'", "no such option: --nonsense", "evaluate runs in one process"):
        assert complaints.count(told) == 1
    for rank in (0, 1):
        told = json.loads((folder / f"told-{rank}.json").read_text())
        assert [told[name] for name in ("enthalpy", "nonsense", "evaluate")] == [2, 2, 2]
    assert not (folder / "none").exists()


def test_processes_and_threads_that_bring_nothing_are_told(monkeypatch):
    team = distribution.Processes()
    team.size = team.local_size = 2
    monkeypatch.setattr(distribution, "_cores", lambda: 2)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert team.unused(batch=2) == []
    (line,) = team.unused(batch=1)
    assert line.startswith("a batch has 1 system, which 2 processes cannot share: 1 will wait in each step")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    (line,) = team.unused(batch=32)
    assert line.startswith("6 threads on 2 cores") and line.endswith("use --threads 1")
