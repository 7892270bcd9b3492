"""Bootstrap intervals of measured numbers, from systems drawn with replacement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

__all__ = ["EXACT", "Interval", "draws", "mean_error", "share_of"]

RESAMPLES = 1000
AT_ONCE = 2_000_000
"""Largest number of values in memory while resampling."""

ENDS = (0.025, 0.975)
"""Quantiles over the resamples that bound 95 %."""

EXACT = 1e-9
"""Error of a baseline, as a share of the targets' size, below which it is rounding of the fit in float64."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Measured number with its 95 % bootstrap interval.

    Arguments:
        value: The number.
        low: 2.5 % quantile over bootstrap resamples.
        high: 97.5 % quantile.
    """

    value: float
    low: float
    high: float


def draws(n: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Yield indices of n systems drawn with replacement, some resamples at a time, 1,000 in all.

    References:
        Bootstrap methods: another look at the jackknife, Efron, 1979, https://doi.org/10.1214/aos/1176344552

    Arguments:
        n: Number of systems.
        seed: Seed of the resampling.

    Returns:
        Arrays of shape (resamples, n).

    Example:
        >>> sum(len(part) for part in draws(3))
        1000
    """
    rng = np.random.default_rng(seed)
    at_once = max(1, AT_ONCE // n)
    for first in range(0, RESAMPLES, at_once):
        yield rng.integers(n, size=(min(at_once, RESAMPLES - first), n))


def mean_error(errors: Float64[np.ndarray, " n"]) -> Interval:
    """Return the mean absolute error with its interval.

    Arguments:
        errors: Predicted minus true, shape (n,), n > 0.

    Example:
        >>> mean_error(np.array([1.0, -1.0]))
        Interval(value=1.0, low=1.0, high=1.0)
    """
    size = np.abs(errors)
    means = np.concatenate([size[drawn].mean(axis=-1) for drawn in draws(len(size))])
    low, high = np.quantile(means, ENDS)
    return Interval(float(size.mean()), float(low), float(high))


def share_of(
    errors: Float64[np.ndarray, " n"], baseline_errors: Float64[np.ndarray, " n"], targets: Float64[np.ndarray, " n"]
) -> Interval | None:
    r"""Return the share of a baseline's error that a model leaves, :math:`\sum_i |e_i| / \sum_i |e_i^0|`.

    Both errors of a system are drawn together, so the interval is narrow if the errors are correlated.

    Arguments:
        errors: Errors of the model, shape (n,), n > 0.
        baseline_errors: Errors of the baseline, in the same order.
        targets: True values; their size decides if the baseline's error is rounding.

    Returns:
        The share; None if the baseline has no error.

    Example:
        >>> share_of(np.array([0.1, -0.1]), np.array([1.0, 1.0]), np.array([5.0, 7.0])).value
        0.1
        >>> share_of(np.array([0.1, -0.1]), np.zeros(2), np.array([5.0, 7.0])) is None
        True
    """
    size, base = np.abs(errors), np.abs(baseline_errors)
    if not base.mean() > EXACT * np.abs(targets).mean():
        return None
    found = []
    for drawn in draws(len(size)):
        below = base[drawn].sum(axis=-1)
        usable = below > 0
        found.append(size[drawn].sum(axis=-1)[usable] / below[usable])
    low, high = np.quantile(np.concatenate(found), ENDS)
    return Interval(float(size.mean() / base.mean()), float(low), float(high))
