"""Predict and evaluate: order, units, unknown species, bounded pieces, honest numbers."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from sklearn.metrics import r2_score

from empnet.errors import EmpnetError
from empnet.files.read import read
from empnet.files.write import write
from empnet.pages.parity import parity_plot
from empnet.pages.tables import print_evaluation
from empnet.prediction.evaluate import evaluate
from empnet.prediction.load import load
from empnet.prediction.metrics import metrics_of
from empnet.prediction.predict import predict_file
from empnet.prediction.predictor import Predictor
from empnet.system.system import Origin, System
from empnet.training.start_run import run_training as train


def springs(n: int = 40, seed: int = 0) -> list[System]:
    rng = np.random.default_rng(seed)
    d = rng.uniform(0.8, 2.5, n)
    return [
        System([[0, 0, 0], [0, 0, x]], [1, 8], properties={"energy": (x - 1.2) ** 2}, info={"name": f"s{k}"})
        for k, x in enumerate(d)
    ]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "springs.extxyz"
    write(path, springs())
    return path


@pytest.fixture(scope="module")
def predictor(data, tmp_path_factory) -> Predictor:
    out = tmp_path_factory.mktemp("runs") / "springs"
    return load(train(str(data), out=out, epochs=3, width=8, layers=1, batch=8, quiet=True).run)


def test_systems_atoms_and_lists_agree(predictor):
    system = springs(1)[0]
    one = predictor.predict(system)
    assert one["energy"].shape == (1,)
    assert float(predictor.predict(Atoms("HO", positions=system.positions))) == float(one)
    assert np.array_equal(predictor.predict([system, system]).values, np.repeat(one.values, 2, axis=0))
    assert np.asarray(predictor.predict([system, system])).shape == (2,)


def test_systems_in_memory_are_checked_at_the_door(predictor, tmp_path):
    bad = System([[0, 0, 0], [0, 0, np.nan]], [1, 8], properties={"energy": 1.0})
    for act in (lambda: predictor.predict(bad), lambda: train([*springs(), bad], out=tmp_path / "run", quiet=True)):
        with pytest.raises(EmpnetError, match="position of particle 1 is not finite"):
            act()


def test_nothing_to_predict(predictor):
    assert predictor.predict([]).values.shape == (0, 1)


def test_a_property_that_is_not_predicted(predictor):
    with pytest.raises(KeyError, match="predicted: energy"):
        predictor.predict(springs(1))["gap"]


def test_pieces_change_rounding_only(predictor, monkeypatch):
    together = predictor.predict(springs()).values
    monkeypatch.setattr("empnet.prediction.pieces.MAX_PAIRS", 40)
    pieces = predictor.predict(springs()).values
    assert np.allclose(together, pieces, rtol=0, atol=1e-5)  # eV; float32 sums in another order


def test_unknown_species_is_refused_by_name(predictor):
    with pytest.raises(EmpnetError, match=r"b\.xyz, frame 4: particle 1 is Fe, which the training data do not have"):
        predictor.predict(System([[0, 0, 0], [0, 0, 1]], [1, 26], origin=Origin("b.xyz", 4)))


@pytest.mark.parametrize("suffix", [".extxyz", ".extxyz.gz", ".db"])
def test_predicted_file_keeps_order_and_everything_else(predictor, data, tmp_path, suffix):
    out = tmp_path / f"predicted{suffix}"
    assert predict_file(predictor, data, out) == 40
    expected = predictor.predict(read(data))["energy"]
    for before, after, value in zip(read(data), read(out), expected, strict=True):
        assert np.allclose(before.positions, after.positions, atol=1e-8)
        assert after.properties["empnet_energy"] == pytest.approx(value, abs=1e-6)
        assert after.properties["energy"] == pytest.approx(before.properties["energy"])
        assert after.info["name"] == before.info["name"]


def test_predicted_table(predictor, data, tmp_path):
    predict_file(predictor, data, tmp_path / "p.csv")
    with (tmp_path / "p.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["frame"]) for row in rows] == list(range(40))
    assert np.allclose(
        [float(row["empnet_energy [eV]"]) for row in rows], predictor.predict(read(data))["energy"], atol=1e-6
    )


def test_a_file_is_never_overwritten_unasked(predictor, data, tmp_path):
    out = tmp_path / "p.csv"
    out.write_text("mine")
    with pytest.raises(EmpnetError, match="already exists"):
        predict_file(predictor, data, out)
    assert out.read_text() == "mine"
    assert predict_file(predictor, data, out, force=True) == 40


@pytest.mark.parametrize("name", ["p.csv", "p.extxyz"])
def test_a_mistake_halfway_leaves_no_file(predictor, tmp_path, name):
    bad = [*springs(5), System([[0, 0, 0]], [26])]
    write(tmp_path / "bad.extxyz", bad)
    with pytest.raises(EmpnetError, match=r"bad\.extxyz, frame 5"):
        predict_file(predictor, tmp_path / "bad.extxyz", tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.extxyz"]


def test_evaluation_numbers(predictor, data):
    (found,) = evaluate(predictor, data)
    error = found.predicted - found.targets
    assert found.metrics["mae"].value == pytest.approx(np.abs(error).mean())
    assert found.metrics["rmse"].value == pytest.approx(np.sqrt((error**2).mean()))
    assert found.metrics["max"].value == pytest.approx(np.abs(error).max())
    assert found.metrics["r2"].value == pytest.approx(r2_score(found.targets, found.predicted))
    assert found.metrics["mae"].low <= found.metrics["mae"].value <= found.metrics["mae"].high
    assert found.worst[0].origin == f"{data}, frame {np.abs(error).argmax()}"
    assert len(found.worst) == 10
    json.dumps(found.to_json())


def test_own_test_side_is_what_training_reported(predictor):
    (found,) = evaluate(predictor)
    reported = json.loads((Path(predictor.run) / "results.json").read_text())["test"]["energy"]
    assert found.metrics["mae"].value == pytest.approx(reported["mae"], rel=1e-5)
    assert found.baseline["mae"].value == pytest.approx(reported["baseline_mae"], rel=1e-9)


def test_own_test_side_of_changed_data_is_refused(data, tmp_path):
    """The split counts frames: in another file they are other systems."""
    copy = tmp_path / "springs.extxyz"
    copy.write_bytes(data.read_bytes())
    run = train(str(copy), out=tmp_path / "run", epochs=1, width=8, layers=1, batch=8, quiet=True).run
    write(copy, springs()[::-1], overwrite=True)
    with pytest.raises(EmpnetError, match="the data have changed"):
        evaluate(load(run))


def test_data_in_another_unit(predictor, tmp_path):
    from ase.units import kcal, mol

    other = [
        System(s.positions, s.species, properties={"energy": s.properties["energy"] * mol / kcal}) for s in springs()
    ]
    write(tmp_path / "kcal.extxyz", other)
    (found,) = evaluate(predictor, tmp_path / "kcal.extxyz", unit="kcal/mol")
    assert found.unit == "eV"
    assert np.allclose(found.targets, [s.properties["energy"] for s in springs()], atol=1e-6)


def test_a_unit_of_another_kind(predictor, data):
    with pytest.raises(EmpnetError, match="angstrom"):
        evaluate(predictor, data, unit="angstrom")


def test_bootstrap_interval_covers():
    """Of 40 intervals of 95 %, 38 hold the true value on average, and fewer than 32 once in 7,000 times (binomial)."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(40):
        error = np.abs(rng.normal(size=80))
        mae = metrics_of(np.zeros(80), error)["mae"]
        held += mae.low <= np.sqrt(2 / np.pi) <= mae.high
    assert held >= 32


def test_every_number_of_the_tables_has_its_unit(predictor, data, capsys):
    print_evaluation(evaluate(predictor, data)[0])
    told = capsys.readouterr().out
    for header in ("true [eV]", "predicted [eV]", "error [eV]"):
        assert header in told
    for label in ("MAE", "RMSE", "largest error "):
        line, *per_particle = (line for line in told.splitlines() if f"│ {label}" in line)
        assert line.count(" eV (") == 2
        assert all(line.count(" eV/particle (") == 1 for line in per_particle)  # the baseline has none of these


def test_parity_plot_is_a_picture(predictor, data, tmp_path):
    from matplotlib.image import imread

    (found,) = evaluate(predictor, data)
    parity_plot(found, tmp_path / "parity.png")
    picture = imread(tmp_path / "parity.png")
    assert picture.shape[0] > 400
    assert picture.std() > 0.05


def test_a_run_on_systems_in_memory_is_evaluated_on_named_data_only(tmp_path):
    systems = [System([[0, 0, 0], [0, 0, d]], [1, 1], properties={"gap": d}) for d in np.linspace(0.8, 2, 20)]
    settings = {"epochs": 1, "width": 4, "layers": 1, "pooling": "sum", "unit": "eV"}
    run = train(systems, "gap", out=tmp_path / "run", quiet=True, **settings).run
    with pytest.raises(EmpnetError, match="run: its data were systems in memory; name a data file"):
        evaluate(load(run), quiet=True)
