"""How many steps a run has: from epochs, or from a time budget and the first steps' duration."""

from __future__ import annotations

import math
import time

from empnet.learn.config import TrainConfig

__all__ = ["DEFAULT_STEPS", "StepBudget", "steps_from_epochs"]

DEFAULT_STEPS = 15_000
"""Steps of a run for which neither epochs nor time are given (rounded up to whole epochs)."""

MEASURED_SHARE = 0.03
"""Share of a time budget in which steps are measured."""

LEAST_STEPS = 10
"""Steps that are measured at least."""

WARM_STEPS = 3
"""Steps before these, in which loops are compiled."""


def steps_from_epochs(config: TrainConfig, steps_an_epoch: int) -> int | None:
    """Steps in all, or None if a time budget decides.

    Arguments:
        config: The configuration.
        steps_an_epoch: Steps in one pass over the training side.

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
        steps_an_epoch: Steps in one pass over the training side.
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
