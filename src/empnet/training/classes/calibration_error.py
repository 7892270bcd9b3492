"""How far stated probabilities are from the shares that come true."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.special import ndtri

from empnet.training.uncertainty.bootstrap import Interval

__all__ = ["N_BINS", "ConfidenceBins", "chance_error", "wilson_interval"]

N_BINS = 10
"""Number of equally wide bins of the confidence."""

SIMULATIONS = 200
AT_ONCE = 2_000_000
"""Largest number of values in memory while simulating."""

Z = float(ndtri(0.975))
"""Standard normal quantile of a 95 % interval."""


def wilson_interval(k: int, n: int) -> Interval:
    r"""Return the share k / n with its 95 % interval by Wilson; it has a width even if k is 0 or n.

    .. math::
        \frac{k + z^2 / 2}{n + z^2} \pm \frac{z}{n + z^2} \sqrt{\frac{k (n - k)}{n} + \frac{z^2}{4}}, \quad z = 1.96

    References:
        Probable inference, the law of succession, and statistical inference, Wilson, 1927,
        https://doi.org/10.1080/01621459.1927.10502953

    Arguments:
        k: Number of successes.
        n: Number of trials, above zero.

    Example:
        >>> interval = wilson_interval(10, 10)
        >>> interval.value, round(interval.low, 3), interval.high
        (1.0, 0.722, 1.0)
    """
    centre, half = (k + Z**2 / 2) / (n + Z**2), Z / (n + Z**2) * float(np.sqrt(k * (n - k) / n + Z**2 / 4))
    return Interval(k / n, 0.0 if k == 0 else centre - half, 1.0 if k == n else centre + half)


@dataclass(frozen=True, slots=True, eq=False)
class ConfidenceBins:
    """Predictions in bins of equal width by their confidence, the probability of the predicted class.

    Arguments:
        counts: Number of systems in each bin, shape (B,).
        right: Number of systems whose predicted class is true, shape (B,).
        confidence: Sum of the confidences in each bin, shape (B,).

    Example:
        >>> bins = ConfidenceBins.of(np.array([0.95, 0.95, 0.55, 0.55]), np.array([True, True, True, False]))
        >>> bins.counts[[5, 9]], bins.right[[5, 9]], round(bins.expected_error, 3)
        (array([2, 2]), array([1, 2]), 0.05)
    """

    counts: Int64[np.ndarray, " B"]
    right: Int64[np.ndarray, " B"]
    confidence: Float64[np.ndarray, " B"]

    @classmethod
    def of(cls, confidence: Float64[np.ndarray, " n"], right: Bool[np.ndarray, " n"]) -> ConfidenceBins:
        """Sort predictions into bins.

        Arguments:
            confidence: Probability of each predicted class, from 0 to 1, shape (n,).
            right: True where the predicted class is the true one, shape (n,).
        """
        bins = bins_of(confidence)
        sums = np.bincount(bins, weights=confidence, minlength=N_BINS)
        counts, hits = (np.bincount(chosen, minlength=N_BINS) for chosen in (bins, bins[right]))
        return cls(counts.astype(np.int64), hits.astype(np.int64), sums.astype(np.float64))

    @property
    def expected_error(self) -> float:
        r"""Expected calibration error, the mean distance of confidence and share right; nan without systems.

        .. math::
            \frac 1n \sum_b \Big| \sum_{i \in b} (p_i - [\hat y_i = y_i]) \Big|

        References:
            Obtaining well calibrated probabilities using Bayesian binning, Naeini et al., 2015
        """
        n = int(self.counts.sum())
        return float(np.abs(self.confidence - self.right).sum() / n) if n else float("nan")


def bins_of(confidence: Float64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Return the bin of each confidence, from 0 to 9; a confidence of 1 is in the last one.

    Arguments:
        confidence: Probabilities, shape (n,).

    Example:
        >>> bins_of(np.array([0.0, 0.55, 1.0]))
        array([0, 5, 9])
    """
    return np.clip((confidence * N_BINS).astype(np.int64), 0, N_BINS - 1)


def chance_error(confidence: Float64[np.ndarray, " n"], seed: int = 0) -> float:
    """Return the 95 % quantile of the expected calibration error if the probabilities are exactly right.

    The expected calibration error is a sum of absolute values, so it is above zero by chance, and the more so the
    fewer the systems. Outcomes are simulated with the stated probabilities.

    Arguments:
        confidence: Probability of each predicted class, shape (n,), n > 0.
        seed: Seed of the simulation.

    Example:
        >>> bool(chance_error(np.full(20, 0.7)) > chance_error(np.full(2000, 0.7)) > 0)
        True
    """
    rng, n = np.random.default_rng(seed), len(confidence)
    bins, at_once = bins_of(confidence), max(1, AT_ONCE // n)
    used = np.unique(bins)
    found = []
    for first in range(0, SIMULATIONS, at_once):
        right = rng.random((min(at_once, SIMULATIONS - first), n)) < confidence
        gaps = [np.abs((right - confidence)[:, bins == each].sum(axis=1)) for each in used]
        found.append(np.sum(gaps, axis=0) / n)
    return float(np.quantile(np.concatenate(found), 0.95))
