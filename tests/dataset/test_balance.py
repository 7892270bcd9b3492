"""Dealing out work: nothing is lost, nobody waits long."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from empnet.dataset.balance import balance, work_of

COSTS = st.lists(st.integers(0, 10**6), max_size=60).map(lambda costs: np.array(costs, dtype=np.int64))


@given(COSTS, st.integers(1, 9))
def test_every_item_lies_in_exactly_one_lot(costs, n):
    shares = balance(costs, n)
    assert len(shares) == n
    assert sorted(np.concatenate(shares).tolist()) == list(range(len(costs)))
    assert all((np.diff(share) > 0).all() for share in shares)


@given(COSTS, st.integers(1, 9))
def test_no_lot_costs_much_more_than_the_mean(costs, n):
    """Graham's bound for any list: the last item of the greatest share found all others at least as full as its own."""
    greatest = max(costs[share].sum() for share in balance(costs, n))
    assert greatest * n <= costs.sum() + (n - 1) * costs.max(initial=0)  # in whole numbers: no rounding


@given(st.lists(st.integers(0, 100), min_size=1, max_size=7), st.integers(2, 3))
def test_no_lot_costs_more_than_four_thirds_of_the_best_division(costs, n):
    best = min(
        max(sum(cost for cost, share in zip(costs, shares, strict=True) if share == each) for each in range(n))
        for shares in itertools.product(range(n), repeat=len(costs))
    )
    greatest = max(np.array(costs)[share].sum() for share in balance(np.array(costs), n))
    assert greatest * 3 * n <= (4 * n - 1) * best  # Graham 1969: 4/3 - 1/(3 n)


@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 3))
def test_equal_items_are_spread_evenly(items, n, cost):
    counts = [len(share) for share in balance(np.full(items, cost), n)]
    assert max(counts) - min(counts) <= 1


def test_a_particle_without_neighbours_is_work_too():
    assert (work_of(np.array([1, 100]), np.array([0, 0])) > 0).all()
