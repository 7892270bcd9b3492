"""The real command line in a process of its own: exit codes, one line for a mistake, never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from empnet import __version__
from empnet.cli import main
from empnet.files.write import write
from empnet.system.system import System


def empnet(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "empnet", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=300, env=os.environ)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("command")
    d = np.random.default_rng(0).uniform(0.8, 2.5, 60)
    systems = [System([[0, 0, 0], [0, 0, x]], [1, 8], properties={"energy": (x - 1) ** 2, "gap": x}) for x in d]
    write(path / "springs.xyz", systems)
    return path


def test_help_names_defaults_and_version():
    told = empnet("train", "--help").stdout
    for default in ("[64]", "[auto]", "[mse]", "[runs/DATA-PROPERTY]", "[all]"):
        assert default in told
    assert empnet("--version").stdout.startswith(f"empnet {__version__}; libempnet ")


def test_from_file_to_predictions(folder):
    small = ["--epochs", 2, "--width", 8, "--layers", 1, "--threads", 1]
    trained = empnet("train", "springs.xyz", "--property", "energy", "--out", "run", *small, cwd=folder)
    assert trained.returncode == 0, trained.stderr
    assert "energy: assuming eV" in trained.stdout
    assert "composition baseline" in trained.stdout
    assert "run: run" in trained.stdout
    predicted = empnet("predict", "run", "springs.xyz", "--out", "p.extxyz", cwd=folder)
    assert (predicted.returncode, predicted.stdout) == (0, "60 systems predicted: p.extxyz\n")
    measured = empnet("evaluate", "run", "springs.xyz", "--json", cwd=folder)
    assert measured.returncode == 0, measured.stderr
    assert json.loads(measured.stdout)[0]["systems"] == 60
    told = empnet("evaluate", "run", cwd=folder)
    assert "parity plot: run/parity-energy.png" in told.stdout
    assert (folder / "run" / "parity-energy.png").exists()
    assert empnet("train", "--resume", "run", "--quiet", cwd=folder).returncode == 0
    assert (folder / "run" / "report.html").read_text().startswith("<!doctype html>")
    (folder / "run" / "report.html").unlink()
    assert empnet("report", "run", cwd=folder).stdout == "report: run/report.html\n"
    audited = empnet("check", "run", "--json", cwd=folder)
    assert audited.returncode in (0, 1), audited.stderr  # two epochs need not make a model that passes
    assert {line["verdict"] for line in json.loads(audited.stdout)["lines"]} <= {"pass", "fail", "skip"}


def test_inspection(folder):
    found = empnet("inspect", "springs.xyz", "--property", "energy", "--html", "look.html", "--json", cwd=folder)
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["systems"] == 60
    assert (folder / "look.html").read_text().startswith("<!doctype html>")
    again = empnet("inspect", "springs.xyz", "--html", "look.html", cwd=folder)
    assert (again.returncode, "already exists" in again.stderr) == (2, True)
    assert "shortest distance" in empnet("inspect", "springs.xyz", cwd=folder).stdout
    (folder / "look.html").unlink()


def test_capacity_probe_and_learning_curve(folder):
    small = ["--width", 16, "--layers", 1, "--threads", 1]
    probed = empnet("train", "springs.xyz", "--overfit", 4, *small, cwd=folder)
    assert (probed.returncode, "reached: the network can memorise these 4 systems" in probed.stdout) == (0, True)
    curve = empnet(
        "learn-curve", "springs.xyz", "--sizes", "10,30", "--epochs", 2, "--out", "curve", *small, cwd=folder
    )
    assert curve.returncode == 0, curve.stderr
    assert "energy: the error falls as n^" in curve.stdout or "hardly help" in curve.stdout
    assert (folder / "curve" / "curve-energy.png").exists()


def test_settings_from_a_file_and_options_that_win(folder):
    (folder / "c.toml").write_text('property = "energy"\nwidth = 8\nlayers = 1\nepochs = 1\nseed = 4\nthreads = 1\n')
    done = empnet("train", "springs.xyz", "--config", "c.toml", "--seed", 5, "--out", "by-file", "--quiet", cwd=folder)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    saved = (folder / "by-file" / "config.toml").read_text()
    assert "seed = 5" in saved
    assert "width = 8" in saved


MISTAKES = {
    "no such file": (["train", "nothing.xyz"], "nothing.xyz"),
    "property absent": (["train", "springs.xyz", "--property", "enrgy"], "did you mean 'energy'"),
    "unknown unit": (["train", "springs.xyz", "--unit", "kkal/mol"], "kkal/mol"),
    "unknown pooling": (["train", "springs.xyz", "--pooling", "max"], "'pooling' is 'max'"),
    "pooling that the data do not tell": (["train", "springs.xyz", "--property", "gap"], "--pooling mean"),
    "too few systems": (["train", "springs.xyz", "--val", "60"], "60 systems leave none"),
    "no run": (["predict", "nowhere", "springs.xyz", "--out", "x.csv"], "nowhere"),
    "resume of nothing": (["train", "--resume", "nowhere"], "nowhere"),
    "no data": (["train"], "qm7"),
    "unknown option": (["train", "springs.xyz", "--cutof", "4"], "--cutof"),
    "unknown setting in a file": (["train", "springs.xyz", "--config", "bad.toml"], "did you mean 'cutoff'"),
    "no number of sizes": (["learn-curve", "springs.xyz", "--sizes", "ten"], "'ten' is not a list such as 100,300"),
    "check of nothing": (["check", "nowhere"], "nowhere"),
    "report of nothing": (["report", "nowhere"], "nowhere"),
    "inspection of nothing": (["inspect", "nothing.xyz"], "nothing.xyz"),
    "overfit more than there are": (["train", "springs.xyz", "--overfit", "99"], "the training set"),
    "baseline key absent": (["train", "springs.xyz", "--baseline-key", "gab"], "did you mean 'gap'"),
    "overfit into a folder": (["train", "springs.xyz", "--overfit", "4", "--out", "x"], "--out"),
    "overfit of an ensemble": (["train", "springs.xyz", "--overfit", "4", "--ensemble", "2"], "--ensemble"),
    "overfit by force": (["train", "springs.xyz", "--overfit", "4", "--force"], "--force"),
    "resume as a probe": (["train", "--resume", "nowhere", "--overfit", "4"], "--overfit"),
    "resume as an ensemble": (["train", "--resume", "nowhere", "--ensemble", "2"], "--ensemble"),
    "resume by force": (["train", "--resume", "nowhere", "--force"], "--force"),
    "run to standard output": (["train", "springs.xyz", "--out", "-"], "standard output"),
    "ensemble to standard output": (["train", "springs.xyz", "--ensemble", "2", "--out", "-"], "standard output"),
    "curve to standard output": (["learn-curve", "springs.xyz", "--sizes", "9,20", "--out", "-"], "standard output"),
    "study to standard output": (["study", "encoding", "--quick", "--out", "-"], "standard output"),
    "study into a file": (["study", "encoding", "--quick", "--out", "springs.xyz"], "is a file"),
    "study among other files": (["study", "encoding", "--quick", "--out", ".", "--force"], "files that no study wrote"),
    "a seed of more than 64 bits": (["train", "springs.xyz", "--seed", "9" * 20], "'seed' is 99999999999999999999"),
    "a map's seed": (["map", "nowhere", "--seed", "-1"], "--seed -1; wanted a whole number from 0"),
    "a map's large seed": (["map", "nowhere", "--seed", "9" * 20], "--seed 99999999999999999999; wanted"),
    "a property twice": (["train", "springs.xyz", *2 * ["--property", "energy"]], "'property' names 'energy' twice"),
    "no neighbours": (
        ["train", "springs.xyz", "--property", "energy", "--cutoff", "1e-9"],
        "no two particles are within",
    ),
    "no whole number": (["train", "springs.xyz", "--epochs", "nan"], "invalid value for '--epochs'"),
    "an option by another package's name": (["train", "springs.xyz", "--r-max", "5"], "did you mean --cutoff?"),
    "an option misspelt": (["train", "springs.xyz", "--n-epochs", "5"], "did you mean --epochs?"),
    "an unknown option": (["train", "springs.xyz", "--wxyz", "5"], "no such option: --wxyz; see empnet train --help"),
    "unknown command": (["trian", "springs.xyz"], "did you mean 'train'"),
    "one word too many": (["train", "springs.xyz", "more"], "(more); see empnet train --help"),
    "no --out": (["predict", "run", "springs.xyz"], "missing option '--out'; see empnet predict --help"),
    "both epochs and time": (["train", "springs.xyz", "--epochs", "1", "--time", "1m"], "both epochs and time"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(folder, name, monkeypatch, capsys):
    """In this process, because starting one costs seconds; the next test starts one."""
    (folder / "bad.toml").write_text("cutof = 3.0\n")
    words, told = MISTAKES[name]
    before = sorted(folder.rglob("*"))
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.argv", ["empnet", *words])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert told.lower() in error.lower()
    assert len(error.strip().splitlines()) == 1
    assert sorted(folder.rglob("*")) == before  # nothing is written


@pytest.mark.parametrize(
    "words", [["train", "springs.xyz", "--property", "enrgy"], ["train", "springs.xyz", "--cutof"]]
)
def test_a_mistake_in_a_process_of_its_own(folder, words):
    done = empnet(*words, cwd=folder)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_an_existing_run_is_kept(folder):
    (folder / "kept").mkdir(exist_ok=True)
    (folder / "kept" / "config.toml").write_text("mine")
    done = empnet("train", "springs.xyz", "--out", "kept", cwd=folder)
    assert (done.returncode, "already exists" in done.stderr) == (2, True)
    assert (folder / "kept" / "config.toml").read_text() == "mine"
