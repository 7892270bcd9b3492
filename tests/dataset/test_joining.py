"""The compiled joining of pairs against the plain one."""

import numpy as np
import pytest
from ase.build import bulk, molecule

from empnet.dataset import joining
from empnet.dataset.coverage import DataCoverage
from empnet.dataset.dataset import Dataset
from empnet.dataset.neighbours import neighbour_list
from empnet.native import library
from empnet.system.one_hot import OneHot
from empnet.system.system import System


def of(atoms) -> System:
    cell = atoms.cell.array if any(atoms.pbc) else None
    return System(atoms.positions, atoms.numbers, cell=cell, pbc=tuple(atoms.pbc))


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    far = System([[0, 0, 0], [0, 0, 90.0]], [1, 1])
    atoms = [molecule("H2O"), bulk("Cu"), molecule("H2O")[:1], molecule("C6H6"), bulk("Si") * (2, 1, 1)]
    return Dataset.from_systems([*map(of, atoms), far], 4.0)


SELECTIONS = {
    "all": [0, 1, 2, 3, 4, 5],
    "empty": [],
    "one particle": [2],
    "no pairs": [5, 2],
    "periodic": [4, 1],
    "repeated": [3, 0, 3, 3, 2, 2],
}


@pytest.mark.parametrize("name", SELECTIONS)
def test_compiled_and_plain_joining_are_equal(dataset, name):
    indices = np.array(SELECTIONS[name], dtype=np.int64)
    arrays = dataset.arrays
    first = [np.cumsum(arrays[name]) - arrays[name] for name in ("n_particles", "n_pairs")]
    arguments = (first[0][indices], dataset.sizes[indices], first[1][indices], arrays["n_pairs"][indices])
    found, wanted = (
        join(*arguments, arrays["neighbours"], arrays["senders"])
        for join in (joining.pair_joiner(), joining.join_pairs)
    )
    for a, b in zip(found, wanted, strict=True):
        assert a.dtype == b.dtype == np.int64
        assert np.array_equal(a, b)
    assert len(found[2]) == len(found[4]) == dataset.sizes[indices].sum() + 1


@pytest.mark.parametrize("name", SELECTIONS)
def test_batches_without_the_library_are_the_same(dataset, name, monkeypatch):
    indices, encoder = np.array(SELECTIONS[name], dtype=np.int64), OneHot([1, 6, 8, 14, 29])
    batch = dataset.batch(indices, encoder)
    monkeypatch.setattr("empnet.dataset.dataset.pair_joiner", lambda: joining.join_pairs)
    plain = dataset.batch(indices, encoder)
    for record, other in ((batch, plain), (batch.pairs, plain.pairs)):
        for key in ("positions", "features", "system_of", "cells", "first", "second", "transposed", "shifts"):
            if getattr(record, key, None) is not None:
                assert getattr(record, key).equal(getattr(other, key))


@pytest.fixture
def forgotten():
    """Clear the caches of what is known about libempnet, before and after."""
    known = library._library, library.native
    for each in known:
        each.cache_clear()
    yield
    for each in known:
        each.cache_clear()


def test_without_the_library_plain_numpy_does_the_same(dataset, forgotten, monkeypatch, tmp_path):
    seen, pairs = DataCoverage.of(dataset), neighbour_list(of(molecule("C6H6")), 4.0)
    library._library.cache_clear()
    monkeypatch.setattr(library, "FOLDER", tmp_path)
    with pytest.warns(UserWarning, match="^libempnet was not built for this machine"):
        assert joining.pair_joiner() is joining.join_pairs
    assert DataCoverage.of(dataset) == seen
    assert np.array_equal(neighbour_list(of(molecule("C6H6")), 4.0).senders, pairs.senders)


def test_mapped_arrays_may_be_dropped_at_any_time(dataset, monkeypatch, tmp_path):
    from empnet.dataset.arrays import ArrayWriter, map_arrays
    from empnet.dataset.dataset import NARROW

    with ArrayWriter(tmp_path, NARROW) as writer:
        writer.append(**dataset.arrays)
    monkeypatch.setattr("empnet.dataset.dataset.KEPT", 0)
    monkeypatch.setattr("empnet.dataset.dataset.SYSTEMS_KEPT", 2)
    mapped, encoder = Dataset(map_arrays(tmp_path)), OneHot([1, 6, 8, 14, 29])
    for indices in ([0, 1, 2], [3, 4], [5, 0]):
        batch, wanted = (data.batch(np.array(indices), encoder) for data in (mapped, dataset))
        assert batch.positions.equal(wanted.positions)
        assert batch.pairs.second.equal(wanted.pairs.second)
        assert batch.pairs.shifts.equal(wanted.pairs.shifts)
    assert mapped.composition(encoder).tolist() == dataset.composition(encoder).tolist()
