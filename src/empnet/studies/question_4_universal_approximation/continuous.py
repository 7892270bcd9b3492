"""Statement 1: functions on a compact interval, approached by networks of growing width."""

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
"""Where errors are taken: from 20 points for each unit of the widest network."""


@dataclass(frozen=True, slots=True)
class Approach:
    """How near one function was come to.

    Arguments:
        name: Of the function.
        fitted: Largest error by number of units, outer weights by least squares.
        trained: The same, all weights trained by L-BFGS.
        constructed: The same of the staircase, and what theory allows it.
        half_jump: Half of what the function changes over a vanishing distance.
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
    """What was measured for statement 1.

    Arguments:
        epsilon: The error to be reached.
        approaches: One for each function.
    """

    epsilon: float
    approaches: tuple[Approach, ...]

    def decide(self) -> Verdict:
        """True if epsilon was reached for each function; false if a jump forbids it and none got below."""
        if all(a.best < self.epsilon for a in self.approaches):
            return "true"
        if any(a.half_jump > self.epsilon and a.best > self.epsilon for a in self.approaches):
            return "false"
        return "undecided"

    def evidence(self) -> Evidence:
        """The numbers behind the verdict."""
        told: dict[str, float | int | bool | str] = {"error to be reached": self.epsilon}
        for a in self.approaches:
            told[f"{a.name}: smallest of the largest errors on [0, 1]"] = a.best
            told[f"{a.name}: hidden units that reach it"] = a.first_within(self.epsilon) or "not reached"
        staircases = [pair for a in self.approaches for pair in a.constructed.values()]
        told["staircases: largest error in units of what their modulus of continuity allows"] = max(
            error / bound for error, bound in staircases
        )
        told["half of the largest jump of a function"] = max(a.half_jump for a in self.approaches)
        return told

    def draw(self, figure: Figure) -> str:
        """Error against number of units, log-log."""
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
    """Approach one function by all three kinds of network."""
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
    """Approach each function of statement 1."""
    return _measured(
        premises.only("epsilon", "units", "functions", "seeds"),
        effort,
    )


@cache
def _measured(premises: Approximation, effort: Effort) -> Continuous:
    functions = track(targets(premises), "functions on [0, 1]", quiet=effort.quiet)
    return Continuous(premises.epsilon, tuple(approach(target, premises, effort) for target in functions))
