"""Claim IV.A.1: functions on a compact interval, approximated by networks of growing width."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from matplotlib.figure import Figure

from empnet.pages.svg import COLOURS
from empnet.runtime.progress import track
from empnet.studies.claim import Effort, Evidence, Verdict
from empnet.studies.estimators.universal_approximator import UniversalApproximator
from empnet.studies.question_4_universal_approximation.functions import Target, half_jump, targets
from empnet.studies.question_4_universal_approximation.premises import Approximation

__all__ = ["Approach", "Continuous", "measure_continuous"]

GRID = np.linspace(0, 1, 8001)
"""Points at which errors are computed, at least 20 for each unit of the widest network."""


@dataclass(frozen=True, slots=True)
class Approach:
    """Errors in approximating one function.

    Arguments:
        name: Name of the function.
        fitted: Largest error by number of units, with outer weights by least squares.
        trained: Largest error by number of units, with all weights trained by L-BFGS.
        constructed: Largest error of the staircase by number of units, and its theoretical bound.
        half_jump: Half of the function's largest change over a vanishing distance.
    """

    name: str
    fitted: dict[int, float]
    trained: dict[int, float]
    constructed: dict[int, tuple[float, float]]
    half_jump: float

    @property
    def best(self) -> float:
        """The smallest of all largest errors."""
        staircases = [error for error, _ in self.constructed.values()]
        return min([*self.fitted.values(), *self.trained.values(), *staircases])

    def first_within(self, epsilon: float) -> int | None:
        """Units of the narrowest network with an error below epsilon; None if there is none."""
        errors = [(n, e) for of in (self.fitted, self.trained) for n, e in of.items()]
        errors += [(n, e) for n, (e, _) in self.constructed.items()]
        return min((n for n, e in errors if e < epsilon), default=None)


@dataclass(frozen=True, slots=True)
class Continuous:
    """Measurements of claim IV.A.1.

    Arguments:
        epsilon: Required error.
        approaches: Errors for each function.
    """

    epsilon: float
    approaches: tuple[Approach, ...]

    def decide(self) -> Verdict:
        """True if each function was approximated within epsilon; false if a jump forbids it and no network did."""
        if all(a.best < self.epsilon for a in self.approaches):
            return "true"
        if any(a.half_jump > self.epsilon and a.best > self.epsilon for a in self.approaches):
            return "false"
        return "undecided"

    def evidence(self) -> Evidence:
        """Return the numbers behind the verdict."""
        numbers: dict[str, float | int | bool | str] = {"error to be reached": self.epsilon}
        for a in self.approaches:
            numbers[f"{a.name}: smallest of the largest errors on [0, 1]"] = a.best
            numbers[f"{a.name}: hidden units that reach it"] = a.first_within(self.epsilon) or "not reached"
        staircases = [pair for a in self.approaches for pair in a.constructed.values()]
        numbers["staircases: largest error in units of what their modulus of continuity allows"] = max(
            error / bound for error, bound in staircases
        )
        numbers["half of the largest jump of a function"] = max(a.half_jump for a in self.approaches)
        return numbers

    def draw(self, figure: Figure) -> str:
        """Draw error against number of units, log-log."""
        fitted, staircases = figure.subplots(1, 2, sharey=True)
        for number, a in enumerate(self.approaches):
            mark = ".-" if number < len(COLOURS) else "x--"
            fitted.loglog(list(a.fitted), list(a.fitted.values()), mark, label=a.name)
            (line,) = staircases.loglog(list(a.constructed), [e for e, _ in a.constructed.values()], mark)
            staircases.loglog(
                list(a.constructed), [b for _, b in a.constructed.values()], ":", color=line.get_color(), alpha=0.7
            )
        for axes, title in ((fitted, "least squares"), (staircases, "staircases, dotted: bound")):
            axes.axhline(self.epsilon, color="gray", linewidth=0.8)
            axes.set(xlabel="hidden units N", title=title)
        fitted.set_ylabel("largest error on [0, 1]")
        figure.legend(loc="outside lower center", ncols=3, fontsize=8)
        return (
            f"Largest error on [0, 1] against the number of hidden units; grey: {self.epsilon:g}. Left: outer weights "
            "by least squares on a regular hidden layer. Right: staircases, which need no fit, and what the modulus of "
            "continuity allows them."
        )


def approach(target: Target, premises: Approximation, effort: Effort) -> Approach:
    """Approximate one function by all three kinds of network."""
    y = target.g(GRID)

    def error(n: int, method: str) -> float:
        model = UniversalApproximator(n, method=method, max_iter=40 if effort.quick else 400).fit(GRID[::4], y[::4])
        return float(abs(model.predict(GRID) - y).max())

    few = (10, 50, 200) if effort.quick else (5, 10, 20, 50, 100, 200, 400, 1000)
    widths = sorted({n for n in few if n < premises.units} | {premises.units})
    fitted = {n: error(n, "least_squares") for n in widths}
    trained = {n: error(n, "descent") for n in ((10,) if effort.quick else (5, 10, 20, 40)) if n <= premises.units}
    constructed = {}
    for n in (10, 100, 500) if effort.quick else (10, 30, 100, 300, 1000, 3000):
        model = UniversalApproximator(n, method="staircase").fit(GRID, y)
        constructed[n] = (float(abs(model.predict(GRID) - y).max()), float(model.bound_))
    return Approach(target.name, fitted, trained, constructed, half_jump(target.g))


def measure_continuous(premises: Approximation, effort: Effort) -> Continuous:
    """Approximate each function of claim IV.A.1."""
    return _measured(
        premises.only("epsilon", "units", "functions", "seeds"),
        effort,
    )


@cache
def _measured(premises: Approximation, effort: Effort) -> Continuous:
    functions = track(targets(premises), "functions on [0, 1]", quiet=effort.quiet)
    return Continuous(premises.epsilon, tuple(approach(target, premises, effort) for target in functions))
