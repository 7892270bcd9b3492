"""Training on clouds and classes, from systems to predictions: what users see, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import empnet
from empnet import System
from empnet.errors import EmpnetError
from empnet.prediction.evaluate import evaluate

QUICK = {"epochs": 2, "points": 24, "width": 16, "quiet": True, "threads": 1}


def shape(kind: str, seed: int, n: int = 80) -> System:
    """A rod, a disc or a ball of some size, turned at random."""
    random = np.random.default_rng(seed)
    stretch = {"rod": [4.0, 0.3, 0.3], "disc": [2.0, 2.0, 0.1], "ball": [1.0, 1.0, 1.0]}[kind]
    ball = random.normal(size=(n, 3))
    ball *= random.uniform(size=(n, 1)) ** (1 / 3) / np.linalg.norm(ball, axis=1, keepdims=True)
    size = random.uniform(0.5, 2.0)
    points = size * ball * stretch
    q, _ = np.linalg.qr(random.normal(size=(3, 3)))
    volume = float(4 / 3 * np.pi * size**3 * np.prod(stretch))
    properties = {"volume": volume, "kind": float(len(kind)), "area": volume ** (2 / 3)}
    return System(points @ q.T, info={"label": kind}, properties=properties, arrays={"intensity": random.random(n)})


@pytest.fixture(scope="module")
def shapes() -> list[System]:
    return [shape(kind, 100 * k + i) for i in range(16) for k, kind in enumerate(("rod", "disc", "ball"))]


@pytest.fixture(scope="module")
def run(shapes, tmp_path_factory):
    """A classifier."""
    out = tmp_path_factory.mktemp("clouds") / "run"
    return empnet.train(shapes, "label", out=out, **{**QUICK, "epochs": 40}).run


def test_a_text_is_a_class_and_is_learned(run, shapes):
    predictor = empnet.load(run)
    found = predictor.predict(shapes)
    assert found.classes == ("ball", "disc", "rod") and found.probabilities.shape == (len(shapes), 3)
    assert np.allclose(found.probabilities.sum(axis=1), 1)
    assert np.mean([a == s.info["label"] for a, s in zip(found.labels, shapes, strict=True)]) > 0.9
    results = json.loads((run / "results.json").read_text())
    assert results["test"]["label"]["forest"]["balanced_accuracy"]["value"] > 0.8
    assert set(results) == {"validation", "test"}


def test_each_set_has_each_class(run, shapes):
    split = json.loads((run / "split.json").read_text())
    for side in split.values():
        assert {shapes[i].info["label"] for i in side} == {"rod", "disc", "ball"}


def test_turned_reordered_and_doubled_clouds_get_the_same_logits(run, shapes):
    predictor, random = empnet.load(run), np.random.default_rng(0)
    changed = []
    for system in shapes:
        q, _ = np.linalg.qr(random.normal(size=(3, 3)))
        order = np.concatenate([random.permutation(len(system)), [0, 1]])
        changed.append(System(system.positions[order] @ q.T + 50))
    assert np.abs(predictor.predict(changed).values - predictor.predict(shapes).values).max() < 1e-5


def test_report_check_and_evaluate_speak_of_classes(run, shapes, tmp_path):
    text = (run / "report.html").read_text()
    assert "balanced accuracy" in text and "angstrom" not in text and "molecule" not in text
    from empnet.audit import audit

    found = audit(run, shapes, quiet=True)
    assert found.passed, [line for line in found.lines if line.verdict == "fail"]
    assert {"rotation", "duplicates", "kept points"} <= {line.name for line in found.lines}
    from empnet.pages.map.write import map_run

    found = map_run(run, shapes, colour="error", out=tmp_path / "map.html", quiet=True)
    assert set(found.predicted.tolist()) <= {0.0, 1.0, 2.0} and "wrong" in found.page.read_text()
    (evaluation,) = evaluate(run, shapes, quiet=True)
    assert evaluation.errors.systems == len(shapes) and evaluation.forest is not None


def test_resumed_training_has_the_same_bits(shapes, tmp_path):
    from empnet.training.run.model_file import load_model

    def weights(folder):
        return load_model(folder)[0].state_dict()

    whole = empnet.train(shapes, "label", out=tmp_path / "whole", **{**QUICK, "epochs": 4}).run
    import empnet.training.loop as loop

    stop, epoch = loop.Trainer._epoch, []

    def broken_off(self):
        stop(self)
        epoch.append(1)
        if len(epoch) == 2:
            self._interrupt.asked = True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop.Trainer, "_epoch", broken_off)
        part = empnet.train(shapes, "label", out=tmp_path / "part", **{**QUICK, "epochs": 4})
    assert not part.finished
    assert empnet.resume(tmp_path / "part", shapes, quiet=True).finished
    ours, theirs = weights(whole), weights(tmp_path / "part")
    assert all((ours[name] == theirs[name]).all() for name in ours)


def test_volume_grows_with_size_without_being_asked(tmp_path):
    shapes = [shape("ball", i) for i in range(30)]
    result = empnet.train(shapes, "volume", out=tmp_path / "run", **{**QUICK, "epochs": 60})
    assert "log(volume / size^3)" in (result.run / "log.txt").read_text()
    predictor = empnet.load(result.run)
    values = predictor.predict(shapes).values[:, 0]
    targets = np.array([system.properties["volume"] for system in shapes])
    assert np.median(np.abs(values / targets - 1)) < 0.3
    larger = [System(system.positions * 3) for system in shapes]
    grown = predictor.predict(larger).values[:, 0]
    assert np.all(grown > 5 * values)  # 27 times, but for the size as a feature
    assert result.results["test"]["volume"]["baseline"] == "forest"


def test_numbers_have_deviations_which_flag_what_is_strange(tmp_path):
    shapes = [shape("ball", i) for i in range(48)]
    result = empnet.train(shapes, "volume", out=tmp_path / "run", val=0.3, **{**QUICK, "epochs": 10})
    predictor = empnet.load(result.run)
    assert predictor.uncertainty.relative  # volumes grow with size, and so do their errors
    found = predictor.predict(shapes)
    assert found.std.shape == (len(shapes), 1) and (found.std > 0).all()
    assert not any(found.outside[:30])
    predictor.uncertainty = replace(predictor.uncertainty, limits=np.array([0.0]))
    share = float(found.std[0, 0] / found.values[0, 0])
    assert predictor.predict(shapes[:1]).outside == [f"volume +- {100 * share:.3g} %"]
    assert result.results["validation"]["volume"]["coverage"]["systems"] == 14


def test_classes_have_no_deviation_but_strange_clouds_are_flagged(run, shapes, tmp_path):
    predictor = empnet.load(run)
    assert predictor.predict(shapes).std is None and sum(map(bool, predictor.predict(shapes).outside)) <= 2
    from empnet.prediction.predict import predict_file

    out = tmp_path / "p.csv"
    predict_file(run, shapes, out=out, quiet=True)
    header, *rows = out.read_text().splitlines()
    assert "_std" not in header and header.endswith("empnet_outside") and len(rows) == len(shapes)


def test_a_look_at_the_data_holds_few_points(monkeypatch):
    from empnet.training import cloud_settings
    from empnet.training.run.config import TrainConfig

    monkeypatch.setattr(cloud_settings, "HELD_POINTS", 1_000)
    monkeypatch.setattr(cloud_settings, "LOOKED_AT_POINTS", 40_000)
    systems = [shape("ball", i) for i in range(900)]
    kept = cloud_settings._sample(systems, TrainConfig(data="balls"))
    assert len(kept) > 1 and sum(map(len, kept)) <= 1_000
    numbers = [next(k for k, system in enumerate(systems) if system is each) for each in kept]
    assert len({b - a for a, b in pairwise(numbers)}) == 1 and numbers[-1] > 200  # evenly, of the first 500
    assert len(cloud_settings._sample(systems[:1], TrainConfig(data="balls"))) == 1


def test_whole_numbers_are_asked_about_and_taken_as_classes(shapes, tmp_path):
    result = empnet.train(shapes, "kind", out=tmp_path / "number", scale_power=0, **QUICK)
    assert "only 2 values, all whole numbers: classes? say --classes" in (result.run / "log.txt").read_text()
    result = empnet.train(shapes, "kind", classes=True, out=tmp_path / "classes", **QUICK)
    assert empnet.load(result.run).card.classes == ("3", "4")


def test_vertical_symmetry_and_features_of_points(shapes, tmp_path):
    result = empnet.train(shapes, "label", symmetry="vertical", features="intensity", out=tmp_path / "run", **QUICK)
    predictor = empnet.load(result.run)
    about_z = np.array([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, 1.0]])
    turned = [replace(system, positions=system.positions @ about_z.T) for system in shapes]
    tilted = [replace(system, positions=system.positions[:, [2, 0, 1]]) for system in shapes]
    base = predictor.predict(shapes).values
    assert np.abs(predictor.predict(turned).values - base).max() < 1e-5
    assert np.abs(predictor.predict(tilted).values - base).max() > 1e-3
    bare = System(shapes[0].positions)
    with pytest.raises(EmpnetError, match="intensity"):
        predictor.predict(bare)


def test_molecules_may_have_classes(tmp_path):
    from ase.build import molecule

    random, molecules = np.random.default_rng(0), []
    for name in ("H2O", "CH4", "NH3"):
        for _ in range(8):
            atoms = molecule(name)
            atoms.rattle(0.05, rng=random)
            atoms.info["kind"] = "wet" if name == "H2O" else "dry"
            molecules.append(atoms)
    result = empnet.train(molecules, "kind", out=tmp_path / "run", epochs=120, width=16, quiet=True)
    found = empnet.load(result.run).predict(molecules)
    assert found.labels[0] == "wet" and found.labels[-1] == "dry"


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda s: [*s, System(np.ones((9, 3)), info={"label": "rod"})], "all points are equal"),
        (lambda s: [*s, System(np.eye(3)[:2], info={"label": "rod"})], "only 2 points are different"),
        (lambda s: [*s, System(np.full((5, 3), np.nan), info={"label": "rod"})], "not finite"),
        (lambda s: [*s, System(np.zeros((0, 3)), info={"label": "rod"})], "no p"),
        (lambda s: [*s, System(np.random.default_rng(0).random((9, 3)), info={"label": "lorry"})], "'lorry' has one"),
        (lambda s: [*s, System(np.random.default_rng(0).random((9, 3)))], "no property 'label'"),
        (lambda s: s[::3], "all 16 systems are of class 'rod'"),
    ],
)
def test_bad_clouds_are_refused_in_one_line(shapes, spoil, text, tmp_path):
    with pytest.raises(EmpnetError, match=text) as caught:
        empnet.train(spoil(shapes), "label", out=tmp_path / "run", **QUICK)
    assert "\n" not in str(caught.value)


def test_a_class_unseen_in_training_is_named(run):
    with pytest.raises(EmpnetError, match="class 'lorry' was not in the training data"):
        evaluate(run, [System(np.random.default_rng(0).random((9, 3)), info={"label": "lorry"})], quiet=True)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"classes": True, "unit": "eV"}, "unit is given, but the property is a class"),
        ({"classes": True, "scale_power": 2.0}, "scale_power is given"),
        ({"symmetry": "vertical", "points": 0}, "symmetry vertical with points 0"),
        ({"forces": "intensity"}, "class"),
    ],
)
def test_settings_that_contradict_classes(shapes, settings, text, tmp_path):
    with pytest.raises(EmpnetError, match=text):
        empnet.train(shapes, "label", out=tmp_path / "run", **{**QUICK, **settings})


def test_settings_of_clouds_for_molecules_are_refused(tmp_path):
    from ase.build import molecule

    with pytest.raises(EmpnetError, match="--symmetry is for clouds"):
        empnet.train([molecule("H2O")] * 9, "energy", symmetry="vertical", out=tmp_path / "run", quiet=True)


def test_a_wide_cutoff_names_the_right_one(tmp_path):
    """100,000 points with a cutoff as wide as the cloud would need 10^10 pairs."""
    random = np.random.default_rng(0)
    clouds = [System(random.random((20_000, 3)) * 10, properties={"y": float(k)}) for k in range(12)]
    with pytest.raises(EmpnetError, match=r"--cutoff 0\.\d+ gives about 24"):
        empnet.train(clouds, "y", points=0, cutoff=8.0, out=tmp_path / "run", quiet=True)


def test_what_has_no_model_of_clouds_says_so(shapes, tmp_path):
    from empnet.training.overfit import overfit
    from empnet.workflows.train_ensemble import train_ensemble

    with pytest.raises(EmpnetError, match="capacity probe does not serve models of"):
        overfit(shapes, "label", systems=4, quiet=True)
    with pytest.raises(EmpnetError, match="ensemble does not serve models of"):
        train_ensemble(shapes, "label", members=2, out=tmp_path / "e", quiet=True)
