"""Composition baseline and the choice of pooling."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from empnet.errors import EmpnetError
from empnet.system.composition import choose_pooling, fit_composition

RNG = np.random.default_rng(0)
COUNTS = RNG.integers(1, 9, (60, 3)).astype(float)
PRICES = np.array([-10.0, 3.0, 0.5])


def test_fit_is_scikit_learns():
    y = COUNTS @ PRICES + RNG.normal(size=60)
    oracle = LinearRegression(fit_intercept=False).fit(COUNTS, y).coef_
    assert np.allclose(fit_composition(COUNTS, y, "sum"), oracle)


def test_minimum_norm_where_species_never_vary_independently():
    assert np.allclose(fit_composition(np.ones((5, 2)), np.full(5, 4.0), "sum"), [2.0, 2.0])


def test_extensive_and_intensive_are_told_apart():
    noise = 0.1 * RNG.normal(size=60)
    fractions = COUNTS / COUNTS.sum(axis=1, keepdims=True)
    assert choose_pooling(COUNTS, COUNTS @ PRICES + noise, "whatever", "")[0] == "sum"
    assert choose_pooling(COUNTS, fractions @ PRICES + noise, "energy", "eV")[0] == "mean"


def test_equal_sizes():
    same = np.tile([2.0, 1.0], (6, 1))
    assert choose_pooling(same, RNG.normal(size=6), "total_energy", "eV")[0] == "sum"
    with pytest.raises(EmpnetError, match="--pooling sum"):
        choose_pooling(same, RNG.normal(size=6), "gap", "eV")
