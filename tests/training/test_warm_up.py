"""Loops are compiled before the clock of a time budget starts, and compiling them changes nothing."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

import empnet
from empnet.training import loop
from empnet.training.optimiser.objective import Objective

TINY = {"width": 16, "layers": 1, "moments": 0, "quiet": True}

MEANWHILE = """
import gc, sys
import empnet
from numba.core.dispatcher import Dispatcher
from empnet.training import start_run
from empnet.training.loop import Trainer

def known():
    loops = [each for each in gc.get_objects() if isinstance(each, Dispatcher)]
    return {{f"{{each.py_func.__qualname__}}{{key}}" for each in loops for key in each.overloads}}

warm_up, after = Trainer._warm_up, []
def then(self):
    warm_up(self)
    after.append(known())
Trainer._warm_up = then
result = start_run.run_training({data!r}, "energy", out={out!r}, epochs=2, quiet=True, {settings})
print("\\n".join(sorted(known() - after[0])))
"""


def pairs(n=40, forces=False):
    """Two particles that repel each other."""
    rng = np.random.default_rng(0)
    systems = []
    for d in rng.uniform(1, 3, n):
        more = {"arrays": {"forces": [[0, 0, -1 / d**2], [0, 0, 1 / d**2]]}} if forces else {}
        systems.append(empnet.System([[0, 0, 0], [0, 0, d]], [1, 1], properties={"energy": 1 / d}, **more))
    return systems


def test_a_time_budget_does_not_pay_for_the_first_call(tmp_path, monkeypatch):
    """The clock starts after the first loss, which compiles the loops, was computed."""
    loss, fix, first, clocks = Objective.loss, loop.Trainer._fix_total, [], []

    def computed(self, *arguments, **named):
        value = loss(self, *arguments, **named)
        first.append(time.perf_counter())
        return value

    def fixed(self):
        clocks.append(self._started)
        fix(self)

    monkeypatch.setattr(Objective, "loss", computed)
    monkeypatch.setattr(loop.Trainer, "_fix_total", fixed)
    empnet.train(pairs(), "energy", out=tmp_path / "run", time="1s", **TINY)
    assert clocks[0] > first[0]


def test_warming_up_changes_no_bit(tmp_path, monkeypatch):
    settings = {**TINY, "epochs": 2, "seed": 3}
    warm = empnet.train(pairs(), "energy", out=tmp_path / "warm", **settings)
    monkeypatch.setattr(loop, "warm_up", lambda *_: None)
    cold = empnet.train(pairs(), "energy", out=tmp_path / "cold", **settings)
    assert warm.results == cold.results
    assert (warm.run / "model.safetensors").read_bytes() == (cold.run / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    "settings", ["width=32, batch=32", "width=32, batch=1, forces='forces'", "width=16, layers=1, moments=0, threads=2"]
)
def test_no_loop_is_new_after_the_warm_up(tmp_path, settings):
    """All loops that training, validation and the measures at the end call are known before the clock starts."""
    data = tmp_path / "pairs.extxyz"
    empnet.write(data, pairs(forces=True))
    script = MEANWHILE.format(data=str(data), out=str(tmp_path / "run"), settings=settings)
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []


def test_compilation_is_told_in_the_log_although_other_loops_were_kept(tmp_path):
    cache = tmp_path / "cache"
    (cache / "kernels").mkdir(parents=True)
    (cache / "kernels" / "other.nbi").touch()
    data = tmp_path / "pairs.extxyz"
    empnet.write(data, pairs(12))
    settings = ["--out", "run", "--epochs", "1", "--width", "16", "--layers", "1", "--moments", "0"]
    command = [sys.executable, "-m", "empnet", "train", str(data), *settings]
    environment = os.environ | {"EMPNET_CACHE": str(cache)}
    subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True)
    log = (tmp_path / "run" / "log.txt").read_text()
    assert "compiling loops for this machine" in log
    assert " loops in " in log
    again = subprocess.run([*command, "--force"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert again.returncode == 0
    assert "compiling loops" not in again.stdout + again.stderr + (tmp_path / "run" / "log.txt").read_text()
