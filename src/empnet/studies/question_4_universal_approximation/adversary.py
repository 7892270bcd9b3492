"""Adversaries: for any sigmoid network, a point at which it fails to follow an endless wave."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

from empnet.studies.networks.sigmoid_network import SigmoidNetwork

__all__ = ["Witness", "against_sine", "against_sine_of_inverse"]

DIGITS = 40
"""Digits of the sine, at a point of any size."""

MANY = 2000
"""Number of tested extrema, where there are not infinitely many."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A point at which a network is wrong, computed with mpmath.

    Arguments:
        x: The point.
        network: f at x.
        function: g at x: 1 or -1 but for the rounding of x.
        error: \\|f - g\\|.
    """

    x: mpmath.mpf
    network: mpmath.mpf
    function: mpmath.mpf
    error: mpmath.mpf


def against_sine_of_inverse(f: SigmoidNetwork, delta: float, left: float = 0.0) -> Witness:
    r"""Return a point of (left, 1) where \|f(x) - sin(1/x)\| is at least 1 - delta, if left is zero.

    With the slope bound S, \|f(x) - f(0)\| is at most delta for all x up to delta / S. There sin(1/x) takes both 1 and
    -1, at :math:`x_k = 1 / (\pi (k + 1/2))`; one of them is at least 1 away from f(0).

    On other domains, return the extremum with the largest error.

    Arguments:
        f: Any network.
        delta: Above 0.
        left: Left end of the domain.

    Example:
        >>> f = SigmoidNetwork.from_weights([1e6], [3.0], [-5.0], 2.0)
        >>> bool(against_sine_of_inverse(f, delta=0.01).error >= 0.99)
        True
    """
    with mpmath.workdps(DIGITS):
        k = int(mpmath.ceil(f.slope_bound() / (mpmath.pi * delta)))
    k += (k % 2 == 0) == (f.exactly(0) >= 0)  # the sine is (-1)^k
    last = None if left == 0 else math.floor(1 / (math.pi * left) - 0.5)
    return _worst(f, k, last, lambda k: 2 / (mpmath.pi * (2 * k + 1)), lambda x: mpmath.sin(1 / x))


def against_sine(f: SigmoidNetwork, delta: float, right: float = math.inf) -> Witness:
    r"""Return a point of [0, right] where \|f(x) - sin x\| is at least 1 - delta, if right is infinite.

    f stays within delta of its limit beyond some point, where the sine goes on taking both 1 and -1, at
    :math:`x_k = \pi (k + 1/2)`; one of them is at least 1 away from the limit.

    On other domains, return the extremum with the largest error.

    Arguments:
        f: Any network.
        delta: Above 0.
        right: Right end of the domain.

    Example:
        >>> f = SigmoidNetwork.from_weights([1e-6], [3.0], [-5.0], 2.0)
        >>> bool(against_sine(f, delta=0.01).error >= 0.99)
        True
    """
    settled = f.settled_beyond(delta)
    with mpmath.workdps(DIGITS + _digits(settled)):
        k = max(0, int(mpmath.ceil(settled / mpmath.pi)))
    k += (k % 2 == 0) == (f.limit() >= 0)
    last = None if math.isinf(right) else math.floor(right / math.pi - 0.5)
    return _worst(f, k, last, lambda k: mpmath.pi * (2 * k + 1) / 2, mpmath.sin)


def _digits(number: Any) -> int:
    """Return the number of digits before the point."""
    return 1 + max(0, int(mpmath.log10(1 + abs(number))))


def _worst(
    f: SigmoidNetwork,
    k: int,
    last: int | None,
    extremum: Callable[[int], mpmath.mpf],
    function: Callable[[mpmath.mpf], mpmath.mpf],
) -> Witness:
    """Return the witness at extremum k, or at the worst extremum up to ``last`` if the domain ends before k."""
    if last is not None and k > last:
        tried = np.unique(np.linspace(0, last, min(MANY, last + 1)).astype(np.int64))
        x = np.array([float(extremum(int(i))) for i in tried])
        k = int(tried[abs(f.at(x) - np.where(tried % 2, -1.0, 1.0)).argmax()])
    with mpmath.workdps(2 * (DIGITS + _digits(k))):  # x is near 1 / k or k: the sine of either needs its digits
        x = extremum(k)
        value, wanted = f.exactly(x), function(x)
        return Witness(x, value, wanted, abs(value - wanted))
