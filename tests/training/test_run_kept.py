"""A run is never lost: its name is its own, --force removes runs alone, it can be moved, and what fails is told."""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from empnet.errors import EmpnetError
from empnet.files.write import write
from empnet.model.architecture import Architecture
from empnet.model.property_model import PropertyModel
from empnet.prediction.evaluate import evaluate
from empnet.prediction.load import load
from empnet.runtime import durable_files as files
from empnet.runtime.interrupt import ended_by_signals
from empnet.system.system import System
from empnet.training.loop import Trainer
from empnet.training.optimiser.muon import new_optimizer
from empnet.training.run import checkpoint
from empnet.training.run.reservation import NameTaken, alone_in, reserved, reserved_name
from empnet.training.run.run_marks import LOCK, is_broken_start
from empnet.training.start_run import resume_training as resume
from empnet.training.start_run import run_training as train

TINY = {"width": 8, "layers": 1, "moments": 0, "batch": 8, "val": 0.15, "test": 0.15, "threads": 1, "quiet": True}
OPTIONS = [f"--{name}={TINY[name]}" for name in ("width", "layers", "moments", "batch", "val", "test", "threads")]


def pairs(n: int = 40, seed: int = 0) -> list[System]:
    distances = np.random.default_rng(seed).uniform(0.8, 2.5, n)
    return [System([[0, 0, 0], [0, 0, d]], [1, 8], properties={"energy": float((d - 1) ** 2)}) for d in distances]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "pairs.extxyz"
    write(path, pairs())
    return path


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory) -> Path:
    """Three epochs without a disturbance."""
    return train(data, out=tmp_path_factory.mktemp("whole") / "run", epochs=3, **TINY).run


@pytest.fixture
def finished(whole, tmp_path) -> Path:
    """A copy of that run."""
    return Path(shutil.copytree(whole, tmp_path / "run"))


def stopped(data: Path, out: Path, after: int, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that is asked to stop after so many steps."""
    step = Trainer._step

    def counted(self: Trainer, indices: np.ndarray) -> float:
        if self.progress.step + 1 == after:
            self._interrupt.asked = True
        return step(self, indices)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", counted)
        assert not train(data, out=out, epochs=3, **TINY).finished
    return out


def same(one: Path, other: Path) -> bool:
    return all(
        torch.equal(value, load_file(other / "model.safetensors")[name])
        for name, value in load_file(one / "model.safetensors").items()
    )


# Names


def test_eight_starts_at_once_get_names_of_their_own(tmp_path, monkeypatch):
    """Threads take the place of processes: the system's locks part them as well."""
    monkeypatch.chdir(tmp_path)
    at_once = Barrier(8)

    def take(number: int) -> Path:
        at_once.wait()
        with reserved_name("x") as mine:
            mine.fill(lambda folder: (folder / "config.toml").write_text(str(number)))
            at_once.wait()
        return mine.path

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(take, range(8)))
    assert len(set(taken)) == 8
    assert [(path / "config.toml").read_text() for path in taken] == [str(number) for number in range(8)]


def test_a_name_is_taken_before_the_work_and_given_back_if_it_fails(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with reserved_name("x") as one, reserved_name("x") as other:
        assert [one.path, other.path] == [Path("runs/x"), Path("runs/x-2")]
        with pytest.raises(NameTaken, match="another process works on it"), reserved(Path("runs/x"), force=True):
            pass
    assert not list(tmp_path.iterdir())


def test_a_killed_start_is_taken_over(tmp_path):
    (tmp_path / "run" / "checkpoint").mkdir(parents=True)
    for name in (LOCK, "split.json", "checkpoint/state.safetensors"):
        (tmp_path / "run" / name).touch()
    assert is_broken_start(tmp_path / "run")
    with pytest.raises(EmpnetError, match="its start was broken off"):
        resume(tmp_path / "run")
    assert train(pairs(), out=tmp_path / "run", epochs=1, **TINY).finished


def test_a_run_that_appears_meanwhile_is_not_replaced(finished, tmp_path):
    other = Path(shutil.copytree(finished, tmp_path / "other"))
    with reserved(finished, force=True) as mine:
        finished.rename(tmp_path / "away")
        other.rename(finished)
        with pytest.raises(EmpnetError, match="has changed meanwhile"):
            mine.fill(lambda folder: None)
    assert (finished / "results.json").exists()
    assert (tmp_path / "away" / "results.json").exists()


def test_one_process_alone_trains_a_run(finished):
    with alone_in(finished), pytest.raises(EmpnetError, match="another process works on it"):
        resume(finished, quiet=True)
    (finished / LOCK).touch()  # left by a process that was killed
    assert resume(finished, quiet=True).finished


# --force and --out


@pytest.mark.parametrize("extra", ["notes.txt", "checkpoint/mine.bin", "data/a.csv"])
def test_force_spares_what_is_not_the_runs(finished, extra):
    (finished / extra).parent.mkdir(exist_ok=True)
    (finished / extra).write_text("mine")
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    with pytest.raises(EmpnetError, match=f"holds '{extra.removesuffix('/a.csv')}', which is no file of a run"):
        train(pairs(), out=finished, force=True, epochs=1, **TINY)
    assert {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("content", ["", "[tool]\nname = 'mine'\n", "data = 'a.csv'\ncutoff = 4\nmine = 1\n"])
def test_force_spares_a_project_with_a_config_of_its_own(tmp_path, content, monkeypatch):
    (tmp_path / "config.toml").write_text(content)
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path)
    for out in (".", tmp_path, "/", Path.home()):
        with pytest.raises(EmpnetError, match="is not a run folder"):
            train(pairs(), out=out, force=True, epochs=1, **TINY)
    assert (tmp_path / "config.toml").read_text() == content


def test_force_replaces_a_run_even_a_damaged_one(finished):
    (finished / "config.toml").write_text("\x00 no TOML")
    (finished / "parity-energy.png").touch()
    assert train(pairs(), out=finished, force=True, epochs=1, **TINY).finished
    assert len((finished / "metrics.csv").read_text().splitlines()) == 2
    assert not (finished / "parity-energy.png").exists()


def test_a_failed_start_leaves_the_old_run(finished):
    before = (finished / "model.safetensors").read_bytes()
    with pytest.raises(EmpnetError, match="no property"):
        train(pairs(), "enthalpy", out=finished, force=True, **TINY)
    assert (finished / "model.safetensors").read_bytes() == before


def test_out_is_checked_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr("empnet.training.job.open_data", lambda *_: pytest.fail("the data were read"))
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for out, told in {"file": "is a file", "file/run": "Not a directory", "loop": "cannot be made"}.items():
        with pytest.raises(EmpnetError, match=told):
            train(pairs(), out=tmp_path / out, **TINY)

    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", forbidden)
    with pytest.raises(EmpnetError, match=r"cannot be made .Permission denied"):
        train(pairs(), out=tmp_path / "new", **TINY)


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stands_for_its_folder(tmp_path, there):
    if there:
        (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to("target")
    assert train(pairs(), out=tmp_path / "link", epochs=1, **TINY).finished
    assert (tmp_path / "target" / "results.json").exists()
    assert train(pairs(), out=tmp_path / "link", epochs=1, force=True, **TINY).finished
    assert (tmp_path / "link").is_symlink()


# Moved


def test_a_project_is_moved_and_its_run_goes_on(data, whole, tmp_path, monkeypatch):
    project = tmp_path / "project"
    (project / "data").mkdir(parents=True)
    shutil.copy(data, project / "data" / "pairs.extxyz")
    monkeypatch.chdir(project)
    stopped(Path("data/pairs.extxyz"), Path("runs/a"), 5, monkeypatch)
    project.rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    assert resume("moved/runs/a", quiet=True).finished
    assert same(whole, Path("moved/runs/a"))
    assert len(evaluate(load("moved/runs/a"), quiet=True)[0].targets) == 6


def test_data_that_were_moved_alone_are_named_once(data, whole, tmp_path, monkeypatch):
    old, new = tmp_path / "old.extxyz", tmp_path / "elsewhere" / "new.extxyz"
    shutil.copy(data, old)
    new.parent.mkdir()
    run = stopped(old, tmp_path / "run", 5, monkeypatch)
    old.rename(new)
    with pytest.raises(EmpnetError, match=r"no such file '.*old\.extxyz'.*no longer there.*empnet train DATA --resume"):
        resume(run, quiet=True)
    write(tmp_path / "other.extxyz", pairs(seed=1))
    with pytest.raises(EmpnetError, match=r"the data have changed: .*old\.extxyz"):
        resume(run, tmp_path / "other.extxyz", quiet=True)
    assert resume(run, new, quiet=True).finished
    assert same(whole, run)
    assert len(evaluate(load(run), quiet=True)[0].targets) == 6


# Damage


def test_a_checkpoint_that_is_gone_is_no_fresh_start(finished):
    (finished / "checkpoint" / "state.safetensors").unlink()
    before = (finished / "model.safetensors").read_bytes()
    with pytest.raises(EmpnetError, match=r"state\.safetensors is missing, but the run has finished"):
        resume(finished, quiet=True)
    (finished / "results.json").unlink()
    with pytest.raises(EmpnetError, match=r"state\.safetensors is missing: training cannot go on"):
        resume(finished, quiet=True)
    assert (finished / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("name", ["config.toml", "model.json", "split.json", "checkpoint/state.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"\xff\x00{"])
def test_a_file_that_is_missing_or_damaged_is_named(finished, name, content):
    (finished / name).unlink() if content is None else (finished / name).write_bytes(content)
    with pytest.raises(EmpnetError, match=name.split("/")[-1].replace(".", r"\.")):
        resume(finished, quiet=True)


@pytest.mark.parametrize("damage", ["cut", "bit"])
def test_the_checkpoint_before_a_damaged_one_leads_to_the_same_weights(data, whole, tmp_path, monkeypatch, damage):
    run = stopped(data, tmp_path / "run", 7, monkeypatch)
    path = run / "checkpoint" / "state.safetensors"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content if damage == "bit" else content[:-100])
    assert resume(run, quiet=True).finished
    assert "going on from the one before, step 0" in (run / "log.txt").read_text()
    assert same(whole, run)


def test_metrics_that_are_damaged_are_kept_and_told(data, whole, tmp_path, monkeypatch):
    run = stopped(data, tmp_path / "run", 11, monkeypatch)
    text = (run / "metrics.csv").read_text().splitlines()
    (run / "metrics.csv").write_bytes("\n".join([text[0], "gar\0bage", *text[2:], "x,y", "3.5,1"]).encode() + b"\xff\n")
    assert resume(run, quiet=True).finished
    assert same(whole, run)
    assert "rows of epoch 1 cannot be read" in (run / "log.txt").read_text()
    assert b"gar\0bage" in (run / "metrics.csv.damaged").read_bytes()
    assert [line.split(",")[0] for line in (run / "metrics.csv").read_text().splitlines()] == ["epoch", "1", "2"]


def test_the_best_weights_are_those_of_the_checkpoint(data, whole, tmp_path, monkeypatch):
    """A crash after a new best and before the next checkpoint: what is repeated starts from the best at that time."""
    run = stopped(data, tmp_path / "run", 7, monkeypatch)
    best = {name: value.clone() for name, value in load_file(run / "model.safetensors").items()}  # files are mapped
    shutil.copy(whole / "model.safetensors", run / "model.safetensors")  # a later best
    seen: list[dict[str, torch.Tensor]] = []
    monkeypatch.setattr(Trainer, "fit", lambda self: bool(seen.append(self.best_weights())))
    resume(run, quiet=True)
    assert all(torch.equal(value, seen[0][name]) for name, value in best.items())
    assert all(torch.equal(value, best[name]) for name, value in load_file(run / "model.safetensors").items())


@pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter:UserWarning")
def test_the_optimisers_state_is_where_its_parameters_are():
    """No CUDA device here: torch's meta device takes its place."""
    model = PropertyModel(Architecture(n_species=1, pooling=("sum",), width=8, layers=1, moments=0))
    optimizer = new_optimizer(model, 1e-3)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    state = checkpoint.state_of(model, model, optimizer)
    there = PropertyModel(model.architecture).to("meta")
    optimizer = new_optimizer(there, 1e-3)
    checkpoint.restore(state, there, there, optimizer)
    kept = [value for values in optimizer.state.values() for value in values.values()]
    assert len([name for name in state if name.endswith(".step")]) > 0
    assert {value.device.type for value in kept} == {"meta"}


# A full disk


class Full:
    """Lets writes through up to a certain one; from then on the disk is full."""

    def __init__(self, after: int) -> None:
        self.left, self.replace = after, os.replace

    def __call__(self, source: os.PathLike[str], target: os.PathLike[str]) -> None:
        if self.left <= 0 and "unfinished" in str(source):
            raise OSError(errno.ENOSPC, "No space left on device", str(source))
        self.left -= 1
        self.replace(source, target)


@pytest.mark.parametrize("after", range(12))
def test_a_full_disk_at_any_write(data, whole, tmp_path, monkeypatch, after):
    run = tmp_path / "run"
    train(data, out=tmp_path / "first", epochs=1, **TINY)  # the data are in the cache
    full = Full(after)
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "replace", full)
        patch.setattr("empnet.training.loop.EPOCH_SECONDS", 0.0)
        try:
            train(data, out=run, epochs=3, **TINY)
        except EmpnetError as error:
            assert "No space left on device" in str(error)
            assert "unfinished" not in str(error)
            assert "\n" not in str(error)
        else:
            assert full.left > 0
    if run.exists():
        assert resume(run, quiet=True).finished
    else:
        assert after < 4  # before there was a run
        assert train(data, out=run, epochs=3, **TINY).finished
    assert same(whole, run)


def test_accessories_do_not_stop_training(data, whole, tmp_path, monkeypatch):
    opened = Path.open

    def refused(self: Path, mode: str = "r", *arguments: object, **options: object) -> object:
        if mode == "a":
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(self, mode, *arguments, **options)

    monkeypatch.setattr(Path, "open", refused)
    run = train(data, out=tmp_path / "run", epochs=3, **TINY).run
    assert same(whole, run)


# Signals


SLOW = """
import sys, time
import empnet.training.loop as loop
step = loop.Trainer._step
def slow(self, indices):
    time.sleep(0.05)
    return step(self, indices)
loop.Trainer._step = slow
from empnet.cli import main
main()
"""
STARTING = """
import sys, time
import empnet.training.job as job
def slow(*_):
    print("reading", flush=True)
    time.sleep(60)
job.open_data = slow
from empnet.cli import main
main()
"""


def start(script: str, data: Path, out: Path, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, "train", str(data), "--out", str(out), *OPTIONS, "--epochs=3"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, **options)  # type: ignore[call-overload]


@pytest.mark.parametrize("name", ["SIGHUP", "SIGTERM", "SIGINT"])
def test_a_signal_at_the_start_ends_it_with_a_line(data, tmp_path, name):
    process = start(STARTING, data, tmp_path / "new" / "run")
    assert process.stdout is not None
    while "reading" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(getattr(signal, name))
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert told.startswith("stopped")
    assert "Traceback" not in told
    assert not list(tmp_path.iterdir())


def test_a_closed_terminal_ends_training_with_a_checkpoint(data, whole, tmp_path):
    run = tmp_path / "run"
    process = start(SLOW, data, run)
    until = time.monotonic() + 100
    while not (run / "metrics.csv").exists():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGHUP)  # the system's and the shell's
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "go on with: empnet train --resume" in told
    assert resume(run, quiet=True).finished
    assert same(whole, run)


def test_training_goes_on_when_nobody_reads_its_output(data, whole, tmp_path):
    process = start(SLOW, data, tmp_path / "run")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=100) == 0
    assert process.stderr is not None
    said = process.stderr.read().splitlines()
    assert all(line.startswith("warning: energy: ") for line in said)  # its verdict, so short was training
    process.stderr.close()
    assert same(whole, tmp_path / "run")
    assert "test MAE" in (tmp_path / "run" / "log.txt").read_text()
    assert json.loads((tmp_path / "run" / "results.json").read_text())


def test_a_signal_that_meets_a_destructor_is_not_lost(capfd):
    class Dying:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt, match="SIGTERM"), ended_by_signals():
        Dying()  # Python drops what is raised there
        time.sleep(5)
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("file", "found"),
    [
        ("checkpoint/state.safetensors", "config.toml: lr was 0.003, is 0.004"),
        ("config.toml", "config.toml: lr was 0.004, is 0.003"),
        ("model.json", "another model.json"),
        ("split.json", "is not the split that the weights were trained with"),
    ],
)
def test_a_file_of_another_run_is_told(data, finished, tmp_path, file, found):
    other = train(data, "energy", out=tmp_path / "other", split_seed=5, lr=0.003, epochs=3, **TINY).run
    if file == "model.json":
        card = json.loads((finished / file).read_text())
        (finished / file).write_text(json.dumps({**card, "length_unit": "angstrom", "units": ["eV"], "seen": None}))
    else:
        shutil.copy(other / file, finished / file)
    weights = (finished / "model.safetensors").read_bytes()
    with pytest.raises(EmpnetError, match=re.escape(found)):
        resume(finished, quiet=True)
    assert (finished / "model.safetensors").read_bytes() == weights
    if file == "split.json":  # else systems of the training set would be measured
        with pytest.raises(EmpnetError, match=found):
            evaluate(finished, quiet=True)


def test_a_system_that_the_data_lack_is_told(finished):
    path = finished / "split.json"
    path.write_text(json.dumps({"train": [0, 1], "validation": [2], "test": [999]}))
    (finished / "model.safetensors").unlink()  # whose header knows the split
    with pytest.raises(EmpnetError, match="the number of a system is out of range"):
        resume(finished, quiet=True)


def wrapped(depth: int) -> SystemError:
    """A signal's exception as C code passes it on."""
    error: BaseException = KeyboardInterrupt("SIGTERM")
    for _ in range(depth):
        inner, error = error, SystemError("a function returned a result with an exception set")
        error.__cause__ = inner
    assert isinstance(error, SystemError)
    return error


@pytest.mark.parametrize("depth", [1, 2])
def test_a_signal_that_meets_c_code_is_not_lost(depth):
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"), ended_by_signals():
        raise wrapped(depth)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("depth", [1, 2])
def test_a_signal_that_meets_c_code_in_a_destructor_is_sent_again(depth, capfd):
    class Dying:
        def __del__(self):
            raise wrapped(depth)

    with pytest.raises(KeyboardInterrupt, match="SIGTERM"), ended_by_signals():
        Dying()
        time.sleep(5)
    assert "Traceback" not in capfd.readouterr().err
