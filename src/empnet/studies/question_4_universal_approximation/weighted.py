"""Claim IV.A.4: polynomials on the whole line, in a norm with a weight that falls faster than they grow."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float64
from matplotlib.figure import Figure
from scipy.integrate import fixed_quad

from empnet.runtime.progress import track
from empnet.studies.claim import Effort, Evidence, Verdict
from empnet.studies.estimators.universal_approximator import UniversalApproximator
from empnet.studies.networks.sigmoid_network import SigmoidNetwork
from empnet.studies.question_4_universal_approximation.premises import Approximation

__all__ = ["Norm", "Weighted", "measure_weighted", "norm_on_line"]

Array = Float64[np.ndarray, " n"]

SHELLS = (*range(17), *(2.0**k for k in range(5, 60)))
"""Radii of the shells of the integral; each has Gauss's rule of 100 points on either side of zero."""


@dataclass(frozen=True, slots=True)
class Norm:
    """An integral over the line, up to some radius.

    Arguments:
        value: The norm within the radius.
        radius: Radius at which the integration stopped.
        finite: True if the rest adds nothing; otherwise the norm is larger than the bar.
    """

    value: float
    radius: float
    finite: bool


def norm_on_line(difference: Callable[[Array], Array], weight: float, bar: float) -> Norm:
    r"""Return the norm :math:`\big( \int e^{-2 k x^2} \, h(x)^2 \, dx \big)^{1/2}` over the line.

    The integral is summed from the inside out: until it is above the bar (it can only grow), or until three shells in
    a row add less than 1e-30 of it, or nothing, because the weight is zero in float64.

    Arguments:
        difference: Function h of arrays of points.
        weight: k; 0 for no weight.
        bar: Norm at which to stop.

    Example:
        >>> norm = norm_on_line(lambda x: x, weight=1.0, bar=1e3)
        >>> round(norm.value**2, 9), round(math.sqrt(math.pi / 2) / 4, 9)
        (0.313328534, 0.313328534)
        >>> norm_on_line(lambda x: x, weight=0.0, bar=1e3).finite
        False
    """

    def density(x: Array) -> Array:
        damped: Array = np.exp(-weight * x * x) * difference(x)
        return damped**2

    total, silent = 0.0, 0
    for inner, outer in pairwise(SHELLS):
        shell = sum(float(fixed_quad(density, *ends, n=100)[0]) for ends in ((inner, outer), (-outer, -inner)))
        total += shell
        if total > bar**2:
            return Norm(math.sqrt(total), float(outer), finite=False)
        silent = silent + 1 if shell <= 1e-30 * total and outer > 4 else 0
        if silent == 3:
            return Norm(math.sqrt(total), float(outer), finite=True)
    return Norm(math.sqrt(total), float(SHELLS[-1]), finite=False)


@dataclass(frozen=True, slots=True)
class Weighted:
    """Measurements of claim IV.A.4.

    Arguments:
        epsilon: Required error.
        bar: Larger norms count as infinite.
        weight: k of the weight.
        norms: Norm of the error by name of the polynomial and number of units.
    """

    epsilon: float
    bar: float
    weight: float
    norms: dict[str, dict[int, Norm]]

    def decide(self) -> Verdict:
        """True if each polynomial was approximated within epsilon; false if for one all norms passed the bar."""
        best = [
            min((norm.value for norm in norms.values() if norm.finite), default=math.inf)
            for norms in self.norms.values()
        ]
        if all(value < self.epsilon for value in best):
            return "true"
        return "false" if math.inf in best else "undecided"

    def evidence(self) -> Evidence:
        """Return the numbers behind the verdict."""
        numbers: dict[str, Any] = {"error to be reached": self.epsilon, "k of the weight": self.weight}
        for name, norms in self.norms.items():
            finite = {n: norm.value for n, norm in norms.items() if norm.finite}
            numbers[f"{name}: smallest norm of the error"] = (
                min(finite.values()) if finite else f"above {self.bar:g} for every network"
            )
            if finite:
                numbers[f"{name}: hidden units that reach it"] = min(
                    (n for n, value in finite.items() if value < self.epsilon), default="not reached"
                )
            else:
                numbers[f"{name}: radius within which all norms are above {self.bar:g}"] = max(
                    norm.radius for norm in norms.values()
                )
        return numbers

    def draw(self, figure: Figure) -> str:
        """Draw the norm of the error against the number of units, log-log."""
        axes = figure.subplots()
        for number, (name, norms) in enumerate(list(self.norms.items())[1:]):  # a constant has no error
            mark = ".-" if number % 2 == 0 else "x--"
            axes.loglog(
                list(norms), [norm.value for norm in norms.values()], mark, color=f"C{number // 2 % 6}", label=name
            )
        axes.axhline(self.epsilon, color="gray", linewidth=0.8)
        axes.set(xlabel="hidden units N", ylabel="weighted norm of the error")
        figure.legend(loc="outside right upper", fontsize=8)
        return (
            f"The norm of the error with the weight exp(-{self.weight:g} x²), over the whole line, against the number "
            f"of hidden units; outer weights by least squares in that norm. Grey: {self.epsilon:g}."
        )


def polynomials(premises: Approximation) -> dict[str, np.polynomial.Polynomial]:
    """Return the power of each degree, and a random polynomial of it."""
    random = np.random.default_rng(0)
    found = {}
    for degree in range(premises.degree + 1):
        found[f"x^{degree}"] = np.polynomial.Polynomial([0.0] * degree + [1.0])
        if degree:
            found[f"random, degree {degree}"] = np.polynomial.Polynomial(random.normal(size=degree + 1))
    return found


def fitted(g: np.polynomial.Polynomial, n_units: int, weight: float) -> SigmoidNetwork:
    """Return a network with the outer weights of least squares in the norm."""
    reach = 6 / math.sqrt(weight or 1.0)  # the weight is e^-36 there
    x = np.linspace(-reach, reach, 1001)
    model = UniversalApproximator(n_units).fit(x, g(x), sample_weight=np.exp(-2 * weight * x * x))
    return model.network_


def _difference(f: SigmoidNetwork, g: np.polynomial.Polynomial) -> Callable[[Array], Array]:
    return lambda x: f.at(x) - g(x)


def measure_weighted(premises: Approximation, effort: Effort) -> Weighted:
    """Fit each polynomial with growing networks."""
    return _measured(premises.only("epsilon", "units", "degree", "weight"), effort)


@cache
def _measured(premises: Approximation, effort: Effort) -> Weighted:
    few = (5, 20, 100) if effort.quick else (5, 10, 20, 40, 70, 100, 150)
    widths = [n for n in few if n < premises.units] + ([premises.units] if premises.units < few[-1] else [])
    bar = 1 / premises.epsilon
    norms: dict[str, dict[int, Norm]] = {}
    for name, g in track(polynomials(premises).items(), "polynomials", quiet=effort.quiet):
        norms[name] = {}
        for n in widths:
            f = fitted(g, n, premises.weight)
            norms[name][n] = norm_on_line(_difference(f, g), premises.weight, bar)
    return Weighted(premises.epsilon, bar, premises.weight, norms)
