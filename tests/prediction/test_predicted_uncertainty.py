"""Standard deviations and flags reach the person who predicts: in Python, in files, in ASE, from ensembles."""

import csv

import numpy as np
import pytest
from ase import Atoms

from empnet.errors import EmpnetError
from empnet.files.read import read
from empnet.files.write import write
from empnet.prediction.calculator import EMPNetCalculator
from empnet.prediction.load import load
from empnet.prediction.predict import predict_file
from empnet.system.system import System
from empnet.training.start_run import run_training as train
from empnet.workflows.train_ensemble import train_ensemble

SETTINGS = {"width": 8, "layers": 1, "moments": 0, "batch": 16, "epochs": 3, "val": 30, "test": 20, "quiet": True}


def pairs(n: int = 120) -> list[System]:
    rng = np.random.default_rng(0)
    return [System([[0, 0, 0], [0, 0, d]], [1, 8], properties={"energy": 1 / d}) for d in rng.uniform(0.8, 2.5, n)]


NEAR = System([[0, 0, 0], [0, 0, 0.3]], [1, 8], info={"name": "near"})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(pairs(), "energy", out=tmp_path_factory.mktemp("runs") / "one", unit="eV", **SETTINGS).run


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "several"
    return train_ensemble(pairs(), "energy", members=2, out=out, unit="eV", **SETTINGS).run


@pytest.fixture(params=["run", "ensemble"])
def predictor(request):
    return load(request.getfixturevalue(request.param))


def test_predictions_have_it_whatever_else_is_asked(predictor):
    systems = pairs(4)
    plain = predictor.predict(systems)
    more = predictor.predict(systems, forces=True, energies=True)
    assert plain.std.shape == (4, 1)
    assert (plain.std > 0).all()
    assert np.allclose(plain.std, more.std, rtol=1e-3)  # float32 networks
    assert np.allclose(plain.values, more.values, atol=1e-5)
    assert predictor.predict([]).std.shape == (0, 1)
    assert plain.outside == [""] * 4


def test_what_is_too_near_is_flagged(predictor):
    outside = predictor.predict([pairs(1)[0], NEAR]).outside
    assert outside[0] == ""
    assert outside[1].startswith("H-O 0.30 angstrom")


def test_predicted_file(predictor, tmp_path, capsys):
    write(tmp_path / "in.extxyz", [*pairs(3), NEAR])
    predict_file(predictor, tmp_path / "in.extxyz", tmp_path / "out.extxyz")
    assert "1 of 4 frames is unlike the training data" in capsys.readouterr().out
    frames = read(tmp_path / "out.extxyz")
    expected = predictor.predict(read(tmp_path / "in.extxyz"))
    assert [frame.properties["empnet_energy_std"] for frame in frames] == pytest.approx(expected.std[:, 0], rel=1e-6)
    assert ["empnet_outside" in frame.info for frame in frames] == [False, False, False, True]
    assert frames[3].info["name"] == "near"
    predict_file(predictor, tmp_path / "out.extxyz", tmp_path / "again.extxyz", quiet=True)
    assert [frame.info for frame in read(tmp_path / "again.extxyz")] == [frame.info for frame in frames]


def test_predicted_table(predictor, tmp_path):
    write(tmp_path / "in.extxyz", [*pairs(3), NEAR])
    predict_file(predictor, tmp_path / "in.extxyz", tmp_path / "out.csv", quiet=True)
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert all(float(row["empnet_energy_std [eV]"]) > 0 for row in rows)
    assert [bool(row["empnet_outside"]) for row in rows] == [False, False, False, True]


def test_the_calculator_has_it(predictor):
    pair = Atoms("HO", positions=[[0, 0, 0], [0, 0, 1.0]], calculator=EMPNetCalculator(predictor))
    energy, std = pair.get_potential_energy(), pair.calc.results["energy_std"]
    assert std == pytest.approx(float(predictor.predict(pair).std[0, 0]), rel=1e-3)
    assert energy == pytest.approx(float(predictor.predict(pair)), abs=1e-5)


def test_an_ensemble_has_mean_forces(ensemble):
    pair = pairs(1)[0]
    members = [load(ensemble / f"member-{k}").predict(pair, forces=True).forces[0] for k in (1, 2)]
    assert np.allclose(load(ensemble).predict(pair, forces=True).forces[0], np.mean(members, axis=0), atol=1e-5)


def test_without_the_file_there_is_none(run, tmp_path):
    path = run / "uncertainty.safetensors"
    kept = path.read_bytes()
    path.unlink()
    try:
        with pytest.warns(
            UserWarning, match=r"uncertainty\.safetensors is missing, so predictions have no standard dev"
        ):
            predictor = load(run)
        assert predictor.predict(pairs(2)).std is None
        assert predictor.predict(NEAR).outside == ["H-O 0.30 angstrom"]
        write(tmp_path / "in.extxyz", pairs(2))
        predict_file(predictor, tmp_path / "in.extxyz", tmp_path / "out.csv", quiet=True)
        assert "std" not in (tmp_path / "out.csv").read_text()
        path.write_bytes(kept[:50])
        with pytest.raises(EmpnetError, match=r"uncertainty\.safetensors: is damaged"):
            load(run)
    finally:
        path.write_bytes(kept)
