"""The estimator of one hidden layer: scikit-learn's habits, least squares against NumPy's, bounds that hold."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from empnet.errors import EmpnetError
from empnet.studies.estimators.universal_approximator import UniversalApproximator, modulus_of_continuity, solve_outer
from empnet.studies.networks.sigmoid_network import SigmoidNetwork

X = np.linspace(0, 1, 401)
Y = 1 / (1 + 25 * (2 * X - 1) ** 2)


def test_the_error_falls_over_decades():
    errors = [abs(UniversalApproximator(n).fit(X, Y).predict(X) - Y).max() for n in (5, 20, 50, 100)]
    assert errors[0] > 0.1 and errors[1] < 0.05 and errors[2] < 1e-5 and errors[3] < 1e-9


def test_scikit_learn_can_handle_it():
    model = UniversalApproximator(12, method="staircase", sharpness=9.0)
    assert clone(model).get_params() == model.get_params()
    pipe = make_pipeline(MinMaxScaler(), UniversalApproximator())
    search = GridSearchCV(pipe, {"universalapproximator__n_units": [3, 40]}, cv=3)
    order = np.random.default_rng(0).permutation(len(X))
    search.fit(X[order, None], Y[order])
    assert search.best_params_ == {"universalapproximator__n_units": 40}
    assert search.score(X[:, None], Y) > 0.9999


@pytest.mark.parametrize("shape", [(401,), (401, 1)])
def test_points_come_as_vector_or_as_column_in_any_order(shape):
    order = np.random.default_rng(1).permutation(len(X))
    x = X[order].reshape(shape)
    model = UniversalApproximator(30).fit(x, Y[order])
    wanted = UniversalApproximator(30).fit(X, Y)
    # a processor rounds the sigmoids of the last few points, which fill no vector, in another way
    rounding = 4 * np.finfo(float).eps * float(np.abs(wanted.network_.weights.a).sum())
    np.testing.assert_allclose(model.predict(x), wanted.predict(X)[order], rtol=0, atol=rounding)


def test_the_outer_weights_are_those_of_least_squares():
    random = np.random.default_rng(0)
    weight = random.uniform(0.5, 2, size=len(X))
    w, b = 20 * random.normal(size=6), 10 * random.normal(size=6)
    network = SigmoidNetwork.from_weights(w, b, np.zeros(6), 0.0)
    solve_outer(network, X, Y, weight)
    H = np.column_stack([1 / (1 + np.exp(-(np.multiply.outer(X, w) + b))), np.ones(len(X))])
    wanted = np.linalg.lstsq(H * np.sqrt(weight)[:, None], Y * np.sqrt(weight), rcond=None)[0]
    # the condition number is some hundreds: eleven digits are left
    np.testing.assert_allclose([*network.weights.a, network.weights.c], wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("start", range(3))
def test_descent_moves_the_hidden_layer_and_improves(start):
    options = {"placement": "random", "random_state": start, "sharpness": 4.0, "max_iter": 100}
    solved = UniversalApproximator(6, **options).fit(X, Y)
    trained = UniversalApproximator(6, method="descent", **options).fit(X, Y)
    again = UniversalApproximator(6, method="descent", **options).fit(X, Y)
    assert np.mean((trained.predict(X) - Y) ** 2) < 0.1 * np.mean((solved.predict(X) - Y) ** 2)
    np.testing.assert_array_equal(trained.predict(X), again.predict(X))


def test_the_global_random_numbers_stay_as_they_are():
    before, numpy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    UniversalApproximator(5, method="descent", placement="random", random_state=0, max_iter=20).fit(X, Y)
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_array_equal(numpy, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize(("shift", "scale", "height"), [(1e3, 1e-3, 1e6), (-5, 1e5, 1e-9)])
def test_the_unit_of_the_data_plays_no_part(shift, scale, height):
    model = UniversalApproximator(50).fit(shift + scale * X, height * Y)
    # 1e-5 without units; shifted by a million spacings, six digits of the distances are lost to rounding
    assert abs(model.predict(shift + scale * X) - height * Y).max() < 1e-4 * height


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 40), st.floats(-5, 5)), min_size=1, max_size=25), st.integers(0, 45))
def test_the_modulus_of_continuity_is_that_of_all_pairs(points, h):
    x, y = (np.array(column, dtype=np.float64) for column in zip(*sorted(points), strict=True))
    near = abs(x[:, None] - x) <= h
    assert modulus_of_continuity(x, y, float(h)) == abs(y[:, None] - y)[near].max()


@pytest.mark.parametrize("sharpness", [3.0, None])
@pytest.mark.parametrize("n", [1, 7, 100])
@pytest.mark.parametrize("kind", ["smooth", "step", "noise"])
def test_the_staircase_keeps_its_bound_on_any_data(kind, n, sharpness):
    random = np.random.default_rng(2)
    x = np.sort(random.uniform(-3, 5, size=300))
    y = {"smooth": np.sin(x), "step": np.sign(x), "noise": random.normal(size=300)}[kind]
    model = UniversalApproximator(n, method="staircase", sharpness=sharpness).fit(x, y)
    assert abs(model.predict(x) - y).max() <= model.bound_ * (1 + 1e-12)


def test_points_without_weight_are_as_good_as_absent():
    weight = (X < 0.5).astype(float)
    half = UniversalApproximator(10).fit(X[X < 0.5], Y[X < 0.5])
    np.testing.assert_array_equal(UniversalApproximator(10).fit(X, Y, weight).predict(X), half.predict(X))


@pytest.mark.parametrize("method", ["least_squares", "descent", "staircase"])
def test_one_point_and_many_at_one_place_are_no_trouble(method):
    model = UniversalApproximator(3, method=method, max_iter=20)
    assert model.fit([2.0], [7.0]).predict([2.0]) == pytest.approx([7.0])
    off = 0.75 if method == "staircase" else 1e-3  # its first cell is 1/4 wide: half of that, times the slope of 6
    assert model.fit([2.0, 2.0, 3.0], [6.0, 8.0, 1.0]).predict([2.0, 3.0]) == pytest.approx([7.0, 1.0], abs=off + 1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_units": 0}, "n_units 0; wanted at least 1"),
        ({"method": "magic"}, "method 'magic'; wanted least_squares or descent or staircase"),
        ({"placement": "here"}, "placement 'here'; wanted quantiles or random"),
        ({"sharpness": -1.0}, "sharpness -1.0; wanted a positive slope"),
    ],
)
def test_arguments_that_are_invalid_are_told_in_a_line(options, message):
    with pytest.raises(EmpnetError) as caught:
        UniversalApproximator(**options).fit(X, Y)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("x", "y", "weight"),
    [
        (np.ones((4, 2)), np.ones(4), None),
        (np.ones(4), np.ones((4, 2)), None),
        (np.ones(4), np.ones(3), None),
        ([0.0, np.nan], [1.0, 2.0], None),
        ([0.0, 1.0], [1.0, np.inf], None),
        ([0.0, 1.0], [1.0, 2.0], [0.0, 0.0]),
    ],
)
def test_data_that_are_invalid_are_refused(x, y, weight):
    with pytest.raises(ValueError):
        UniversalApproximator(3).fit(x, y, weight)
