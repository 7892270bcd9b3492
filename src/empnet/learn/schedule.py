"""How the learning rate runs: warm-up, plateau, cosine to zero."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["WARM_UP", "Schedule"]

WARM_UP = 100
"""Steps in which the learning rate rises."""


@dataclass(frozen=True, slots=True)
class Schedule:
    r"""Learning rate of each step: linear warm-up, then constant, then :math:`\frac12(1 + \cos \pi x)` to zero.

    The constant part is there because a run with a time budget must measure its steps before it knows how many
    there will be.

    Arguments:
        peak: Highest learning rate.
        anneal_from: Step at which annealing begins.
        total: Number of steps; None while it is not known.

    Example:
        >>> schedule = Schedule(peak=1.0, anneal_from=100, total=1100)
        >>> schedule(0), schedule(100), round(schedule(600), 3), schedule(1100)
        (0.01, 1.0, 0.5, 0.0)
    """

    peak: float
    anneal_from: int = 0
    total: int | None = None

    def __call__(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        rate = self.peak * min(1.0, (step + 1) / WARM_UP)
        if self.total is None or step < self.anneal_from:
            return rate
        done = min(1.0, (step - self.anneal_from) / max(1, self.total - self.anneal_from))
        return rate * 0.5 * (1.0 + math.cos(math.pi * done))
