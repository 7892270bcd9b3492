"""How the learning rate runs: warm-up, plateau, cosine to zero."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

__all__ = ["WARM_UP", "Schedule"]

WARM_UP = 100
"""Steps in which the learning rate rises."""

SLOWLY = 5000
"""Steps after which the learning rate has fallen by a factor of root two, however long the run is."""


@dataclass(frozen=True, slots=True)
class Schedule:
    r"""Learning rate of each step t: linear warm-up, a slow fall, and in the end a cosine to zero.

    .. math:: \eta(t) = \eta_{peak} \, \min(1, t / t_w) \; (1 + t / t_s)^{-1/2} \; \tfrac12 (1 + \cos \pi x)

    x runs from 0 to 1 from the step where annealing begins to the last one. Annealing begins late in a run with a
    time budget, which must measure its steps before it knows how many there will be. The fall with the root of the
    steps keeps long runs stable: what a short run bears for all its steps, a long one does not.

    References:
        Attention is all you need, Vaswani et al., 2017, https://arxiv.org/abs/1706.03762 (the root).

    Arguments:
        peak: Highest learning rate.
        anneal_from: Step at which annealing begins.
        total: Number of steps; None while it is not known.

    Example:
        >>> schedule = Schedule(peak=1.0, anneal_from=100, total=1100)
        >>> schedule(0), round(schedule(100), 3), round(schedule(600), 3), schedule(1100)
        (0.01, 0.99, 0.472, 0.0)
    """

    peak: float
    anneal_from: int = 0
    total: int | None = None

    def __call__(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        rate = self.peak * min(1.0, (step + 1) / WARM_UP) / math.sqrt(1 + step / SLOWLY)
        if self.total is None or step < self.anneal_from:
            return rate
        done = min(1.0, (step - self.anneal_from) / max(1, self.total - self.anneal_from))
        return rate * 0.5 * (1.0 + math.cos(math.pi * done))

    def hastened(self, step: int, total: int) -> Schedule:
        """The schedule of a run that is to end earlier, or later: at this step x is what it was.

        Arguments:
            step: The step that comes next.
            total: Number of steps from now on.

        Example:
            >>> schedule = Schedule(peak=1.0, anneal_from=100, total=1100)
            >>> sooner = schedule.hastened(600, total=700)
            >>> sooner(600) == schedule(600), sooner(700)
            (True, 0.0)
        """
        assert self.total is not None  # own invariant: what is not fixed cannot be changed
        left = (self.total - step) / max(1, self.total - self.anneal_from)  # 1 - x
        return replace(self, anneal_from=total - round((total - step) / max(left, 1e-9)), total=total)
