"""Number of steps of a run: from epochs, or from a time budget and the duration of its steps."""

from __future__ import annotations

import math
import time
from collections import deque

from empnet.training.run.config import TrainConfig

__all__ = ["DEFAULT_STEPS", "PaceMaker", "StepBudget", "steps_from_epochs"]

DEFAULT_STEPS = 15_000
"""Steps of a run for which neither epochs nor time are given (rounded up to whole epochs)."""

MEASURED_SHARE = 0.03
"""Share of a time budget that is used to measure steps."""

LEAST_STEPS = 10
"""Least number of measured steps."""

WARM_STEPS = 3
"""Steps before the measurement, in which memory and caches fill; loops are compiled before the clock starts."""

LATE = 0.05
"""Share of a time budget by which a run may miss it before the number of steps is recomputed."""

MARKS_APART = 0.002
"""Share of a time budget between two remembered readings of the clock."""

LEAST_LEFT = 0.1
"""Least share of the remaining steps to keep: annealing needs some."""


def steps_from_epochs(config: TrainConfig, steps_an_epoch: int) -> int | None:
    """Return the total number of steps, or None if a time budget decides.

    Arguments:
        config: The configuration.
        steps_an_epoch: Steps in one pass over the training set.

    Example:
        >>> steps_from_epochs(TrainConfig(data="qm7", epochs=3), 100)
        300
    """
    if config.time is not None:
        return None
    return steps_an_epoch * (config.epochs or math.ceil(DEFAULT_STEPS / steps_an_epoch))


class StepBudget:
    """Number of steps under a time budget: the rest of the budget over the measured duration of a step.

    Arguments:
        budget: Seconds for the whole run.
        steps_an_epoch: Steps in one pass over the training set.
        epoch_cost: Seconds that an epoch's validation and files take.
    """

    def __init__(self, budget: float, steps_an_epoch: int, epoch_cost: float) -> None:
        self._budget, self._epoch_cost = budget, epoch_cost
        self._steps_an_epoch = steps_an_epoch
        self._began, self._steps, self._cold = time.perf_counter(), 0, 0

    def total(self, step: int, elapsed: float) -> int | None:
        """Return the total number of steps once enough are measured, else None; to be called after each step.

        Arguments:
            step: Steps done.
            elapsed: Seconds of the budget that are spent.
        """
        self._steps += 1
        if self._steps == WARM_STEPS:
            self._began, self._cold = time.perf_counter(), WARM_STEPS
        measured = time.perf_counter() - self._began
        if self._steps < LEAST_STEPS or (measured < MEASURED_SHARE * self._budget and elapsed < self._budget):
            return None
        a_step = measured / (self._steps - self._cold) + self._epoch_cost / self._steps_an_epoch
        return step + max(0, int((self._budget - elapsed - 2 * self._epoch_cost) / a_step))


class PaceMaker:
    """Correction of the number of steps under a time budget, when the pace has changed (say, another program runs).

    The pace of the steps to come is taken as the mean over a time as long as the time that is left: a machine that was
    slow for a moment costs a long rest of the run little, and a short rest much.

    Arguments:
        budget: Seconds for the whole run.
        step: Steps done at the start of the watch.
        elapsed: Seconds of the budget that were spent by then.

    Example:
        >>> pace = PaceMaker(budget=100.0, step=100, elapsed=10.0)
        >>> pace.total(step=200, total=1000, elapsed=20.0)  # as planned
        1000
        >>> pace.total(step=300, total=1000, elapsed=40.0)  # half as fast, 20 s for 100 steps; 200 in 30 s on average
        700
    """

    def __init__(self, budget: float, step: int, elapsed: float) -> None:
        self._budget = budget
        self._marks = deque([(elapsed, step)])

    def total(self, step: int, total: int, elapsed: float) -> int:
        """Return the total number of steps; unchanged if the run ends about in time.

        Arguments:
            step: Steps done.
            total: Total number of steps so far planned.
            elapsed: Seconds of the budget that are spent.
        """
        a_step = self._seconds_a_step(step, elapsed)
        left = total - step
        if a_step is None or abs(elapsed + left * a_step - self._budget) <= LATE * self._budget:
            return total
        return step + max(math.ceil(LEAST_LEFT * left), int((self._budget - elapsed) / a_step))

    def _seconds_a_step(self, step: int, elapsed: float) -> float | None:
        """Return the mean duration of the latest steps, None while too few are measured."""
        marks, mark_every = self._marks, MARKS_APART * self._budget
        if elapsed - marks[-1][0] >= mark_every:
            marks.append((elapsed, step))
        window = max(self._budget - elapsed, MEASURED_SHARE * self._budget)
        while len(marks) > 1 and marks[1][0] <= elapsed - window:
            marks.popleft()
        began, first = marks[0]
        if step == first or elapsed - began < MEASURED_SHARE * self._budget:
            return None
        return (elapsed - began) / (step - first)
