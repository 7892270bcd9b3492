"""How good predictions are: errors with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from sklearn.metrics import max_error, mean_absolute_error, r2_score, root_mean_squared_error

__all__ = ["Metric", "metrics_of"]

RESAMPLES = 1000
METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "mae": mean_absolute_error,
    "rmse": root_mean_squared_error,
    "max": max_error,
    "r2": r2_score,
}


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
        Metrics by name: "mae", "rmse", "max", "r2". R2 of fewer than two systems is nan.

    Example:
        >>> round(metrics_of(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 5.0]))["mae"].value, 3)
        1.0
    """
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(targets), size=(RESAMPLES, len(targets))) if len(targets) > 1 else []
    result = {}
    for name, metric in METRICS.items():
        if name == "r2" and len(targets) < 2:
            result[name] = Metric(float("nan"), float("nan"), float("nan"))
            continue
        value = float(metric(targets, predicted))
        resampled = [float(metric(targets[draw], predicted[draw])) for draw in draws]
        low, high = np.quantile(resampled, [0.025, 0.975]) if resampled else (value, value)
        result[name] = Metric(value, float(low), float(high))
    return result
