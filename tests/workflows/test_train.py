"""Training from Python ends with a report, and a report that fails does not take the run with it."""

import importlib
import warnings

import numpy as np
import pytest

import empnet
from empnet.errors import EmpnetError
from empnet.system.system import System
from empnet.workflows import train as module
from empnet.workflows.train_ensemble import train_ensemble

SMALL = {"width": 8, "layers": 1, "batch": 8, "epochs": 1, "threads": 1}


@pytest.fixture
def systems() -> list[System]:
    distances = np.random.default_rng(0).uniform(0.8, 2.5, 40)
    return [System([[0, 0, 0], [0, 0, d]], [1, 8], properties={"energy": (d - 1.2) ** 2}) for d in distances]


def test_a_report_at_the_end(systems, tmp_path, capsys):
    run = empnet.train(systems, "energy", out=tmp_path / "run", **SMALL).run
    assert (run / "report.html").exists()
    assert f"report: {run / 'report.html'}" in capsys.readouterr().out
    assert "report: " in (run / "log.txt").read_text()


def test_a_report_that_fails_is_told(systems, tmp_path, capsys, monkeypatch):
    def fails(*_, **__):
        raise EmpnetError("the disk is full")

    monkeypatch.setattr(module, "write_report", fails)
    result = empnet.train(systems, "energy", out=tmp_path / "run", **SMALL)
    assert result.finished
    told = capsys.readouterr().out
    assert "no report could be written (the disk is full); try again with: empnet report" in told


def test_a_warning_of_python_is_in_the_log_once(tmp_path, monkeypatch):
    learning = importlib.import_module("empnet.training.start_run")
    job = importlib.import_module("empnet.training.job")
    original = job.look_at

    def warn(*arguments):
        for _ in range(2):
            warnings.warn("the moon\nis full", stacklevel=1)
        return original(*arguments)

    monkeypatch.setattr(job, "look_at", warn)
    pairs = [System([[0, 0, 0], [0, 0, d]], [1, 1], properties={"energy": 1 / d}) for d in np.arange(1, 3, 0.1)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run = learning.run_training(
            pairs, "energy", out=tmp_path / "run", epochs=1, width=8, layers=1, moments=0, quiet=True
        ).run
    assert len([each for each in caught if "moon" in str(each.message)]) == 2  # Python's own way is as it was
    assert (run / "log.txt").read_text(encoding="utf-8").splitlines().count("warning: the moon is full") == 1


@pytest.mark.parametrize("ensemble", [False, True])
def test_a_warning_at_the_end_is_in_the_log(systems, tmp_path, monkeypatch, ensemble):
    original = module.write_report

    def warn(*arguments, **options):
        warnings.warn("the sun is low", stacklevel=1)
        return original(*arguments, **options)

    monkeypatch.setattr(module, "write_report", warn)
    train, more = (train_ensemble, {"members": 2}) if ensemble else (empnet.train, {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if ensemble else "always", RuntimeWarning)
        with pytest.warns(UserWarning, match="the sun is low"):
            run = train(systems, "energy", out=tmp_path / "run", quiet=True, **SMALL, **more).run
    log = (run / "log.txt").read_text(encoding="utf-8")
    assert log.splitlines().count("warning: the sun is low") == 1
    assert not ensemble or "mean of the members: energy: test MAE" in log


def test_the_report_counts_all_systems_of_the_data_where_some_are_on_no_side(systems, tmp_path):
    sides = {"train_size": 10, "val": 4, "test": 6}
    run = empnet.train(systems, "energy", out=tmp_path / "run", quiet=True, **SMALL, **sides).run
    assert "It was trained on 10 of 40 systems" in (run / "report.html").read_text(encoding="utf-8")
