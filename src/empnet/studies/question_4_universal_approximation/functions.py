"""Functions to be approximated: smooth ones, oscillating ones, and ones with jumps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from empnet.studies.question_4_universal_approximation.premises import Approximation

__all__ = ["Target", "half_jump", "targets"]

Array = Float64[np.ndarray, " n"]


@dataclass(frozen=True, slots=True)
class Target:
    """A function on [0, 1].

    Arguments:
        name: Name in tables.
        g: The function, of arrays of points.
    """

    name: str
    g: Callable[[Array], Array]


def wiggle(x: Array) -> Array:
    """Return x^5 sin(1/x), which has infinitely many extrema, but is twice differentiable with g''(0) = 0."""
    safe = np.where(x == 0, 1.0, x)
    return np.where(x == 0, 0.0, x**5 * np.sin(1 / safe))


def fourier(seed: int) -> Callable[[Array], Array]:
    """Return a random series of 30 cosines with amplitudes that fall as k^-4, so second derivatives converge."""
    k = np.arange(1, 31)
    amplitude, phase = np.random.default_rng(seed).normal(size=(2, 30))

    def g(x: Array) -> Array:
        return np.cos(2 * np.pi * (np.multiply.outer(x, k) + phase)) @ (amplitude * k**-4.0)

    return g


C2 = (
    Target("exp x", np.exp),
    Target("Runge's 1 / (1 + 25 (2x - 1)²)", lambda x: 1 / (1 + 25 * (2 * x - 1) ** 2)),
    Target("sin 20πx", lambda x: np.sin(20 * np.pi * x)),
    Target("|x - 1/3|^2.5", lambda x: abs(x - 1 / 3) ** 2.5),
    Target("x⁵ sin 1/x", wiggle),
    Target("arctan 200 (x - 1/2)", lambda x: np.arctan(200 * (x - 0.5))),
)

JUMPS = (
    Target("step at 1/2", lambda x: np.where(x < 0.5, -1.0, 1.0)),
    Target("saw of 3 teeth", lambda x: 3 * x - np.floor(3 * x)),
)


def targets(premises: Approximation) -> tuple[Target, ...]:
    """Return the functions of claim IV.A.1, including random ones."""
    if premises.functions == "jumps":
        return JUMPS
    random = tuple(Target(f"random series {seed + 1}", fourier(seed)) for seed in range(premises.seeds))
    return (*C2, *random)


def half_jump(g: Callable[[Array], Array], points: int = 2001) -> float:
    """Return half of a function's largest jump on [0, 1]: no continuous function is nearer to it.

    Each of the ten grid intervals with the largest changes is halved until only adjacent numbers are left, keeping the
    half with the larger change: the change of a slope vanishes, a jump remains.

    Arguments:
        g: The function.
        points: Number of points of the grid.

    Example:
        >>> half_jump(lambda x: np.where(x < 0.3, 0.0, 2.0)), half_jump(lambda x: np.tanh(1000 * (x - 0.3))) < 1e-9
        (1.0, True)
    """
    grid = np.linspace(0, 1, points)
    worst = np.argsort(-abs(np.diff(g(grid))))[:10]
    low, high = grid[worst], grid[worst + 1]
    for _ in range(60):
        middle = (low + high) / 2
        left = abs(g(middle) - g(low)) >= abs(g(high) - g(middle))
        low, high = np.where(left, low, middle), np.where(left, middle, high)
    return float(abs(g(high) - g(low)).max() / 2)
