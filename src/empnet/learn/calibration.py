"""A number that tells good predictions from bad ones becomes a standard deviation, by errors on a held-out side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

__all__ = ["FEW", "ONE_SIGMA", "TWO_SIGMA", "Calibration", "log_likelihood"]

ONE_SIGMA, TWO_SIGMA = 0.6827, 0.9545
"""Shares of a normal distribution within one and two standard deviations."""

FEW = 20
"""With fewer errors than this the scale is rough: at 20 the share within it is uncertain by 10 %."""


@dataclass(frozen=True, slots=True)
class Calibration:
    r"""The factor from a spread q, which is right up to a factor, to a standard deviation s.

    .. math::
        s = \alpha q, \quad \alpha = \text{the 68.27 % quantile of } |y - \hat y| / q

    Calibrated means: 68 % of errors are smaller than s. Of normal errors that is the standard deviation, and the
    maximum of the likelihood. Errors of trained networks have heavier tails; then a few large ones decide the root
    mean square, while the quantile still says what most systems have, and :attr:`wide` says how heavy the tails are.

    References:
        Distribution-free predictive inference for regression, Lei et al., 2018, https://arxiv.org/abs/1604.04173

    Arguments:
        scale: alpha, in the property's unit for each unit of q.
        wide: 95 % of errors are smaller than so many s: 2 for normal errors, more for heavy tails.
        n: How many errors it was taken from.

    Example:
        >>> calibration = Calibration.of(np.linspace(-1, 1, 201), np.full(201, 0.5))
        >>> round(calibration.scale, 2), round(calibration.wide, 2), calibration.rough
        (1.38, 1.39, False)
    """

    scale: float
    wide: float
    n: int

    @classmethod
    def of(cls, errors: Float64[np.ndarray, " n"], q: Float64[np.ndarray, " n"]) -> Calibration:
        """From errors that the spread should have foreseen; where either is not finite, or q is 0, it does not count.

        Arguments:
            errors: Predicted minus true, shape (n,), of systems that were not trained on.
            q: The spread of each, in any unit, shape (n,).

        Returns:
            The calibration; with a scale of nan if no error can be used.
        """
        usable = np.isfinite(q) & np.isfinite(errors) & (q > 0)
        ratio = np.sort(np.abs(errors[usable]) / q[usable])
        n = len(ratio)
        if n == 0:
            return cls(np.nan, np.nan, 0)
        one, two = (float(ratio[min(n, int(np.ceil((n + 1) * share))) - 1]) for share in (ONE_SIGMA, TWO_SIGMA))
        return cls(one, two / one if one > 0 else np.nan, n)

    @property
    def rough(self) -> bool:
        """Whether it was taken from so few errors that only its order of magnitude is known."""
        return self.n < FEW


def log_likelihood(errors: Float64[np.ndarray, " n"], q: Float64[np.ndarray, " n"]) -> float:
    r"""Mean log likelihood of normal errors of standard deviation a q, at the a for which it is largest.

    .. math::
        \max_a \frac 1n \sum_i \log N(e_i;\, 0,\, a^2 q_i^2)
        = -\frac 12 \log \Big( 2 \pi \, \frac 1n \sum_i \frac{e_i^2}{q_i^2} \Big) - \frac 1n \sum_i \log q_i - \frac 12

    Arguments:
        errors: Predicted minus true, shape (n,).
        q: The spread of each, above zero, shape (n,).

    Example:
        >>> round(log_likelihood(np.array([1.0, -1.0]), np.array([2.0, 2.0])), 4)  # of N(0, 1) at 1
        -1.4189
    """
    mean_square = max(float(np.square(errors / q).mean()), np.finfo(float).tiny)
    return float(-0.5 * np.log(2 * np.pi * mean_square) - np.log(q).mean() - 0.5)
