"""Standard deviations of predictions: the linear algebra, the calibration, the file, what is like training."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from empnet.dataset.dataset import Dataset, collate
from empnet.dataset.split import Split
from empnet.errors import EmpnetError
from empnet.system.system import System
from empnet.training.job import open_data
from empnet.training.run.model_file import load_model
from empnet.training.run.run_folder import RunFolder
from empnet.training.start_run import run_training as train
from empnet.training.uncertainty.calibration import Calibration, log_likelihood
from empnet.training.uncertainty.rigidity import RIDGES, fit_last_layer
from empnet.training.uncertainty.uncertainty_file import (
    FORMAT_VERSION,
    keep_last_layer,
    load_last_layer,
    save_last_layer,
)

CPU = torch.device("cpu")
FIRST_VERSION = Path(__file__).parent / "model_v1"


def clusters(n: int, low: float = 0.8, high: float = 2.5, seed: int = 0) -> list[System]:
    """Three to five particles; the energy adds up over them, the gap does not."""
    rng = np.random.default_rng(seed)
    found = []
    for k, (a, b) in enumerate(rng.uniform(low, high, (n, 2))):
        more = k % 3
        energy = (a - 1.2) ** 2 + (b - 1.2) ** 2 - 3 - more
        positions = [[0, 0, 0], [0, 0, a], [b, 0, 0], [0, 1, 0], [0, -1, 0]][: 3 + more]
        found.append(System(positions, [8, 1, 1, 1, 1][: 3 + more], properties={"energy": energy, "gap": 1 / (a + b)}))
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "clusters"
    settings = {
        "width": 16,
        "layers": 1,
        "batch": 16,
        "epochs": 30,
        "lr": 0.02,
        "val": 60,
        "test": 60,
        "dtype": "float64",
    }
    return train(clusters(300), ["energy", "gap"], out=out, unit="eV", quiet=True, **settings).run


@pytest.fixture(scope="module")
def parts(run):
    """Model, card, data and sides of the run."""
    model, card = load_model(run)
    folder = RunFolder(run)
    return model, card, open_data(clusters(300), folder.read_config(), quiet=True), folder.read_split()


@pytest.fixture(scope="module")
def fitted(parts):
    model, card, dataset, split = parts
    return fit_last_layer(model, dataset, split, card, CPU)


def batch_of(systems, card):
    return collate(systems, card.architecture.cutoff, card.encoder, card.torch_dtype)


def std_of(fitted, model, batch) -> np.ndarray:
    return fitted.std(model.predict(batch), batch)


def features_of(model, card, systems, pooling) -> np.ndarray:
    batch = batch_of(systems, card)
    bias = np.array([[len(system) if pooling == "sum" else 1.0] for system in systems])
    return np.hstack([model.representation(batch, pooling).detach().numpy(), bias])


def test_it_is_the_formula(parts, fitted):
    model, card, _, split = parts
    assert card.architecture.pooling == ("sum", "mean")
    systems = clusters(300)
    chosen = [systems[i] for i in split.train]
    new = clusters(5, seed=1)
    found = std_of(fitted, model, batch_of(new, card))
    for k, pooling in enumerate(card.architecture.pooling):
        H, h = (features_of(model, card, part, pooling) for part in (chosen, new))
        G, calibration = H.T @ H, fitted.calibrations[k]
        ridges = RIDGES * np.trace(G) / len(G)
        spreads = [np.sqrt(np.sum(h * np.linalg.solve(G + ridge * np.eye(len(G)), h.T).T, axis=1)) for ridge in ridges]
        # one of the ridges that are tried; 1e-4: a condition of 1e12 leaves so many digits of float64
        assert any(np.allclose(found[:, k], calibration.std(q), rtol=1e-4) for q in spreads)


def test_two_thirds_of_the_validation_errors_are_smaller(parts, fitted):
    model, card, dataset, split = parts
    batch = dataset.batch(split.validation, card.encoder, card.torch_dtype)
    ratio = np.abs(model(batch).detach().numpy() - dataset.targets[split.validation]) / std_of(fitted, model, batch)
    # of 60 the 42nd is taken (61 times 0.6827, rounded up)
    assert ((ratio <= 1 + 1e-9).sum(axis=0) == 42).all()
    assert [each.n for each in fitted.calibrations] == [60, 60]


def test_alone_or_with_others_frozen_or_not(parts, fitted):
    model, card, *_ = parts
    systems = clusters(6, seed=2)
    together = std_of(fitted, model, batch_of(systems, card))
    alone = [std_of(fitted, model.frozen(), batch_of([system], card))[0] for system in systems]
    # float64 rounding, enlarged by the fit's condition
    assert np.allclose(together, alone, rtol=1e-5)


def test_far_from_training_it_is_larger(parts, fitted):
    model, card, *_ = parts
    inside = std_of(fitted, model, batch_of(clusters(50, seed=3), card))
    outside = std_of(fitted, model, batch_of(clusters(50, low=0.3, high=0.5, seed=3), card))
    # the shortest distance goes from 0.8 to 0.3 angstrom, ten times the spacing of the data
    assert (np.median(outside, axis=0) > 3 * np.median(inside, axis=0)).all()
    assert ((inside > fitted.limits).mean(axis=0) < 0.1).all()
    assert (outside > fitted.limits).any(axis=1).mean() > 0.8


def test_noise_in_the_data_is_told(parts):
    """Labels with noise of 10: no system, however well known, is predicted better."""
    model, card, dataset, split = parts
    noise = np.random.default_rng(4).normal(0, 10, dataset.targets.shape)
    noisy = Dataset({**dataset.arrays, "targets": dataset.targets + noise})
    found = std_of(fit_last_layer(model, noisy, split, card, CPU), model, batch_of(clusters(50, seed=5), card))
    # the quantile of 60 normal errors scatters by 12 %: five times that
    assert found == pytest.approx(np.full(found.shape, 10.0), rel=0.6)


def test_fewer_systems_than_features(parts):
    model, card, dataset, split = parts
    few = Split(split.train[:4], split.validation[:30], split.test)
    found = fit_last_layer(model, dataset, few, card, CPU)
    assert np.isfinite(std_of(found, model, batch_of(clusters(5), card))).all()
    assert (std_of(found, model, batch_of(clusters(5), card)) > 0).all()


def test_without_a_validation_side_or_finite_numbers_there_is_none(parts):
    model, card, dataset, split = parts
    nothing = np.zeros(0, dtype=np.int64)
    assert fit_last_layer(model, dataset, Split(split.train, nothing, split.test), card, CPU) is None
    broken = card.build()
    torch.nn.init.constant_(broken.embedding.weight, torch.nan)
    assert fit_last_layer(broken, dataset, split, card, CPU) is None


def test_round_trip(parts, fitted, tmp_path):
    model, card, *_ = parts
    save_last_layer(tmp_path, fitted)
    again = load_last_layer(tmp_path, model)
    batch = batch_of(clusters(5), card)
    assert np.array_equal(std_of(again, model, batch), std_of(fitted, model, batch))
    assert np.array_equal(again.limits, fitted.limits)
    assert again.calibrations == fitted.calibrations


def test_a_run_of_the_first_version_has_none():
    assert load_last_layer(FIRST_VERSION, load_model(FIRST_VERSION)[0]) is None


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_a_damaged_file(parts, fitted, tmp_path, keep):
    save_last_layer(tmp_path, fitted)
    path = tmp_path / "uncertainty.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(EmpnetError, match=r"uncertainty\.safetensors: is damaged") as caught:
        load_last_layer(tmp_path, parts[0])
    assert "\n" not in str(caught.value)


def test_a_later_version_is_refused(parts, fitted, tmp_path, monkeypatch):
    monkeypatch.setattr("empnet.training.uncertainty.uncertainty_file.FORMAT_VERSION", FORMAT_VERSION + 1)
    save_last_layer(tmp_path, fitted)
    monkeypatch.undo()
    with pytest.raises(EmpnetError, match="update empnet"):
        load_last_layer(tmp_path, parts[0])


def test_what_training_tells(parts, run, tmp_path):
    _, card, dataset, split = parts
    copied = Path(shutil.copytree(run, tmp_path / "run"))
    told = keep_last_layer(copied, dataset, split)
    assert [line.split(":")[0] for line in told] == list(card.properties)
    assert "68 % of 60 validation errors are within one standard deviation" in told[0]
    assert load_last_layer(copied, parts[0]) is not None
    few = keep_last_layer(copied, dataset, Split(split.train, split.validation[:7], split.test))
    assert "it is rough" in few[0]
    (copied / "results.json").unlink()  # as in a run that never had standard deviations
    none = keep_last_layer(copied, dataset, Split(split.train, split.validation[:0], split.test))
    assert "no validation set" in none[0]
    assert load_last_layer(copied, parts[0]) is None


def test_a_file_of_another_model(parts, fitted, tmp_path):
    shutil.copytree(FIRST_VERSION, tmp_path / "run")
    save_last_layer(tmp_path / "run", fitted)
    with pytest.raises(EmpnetError, match="belongs to another model"):
        load_last_layer(tmp_path / "run", load_model(FIRST_VERSION)[0])


def test_normal_errors_of_known_spread():
    rng = np.random.default_rng(0)
    q = rng.uniform(0.1, 2.0, 20_000)
    found = Calibration.of(rng.normal(0, 3 * q), q)
    # the quantile of n normal ratios scatters by sqrt(p (1 - p) / n) / (2 phi(1)) = 0.7 %; five times that
    assert (found.noise, found.power) == (0, 1)
    assert found.scale == pytest.approx(3, rel=0.035)
    assert found.wide == pytest.approx(2, rel=0.05)


def test_noise_and_power_are_found():
    rng = np.random.default_rng(6)
    q = rng.uniform(0.1, 2.0, 5000)
    steep = Calibration.of(rng.normal(0, q**2), q)
    noisy = Calibration.of(rng.normal(0, np.sqrt(1 + q**2)), q)
    # 1.4 % is the scatter of the quantile of 5000: five times that; and noises are tried in steps of 3
    assert (steep.power, steep.noise) == (2.0, 0.0)
    assert steep.std(np.array([1.0, 3.0])) == pytest.approx([1, 9], rel=0.07)
    assert noisy.std(np.array([0.1, 1.0, 2.0])) == pytest.approx(np.sqrt([1.01, 2, 5]), rel=0.12)


def test_heavy_tails_do_not_move_the_scale():
    rng = np.random.default_rng(1)
    q = np.ones(2000)
    heavy = stats.t(df=2).rvs(4000, random_state=rng)
    found = Calibration.of(heavy[:2000], q)
    # a share of 2000 scatters by 1 % about its expectation, and so does the quantile: five times sqrt(2) %
    assert np.mean(np.abs(heavy[2000:]) < found.scale) == pytest.approx(0.6827, abs=0.07)
    assert found.wide > 2.5  # 3.3 for two degrees of freedom


@pytest.mark.parametrize(("n", "rough"), [(1, True), (19, True), (20, False)])
def test_few_errors(n, rough):
    errors = np.linspace(1, 2, n)
    found = Calibration.of(errors, np.ones(n))
    assert found.rough is rough
    assert errors[0] <= found.scale <= errors[-1]


def test_errors_that_cannot_be_used():
    none = Calibration.of(np.array([1.0, np.nan]), np.array([0.0, 1.0]))
    assert none.n == 0
    assert np.isnan(none.scale)
    assert Calibration.of(np.zeros(30), np.ones(30)).scale == 0.0


def test_the_likelihood_is_that_of_scipy_at_its_best():
    rng = np.random.default_rng(2)
    q = rng.uniform(0.5, 2, 50)
    errors = rng.normal(0, 1.7 * q)
    by_scale = [stats.norm(0, a * q).logpdf(errors).mean() for a in np.linspace(1, 3, 2001)]
    assert log_likelihood(errors, q) == pytest.approx(max(by_scale), abs=1e-6)  # a grid of 0.001 is off by 1e-7


def test_what_was_left_out_is_foreseen():
    """The limit of ordinary systems takes the training set as if each system had been left out."""
    from empnet.training.uncertainty.rigidity import _left_out

    rng = np.random.default_rng(3)
    H = rng.normal(size=(12, 4))
    G = H.T @ H
    inside = np.sqrt([h @ np.linalg.solve(G, h) for h in H])
    outside = np.sqrt([h @ np.linalg.solve(G - np.outer(h, h), h) for h in H])
    assert np.allclose(_left_out(inside), outside, rtol=1e-10)


def test_any_number_of_training_systems_is_one_bounded_pass(parts, monkeypatch):
    model, card, dataset, split = parts
    asked = []
    batch = Dataset.batch
    monkeypatch.setattr(Dataset, "batch", lambda self, which, *rest: asked.extend(which) or batch(self, which, *rest))
    monkeypatch.setattr("empnet.training.uncertainty.rigidity.MOST", 50)
    assert fit_last_layer(model, dataset, split, card, CPU) is not None
    assert len(asked) == len(set(asked)) == 50 + 60
