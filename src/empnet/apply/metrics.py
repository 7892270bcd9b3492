"""How good predictions are: errors with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

__all__ = ["Metric", "metrics_of"]

RESAMPLES = 1000
AT_ONCE = 2_000_000
"""Numbers that are held at a time while resampling."""

Numbers = np.ndarray | np.floating
Statistic = Callable[..., Numbers]


def _mae(y: np.ndarray, y_hat: np.ndarray, axis: int = -1) -> Numbers:
    return np.abs(y_hat - y).mean(axis=axis)


def _rmse(y: np.ndarray, y_hat: np.ndarray, axis: int = -1) -> Numbers:
    return np.sqrt(np.square(y_hat - y).mean(axis=axis))


def _largest(y: np.ndarray, y_hat: np.ndarray, axis: int = -1) -> Numbers:
    return np.abs(y_hat - y).max(axis=axis)


def _r2(y: np.ndarray, y_hat: np.ndarray, axis: int = -1) -> Numbers:
    spread = np.square(y - y.mean(axis=axis, keepdims=True)).sum(axis=axis)
    with np.errstate(divide="ignore", invalid="ignore"):  # nan where all targets are equal: there R2 means nothing
        return np.where(spread > 0, 1 - np.square(y_hat - y).sum(axis=axis) / spread, np.nan)


METRICS: dict[str, Statistic] = {"mae": _mae, "rmse": _rmse, "max": _largest, "r2": _r2}


@dataclass(frozen=True, slots=True)
class Metric:
    """A measured number with the interval that holds it in 95 % of resamplings.

    Arguments:
        value: The number.
        low: 2.5 % quantile over bootstrap resamples.
        high: 97.5 % quantile.
    """

    value: float
    low: float
    high: float


def metrics_of(
    targets: Float64[np.ndarray, " n"], predicted: Float64[np.ndarray, " n"], seed: int = 0
) -> dict[str, Metric]:
    """MAE, RMSE, largest error and R2, each with its bootstrap interval.

    References:
        Bootstrap methods: another look at the jackknife, Efron, 1979, https://doi.org/10.1214/aos/1176344552

    Arguments:
        targets: What the property is, shape (n,).
        predicted: What was predicted.
        seed: Of the resampling.

    Returns:
        Metrics by name: "mae", "rmse", "max", "r2". R2 of equal targets is nan.

    Example:
        >>> round(metrics_of(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 5.0]))["mae"].value, 3)
        1.0
    """
    return {name: _with_interval(statistic, targets, predicted, seed) for name, statistic in METRICS.items()}


def _with_interval(statistic: Statistic, targets: np.ndarray, predicted: np.ndarray, seed: int) -> Metric:
    resampled = np.concatenate(list(_resampled(statistic, targets, predicted, seed)))
    kept = resampled[np.isfinite(resampled)]  # a resample of equal targets has no R2
    low, high = np.quantile(kept, [0.025, 0.975]) if len(kept) else (np.nan, np.nan)
    return Metric(float(statistic(targets, predicted)), float(low), float(high))


def _resampled(statistic: Statistic, targets: np.ndarray, predicted: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """The statistic of systems drawn with replacement, as often as :data:`RESAMPLES` says, in bounded memory."""
    rng, n = np.random.default_rng(seed), len(targets)
    at_once = max(1, AT_ONCE // n)
    for first in range(0, RESAMPLES, at_once):
        draws = rng.integers(0, n, size=(min(at_once, RESAMPLES - first), n))
        yield np.asarray(statistic(targets[draws], predicted[draws]))
