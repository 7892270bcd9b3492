"""The sigmoid network does what its formula says, and its bounds hold for any weights."""

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from empnet.studies.networks.sigmoid_network import SigmoidNetwork, most_sign_changes

number = st.floats(-1e4, 1e4) | st.floats(-3, 3) | st.sampled_from([0.0, 1e-8, -1e8])


def weights(most=4):
    """w, b, a of a few units, and c."""

    def of(n):
        return st.tuples(*[st.lists(number, min_size=n, max_size=n)] * 3, number)

    return st.integers(1, most).flatmap(of)


def test_the_formula():
    w, b, a, c = np.array([2.0, -30.0, 0.0]), np.array([0.5, 3.0, -1.0]), np.array([1.0, -2.0, 3.0]), 0.25
    f, x = SigmoidNetwork.from_weights(w, b, a, c), np.linspace(-5, 5, 101)
    wanted = c + expit(np.multiply.outer(x, w) + b) @ a
    # a few roundings of numbers below 10
    np.testing.assert_allclose(f.at(x), wanted, atol=1e-14)
    np.testing.assert_allclose(f(torch.from_numpy(x)).detach(), wanted, atol=1e-14)
    for got, given_ in zip(f.weights, (w, b, a, c), strict=True):
        np.testing.assert_array_equal(got, given_)
    assert f.n_units == 3


def test_the_global_random_numbers_stay_as_they_are():
    before = torch.get_rng_state()
    SigmoidNetwork.from_weights([1.0], [0.0], [1.0], 0.0)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("x", ["1e-30", "0.3", "-7", "80"])
def test_mpmath_sees_forty_digits(x):
    f = SigmoidNetwork.from_weights([1.0], [0.0], [2.0], -1.0)
    with mpmath.workdps(80):
        assert abs(f.exactly(mpmath.mpf(x)) - mpmath.tanh(mpmath.mpf(x) / 2)) < mpmath.mpf(10) ** -40


@settings(max_examples=40)
@given(weights(), st.floats(-10, 10))
def test_mpmath_and_float64_agree(weights, x):
    f = SigmoidNetwork.from_weights(*weights)
    a = f.weights.a
    # rounding of the argument (at most 1e9, so 1e-7), times a slope of at most 1/4, for each of four units
    tolerance = 1e-7 * float(abs(a).max()) + 1e-11
    assert abs(float(f.exactly(x)) - f.at(np.array([x]))[0]) <= tolerance


@settings(max_examples=60)
@given(weights(), st.floats(1e-6, 0.5))
def test_beyond_some_point_the_limit_is_near(weights, delta):
    f = SigmoidNetwork.from_weights(*weights)
    start, limit = f.settled_beyond(delta), f.limit()
    with mpmath.workdps(60):
        for x in (start, 2 * abs(start) + 1, 1000 * abs(start) + 1):
            assert abs(f.exactly(x) - limit) <= delta * (1 + mpmath.mpf(10) ** -10)  # rounding of the point itself


@settings(max_examples=60)
@given(weights(), st.floats(-10, 10), st.floats(1e-6, 1))
def test_the_slope_is_bounded(weights, x, step):
    f = SigmoidNetwork.from_weights(*weights)
    with mpmath.workdps(60):
        change = abs(f.exactly(mpmath.mpf(x) + step) - f.exactly(x))
        assert change <= step * f.slope_bound() * (1 + mpmath.mpf(10) ** -10) + mpmath.mpf(10) ** -30


@settings(max_examples=60)
@given(weights(), number)
def test_a_level_is_crossed_at_most_two_to_the_n_minus_one_times(weights, level):
    f = SigmoidNetwork.from_weights(*weights)
    x = np.unique(np.concatenate([np.linspace(-20, 20, 4001), np.sinh(np.linspace(-12, 12, 4001))]))
    values = f.at(x) - level
    signs = np.sign(values[abs(values) > 1e-6])  # smaller ones may be rounding, at slopes of up to 1e8
    assert np.count_nonzero(np.diff(signs)) <= most_sign_changes(f.n_units)


def test_two_units_of_different_slope_cross_a_level_three_times():
    f = SigmoidNetwork.from_weights([1.0, 10.0], [0.0, 0.0], [-3.0, 1.0], 1.0)  # 2^2 - 1: the bound is sharp
    assert np.count_nonzero(np.diff(np.sign(f.at(np.linspace(-5.01, 5, 1000))))) == 3 == most_sign_changes(2)


@pytest.mark.parametrize("cells", [2, 7, 200])
@pytest.mark.parametrize("sharpness", [2.0, 5.0, 40.0])
def test_the_staircase_keeps_its_bound(cells, sharpness):
    middles = -2 + 5 * (np.arange(cells) + 0.5) / cells
    f = SigmoidNetwork.staircase(np.sin(3 * middles), -2.0, 3.0, sharpness)
    x = np.linspace(-2, 3, 5001)
    modulus = min(2.0, 3 * 5 / cells)  # of sin 3x over a cell
    bound = modulus * (1 + 2 * np.exp(-sharpness / 2) / (1 - np.exp(-sharpness)))
    assert abs(f.at(x) - np.sin(3 * x)).max() <= bound
    assert f.n_units == cells - 1
