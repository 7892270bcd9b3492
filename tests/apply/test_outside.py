"""What lies outside the training data is told, and nothing else."""

import numpy as np
import pytest

from empnet.apply.outside import told_outside, why_outside
from empnet.data.dataset import Dataset
from empnet.data.seen import Seen
from empnet.data.system import System
from empnet.learn.model_file import ModelCard
from empnet.nn.model import Architecture

WATER = [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]


def dataset(*systems) -> Dataset:
    return Dataset.from_systems([System(r, z, **more) for r, z, more in systems], 4.0)


def card(seen: Seen | None) -> ModelCard:
    pooling = ("sum", "mean")
    return ModelCard(Architecture(3, pooling), (1, 6, 8), ("energy", "gap"), ("eV", "eV"), seen=seen)


@pytest.fixture(scope="module")
def seen() -> Seen:
    return Seen.of(dataset((WATER, [8, 1, 1], {}), ([[0, 0, 0], [0, 0, 0.75]], [1, 1], {})))


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
    assert told_outside(9, outside).startswith(told)
    assert bool(told_outside(9, outside)) == bool(outside)
