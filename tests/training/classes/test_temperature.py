"""One temperature makes probabilities as good as it can, and few systems cannot move it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax
from sklearn.metrics import log_loss

from empnet.errors import EmpnetError
from empnet.training.classes.temperature import (
    COLDEST,
    FEW,
    HOTTEST,
    check_labels,
    fit_temperature,
    log_probabilities,
    probabilities,
)


def sampled(n, n_classes, seed, factor):
    """Labels drawn from the softmax of logits; the returned logits are larger by a factor."""
    rng = np.random.default_rng(seed)
    logits = 1.5 * rng.normal(size=(n, n_classes))
    labels = (softmax(logits, axis=1).cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(max=n_classes - 1)
    return factor * logits, labels


@given(st.integers(1, 20), st.integers(1, 6), st.floats(0.2, 5.0), st.floats(-300, 300), st.integers(0, 10**6))
def test_probabilities_agree_with_scipy_and_sum_to_one(n, n_classes, temperature, shift, seed):
    logits = 30 * np.random.default_rng(seed).normal(size=(n, n_classes))
    p = probabilities(logits + shift, temperature)
    np.testing.assert_allclose(p, softmax(logits / temperature, axis=1), rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-15)
    expected = log_softmax(logits / temperature, axis=1)
    np.testing.assert_allclose(log_probabilities(logits, temperature), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("temperature", [1e-300, 0.2, 5.0, 1e300])
def test_extreme_logits_neither_warn_nor_overflow(temperature):
    logits = np.array([[1.7e308, -1.7e308, 0.0], [0.0, 0.0, 0.0], [-1.7e308] * 3])
    assert np.isfinite(log_probabilities(logits, temperature)).all()
    np.testing.assert_allclose(probabilities(logits, temperature)[1:], 1 / 3)


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_factor_of_the_logits_is_found(factor):
    fitted = fit_temperature(*sampled(20_000, 4, 0, factor))
    assert fitted == pytest.approx(factor, rel=0.05)  # the standard error is about 1 %


@given(st.integers(FEW, 80), st.integers(2, 5), st.integers(0, 10**6), st.floats(0.3, 4.0))
def test_no_other_temperature_is_better(n, n_classes, seed, factor):
    logits, labels = sampled(n, n_classes, seed, factor)
    fitted = fit_temperature(logits, labels)
    assert COLDEST <= fitted <= HOTTEST
    if (logits.argmax(axis=1) == labels).all():
        return

    def loss(temperature):
        return log_loss(labels, softmax(logits / temperature, axis=1), labels=np.arange(n_classes))

    best = min(loss(t) for t in np.geomspace(COLDEST, HOTTEST, 20))
    assert loss(fitted) <= best + 1e-7


def test_the_scale_of_the_logits_does_not_matter_within_the_limits():
    logits, labels = sampled(500, 3, 1, 1.0)
    assert fit_temperature(2 * logits, labels) == pytest.approx(2 * fit_temperature(logits, labels), rel=1e-5)


def test_few_systems_and_one_class_leave_it_at_one():
    logits, labels = sampled(FEW - 1, 3, 0, 4.0)
    assert fit_temperature(logits, labels) == 1.0
    assert fit_temperature(np.zeros((100, 1)), np.zeros(100, dtype=np.int64)) == 1.0
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, dtype=np.int64)) == 1.0


def test_equal_logits_leave_it_at_one():
    assert fit_temperature(np.zeros((50, 3)), np.arange(50) % 3) == 1.0


@pytest.mark.parametrize(("n", "expected"), [(20, 20), (1000, 1000)])
def test_all_right_means_one_doubt_and_more_trust_with_more_systems(n, expected):
    """Each is wrong with probability 1 / (n + 2): the margin m of two classes is at m / T = log(n + 1)."""
    labels = np.arange(n) % 2
    fitted = fit_temperature(5 * np.eye(2)[labels], labels)
    assert fitted == pytest.approx(5 / np.log(expected + 1), rel=1e-4)


def test_always_wrong_and_hardly_sure_end_at_the_limits():
    labels = np.arange(50) % 2
    assert fit_temperature(100 * np.eye(2)[1 - labels], labels) == pytest.approx(HOTTEST, rel=1e-3)
    assert fit_temperature(0.01 * np.eye(2)[labels], labels) == pytest.approx(COLDEST, rel=1e-3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_refused(value):
    logits = np.zeros((30, 2))
    logits[7, 1] = value
    for call in (probabilities, log_probabilities, lambda z: fit_temperature(z, np.zeros(30, dtype=np.int64))):
        with pytest.raises(EmpnetError, match="system 7: the logit of class 1 is not finite"):
            call(logits)


@pytest.mark.parametrize("temperature", [0.0, -1.0, np.nan, np.inf])
def test_a_temperature_that_is_no_positive_number_is_refused(temperature):
    with pytest.raises(EmpnetError, match="temperature"):
        probabilities(np.zeros((1, 2)), temperature)


def test_no_class_is_refused():
    with pytest.raises(EmpnetError, match="logits of no class"):
        probabilities(np.zeros((3, 0)))


def test_too_few_labels_are_refused():
    with pytest.raises(EmpnetError, match="1 labels for 2 rows"):
        check_labels(np.array([0]), 2, 2)
