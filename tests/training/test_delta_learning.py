"""Delta learning: the difference to a scalar of the data is learned, and what is predicted is the whole property."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.units import kcal, mol

from empnet.errors import EmpnetError
from empnet.files.write import write
from empnet.prediction.evaluate import evaluate
from empnet.prediction.load import load
from empnet.system.system import System
from empnet.training.start_run import run_training as train

SMALL = {"width": 8, "layers": 1, "moments": 0, "batch": 8, "threads": 1, "quiet": True}


def springs(n: int = 60) -> list[System]:
    """A large term that no network of two distances could learn (it is noise), and a small one that it can."""
    rng = np.random.default_rng(0)
    systems = []
    for d in rng.uniform(0.8, 2.5, n):
        cheap = float(rng.normal(scale=100.0))
        exact = cheap + (d - 1.2) ** 2
        systems.append(System([[0, 0, 0], [0, 0, d]], [1, 8], properties={"energy": exact, "cheap": cheap}))
    return systems


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "delta"
    return train(springs(), "energy", baseline_key="cheap", out=out, epochs=20, **SMALL).run


def test_the_difference_is_learned_and_the_whole_predicted(run):
    systems = springs()
    predicted = load(run).predict(systems)["energy"]
    exact = np.array([system.properties["energy"] for system in systems])
    assert np.abs(predicted - exact).max() < 2.0  # eV; the cheap energies alone scatter by 100 eV


def test_atoms_with_the_key_in_info(run):
    system = springs(1)[0]
    assert float(load(run).predict(system.to_atoms())) == float(load(run).predict(system))


def test_the_key_is_needed_for_predicting(run):
    bare = replace(springs(1)[0], properties={})
    with pytest.raises(EmpnetError, match="no property 'cheap'"):
        load(run).predict(bare)


def test_the_key_is_needed_for_training(tmp_path):
    with pytest.raises(EmpnetError, match=r"no property 'cheep'.*did you mean 'cheap'"):
        train(springs(), "energy", baseline_key="cheep", out=tmp_path / "run", **SMALL)
    with pytest.raises(EmpnetError, match="2 baseline keys for 1 properties"):
        train(springs(), "energy", baseline_key=["cheap", "energy"], out=tmp_path / "run", **SMALL)
    with pytest.raises(EmpnetError, match="'energy' minus 'energy' is 0 in all 60 frames"):
        train(springs(), "energy", baseline_key="energy", out=tmp_path / "run", **SMALL)


def test_errors_and_units(run, tmp_path):
    """Evaluating on the same data in another unit gives the same errors: the key is converted with the property."""
    systems = springs()
    write(tmp_path / "ev.extxyz", systems)
    factor = mol / kcal
    in_kcal = [
        replace(system, properties={key: value * factor for key, value in system.properties.items()})
        for system in systems
    ]
    write(tmp_path / "kcal.extxyz", in_kcal)
    predictor = load(run)
    (found,) = evaluate(predictor, tmp_path / "ev.extxyz")
    (same,) = evaluate(predictor, tmp_path / "kcal.extxyz", unit="kcal/mol")
    assert found.baseline_name == "cheap and composition baseline"
    assert same.metrics["mae"].value == pytest.approx(found.metrics["mae"].value, rel=1e-5)
    # what the key and the composition leave is the spread of (d - 1.2)^2, not of the noise
    assert found.baseline["mae"].value < 1.0


def test_fine_tuning_keeps_the_key(run, tmp_path):
    sizes = {"batch": 8, "threads": 1, "quiet": True, "epochs": 1}
    tuned = train(springs(), "energy", fine_tune=str(run), out=tmp_path / "tuned", **sizes).run
    assert load(tuned).card.baseline_keys == ("cheap",)
    with pytest.raises(EmpnetError, match="baseline_key"):
        train(springs(), "energy", fine_tune=str(run), baseline_key="energy", out=tmp_path / "other", **sizes)
