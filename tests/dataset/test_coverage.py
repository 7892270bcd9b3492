"""What the training data had, and how far other data are from it."""

import json

import numpy as np
import pytest
from ase.build import bulk, molecule
from ase.neighborlist import neighbor_list

from empnet.dataset import coverage as seen_module
from empnet.dataset.coverage import BIN, DataCoverage
from empnet.dataset.dataset import Dataset
from empnet.system.system import System

CUTOFF = 4.0


def of(atoms) -> System:
    cell = atoms.cell.array if any(atoms.pbc) else None
    return System(atoms.positions, atoms.numbers, cell=cell, pbc=tuple(atoms.pbc))


ATOMS = [molecule("CH3CH2OH"), bulk("Cu", cubic=True), molecule("CO2"), bulk("NaCl", "rocksalt", 5.6)]


def test_ranges_hold_the_distances_that_ase_finds():
    seen = DataCoverage.of(Dataset.from_systems([of(atoms) for atoms in ATOMS], CUTOFF))
    occupied = set()
    for atoms in ATOMS:
        i, j, d = neighbor_list("ijd", atoms, CUTOFF)
        for a, b, x in zip(atoms.numbers[i], atoms.numbers[j], d, strict=True):
            kind = (int(min(a, b)), int(max(a, b)))
            occupied.add(kind)
            assert any(low - 1e-9 <= x <= high + 1e-9 for low, high in seen.ranges[kind])
    assert set(seen.ranges) == occupied
    assert seen.shortest == pytest.approx(min(neighbor_list("d", atoms, CUTOFF).min() for atoms in ATOMS))
    assert seen.species == (1, 6, 8, 11, 17, 29)
    assert seen.sizes == (2, 9)


def test_ranges_hold_nothing_else():
    d = np.array([0.97, 1.01, 1.52, 1.57, 3.9])
    seen = DataCoverage.of(Dataset.from_systems([System([[0, 0, 0], [x, 0, 0]], [8, 1]) for x in d], CUTOFF))
    assert seen.ranges == {(1, 8): ((0.95, 1.05), (1.5, 1.6), (3.9, 3.95))}


def test_only_the_systems_that_are_named_count():
    dataset = Dataset.from_systems([of(atoms) for atoms in ATOMS], CUTOFF)
    assert DataCoverage.of(dataset, np.array([2])) == DataCoverage.of(Dataset.from_systems([of(ATOMS[2])], CUTOFF))


@pytest.mark.parametrize("one_way", [True, False])
def test_compiled_and_plain_distances_are_equal(one_way):
    dataset = Dataset.from_systems([of(atoms) for atoms in ATOMS if not any(atoms.pbc)] * 2, CUTOFF)
    chosen, names = np.arange(len(dataset)) % 3 != 1, np.array(dataset.species)
    for block in dataset.blocks():
        found, wanted = (
            of_block(dataset, block, chosen, names, one_way)
            for of_block in (seen_module._of_open_block, seen_module._of_block)
        )
        assert len(wanted[0])
        assert all(map(np.array_equal, found, wanted))


def test_blocks_do_not_matter(monkeypatch):
    dataset = Dataset.from_systems([of(atoms) for atoms in ATOMS], CUTOFF)
    whole = DataCoverage.of(dataset)
    monkeypatch.setattr("empnet.dataset.dataset.BLOCK", 1)
    assert DataCoverage.of(dataset) == whole


def test_distance_to_is_the_nearest_of_all():
    ranges = ((0.95, 1.05), (1.5, 1.6), (3.9, 3.95))
    seen = DataCoverage((1, 8), (2, 2), 0.97, {(1, 8): ranges})
    d = np.random.default_rng(0).uniform(0.1, 4.5, 200)
    expected = [min(max(low - x, x - high, 0) for low, high in ranges) for x in d]
    assert np.allclose(seen.distance_to((8, 1), d), expected, rtol=0, atol=1e-15)
    assert np.isinf(seen.distance_to((1, 1), d)).all()


def test_unseen_names_the_receiver():
    training = Dataset.from_systems([System([[0, 0, 0], [1, 0, 0]], [8, 1])], CUTOFF)
    other = Dataset.from_systems(
        [System([[0, 0, 0]], [1]), System([[0, 0, 0], [2, 0, 0], [3, 0, 0]], [8, 1, 1])], CUTOFF
    )
    ((receivers, d, away),) = DataCoverage.of(training).unseen(other)
    told = dict(zip(zip(receivers.tolist(), d.tolist(), strict=True), away.tolist(), strict=True))
    high = 1.0 + BIN  # the upper end of the one bin that is occupied
    assert told == {
        (1, 2.0): pytest.approx(2 - high),
        (1, 3.0): pytest.approx(3 - high),
        (2, 2.0): pytest.approx(2 - high),
        (2, 1.0): np.inf,
        (3, 3.0): pytest.approx(3 - high),
        (3, 1.0): np.inf,
    }


@pytest.mark.parametrize(
    "systems", [[of(atoms) for atoms in ATOMS], [System([[0, 0, 0]], [-1])], [System([[0, 0, 0]])]]
)
def test_round_trip(systems):
    seen = DataCoverage.of(Dataset.from_systems(systems, CUTOFF))
    assert DataCoverage.from_json(json.loads(json.dumps(seen.to_json(), allow_nan=False))) == seen


def test_two_data_sets_joined_are_both_seen():
    """The join of two records is the record of both data sets together, however ranges lie."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        some, more = (
            [System([[0, 0, 0], [0, 0, d]], rng.integers(1, 4, 2)) for d in rng.uniform(0.5, 3.0, 12)] for _ in "ab"
        )
        one, other, both = (DataCoverage.of(Dataset.from_systems(each, 5.0)) for each in (some, more, some + more))
        assert one.joined(other) == other.joined(one) == both
        assert one.joined(one) == one
