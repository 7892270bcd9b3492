"""Runs that reports are made of."""

import shutil

import numpy as np
import pytest

from empnet.files.write import write
from empnet.system.system import System
from empnet.training.start_run import run_training as train

HOSTILE = '</script><script>alert("x")</script> $\\frac$'
"""A name that would be code, or a formula, wherever it were not taken for text."""


def chains(n: int = 60) -> list[System]:
    """Bent chains of 3 to 6 atoms whose energy and gap depend on their species and their bend."""
    rng, systems = np.random.default_rng(0), []
    for _ in range(n):
        size, bend = int(rng.integers(3, 7)), float(rng.uniform(0.0, 1.0))
        steps = np.arange(size)
        positions = np.stack([1.1 * steps, bend * (steps % 2), np.zeros(size)], axis=1)
        species = np.where(steps % 2, 1, rng.choice([6, 8]))
        systems.append(System(positions, species, properties={"gap": 2 + bend, HOSTILE: -5.0 * size + bend}))
    return systems


@pytest.fixture(scope="package")
def trained(tmp_path_factory):
    """A run on a file with a hostile name, of two properties, one with a hostile name."""
    folder = tmp_path_factory.mktemp("hostile") / "a<"
    folder.mkdir()
    data = folder / "script><script>alert(1)<.extxyz"
    write(data, chains())
    settings = {"epochs": 2, "width": 8, "layers": 2, "val": 10, "test": 20, "pooling": "sum", "unit": "eV"}
    return train(data, [HOSTILE, "gap"], out=folder / "run", quiet=True, **settings).run


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the run, to be changed by a test."""
    return shutil.copytree(trained, tmp_path / "run")
