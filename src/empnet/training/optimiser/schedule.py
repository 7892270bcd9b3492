"""Learning-rate schedule: warm-up, slow decay, cosine to zero."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

__all__ = ["WARM_UP", "Schedule"]

WARM_UP = 100
"""Steps of the warm-up, in which the learning rate rises."""

SLOWLY = 5000
"""Steps after which the learning rate has fallen by a factor of root two, for any length of the run."""


@dataclass(frozen=True, slots=True)
class Schedule:
    r"""Learning rate of each step t: linear warm-up, slow decay, and a final cosine to zero.

    .. math:: \eta(t) = \eta_{peak} \, \min(1, t / t_w) \; (1 + t / t_s)^{-1/2} \; \tfrac12 (1 + \cos \pi x)

    x runs from 0 to 1 from the step where annealing begins to the last one. Annealing begins late in a run with a
    time budget, which must measure its steps before it can fix their number. The decay with the root of the steps keeps
    long runs stable: a short run tolerates a rate that a long one does not.

    References:
        Attention is all you need, Vaswani et al., 2017, https://arxiv.org/abs/1706.03762 (the root).

    Arguments:
        peak: Peak learning rate.
        anneal_from: Step at which annealing begins.
        total: Number of steps; None while it is unknown.

    Example:
        >>> schedule = Schedule(peak=1.0, anneal_from=100, total=1100)
        >>> schedule(0), round(schedule(100), 3), round(schedule(600), 3), schedule(1100)
        (0.01, 0.99, 0.472, 0.0)
    """

    peak: float
    anneal_from: int = 0
    total: int | None = None

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        rate = self.peak * min(1.0, (step + 1) / WARM_UP) / math.sqrt(1 + step / SLOWLY)
        if self.total is None or step < self.anneal_from:
            return rate
        done = min(1.0, (step - self.anneal_from) / max(1, self.total - self.anneal_from))
        return rate * 0.5 * (1.0 + math.cos(math.pi * done))

    def hastened(self, step: int, total: int) -> Schedule:
        """Return the schedule of a run that ends earlier or later; x is unchanged at this step.

        Arguments:
            step: The next step.
            total: Number of steps from now on.

        Example:
            >>> schedule = Schedule(peak=1.0, anneal_from=100, total=1100)
            >>> sooner = schedule.hastened(600, total=700)
            >>> sooner(600) == schedule(600), sooner(700)
            (True, 0.0)
        """
        assert self.total is not None  # invariant: callers change a fixed number of steps only
        left = (self.total - step) / max(1, self.total - self.anneal_from)  # 1 - x
        return replace(self, anneal_from=total - round((total - step) / max(left, 1e-9)), total=total)
