"""Errors of classes agree with scikit-learn, and say what few systems can show."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn import metrics as oracle

from empnet.errors import EmpnetError
from empnet.training.classes.calibration_error import ConfidenceBins, chance_error, wilson_interval
from empnet.training.classes.class_errors import ClassErrors
from empnet.training.classes.temperature import probabilities

TWO = ("car", "tree")


def named(n_classes):
    return tuple(f"class {k}" for k in range(n_classes))


def drawn(n, n_classes, seed, scale=2.0):
    """Random logits, and labels that they often predict."""
    rng = np.random.default_rng(seed)
    logits = scale * rng.normal(size=(n, n_classes))
    labels = np.where(rng.random(n) < 0.7, logits.argmax(axis=1), rng.integers(n_classes, size=n))
    return logits, labels


@given(st.integers(1, 60), st.integers(1, 6), st.integers(0, 10**6), st.sampled_from([0.3, 1.0, 2.5]))
def test_every_number_agrees_with_scikit_learn(n, n_classes, seed, temperature):
    logits, labels = drawn(n, n_classes, seed)
    errors = ClassErrors.of(logits, labels, named(n_classes), temperature)
    predicted, every = logits.argmax(axis=1), np.arange(n_classes)
    present = np.unique(labels)
    assert errors.accuracy.value == pytest.approx(oracle.accuracy_score(labels, predicted))
    recalls = oracle.recall_score(labels, predicted, labels=present, average=None)
    assert errors.balanced_accuracy.value == pytest.approx(recalls.mean())
    if n_classes > 1:  # of one class, scikit-learn warns
        assert np.array_equal(errors.confusion, oracle.confusion_matrix(labels, predicted, labels=every))
        p = probabilities(logits, temperature)
        assert errors.log_loss.value == pytest.approx(oracle.log_loss(labels, p, labels=every), rel=1e-9, abs=1e-12)
    precision = oracle.precision_score(labels, predicted, labels=every, average=None, zero_division=np.nan)
    recall = oracle.recall_score(labels, predicted, labels=every, average=None, zero_division=np.nan)
    np.testing.assert_allclose(errors.precision, precision)
    np.testing.assert_allclose(errors.recall, recall)
    for interval in (errors.accuracy, errors.balanced_accuracy, errors.log_loss):
        assert interval.low - 1e-12 <= interval.value <= interval.high + 1e-12
    assert 0 <= errors.calibration_error <= 1


def test_balanced_accuracy_agrees_where_every_prediction_is_of_a_present_class():
    logits, labels = drawn(200, 4, 3)
    errors = ClassErrors.of(logits, labels, named(4))
    score = oracle.balanced_accuracy_score(labels, logits.argmax(axis=1))
    assert errors.balanced_accuracy.value == pytest.approx(score)


def test_intervals_of_balanced_accuracy_cover_the_truth_as_often_as_promised():
    """Recalls of 0.9 and 0.7 in classes of 80 and 40; of 200 samples 95 % +- 4 standard errors hold the truth."""
    rng, held = np.random.default_rng(0), 0
    labels = np.repeat([0, 1], [80, 40])
    for _ in range(200):
        right = rng.random(120) < np.where(labels == 0, 0.9, 0.7)
        logits = np.eye(2)[np.where(right, labels, 1 - labels)]
        interval = ClassErrors.of(logits, labels, TWO).balanced_accuracy
        held += interval.low <= 0.8 <= interval.high
    assert held / 200 > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 200)


@given(st.integers(1, 500), st.data())
def test_wilson_agrees_with_scipy(n, data):
    k = data.draw(st.integers(0, n))
    ends = binomtest(k, n).proportion_ci(0.95, method="wilson")
    interval = wilson_interval(k, n)
    assert (interval.low, interval.high) == pytest.approx((ends.low, ends.high), abs=1e-12)


@given(st.integers(1, 40), st.integers(1, 5), st.integers(0, 10**6))
def test_json_and_back_is_the_same(n, n_classes, seed):
    errors = ClassErrors.of(*drawn(n, n_classes, seed), named(n_classes), 1.7)
    record = json.loads(json.dumps(errors.to_json(), allow_nan=False))
    again = ClassErrors.from_json(record)
    assert again.to_json() == record
    assert again.lines() == errors.lines()


def test_numbers_are_the_same_twice_and_in_any_order():
    logits, labels = drawn(50, 3, 1)
    order = np.random.default_rng(0).permutation(50)
    one, two = (ClassErrors.of(logits[rows], labels[rows], named(3)) for rows in (np.arange(50), order))
    assert one.accuracy == two.accuracy
    assert one.balanced_accuracy == two.balanced_accuracy
    assert one.log_loss.value == pytest.approx(two.log_loss.value)


def test_a_single_class_is_always_right():
    errors = ClassErrors.of(np.zeros((3, 1)), np.zeros(3, dtype=np.int64), ("car",))
    assert (errors.accuracy.value, errors.log_loss.value, errors.majority_balanced_accuracy) == (1.0, 0.0, 1.0)
    assert any("only 'car' is present" in line for line in errors.lines())


def test_two_systems_judge_no_probabilities():
    errors = ClassErrors.of(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 0]), TWO)
    lines = errors.lines("clouds")
    assert any("2 clouds are too few" in line for line in lines)
    assert any("no clouds of 'tree'" in line for line in lines)
    assert errors.balanced_accuracy.value == 0.5
    assert np.isnan(errors.recall[1])
    assert errors.precision.tolist() == [1.0, 0.0]


def test_perfect_predictions_have_wilsons_interval_and_no_other():
    labels = np.arange(30) % 2
    errors = ClassErrors.of(50 * np.eye(2)[labels], labels, TWO)
    assert errors.accuracy.high == 1.0
    assert 0.85 < errors.accuracy.low < 0.9
    lines = errors.lines()
    assert lines[1].startswith("balanced accuracy 1.000: ")
    assert any("no class is mistaken" in line for line in lines)
    assert "no more than chance" in lines[-1]


def test_the_weakest_class_and_its_substitute_are_named():
    labels = np.repeat([0, 1, 2], 10)
    predicted = labels.copy()
    predicted[20:24] = 1
    lines = ClassErrors.of(np.eye(3)[predicted], labels, ("car", "tree", "pole")).lines()
    assert "weakest class: 'pole', 6 of 10 right; most often taken for 'tree' (4)" in lines


def test_many_absent_classes_are_counted_not_listed():
    lines = ClassErrors.of(np.eye(10)[:1], np.array([0]), named(10)).lines()
    assert any(line.endswith("'class 5' and 4 more classes: nothing is known of these") for line in lines)


def test_a_probability_of_zero_for_the_truth_is_a_large_finite_loss():
    errors = ClassErrors.of(np.array([[1e5, 0.0], [1e300, -1e300]]), np.array([1, 1]), TWO)
    assert np.isfinite(errors.log_loss.value)
    assert errors.log_loss.value > 1e4


@pytest.mark.parametrize(("factor", "word"), [(8.0, "too confident"), (0.2, "too cautious")])
def test_wrong_probabilities_are_told_from_chance(factor, word):
    logits, labels = drawn(500, 3, 0, scale=1.0)
    assert word in ClassErrors.of(factor * logits, labels, named(3)).lines()[-1]


def test_exact_probabilities_are_seldom_blamed():
    rng, blamed = np.random.default_rng(0), 0
    for _ in range(60):
        logits = rng.normal(size=(100, 3)) * 2
        labels = np.array([rng.choice(3, p=p) for p in probabilities(logits)])
        blamed += "more than chance;" in ClassErrors.of(logits, labels, named(3)).lines()[-1].replace("no more", "")
    assert blamed <= 9  # 3 are expected


def test_bins_count_everybody_once():
    confidence = np.linspace(0, 1, 101)
    bins = ConfidenceBins.of(confidence, np.ones(101, dtype=bool))
    assert bins.counts.sum() == 101
    assert bins.expected_error == pytest.approx(0.5)
    assert chance_error(np.ones(5)) == 0.0


@pytest.mark.parametrize(
    ("logits", "labels", "classes", "temperature", "message"),
    [
        ([[np.nan, 0.0]], [0], TWO, 1.0, "system 0: the logit of class 0 is not finite"),
        ([[0.0, 0.0], [0.0, -np.inf]], [0, 1], TWO, 1.0, "system 1: the logit of class 1 is not finite"),
        ([[0.0, 0.0]], [2], TWO, 1.0, "system 0: class 2; wanted a class from 0 to 1"),
        ([[0.0, 0.0]], [-1], TWO, 1.0, "class -1"),
        ([[0.0, 0.0]], [0], ("car",), 1.0, "1 names for 2 classes"),
        ([[0.0, 0.0]], [0], TWO, 0.0, "temperature 0.0"),
        ([[0.0, 0.0]], [0], TWO, np.nan, "temperature nan"),
        (np.zeros((0, 2)), [], TWO, 1.0, "no systems"),
    ],
)
def test_bad_input_is_refused(logits, labels, classes, temperature, message):
    with pytest.raises(EmpnetError, match=message):
        ClassErrors.of(np.array(logits), np.array(labels, dtype=np.int64), classes, temperature)


def test_records_with_a_wrong_matrix_are_refused():
    record = ClassErrors.of(np.eye(2), np.arange(2), TWO).to_json()
    with pytest.raises(ValueError, match="reshape"):
        ClassErrors.from_json({**record, "confusion": [[1]]})
