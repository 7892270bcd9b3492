"""Claims IV.A.2 and IV.A.3: sin(1/x) near 0 and sin(x) on the whole line, and networks of all kinds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import mpmath
import numpy as np
from jaxtyping import Float64
from matplotlib.figure import Figure

from empnet.runtime.progress import track
from empnet.studies.claim import Effort, Evidence, Verdict
from empnet.studies.estimators.universal_approximator import UniversalApproximator
from empnet.studies.networks.sigmoid_network import SigmoidNetwork
from empnet.studies.question_4_universal_approximation.adversary import Witness, against_sine, against_sine_of_inverse
from empnet.studies.question_4_universal_approximation.premises import Approximation

__all__ = ["Pursuit", "measure_sine", "measure_sine_of_inverse", "random_network"]

Array = Float64[np.ndarray, " n"]

FOLLOWED = 10
"""Periods of an endless wave to which networks are fitted."""


@dataclass(frozen=True, slots=True)
class Pursuit:
    """Networks fitted to a wave, and the adversary's witnesses against them.

    Arguments:
        epsilon: Required error.
        delta: An error of 1 - delta counts as failure.
        endless: True if the domain holds infinitely many waves.
        names: Name of each network.
        witnesses: The adversary's witness against each network.
        errors: Largest error of each network on a grid over the fitted part: the whole domain, if it is compact.
        shown: Points of the figure: twice the fitted part, if the domain is that large.
        wave: The function on these points.
        best: The network with the smallest error, on these points.
    """

    epsilon: float
    delta: float
    endless: bool
    names: tuple[str, ...]
    witnesses: tuple[Witness, ...]
    errors: tuple[float, ...]
    shown: Array
    wave: Array
    best: Array

    @property
    def caught(self) -> int:
        """Networks with a witness at which the error is at least 1 - delta."""
        return sum(bool(witness.error >= 1 - self.delta) for witness in self.witnesses)

    @property
    def best_error(self) -> float:
        """Smallest error of a network: the larger of its error on the grid and at its witness."""
        return min(max(e, float(w.error)) for e, w in zip(self.errors, self.witnesses, strict=True))

    def decide(self) -> Verdict:
        """False if all networks have a witness, true if one stays within epsilon."""
        if self.caught == len(self.names):
            return "false"
        return "true" if self.best_error < self.epsilon else "undecided"

    def evidence(self) -> Evidence:
        """Return the numbers behind the verdict."""
        hardest = min(self.witnesses, key=lambda witness: witness.error)
        return {
            "networks tested": len(self.names),
            "networks with a witness": self.caught,
            "error that counts as failure, at least": 1 - self.delta,
            "error at a witness (mpmath), smallest over all networks": float(hardest.error),
            "witness of that network, x": mpmath.nstr(hardest.x, 8),
            "witness nearest to zero, x": mpmath.nstr(min(w.x for w in self.witnesses), 8),
            "witness farthest out, x": mpmath.nstr(max(w.x for w in self.witnesses), 8),
            "largest error of the best network on the part that was fitted": min(self.errors),
            "largest error of the best network, witness included": self.best_error,
        }

    def draw(self, figure: Figure, *, inverse: bool) -> str:
        """Draw the wave, the network that follows it best, and the error at the witnesses."""
        left, right = figure.subplots(1, 2)
        left.plot(self.shown, self.wave, label="sin(1/x)" if inverse else "sin x")
        left.plot(self.shown, self.best, "--", label="best network")
        witness = self.witnesses[self.errors.index(min(self.errors))]
        if not self.endless:
            left.plot([float(witness.x)], [float(witness.network)], "o", label="its worst extremum")
        left.set(
            xlabel="x",
            title="twice what was fitted" if self.endless else "the whole domain",
            xscale="log" if inverse else "linear",
            ylim=(-1.5, 1.9),
        )
        left.legend(loc="upper right", ncols=2, fontsize=8)
        places = [float(mpmath.log10(w.x)) for w in self.witnesses]
        right.plot(places, [float(w.error) for w in self.witnesses], "o", color="C2", alpha=0.6)
        right.axhline(1 - self.delta, color="gray", linewidth=0.8)
        right.set(xlabel="$\\log_{10}$ of the witness", ylabel="error there", yscale="log", title="all networks")
        reach = "below any point" if inverse else "beyond any point"
        return (
            f"Left: the best of {len(self.names)} networks. Right: the error at the "
            f"adversary's points, one for each network; grey: {1 - self.delta:g}. "
            + (f"The wave goes on {reach}." if self.endless else "The domain is compact, and the best network passes.")
        )


def random_network(n_units: int, scale: float, seed: int) -> SigmoidNetwork:
    """Return a network with weights from Cauchy's distribution, some of which are very large.

    Arguments:
        n_units: Number of hidden units.
        scale: Scale of the weights.
        seed: Seed of the weights.
    """
    w, b, a, c = np.split(
        scale * np.random.default_rng(seed).standard_cauchy(3 * n_units + 1), np.arange(1, 4) * n_units
    )
    return SigmoidNetwork.from_weights(w, b, a, float(c[0]))


def contestants(x: Array, y: Array, premises: Approximation, quick: bool) -> Iterator[tuple[str, SigmoidNetwork]]:
    """Yield networks of all kinds, with their names; some are fitted to given points."""
    for n in (20, premises.units // 2, premises.units):
        yield f"least squares, N = {n}", UniversalApproximator(n).fit(x, y).network_
    for n in (10, 100, 1000):
        yield f"staircase, N = {n}", UniversalApproximator(n, method="staircase").fit(x, y).network_
    for seed in range(premises.seeds):
        few = UniversalApproximator(
            20, method="descent", placement="random", random_state=seed, max_iter=60 if quick else 400
        )
        yield f"trained by L-BFGS, N = 20, start {seed + 1}", few.fit(x, y).network_
        for n, scale in ((1, 1.0), (10, 1e-3), (10, 1.0), (100, 1e3), (100, 1e6)):
            yield f"random, N = {n}, weights near {scale:g}, {seed + 1}", random_network(n, scale, seed)


def _pursue(
    x: Array,
    shown: Array,
    function: Callable[[Array], Array],
    adversary: Callable[[SigmoidNetwork], Witness],
    endless: bool,
    premises: Approximation,
    effort: Effort,
) -> Pursuit:
    """Fit networks to every tenth point, and find the adversary's witnesses."""
    wave = function(x)
    networks = list(contestants(x[::10], wave[::10], premises, effort.quick))
    pursued = track(networks, "adversary", quiet=effort.quiet)
    witnesses = tuple(adversary(network) for _, network in pursued)
    errors = tuple(float(abs(network.at(x) - wave).max()) for _, network in networks)
    best = networks[errors.index(min(errors))][1].at(shown)
    names = tuple(name for name, _ in networks)
    return Pursuit(premises.epsilon, premises.delta, endless, names, witnesses, errors, shown, function(shown), best)


def measure_sine_of_inverse(premises: Approximation, effort: Effort) -> Pursuit:
    """Measure networks against sin(1/x) on (left, 1)."""
    return _sine_of_inverse(premises.only("epsilon", "units", "delta", "seeds", "left"), effort)


@cache
def _sine_of_inverse(premises: Approximation, effort: Effort) -> Pursuit:
    end = 1 / premises.left if premises.left else 2 * math.pi * FOLLOWED
    x = 1 / np.linspace(end, 1, 20_001)  # as many points for each wave
    return _pursue(
        x,
        1 / np.linspace(end if premises.left else 2 * end, 1, 4001),
        lambda x: np.sin(1 / x),
        lambda network: against_sine_of_inverse(network, premises.delta, premises.left),
        premises.left == 0,
        premises,
        effort,
    )


def measure_sine(premises: Approximation, effort: Effort) -> Pursuit:
    """Measure networks against sin(x) on the line, or on some periods of it."""
    return _sine(premises.only("epsilon", "units", "delta", "seeds", "periods"), effort)


@cache
def _sine(premises: Approximation, effort: Effort) -> Pursuit:
    right = 2 * math.pi * premises.periods if premises.periods else math.inf
    end = 2 * math.pi * (premises.periods or FOLLOWED)
    x, shown = np.linspace(0, end, 20_001), np.linspace(0, end if premises.periods else 2 * end, 4001)
    return _pursue(
        x,
        shown,
        np.sin,
        lambda network: against_sine(network, premises.delta, right),
        premises.periods == 0,
        premises,
        effort,
    )
