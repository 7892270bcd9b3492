"""Training from Python ends with a report, and a report that fails does not take the run with it."""

import numpy as np
import pytest

import empnet
from empnet.apply import train as module
from empnet.data.errors import EmpnetError
from empnet.data.system import System

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
    assert "no report could be written (the disk is full); again with: empnet report" in told
