"""The learning curve: a known power law, training that goes on where it was stopped, a picture."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import linregress

from empnet.dataset import cache
from empnet.errors import EmpnetError
from empnet.files.read import read
from empnet.files.write import write
from empnet.prediction.metrics import Metric
from empnet.system.system import System
from empnet.training.run.model_file import read_card, save_card
from empnet.training.run.run_folder import RunFolder
from empnet.workflows.curve_figure import curve_figure
from empnet.workflows.learning_curve import LearningCurve, Point, learning_curve

SMALL = {"width": 8, "layers": 1, "moments": 0, "batch": 8, "epochs": 2, "threads": 1, "quiet": True}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "springs.extxyz"
    d = np.random.default_rng(0).uniform(0.8, 2.5, 60)
    write(path, [System([[0, 0, 0], [0, 0, x]], [1, 8], properties={"energy": (x - 1.2) ** 2}) for x in d])
    return path


def curve_of(errors: dict[int, float]) -> LearningCurve:
    points = tuple(Point(n, Metric(error, 0.9 * error, 1.1 * error)) for n, error in errors.items())
    return LearningCurve("energy", "eV", points, 10.0)


def test_slope_is_scipys():
    errors = {100: 3.0, 300: 2.1, 1000: 1.0, 3000: 0.7}
    oracle = linregress(np.log(list(errors)), np.log(list(errors.values())))
    curve = curve_of(errors)
    assert curve.slope == pytest.approx(oracle.slope)
    assert curve.slope_error == pytest.approx(oracle.stderr)
    assert curve.fitted(500) == pytest.approx(np.exp(oracle.intercept) * 500**oracle.slope)


def test_half_the_error():
    curve = curve_of({n: 50 * n**-0.5 for n in (100, 400)})
    assert curve.half_error_factor == pytest.approx(4)
    assert curve.slope_error is None
    assert "would take 4.0 times as many systems, about 1,600" in curve.summary()


def test_a_flat_curve_promises_nothing():
    curve = curve_of({100: 1.0, 1000: 1.01})
    assert curve.half_error_factor == np.inf
    assert "hardly help" in curve.summary()
    assert curve.to_json()["half_error_factor"] is None
    json.dumps(curve.to_json(), allow_nan=False)


def test_sizes_are_nested_and_the_test_side_is_one(data, tmp_path):
    (curve,) = learning_curve(data, sizes=[30, 10], out=tmp_path / "curve", **SMALL)
    splits = [RunFolder(tmp_path / "curve" / f"n-{n}").read_split() for n in (10, 30)]
    assert [len(split.train) for split in splits] == [10, 30]
    assert np.isin(splits[0].train, splits[1].train).all()
    assert np.array_equal(splits[0].test, splits[1].test)
    assert [point.size for point in curve.points] == [10, 30]
    assert {"curve.json", "curve.csv", "n-10", "n-30"} <= {path.name for path in (tmp_path / "curve").iterdir()}


def test_it_goes_on_and_takes_further_sizes(data, tmp_path):
    out = tmp_path / "curve"
    learning_curve(data, sizes=[10, 20], out=out, **SMALL)
    before = {n: (out / f"n-{n}" / "model.safetensors").stat().st_mtime_ns for n in (10, 20)}
    (out / "n-20" / "results.json").unlink()  # as if it had been stopped
    (curve,) = learning_curve(data, sizes=[10, 20, 40], out=out, **SMALL)
    assert (out / "n-10" / "model.safetensors").stat().st_mtime_ns == before[10]
    assert (out / "n-20" / "results.json").exists()
    assert [point.size for point in curve.points] == [10, 20, 40]


def test_other_settings_are_refused(data, tmp_path):
    learning_curve(data, sizes=[10, 20], out=tmp_path / "curve", **SMALL)
    with pytest.raises(EmpnetError, match="contains a curve of other settings: width was 8, is 4"):
        learning_curve(data, sizes=[10, 20], out=tmp_path / "curve", **{**SMALL, "width": 4})


def test_mistakes_are_found_before_anything_is_trained(data, tmp_path):
    for sizes, told in (([10], "two or more"), ([10, 1000], "at most")):
        with pytest.raises(EmpnetError, match=told):
            learning_curve(data, sizes=sizes, out=tmp_path / "curve", **SMALL)
    with pytest.raises(EmpnetError, match="no test set"):
        learning_curve(data, sizes=[10, 20], out=tmp_path / "curve", test=0, **SMALL)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious.txt").write_text("mine")
    with pytest.raises(EmpnetError, match="contains no learning curve"):
        learning_curve(data, sizes=[10, 20], out=tmp_path / "mine", **SMALL)
    assert not (tmp_path / "curve").exists()


def test_the_picture(tmp_path):
    from matplotlib.image import imread

    curve_figure(curve_of({n: 50 * n**-0.5 for n in (100, 400, 1600)}), tmp_path / "curve.png")
    assert imread(tmp_path / "curve.png").std() > 0.05


def test_it_goes_on_where_no_batch_was_named(data, tmp_path):
    how = {key: value for key, value in SMALL.items() if key != "batch"}
    first = learning_curve(data, sizes=[10, 20], out=tmp_path / "curve", **how)
    again = learning_curve(data, sizes=[10, 20], out=tmp_path / "curve", **how)
    assert again == first


def test_data_in_memory_of_a_curve_of_before(data, tmp_path):
    """Old runs hashed data in memory by another rule; a curve of theirs goes on."""
    systems = read(data)
    learning_curve(systems, sizes=[10, 20], out=tmp_path / "curve", **SMALL)
    for run in (tmp_path / "curve").glob("n-*"):
        card = read_card(run)
        save_card(run, replace(card, data={**card.data, "sha256": cache._former_hash(systems)}))
    assert learning_curve(systems, sizes=[10, 20], out=tmp_path / "curve", **SMALL)
