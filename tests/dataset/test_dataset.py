"""Batches are the systems one after the other, whatever was cached."""

import numpy as np
import pytest
import torch
from ase.build import bulk, molecule

from empnet.dataset.cache import Recipe, open_dataset
from empnet.dataset.dataset import Dataset, collate
from empnet.dataset.neighbours import neighbour_list
from empnet.errors import EmpnetError
from empnet.system.one_hot import OneHot
from empnet.system.system import Origin, System


def of(atoms, energy: float | None = None, frame: int | None = None) -> System:
    properties = {} if energy is None else {"energy": energy}
    cell = atoms.cell.array if any(atoms.pbc) else None
    origin = Origin("made.xyz", frame)
    return System(atoms.positions, atoms.numbers, cell=cell, pbc=tuple(atoms.pbc), properties=properties, origin=origin)


@pytest.fixture
def systems() -> list[System]:
    atoms = [molecule("H2O"), molecule("CH4"), bulk("Cu"), molecule("H2O")[:1], bulk("Si")]
    return [of(item, float(k), k) for k, item in enumerate(atoms)]


ENERGY = Recipe(("energy",), cutoff=4.0)


def test_a_batch_is_its_systems_one_after_the_other(systems):
    encoder = OneHot([1, 6, 8, 14, 29])
    dataset = Dataset.from_systems(systems, 4.0)
    order = np.array([3, 0, 2, 4])
    batch = dataset.batch(order, encoder)
    first = 0
    pairs_before = 0
    for number, index in enumerate(order):
        system, pairs = systems[index], neighbour_list(systems[index], 4.0)
        rows = slice(first, first + len(system))
        assert np.array_equal(batch.positions[rows], system.positions)
        assert np.array_equal(batch.features[rows], encoder.encode(system.species))
        assert batch.system_of[rows].tolist() == [number] * len(system)
        # of both directions the one from the lower index; of a particle's images those with positive shifts
        positive = np.array([tuple(s) > (0, 0, 0) for s in pairs.shifts.tolist()], dtype=bool)
        once = (pairs.receivers < pairs.senders) | ((pairs.receivers == pairs.senders) & positive)
        mine = slice(pairs_before, pairs_before + once.sum())
        assert np.array_equal(batch.pairs.first[mine] - first, pairs.receivers[once])
        assert np.array_equal(batch.pairs.second[mine] - first, pairs.senders[once])
        assert np.array_equal(batch.pairs.shifts[mine], pairs.shifts[once])
        assert 2 * once.sum() == len(pairs)
        first, pairs_before = first + len(system), pairs_before + once.sum()
    assert len(batch.pairs) == pairs_before


def test_row_pointers_and_transposed_order_hold_for_the_whole_batch(systems):
    pairs = collate(systems, 4.0, OneHot([1, 6, 8, 14, 29])).pairs
    for j in range(len(pairs.row_pointers) - 1):
        rows = slice(pairs.row_pointers[j], pairs.row_pointers[j + 1])
        assert torch.all(pairs.first[rows] == j)
    assert pairs.row_pointers[-1] == len(pairs)
    assert torch.all(torch.diff(pairs.second[pairs.transposed]) >= 0)
    assert torch.equal(
        pairs.column_pointers, torch.searchsorted(pairs.second.sort().values, torch.arange(len(pairs.row_pointers)))
    )


def test_built_once_then_mapped(systems, monkeypatch):
    first = open_dataset(systems, ENERGY)
    monkeypatch.setattr("empnet.dataset.rows.neighbour_list", None)  # a second search would fail
    again = open_dataset(systems, ENERGY)
    assert first.data_hash == again.data_hash
    for name, array in first.arrays.items():
        assert np.array_equal(array, again.arrays[name])


@pytest.mark.parametrize("recipe", [Recipe(("energy",), 3.0), Recipe((), 4.0)])
def test_another_recipe_is_another_dataset(systems, recipe):
    assert open_dataset(systems, ENERGY).arrays.keys() == open_dataset(systems, recipe).arrays.keys()
    assert len(open_dataset(systems, recipe)) == len(systems)


def test_duplicates_form_groups_whatever_their_targets():
    water, methane = molecule("H2O"), molecule("CH4")
    systems = [of(water, 1.0), of(methane, 2.0), of(water, 3.0)]
    assert open_dataset(systems, ENERGY).arrays["groups"].tolist() == [0, 1, 0]


def test_features_join_the_one_hot_species():
    charge = np.array([[0.5], [-0.5]])
    system = System([[0, 0, 0], [0, 0, 1]], [1, 8], properties={"energy": 1.0}, arrays={"charge": charge})
    dataset = open_dataset([system], Recipe(("energy",), 4.0, features=("charge",)))
    assert dataset.batch(np.array([0]), OneHot([1, 8])).features.tolist() == [[1, 0, 0.5], [0, 1, -0.5]]


def test_property_missing_in_some_frames(systems):
    lacking = [*systems, of(molecule("H2O"), None, 5), of(molecule("CH4"), None, 6)]
    with pytest.raises(EmpnetError, match=r"made\.xyz, frame 5: property 'energy' is missing in 2 of 7 frames"):
        open_dataset(lacking, ENERGY)


def test_property_absent_suggests_the_nearest(systems):
    with pytest.raises(EmpnetError, match="energy"):
        open_dataset(systems, Recipe(("enery",), 4.0))


def test_constant_property():
    systems = [of(molecule(name), 0.0) for name in ("H2O", "CH4", "NH3")]
    with pytest.raises(EmpnetError, match="property 'energy' is 0 in all 3 frames"):
        open_dataset(systems, ENERGY)


def test_no_systems():
    with pytest.raises(EmpnetError, match="no systems"):
        open_dataset([], ENERGY)


def test_chunks_cover_everything_in_order(systems):
    dataset = Dataset.from_systems(systems, 4.0)
    for bound in (1, 100, 10**6):
        pieces = list(dataset.chunks(np.arange(len(systems)), bound))
        assert np.concatenate(pieces).tolist() == list(range(len(systems)))
    assert len(list(dataset.chunks(np.arange(5), 1))) == 5
