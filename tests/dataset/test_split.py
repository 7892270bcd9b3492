"""Sides of a split: complete, disjoint, by seed, duplicates together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from empnet.dataset.split import Split, split_systems
from empnet.errors import EmpnetError


def sides(split: Split) -> list[np.ndarray]:
    return [split.train, split.validation, split.test]


@given(
    st.lists(st.integers(0, 30), min_size=12, max_size=80),
    st.sampled_from(["random", "blocks"]),
    st.integers(0, 5),
)
def test_every_system_is_on_one_side_and_duplicates_share_it(numbers, kind, seed):
    groups = np.unique(numbers, return_inverse=True)[1]
    try:
        split = split_systems(groups, validation=2, test=0.1, kind=kind, seed=seed)
    except EmpnetError as error:
        assert "leave none for" in str(error)  # too few different systems
        return
    assert np.array_equal(np.sort(np.concatenate(sides(split))), np.arange(len(groups)))
    for one, other in [(0, 1), (0, 2), (1, 2)]:
        assert not set(groups[sides(split)[one]]) & set(groups[sides(split)[other]])


def test_sizes_and_seed():
    groups = np.arange(1000)
    split = split_systems(groups, validation=0.05, test=100, seed=1)
    assert [len(side) for side in sides(split)] == [850, 50, 100]
    again, other = (split_systems(groups, validation=0.05, test=100, seed=seed) for seed in (1, 2))
    assert np.array_equal(split.test, again.test)
    assert not np.array_equal(split.test, other.test)


def test_blocks_follow_the_file():
    split = split_systems(np.arange(10), validation=2, test=3, kind="blocks")
    assert (split.train.tolist(), split.validation.tolist(), split.test.tolist()) == (
        [0, 1, 2, 3, 4],
        [5, 6],
        [7, 8, 9],
    )


def test_no_test_side_if_asked_for_none():
    assert len(split_systems(np.arange(10), validation=1, test=0).test) == 0


@pytest.mark.parametrize(("n", "validation", "test"), [(1, 0.05, 0.1), (2, 1, 1), (5, 4, 1), (3, 0, 1)])
def test_too_few_systems(n, validation, test):
    with pytest.raises(EmpnetError, match=f"{n} systems leave none for"):
        split_systems(np.arange(n), validation=validation, test=test)


@pytest.mark.parametrize("size", [-0.1, 1.5])
def test_sizes_that_mean_nothing(size):
    with pytest.raises(EmpnetError, match="--val"):
        split_systems(np.arange(10), validation=size, test=1)


def test_json_round_trip():
    split = split_systems(np.arange(20), validation=2, test=3)
    again = Split.from_json(split.to_json())
    assert all(np.array_equal(a, b) for a, b in zip(sides(split), sides(again), strict=True))


def test_free_atoms_stay_in_training():
    groups, keep = np.arange(50), np.array([0, 17, 49])
    for kind in ("random", "blocks"):
        for seed in range(5):
            split = split_systems(groups, validation=0.2, test=0.2, kind=kind, seed=seed, keep=keep)
            assert np.isin(keep, split.train).all()
            assert sorted([*split.train, *split.validation, *split.test]) == list(range(50))
            few, more = (split.with_train_size(n, seed, keep=keep) for n in (5, 12))
            assert np.isin(keep, few.train).all()
            assert (len(few.train), len(more.train)) == (5, 12)
            assert np.isin(few.train, more.train).all()
