"""How many steps a run has: from epochs, or from a time budget and the duration of its steps."""

from __future__ import annotations

import math
import time

from empnet.training.run.config import TrainConfig

__all__ = ["DEFAULT_STEPS", "PaceMaker", "StepBudget", "steps_from_epochs"]

DEFAULT_STEPS = 15_000
"""Steps of a run for which neither epochs nor time are given (rounded up to whole epochs)."""

MEASURED_SHARE = 0.03
"""Share of a time budget in which steps are measured."""

LEAST_STEPS = 10
"""Steps that are measured at least."""

WARM_STEPS = 3
"""Steps before these, in which memory and caches fill; loops were compiled before the clock started."""

LATE = 0.05
"""Share of a time budget by which a run may miss it before its steps are counted anew."""

LEAST_LEFT = 0.1
"""Share of the steps left that is kept at least: annealing wants some."""


def steps_from_epochs(config: TrainConfig, steps_an_epoch: int) -> int | None:
    """Steps in all, or None if a time budget decides.

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
    """Measures the first steps and divides what is left of the budget by their duration.

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
        """The number of steps in all, once it can be told; call it after each step.

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
    """Counts the steps of a run with a time budget anew when its pace has changed: another program wants the machine.

    Arguments:
        budget: Seconds for the whole run.
        step: Steps done when it begins to watch.
        elapsed: Seconds of the budget that were spent by then.

    Example:
        >>> pace = PaceMaker(budget=100.0, step=100, elapsed=10.0)
        >>> pace.total(step=200, total=1000, elapsed=20.0)  # as it was meant
        1000
        >>> pace.total(step=300, total=1000, elapsed=40.0)  # half as fast
        600
    """

    def __init__(self, budget: float, step: int, elapsed: float) -> None:
        self._budget, self._step, self._elapsed = budget, step, elapsed

    def total(self, step: int, total: int, elapsed: float) -> int:
        """The number of steps in all by the pace since the last call; as it was, if the run ends about in time.

        Arguments:
            step: Steps done.
            total: Steps in all, as they were counted last.
            elapsed: Seconds of the budget that are spent.
        """
        if step == self._step or elapsed - self._elapsed < MEASURED_SHARE * self._budget:
            return total  # a pace wants some steps
        a_step = (elapsed - self._elapsed) / (step - self._step)
        self._step, self._elapsed = step, elapsed
        left = total - step
        if abs(elapsed + left * a_step - self._budget) <= LATE * self._budget:
            return total
        return step + max(math.ceil(LEAST_LEFT * left), int((self._budget - elapsed) / a_step))
