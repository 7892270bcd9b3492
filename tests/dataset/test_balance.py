"""Dealing out work: nothing is lost, nobody waits long."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from empnet.dataset.balance import deal, work_of

COSTS = st.lists(st.integers(0, 10**6), max_size=60).map(lambda costs: np.array(costs, dtype=np.int64))


@given(COSTS, st.integers(1, 9))
def test_every_item_lies_in_exactly_one_lot(costs, n):
    lots = deal(costs, n)
    assert len(lots) == n
    assert sorted(np.concatenate(lots).tolist()) == list(range(len(costs)))
    assert all((np.diff(lot) > 0).all() for lot in lots)


@given(COSTS, st.integers(1, 9))
def test_no_lot_costs_much_more_than_the_mean(costs, n):
    """Graham's bound for any list: the last item of the greatest lot found all others at least as full as its own."""
    greatest = max(costs[lot].sum() for lot in deal(costs, n))
    assert greatest * n <= costs.sum() + (n - 1) * costs.max(initial=0)  # in whole numbers: no rounding


@given(st.lists(st.integers(0, 100), min_size=1, max_size=7), st.integers(2, 3))
def test_no_lot_costs_more_than_four_thirds_of_the_best_division(costs, n):
    best = min(
        max(sum(cost for cost, lot in zip(costs, lots, strict=True) if lot == each) for each in range(n))
        for lots in itertools.product(range(n), repeat=len(costs))
    )
    greatest = max(np.array(costs)[lot].sum() for lot in deal(np.array(costs), n))
    assert greatest * 3 * n <= (4 * n - 1) * best  # Graham 1969: 4/3 - 1/(3 n)


@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 3))
def test_equal_items_are_spread_evenly(items, n, cost):
    counts = [len(lot) for lot in deal(np.full(items, cost), n)]
    assert max(counts) - min(counts) <= 1


def test_a_particle_without_neighbours_is_work_too():
    assert (work_of(np.array([1, 100]), np.array([0, 0])) > 0).all()
