"""What lies outside the training data is told, and nothing else."""

import numpy as np
import pytest

from empnet.audit import audit
from empnet.dataset.coverage import DataCoverage
from empnet.dataset.dataset import Dataset
from empnet.files.write import write
from empnet.model.architecture import Architecture
from empnet.prediction.load import load
from empnet.prediction.outside import summary_outside, why_outside
from empnet.system.system import System
from empnet.training.run.model_file import ModelCard
from empnet.training.start_run import run_training as train

WATER = [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]


def dataset(*systems) -> Dataset:
    return Dataset.from_systems([System(r, z, **more) for r, z, more in systems], 4.0)


def card(seen: DataCoverage | None) -> ModelCard:
    pooling = ("sum", "mean")
    return ModelCard(Architecture(3, pooling), (1, 6, 8), ("energy", "gap"), ("eV", "eV"), seen=seen)


@pytest.fixture(scope="module")
def seen() -> DataCoverage:
    return DataCoverage.of(dataset((WATER, [8, 1, 1], {}), ([[0, 0, 0], [0, 0, 0.75]], [1, 1], {})))


def scaled(by: float) -> tuple:
    return (np.array(WATER) * by).tolist(), [8, 1, 1], {}


def test_the_pair_that_is_furthest_below_is_named(seen):
    others = dataset(scaled(1.0), scaled(0.7), scaled(1.5), scaled(0.45))
    # H-O 0.96, H-H 0.75 in training, in bins of 0.05: scaled by 0.7 only H-O is nearer (0.67, H-H 1.06)
    assert why_outside(card(seen), others, None, None) == ["", "H-O 0.67 angstrom", "", "H-O 0.43 angstrom"]


def test_species_that_were_never_together(seen):
    others = dataset(([[0, 0, 0], [0, 0, 1.2]], [6, 8], {}), ([[0, 0, 0], [0, 0, 4.5]], [6, 8], {}))
    assert why_outside(card(seen), others, None, None) == ["C-O 1.20 angstrom", ""]


def test_images_of_a_periodic_system_count(seen):
    cell = {"cell": np.diag([0.6, 9.0, 9.0]), "pbc": (True, True, True)}
    assert why_outside(card(seen), dataset(([[0, 0, 0]], [1], cell)), None, None) == ["H-H 0.60 angstrom"]


def test_large_deviations_of_each_property(seen):
    std = np.array([[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]])
    told = why_outside(card(seen), dataset(*[scaled(1.0)] * 3), std, np.array([0.2, 0.2]))
    assert told == ["", "energy +- 0.5 eV", "energy +- 0.5 eV; gap +- 0.5 eV"]


def test_a_run_that_tells_nothing_flags_nothing():
    assert why_outside(card(None), dataset(scaled(0.3)), None, None) == [""]


def test_many_systems_are_as_each_alone(seen):
    rng = np.random.default_rng(0)
    systems = [(rng.uniform(0, 2.5, (4, 3)), [8, 1, 1, 6], {}) for _ in range(30)]
    alone = [why_outside(card(seen), dataset(system), None, None)[0] for system in systems]
    assert why_outside(card(seen), dataset(*systems), None, None) == alone
    assert any(alone)


@pytest.mark.parametrize(
    ("outside", "told"), [(0, ""), (1, "1 of 9 frames is unlike"), (9, "9 of 9 frames are unlike")]
)
def test_the_summary(outside, told):
    assert summary_outside(9, outside).startswith(told)
    assert bool(summary_outside(9, outside)) == bool(outside)


def bonds(low: float, high: float, seed: int, n: int = 120) -> list[System]:
    """Pairs at distances that are spread evenly between two bounds."""
    distances = np.random.default_rng(seed).uniform(low, high, n)
    return [System([[0, 0, 0], [0, 0, d]], [1, 8], properties={"energy": (1 - np.exp(1 - d)) ** 2}) for d in distances]


@pytest.mark.parametrize("data", ["in memory", "a file", "a file that has moved"])
def test_fine_tuning_remembers_what_the_old_run_has_seen(tmp_path, data):
    """Short bonds, then long, then very long ones: short ones are nothing new to the last run, shorter ones are."""
    settings = {"epochs": 4, "threads": 1, "quiet": True}
    first, path = bonds(0.8, 1.2, seed=0), tmp_path / "first.extxyz"
    write(path, first)
    size = {"width": 8, "layers": 1, "moments": 0}
    old = train(first if data == "in memory" else path, "energy", out=tmp_path / "old", **size, **settings).run
    if data == "a file that has moved":
        path.rename(tmp_path / "elsewhere.extxyz")
    tuned = train(bonds(1.8, 2.4, seed=1), "energy", out=tmp_path / "tuned", fine_tune=str(old), **settings).run
    last = train(bonds(3.0, 3.4, seed=2), "energy", out=tmp_path / "last", fine_tune=str(tuned), **settings).run
    for run in (tuned, last):
        predictor = load(run)
        alike = predictor.predict(bonds(0.82, 1.18, seed=3, n=40)).outside
        assert sum(map(bool, alike)) <= 2  # 0.5 % of the old ones are beyond a limit of 99.5 %
        assert all(predictor.predict(bonds(0.4, 0.6, seed=3, n=40)).outside)
        lines = {line.name: line for line in audit(predictor, bonds(0.82, 1.18, seed=3, n=40), quiet=True).lines}
        names = ("particles", "shortest distance", "distances")
        assert [(lines[name].verdict, lines[name].deviation) for name in names] == [("pass", 0.0)] * 3
    seen = load(last).card.seen
    assert seen.species == (1, 8)
    assert seen.shortest < 0.85
    assert max(high for _, high in seen.ranges[1, 8]) > 3.3


def test_an_old_run_whose_data_are_gone_is_told(tmp_path, monkeypatch, capsys):
    settings = {"epochs": 1, "threads": 1}
    first = bonds(0.8, 1.2, seed=0)
    size = {"width": 8, "layers": 1, "moments": 0, "quiet": True}
    old = train(first, "energy", out=tmp_path / "old", **size, **settings).run
    monkeypatch.setenv("EMPNET_CACHE", str(tmp_path / "another cache"))
    train(bonds(1.8, 2.4, seed=1), "energy", out=tmp_path / "tuned", fine_tune=str(old), **settings)
    assert f"systems like those of {old} may be called unlike the training data" in capsys.readouterr().out


def test_the_data_of_an_old_run_are_found_where_its_project_has_moved(tmp_path, monkeypatch, capsys):
    settings = {"epochs": 1, "threads": 1}
    (tmp_path / "project" / "runs").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    write("first.extxyz", bonds(0.8, 1.2, seed=0))
    train("first.extxyz", "energy", out="runs/old", width=8, layers=1, moments=0, quiet=True, **settings)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "project").rename(tmp_path / "moved")
    monkeypatch.setenv("EMPNET_CACHE", str(tmp_path / "another cache"))
    train(bonds(1.8, 2.4, seed=1), "energy", out="tuned", fine_tune="moved/runs/old", **settings)
    assert "may be called unlike" not in capsys.readouterr().out
