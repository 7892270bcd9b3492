"""Claim IV.A.5: a function, built from the number of units and epsilon, that no such network approximates."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float64
from matplotlib.figure import Figure

from empnet.runtime.progress import track
from empnet.studies.claim import Effort, Evidence, Verdict
from empnet.studies.estimators.universal_approximator import UniversalApproximator, solve_outer
from empnet.studies.networks.sigmoid_network import SigmoidNetwork, most_sign_changes
from empnet.studies.question_4_universal_approximation.premises import Approximation
from empnet.studies.question_4_universal_approximation.waves import random_network

__all__ = ["Duel", "SquareWave", "SquareWaves", "measure_square_waves"]

Array = Float64[np.ndarray, " n"]

NODES = 24
"""Nodes of Gauss's rule in each piece."""


@dataclass(frozen=True, slots=True)
class SquareWave:
    r"""A function on [0, 1] that alternates between amplitude and -amplitude on an even number of equal pieces.

    If f changes its sign at most Z times, then at least M / 2 - Z of the M / 2 pairs of neighbouring pieces have no
    sign change in their interior. There f has one sign (or is zero), and the wave has the other sign on one piece of
    the pair: the difference is at least A on a length of 1 / M. Hence

    .. math:: \|f - g\|_2^2 \ge A^2 \, (M / 2 - Z) / M .

    With :math:`M = 4 \cdot 2^N` pieces, :math:`A = 2 \varepsilon` and :math:`Z \le 2^N - 1` this is
    :math:`\varepsilon^2 (1 + 2^{-N})`: no network of N sigmoid units comes within epsilon.

    Arguments:
        pieces: Number M of pieces, even.
        amplitude: Amplitude A.

    Example:
        >>> wave = SquareWave.against(n_units=3, epsilon=0.1)
        >>> wave.pieces, wave.amplitude, round(wave.bound(n_units=3), 4)
        (32, 0.2, 0.1061)
    """

    pieces: int
    amplitude: float

    @classmethod
    def against(cls, n_units: int, epsilon: float) -> SquareWave:
        """Return the wave that no network with this number of units approximates within epsilon."""
        return cls(4 * 2**n_units, 2 * epsilon)

    def __call__(self, x: Array) -> Array:
        """Return the wave at points of [0, 1]."""
        piece = np.minimum(np.floor(x * self.pieces), self.pieces - 1)
        return np.where(piece % 2 == 0, self.amplitude, -self.amplitude)

    def bound(self, n_units: int) -> float:
        """Return a lower bound on the distance of any network with this number of sigmoid units."""
        left = self.pieces // 2 - most_sign_changes(n_units)
        return self.amplitude * math.sqrt(max(0, left) / self.pieces)

    def points(self) -> tuple[Array, Array]:
        """Return Gauss's points and weights for integrals over [0, 1], piece by piece."""
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        x = (np.arange(self.pieces)[:, None] + (nodes + 1) / 2) / self.pieces
        return x.ravel(), np.tile(weights / 2 / self.pieces, self.pieces)

    def distance(self, f: SigmoidNetwork) -> float:
        """Return the L2 norm of the difference to a network, over [0, 1]."""
        x, weights = self.points()
        return math.sqrt(weights @ (f.at(x) - self(x)) ** 2)


@dataclass(frozen=True, slots=True)
class Duel:
    """The adversary's wave for one N, and the networks fitted to it.

    Arguments:
        given: Number N given to the adversary.
        wave: The adversary's wave.
        used: Units of the fitted networks: N, or the number that the wave needs.
        bound: Theoretical lower bound on their distance.
        distances: Measured distances, by kind of network.
        best: Values of the nearest network on 2001 points.
        sign_changes: Largest number of sign changes of any of them.
    """

    given: int
    wave: SquareWave
    used: int
    bound: float
    distances: dict[str, float]
    best: Array
    sign_changes: int


@dataclass(frozen=True, slots=True)
class SquareWaves:
    """Measurements of claim IV.A.5.

    Arguments:
        epsilon: Required error.
        duels: One for each N.
    """

    epsilon: float
    duels: tuple[Duel, ...]

    def decide(self) -> Verdict:
        """False if for each N all networks stay away by theory and measurement; true if for each N one comes near."""
        nearest = [min(duel.distances.values()) for duel in self.duels]
        if all(d.bound >= self.epsilon and near >= self.epsilon for d, near in zip(self.duels, nearest, strict=True)):
            return "false"
        return "true" if all(near < self.epsilon for near in nearest) else "undecided"

    def evidence(self) -> Evidence:
        """Return the numbers behind the verdict."""
        numbers: dict[str, float | int | bool | str] = {"error to be reached": self.epsilon}
        for duel in self.duels:
            case = f"N = {duel.given}"
            numbers[f"{case}: pieces of the wave"] = duel.wave.pieces
            numbers[f"{case}: units of the networks that try"] = duel.used
            numbers[f"{case}: networks that tried"] = len(duel.distances)
            numbers[f"{case}: no network is nearer than, in units of epsilon"] = duel.bound / self.epsilon
            numbers[f"{case}: nearest network, in units of epsilon"] = min(duel.distances.values()) / self.epsilon
            numbers[f"{case}: most changes of sign seen"] = duel.sign_changes
            numbers[f"{case}: most changes of sign possible"] = f"2^{duel.used} - 1"
        return numbers

    def draw(self, figure: Figure) -> str:
        """Draw the last wave with the best network, and distances against N."""
        left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
        duel = self.duels[-1]
        x = np.linspace(0, 1, 2001)
        left.plot(x, duel.wave(x) / self.epsilon, linewidth=0.7, label="wave")
        left.plot(x, duel.best / self.epsilon, label="nearest network")
        left.set(xlabel="x", ylabel="in units of epsilon", ylim=(-2.6, 3.6), title=f"given N = {duel.given}")
        left.legend(loc="upper right", ncols=2, fontsize=8)
        for duel in self.duels:
            measured = np.array(list(duel.distances.values())) / self.epsilon
            right.plot([duel.given] * len(measured), measured, "o", color="C1", alpha=0.3, markersize=4)
        given = [d.given for d in self.duels]
        right.plot(given, [d.bound / self.epsilon for d in self.duels], "_", color="C0", markersize=16, label="bound")
        right.axhline(1, color="gray", linewidth=0.8)
        right.set(xlabel="N", title="distances", xticks=given, ylim=(0, 2.5))
        right.legend(fontsize=8)
        return (
            "Left: the square wave that the adversary builds from N and epsilon alone, and the nearest network found. "
            "Right: distances of the networks that tried (those above 2.5 are not shown), the proven bound, and, grey, "
            "epsilon."
        )


def candidates(wave: SquareWave, n_units: int, seeds: int, quick: bool) -> Iterator[tuple[str, SigmoidNetwork]]:
    """Yield networks of N units, fitted to a wave in several ways."""
    x, weights = wave.points()
    y = wave(x)
    edges = np.arange(1, wave.pieces) / wave.pieces
    for name, chosen in (("first", edges[:n_units]), ("spread", edges[:: max(1, len(edges) // n_units)][:n_units])):
        steep = np.full(len(chosen), 40.0 * wave.pieces)
        network = SigmoidNetwork.from_weights(steep, -steep * chosen, np.zeros(len(chosen)), 0.0)
        solve_outer(network, x, y, weights)
        yield f"steps at the {name} edges", network
    yield "least squares", UniversalApproximator(n_units).fit(x, y, sample_weight=weights).network_
    for seed in range(seeds):
        for placement, sharpness in (("random", 4.0), ("quantiles", 4.0 + 4.0 * seed)):
            model = UniversalApproximator(
                n_units,
                method="descent",
                placement=placement,
                sharpness=sharpness,
                random_state=seed,
                max_iter=40 if quick else 400,
            )
            yield f"trained, {placement} start {seed + 1}", model.fit(x, y, sample_weight=weights).network_
        hidden = random_network(n_units, 10.0 ** (seed + 1), seed)
        yield f"random {seed + 1}", hidden
        solved = random_network(n_units, 10.0 ** (seed + 1), seed)
        solve_outer(solved, x, y, weights)
        yield f"random hidden layer {seed + 1}", solved


def duel(given: int, premises: Approximation, effort: Effort) -> Duel:
    """Build the adversary's wave from N and epsilon, then fit networks to it."""
    wave = SquareWave.against(given, premises.epsilon)
    if premises.first == "function":  # the wave is known when N is chosen: a step for each of its edges
        used = wave.pieces - 1
        middles = (np.arange(wave.pieces) + 0.5) / wave.pieces
        tried = [("steps at all edges", SigmoidNetwork.staircase(wave(middles), 0.0, 1.0))]
    else:
        used = given
        tried = list(candidates(wave, used, premises.seeds, effort.quick))
    distances = {name: wave.distance(network) for name, network in tried}
    nearest = dict(tried)[min(distances, key=lambda name: distances[name])]
    grid = np.linspace(0, 1, 2001)
    signs = [np.sign(network.at(grid)) for _, network in tried]
    changes = max(int(np.count_nonzero(np.diff(s[s != 0]))) for s in signs)
    return Duel(given, wave, used, wave.bound(used), distances, nearest.at(grid), changes)


def measure_square_waves(premises: Approximation, effort: Effort) -> SquareWaves:
    """Run a duel for each N that the adversary is given."""
    return _measured(premises.only("epsilon", "given", "first", "seeds"), effort)


@cache
def _measured(premises: Approximation, effort: Effort) -> SquareWaves:
    counts = track(range(1, premises.given + 1), "square waves", quiet=effort.quiet)
    return SquareWaves(premises.epsilon, tuple(duel(n, premises, effort) for n in counts))
