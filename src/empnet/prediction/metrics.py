"""Errors of predictions, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float64, Int64

from empnet.training.uncertainty.bootstrap import ENDS, draws
from empnet.training.uncertainty.bootstrap import Interval as Metric

__all__ = ["R2", "Metric", "metrics_of", "metrics_of_components", "r2_in_words", "to_error"]

R2 = "R² about the mean"
"""1 - sum (y_hat - y)^2 / sum (y - mean y)^2: the only R² that is reported, with its full name."""

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


def metrics_of(
    targets: Float64[np.ndarray, " n"], predicted: Float64[np.ndarray, " n"], seed: int = 0
) -> dict[str, Metric]:
    """Return MAE, RMSE, largest error and R2, each with its bootstrap interval.

    References:
        Bootstrap methods: another look at the jackknife, Efron, 1979, https://doi.org/10.1214/aos/1176344552

    Arguments:
        targets: The property in the data, shape (n,).
        predicted: The predictions, the same shape.
        seed: Seed of the resampling.

    Returns:
        Metrics by name: "mae", "rmse", "max", "r2". R2 of equal targets is nan.

    Example:
        >>> round(metrics_of(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 5.0]))["mae"].value, 3)
        1.0
    """
    return {name: _with_interval(statistic, targets, predicted, seed) for name, statistic in METRICS.items()}


def r2_in_words(r2: Metric) -> str:
    """Write R² with its interval, with five decimals, because four digits say little near 1.

    Arguments:
        r2: The R² and its interval.

    Example:
        >>> print(r2_in_words(Metric(0.998, 0.9971, 0.9985)), "|", r2_in_words(Metric(np.nan, np.nan, np.nan)))
        0.99800 (0.99710 to 0.99850) | undefined, all values are equal
    """
    if not np.isfinite(r2.value):
        return "undefined, all values are equal"
    interval = f" ({r2.low:.5f} to {r2.high:.5f})" if np.isfinite(r2.low) else ""
    return f"{r2.value:.5f}{interval}"


def to_error(value: float, error: float) -> str:
    """Write a value with enough decimals to show its error.

    Arguments:
        value: The value.
        error: Its error, in the same unit.

    Example:
        >>> to_error(-97076.66, 0.3456), to_error(1.23456789, 2.0), to_error(1234.0, 0.0)
        ('-97076.660', '1.23', '1234')
    """
    if error == 0 or not np.isfinite(error):
        return f"{value:.6g}"
    return f"{value:.{min(12, max(0, 2 - int(np.floor(np.log10(abs(error))))))}f}"


def metrics_of_components(
    targets: Float64[np.ndarray, "n C"],
    predicted: Float64[np.ndarray, "n C"],
    system_of: Int64[np.ndarray, " n"],
    seed: int = 0,
) -> dict[str, Metric]:
    """Return MAE, RMSE and largest error of components of forces or stress; intervals draw whole systems.

    The numbers of one system are not independent. If they were drawn one by one, the intervals would be too narrow.

    Arguments:
        targets: Values in the data, shape (n, C).
        predicted: The predictions, the same shape.
        system_of: System of each row.
        seed: Seed of the resampling.

    Returns:
        Metrics by name: "mae", "rmse", "max".

    Example:
        >>> zeros, ones = np.zeros((2, 3)), np.ones((2, 3))
        >>> metrics_of_components(zeros, ones, np.array([0, 1]))["rmse"].value
        1.0
    """
    error, (_, system) = np.abs(predicted - targets), np.unique(system_of, return_inverse=True)
    rows = np.bincount(system) * error.shape[1]
    absolute, squares = (np.bincount(system, weights=power.sum(axis=1)) for power in (error, error**2))
    largest = np.zeros(len(rows))
    np.maximum.at(largest, system, error.max(axis=1))
    found: dict[str, list[np.ndarray]] = {"mae": [], "rmse": [], "max": []}
    for drawn in draws(len(rows), seed):
        count = rows[drawn].sum(axis=-1)
        found["mae"].append(absolute[drawn].sum(axis=-1) / count)
        found["rmse"].append(np.sqrt(squares[drawn].sum(axis=-1) / count))
        found["max"].append(largest[drawn].max(axis=-1))
    values = {"mae": error.mean(), "rmse": np.sqrt(np.square(error).mean()), "max": error.max()}
    ends = {name: np.quantile(np.concatenate(parts), ENDS) for name, parts in found.items()}
    return {name: Metric(float(values[name]), float(low), float(high)) for name, (low, high) in ends.items()}


def _with_interval(statistic: Statistic, targets: np.ndarray, predicted: np.ndarray, seed: int) -> Metric:
    resampled = np.concatenate(list(_resampled(statistic, targets, predicted, seed)))
    kept = resampled[np.isfinite(resampled)]  # a resample of equal targets has no R2
    low, high = np.quantile(kept, ENDS) if len(kept) else (np.nan, np.nan)
    return Metric(float(statistic(targets, predicted)), float(low), float(high))


def _resampled(statistic: Statistic, targets: np.ndarray, predicted: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """The statistic of systems drawn with replacement, in bounded memory."""
    for drawn in draws(len(targets), seed):
        yield np.asarray(statistic(targets[drawn], predicted[drawn]))
