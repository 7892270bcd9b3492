"""Weights of classes agree with scikit-learn where all are present, and never fail."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from empnet.training.classes.class_weights import class_weights


@given(st.lists(st.integers(0, 4), max_size=50))
def test_each_class_present_weighs_the_same(labels):
    labels = np.array(labels, dtype=np.int64)
    weights = class_weights(labels, 5)
    counts = np.bincount(labels, minlength=5)
    assert np.array_equal(weights > 0, counts > 0)
    np.testing.assert_allclose((weights * counts)[counts > 0], len(labels) / 5)
    if (counts > 0).all():
        np.testing.assert_allclose(weights, compute_class_weight("balanced", classes=np.arange(5), y=labels))


@pytest.mark.parametrize(("labels", "n_classes", "expected"), [([], 2, [0, 0]), ([-1, 7, 1], 2, [0, 0.5]), ([], 0, [])])
def test_absent_and_unknown_classes_raise_nothing(labels, n_classes, expected):
    assert class_weights(np.array(labels, dtype=np.int64), n_classes).tolist() == expected
