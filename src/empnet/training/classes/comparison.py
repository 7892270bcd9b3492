"""Comparison of two classifiers on the same systems."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int64

from empnet.training.uncertainty.bootstrap import Interval

__all__ = ["difference"]

ROUNDS = 2000
"""Bootstrap samples: enough for an interval of two digits."""


def difference(labels: Int64[np.ndarray, " n"], one: Bool[np.ndarray, " n"], other: Bool[np.ndarray, " n"]) -> Interval:
    """Return the balanced accuracy of one classifier minus that of another, with a 95 % interval.

    Both are drawn together, class by class, so the interval is narrow where they are right on the same systems.

    Arguments:
        labels: Numbers of the true classes.
        one: True where the first classifier is right.
        other: True where the second is.

    Example:
        >>> labels, right = np.array([0, 0, 1, 1]), np.ones(4, dtype=bool)
        >>> difference(labels, right, right)
        Interval(value=0.0, low=0.0, high=0.0)
    """
    random = np.random.default_rng(0)
    kinds = np.unique(labels)
    value, drawn = 0.0, np.zeros(ROUNDS)
    for kind in kinds:
        gain: Float64[np.ndarray, " m"] = one[labels == kind].astype(np.float64) - other[labels == kind]
        value += float(gain.mean()) / len(kinds)
        for k in range(ROUNDS):
            drawn[k] += gain[random.integers(len(gain), size=len(gain))].mean() / len(kinds)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(value, float(low), float(high))
