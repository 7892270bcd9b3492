"""Calibration: a number that ranks predictions becomes a standard deviation, by errors on a held-out set."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy.stats import beta

__all__ = ["FEW", "ONE_SIGMA", "TWO_SIGMA", "Calibration", "Coverage", "binomial_interval", "log_likelihood"]

ONE_SIGMA, TWO_SIGMA = 0.6827, 0.9545
"""Shares of a normal distribution within one and two standard deviations."""

FEW = 20
"""Number of errors below which the scale is rough: with 20, the share within it is uncertain by 10 %."""

NOISES = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Trial values of the noise, as shares of the mean square spread."""

POWERS = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)
"""Trial values of the power. None is below 1: large errors at any spread are noise."""


@dataclass(frozen=True, slots=True)
class Calibration:
    r"""Map from a spread q, which only ranks predictions, to a standard deviation s.

    .. math::
        s = \alpha \, (\nu + q^2)^{\gamma / 2}, \quad
        \alpha = \text{the 68.27 % quantile of } |y - \hat y| \, (\nu + q^2)^{-\gamma / 2}

    Calibrated means: 68 % of errors are smaller than s. For normal errors s is the standard deviation and maximises
    the likelihood. Errors of trained networks have heavier tails: a few large ones dominate their root mean square,
    but the quantile still describes most systems, and :attr:`wide` measures the tails. nu, the noise of the data,
    and gamma differ from 0 and 1 only if the likelihood of the errors supports it (Schwarz).

    References:
        Fast and accurate uncertainty estimation in chemical machine learning, Musil et al., 2019,
        https://arxiv.org/abs/1809.07653; Distribution-free predictive inference for regression, Lei et al., 2018,
        https://arxiv.org/abs/1604.04173

    Arguments:
        scale: alpha.
        noise: nu, in the unit of q^2.
        power: gamma.
        wide: 95 % of errors are smaller than this multiple of s: 2 for normal errors, more for heavy tails.
        n: Number of errors used.

    Example:
        >>> calibration = Calibration.of(np.linspace(-1, 1, 201), np.full(201, 0.5))
        >>> calibration.std(np.array([0.5])).round(2), round(calibration.wide, 2), calibration.rough
        (array([0.69]), 1.39, False)
    """

    scale: float
    noise: float = 0.0
    power: float = 1.0
    wide: float = np.nan
    n: int = 0

    @classmethod
    def of(cls, errors: Float64[np.ndarray, " n"], q: Float64[np.ndarray, " n"]) -> Calibration:
        """Fit a calibration to errors and spreads; pairs that are not finite, or have q = 0, are left out.

        Arguments:
            errors: Predicted minus true, shape (n,), of systems outside the training set.
            q: The spread of each, in any unit, shape (n,).

        Returns:
            The calibration; with a scale of nan if no error can be used.
        """
        usable = np.isfinite(q) & np.isfinite(errors) & (q > 0)
        errors, q = errors[usable], q[usable]
        n = len(errors)
        if n == 0:
            return cls(np.nan)
        noise, power = (0.0, 1.0) if n < FEW else _likeliest(errors, q)
        ratio = np.sort(np.abs(errors) / _shaped(q, noise, power))
        one, two = (float(ratio[min(n, int(np.ceil((n + 1) * share))) - 1]) for share in (ONE_SIGMA, TWO_SIGMA))
        return cls(one, noise, power, two / one if one > 0 else np.nan, n)

    @property
    def rough(self) -> bool:
        """True if the errors are so few that only the order of magnitude is known."""
        return self.n < FEW

    def summary(self) -> str:
        """Describe the meaning of the standard deviation.

        Example:
            >>> Calibration(1.0, wide=2.6, n=305).summary()
            '68 % of 305 validation errors are within one standard deviation (so it is scaled), 95 % within 2.6'
        """
        if not self.n:
            return "the standard deviation is not calibrated, because there are no validation errors"
        text = f"68 % of {self.n} validation errors are within one standard deviation (so it is scaled)"
        text += f", 95 % within {self.wide:.1f}" if np.isfinite(self.wide) else ""
        return f"{text}; from so few errors it is rough" if self.rough else text

    def std(self, q: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
        """Return s of each spread.

        Arguments:
            q: Spreads, in the unit of the fitted spreads.
        """
        return np.asarray(self.scale * _shaped(q, self.noise, self.power))

    def likelihood(self, errors: Float64[np.ndarray, " n"], q: Float64[np.ndarray, " n"]) -> float:
        """Return the mean log likelihood of the errors at the best scale; -inf if it is undefined.

        Arguments:
            errors: Predicted minus true, shape (n,).
            q: The spread of each, above zero, shape (n,).
        """
        return log_likelihood(errors, _shaped(q, self.noise, self.power)) if self.n else -np.inf


@dataclass(frozen=True, slots=True)
class Coverage:
    """Coverage of a set: the number of errors within their predicted standard deviations.

    Arguments:
        systems: Number of systems with a predicted standard deviation.
        within_one: Errors within one standard deviation; 68.27 % if calibrated.
        within_two: Errors within two standard deviations.
        factor: Factor on all standard deviations that would bring 68.27 % of the errors within one; None if no factor
            does, as with standard deviations of zero.

    Example:
        >>> Coverage.of(np.array([0.5, -2.0, 0.1]), np.ones(3))
        Coverage(systems=3, within_one=2, within_two=3, factor=2.0)
    """

    systems: int
    within_one: int
    within_two: int
    factor: float | None = None

    @classmethod
    def of(cls, errors: Float64[np.ndarray, " n"], std: Float64[np.ndarray, " n"]) -> Coverage | None:
        """Count errors within standard deviations; None if no standard deviation is a number.

        Arguments:
            errors: Predicted minus true, shape (n,).
            std: Predicted standard deviations.
        """
        usable = np.isfinite(std) & np.isfinite(errors)
        size, std = np.abs(errors[usable]), std[usable]
        if not len(size):
            return None
        ratio = np.divide(size, std, out=np.full(len(size), np.inf), where=std > 0)
        ratio[size == 0] = 0.0
        factor = float(np.quantile(ratio, ONE_SIGMA, method="higher"))
        one, two = (int((ratio <= bound).sum()) for bound in (1.0, 2.0))
        return cls(len(size), one, two, factor if 0 < factor < np.inf else None)

    @property
    def share(self) -> float:
        """Share of the errors within one standard deviation."""
        return self.within_one / self.systems

    @property
    def interval(self) -> tuple[float, float]:
        """Exact 95 % interval of the binomial :attr:`share`.

        References:
            The use of confidence or fiducial limits illustrated in the case of the binomial, Clopper and Pearson,
            1934, https://doi.org/10.1093/biomet/26.4.404

        Example:
            >>> [round(end, 3) for end in Coverage(10, 7, 9).interval]
            [0.348, 0.933]
        """
        return binomial_interval(self.within_one, self.systems)


def binomial_interval(k: int, n: int) -> tuple[float, float]:
    """Return the exact 95 % interval (Clopper and Pearson) of a probability with k successes in n trials.

    Arguments:
        k: Number of successes.
        n: Number of trials, above zero.

    Example:
        >>> binomial_interval(0, 1)[0], round(binomial_interval(0, 1)[1], 3)
        (0.0, 0.975)
    """
    low = float(beta.ppf(0.025, k, n - k + 1)) if k else 0.0
    return low, float(beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0


def _shaped(q: Float64[np.ndarray, "*shape"], noise: float, power: float) -> Float64[np.ndarray, "*shape"]:
    return np.asarray((noise + np.square(q)) ** (power / 2))


def _likeliest(errors: Float64[np.ndarray, " n"], q: Float64[np.ndarray, " n"]) -> tuple[float, float]:
    """Return nu and gamma of the largest likelihood; each that is not 0 or 1 must gain half the logarithm of n.

    References:
        Estimating the dimension of a model, Schwarz, 1978, https://doi.org/10.1214/aos/1176344136
    """
    price, unit = np.log(len(q)) / (2 * len(q)), float(np.square(q).mean())

    def worth(choice: tuple[float, float]) -> float:
        noise, power = choice
        spent = price * ((noise > 0) + (power != 1))
        return log_likelihood(errors, _shaped(q, noise * unit, power)) - spent

    noise, power = max(itertools.product(NOISES, POWERS), key=worth)
    return noise * unit, power


def log_likelihood(errors: Float64[np.ndarray, " n"], s: Float64[np.ndarray, " n"]) -> float:
    r"""Return the mean log likelihood of normal errors of standard deviation a s, maximised over a.

    .. math::
        \max_a \frac 1n \sum_i \log N(e_i;\, 0,\, a^2 s_i^2)
        = -\frac 12 \log \Big( 2 \pi \, \frac 1n \sum_i \frac{e_i^2}{s_i^2} \Big) - \frac 1n \sum_i \log s_i - \frac 12

    Arguments:
        errors: Predicted minus true, shape (n,).
        s: The spread of each, above zero, shape (n,).

    Example:
        >>> round(log_likelihood(np.array([1.0, -1.0]), np.array([2.0, 2.0])), 4)  # of N(0, 1) at 1
        -1.4189
    """
    mean_square = max(float(np.square(errors / s).mean()), np.finfo(float).tiny)
    return float(-0.5 * np.log(2 * np.pi * mean_square) - np.log(s).mean() - 0.5)
