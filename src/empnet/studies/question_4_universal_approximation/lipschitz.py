"""Claim IV.A.b: for bounded slopes, one number of units is enough for all functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float64

from empnet.runtime.progress import track
from empnet.studies.claim import Effort, Evidence, Verdict
from empnet.studies.estimators.universal_approximator import UniversalApproximator
from empnet.studies.networks.sigmoid_network import SigmoidNetwork, most_sign_changes
from empnet.studies.question_4_universal_approximation.premises import Approximation

__all__ = ["BoundedSlopes", "measure_bounded_slopes", "units_for", "zigzag"]

Array = Float64[np.ndarray, " n"]

GRID = np.linspace(0, 1, 10_001)

BLIND = 5
"""Number of units where none can be computed, because slopes have no bound."""


def units_for(slope: float, epsilon: float) -> int:
    r"""Return the number of steps with which a staircase is within epsilon of all functions on [0, 1] of bounded slope.

    With N + 1 cells the modulus of continuity is at most slope / (N + 1); the tails of the other steps add less than
    a millionth of it.

    Arguments:
        slope: Lipschitz constant.
        epsilon: Required error.

    Example:
        >>> units_for(4.0, 0.01)
        400
    """
    return math.ceil(slope / epsilon * (1 + 1e-6)) - 1 or 1


def zigzag(teeth: float, amplitude: float) -> Callable[[Array], Array]:
    """Return a wave of straight lines between amplitude and -amplitude; its slope is 4 teeth amplitude.

    Arguments:
        teeth: Number of periods in [0, 1].
        amplitude: Amplitude.

    Example:
        >>> zigzag(1, 2.0)(np.array([0.0, 0.25, 0.5, 1.0])).tolist()
        [2.0, 0.0, -2.0, 2.0]
    """
    return lambda x: amplitude * (1 - 4 * abs(teeth * x - np.floor(teeth * x + 0.5)))


@dataclass(frozen=True, slots=True)
class BoundedSlopes:
    """Measurements of claim IV.A.b.

    Arguments:
        epsilon: Required error.
        slope: Bound on the slopes; 0: none.
        units: N, computed before any function was seen.
        bound: Lower bound on the error of any network of N units, for some function.
        errors: Largest error on [0, 1] of the staircase, or of the best network, by function.
    """

    epsilon: float
    slope: float
    units: int
    bound: float
    errors: dict[str, float]

    def decide(self) -> Verdict:
        """True if all staircases are within epsilon; false if by theory and measurement no network is."""
        if all(error < self.epsilon for error in self.errors.values()):
            return "true"
        return "false" if self.bound >= self.epsilon and max(self.errors.values()) >= self.epsilon else "undecided"

    def evidence(self) -> Evidence:
        """Return the numbers behind the verdict."""
        return {
            "error to be reached": self.epsilon,
            "bound on the slopes": self.slope or "none",
            "hidden units N, chosen before the functions": self.units,
            "no network of N units is nearer to some function than": self.bound,
            **{f"{name}: largest error of the nearest network": error for name, error in self.errors.items()},
        }


def _polyline(x: Array, y: Array) -> Callable[[Array], Array]:
    return lambda points: np.asarray(np.interp(points, x, y))


def bounded(premises: Approximation) -> dict[str, Callable[[Array], Array]]:
    """Measure staircases on functions with the largest allowed slope."""
    slope, found = premises.lipschitz, {}
    for teeth in (0.5, 5, 50, units_for(slope, premises.epsilon) / 2):
        found[f"zigzag of {teeth:g} teeth"] = zigzag(teeth, slope / (4 * teeth))
    found["|x - 1/π|"] = lambda x: slope * abs(x - 1 / math.pi)
    knots = np.linspace(0, 1, 201)
    for seed in range(premises.seeds):
        steps = np.random.default_rng(seed).choice([-slope, slope], size=200) / 200
        heights = np.concatenate([[0.0], np.cumsum(steps)])
        found[f"random walk {seed + 1}"] = _polyline(knots, heights)
    return found


def unbounded(premises: Approximation, quick: bool) -> tuple[float, dict[str, float]]:
    """Measure the nearest network to a zigzag with too many extrema, where slopes are not bounded."""
    extrema = 2 * (most_sign_changes(BLIND) + 2)  # of two neighbours, one pair has no change of sign between them
    amplitude = 2 * premises.epsilon
    g = zigzag((extrema - 1) / 2, amplitude)
    x = np.linspace(0, 1, 20 * (extrema - 1) + 1)
    networks: list[SigmoidNetwork] = [
        UniversalApproximator(BLIND, method=method).fit(x, g(x)).network_ for method in ("staircase", "least_squares")
    ]
    for seed in range(premises.seeds):
        model = UniversalApproximator(
            BLIND, method="descent", placement="random", random_state=seed, max_iter=40 if quick else 400
        )
        networks.append(model.fit(x, g(x)).network_)
    nearest = min(float(abs(f.at(x) - g(x)).max()) for f in networks)
    return amplitude, {f"zigzag of {(extrema - 1) / 2:g} teeth": nearest}


def measure_bounded_slopes(premises: Approximation, effort: Effort) -> BoundedSlopes:
    """Measure staircases of one N for functions of bounded slope, or a zigzag that no network of N units follows."""
    return _measured(premises.only("epsilon", "lipschitz", "seeds"), effort)


@cache
def _measured(premises: Approximation, effort: Effort) -> BoundedSlopes:
    if not premises.lipschitz:
        bound, errors = unbounded(premises, effort.quick)
        return BoundedSlopes(premises.epsilon, 0.0, BLIND, bound, errors)
    n = units_for(premises.lipschitz, premises.epsilon)
    middles = (np.arange(n + 1) + 0.5) / (n + 1)
    errors = {}
    for name, g in track(bounded(premises).items(), "functions of bounded slope", quiet=effort.quiet):
        f = SigmoidNetwork.staircase(g(middles), 0.0, 1.0)
        x = GRID[:: 5 if effort.quick else 1]
        errors[name] = float(abs(f.at(x) - g(x)).max())
    return BoundedSlopes(premises.epsilon, premises.lipschitz, n, 0.0, errors)
