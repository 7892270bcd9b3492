"""Training loop of a run."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from functools import cached_property
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor

from empnet.dataset.balance import balance, work_of
from empnet.errors import EmpnetError
from empnet.model.network import Network
from empnet.runtime.device import device_for
from empnet.runtime.distribution import Processes
from empnet.runtime.interrupt import Interrupt
from empnet.training.epoch_row import columns, in_words
from empnet.training.job import Job
from empnet.training.keeper import Keeper, Trained
from empnet.training.measure import AnyMeasured, measure_together
from empnet.training.objective_of import decay_of, objective_of
from empnet.training.optimiser.average import MovingAverage
from empnet.training.optimiser.budget import PaceMaker, StepBudget, steps_from_epochs
from empnet.training.optimiser.clipping import clip_gradients
from empnet.training.optimiser.descent import epoch_batches, take_step
from empnet.training.optimiser.diagnosis import Explosion, cause_of
from empnet.training.optimiser.muon import new_optimizer
from empnet.training.optimiser.schedule import WARM_UP, Schedule
from empnet.training.run.journal import Journal
from empnet.training.run.run_folder import RunFolder

__all__ = ["Trainer"]

CHECKPOINT_SECONDS = 120.0
"""Seconds between checkpoints within an epoch."""
EPOCH_SECONDS = 10.0
"""Least seconds between checkpoints at the ends of epochs: writing one can take longer than a very short epoch."""
PACE_STEPS = 10
"""Steps between two looks at the clock under a time budget, for several processes: they must agree on the number."""
WORTH_SAYING = 0.1
"""Share of a number of steps by which it must change before the journal names it again."""
CHANCES = 3
"""Largest number of restarts from the best weights after an explosion, each with half the learning rate."""


class _Exploded(Exception):
    """Reason why a step must not be taken."""


class Trainer:
    """Trainer of a model, which keeps the run folder up to date.

    A step: one batch, Muon and AdamW with clipped gradients, the moving average follows. An epoch: a pass over the
    training set in an order drawn from (seed, epoch); then the average is validated, and kept if it is the best so
    far. If the loss explodes, training goes on from the best weights with half the learning rate.

    Several processes share each batch and take the same steps: gradients are summed, and the processes agree on all
    decisions (loss, validation, time left, a request to stop). Only the first one writes files and messages.

    Arguments:
        job: The configuration, data, targets and units of the run.
        model: The model, with its statistics set; trained in place.
        run: An existing run folder; training goes on from its checkpoint, if it has one.
        journal: Receives progress messages.
        processes: The processes that share the work.
    """

    def __init__(
        self,
        job: Job,
        model: Network,
        run: RunFolder,
        journal: Journal,
        processes: Processes | None = None,
    ) -> None:
        self.job, self.config, self.run, self.journal = job, job.config, run, journal
        self.processes = processes or Processes()
        self.device = device_for(job.config.device, self.processes)
        self.model, self.average = model.to(self.device), MovingAverage(model, decay_of(model))
        self.optimizer = new_optimizer(model, job.config.lr)
        self.average.model.to(self.device)
        trained = Trained(model, self.average.model, self.optimizer)
        self._keeper = Keeper(run, job, trained, journal, self.processes)
        self.progress = self._keeper.take_up()
        self._exploded = Explosion(len(job.split.train), job.batch)
        self.objective = objective_of(job, model, self.device)
        self._start_clock()
        self._budget: StepBudget | None = None
        self._parameters, self._interrupt, self._asked = list(model.parameters()), Interrupt(), False

    def _start_clock(self) -> None:
        """Start the clock of the time budget; time spent before the run was stopped stays spent."""
        self._saved = time.perf_counter()
        self._started = self._saved - self.progress.elapsed
        self._pace = self._new_pace()

    @cached_property
    def steps_an_epoch(self) -> int:
        """Steps in one pass over the training set."""
        return math.ceil(len(self.job.split.train) / self.job.batch)

    def fit(self) -> bool:
        """Train to the end, or until the user asks to stop.

        Returns:
            True if training has ended; False if it was stopped.

        Raises:
            EmpnetError: If the loss is no longer a number, or has exploded.
        """
        progress = self.progress
        if not progress.done:
            self._start_clock()
        if progress.total is None:
            progress.total = steps_from_epochs(self.config, self.steps_an_epoch)
            progress.anneal_from = 0 if progress.total is None else min(WARM_UP, progress.total // 10)
        if progress.best is None or progress.total is None:
            measured = self._validate()
            if progress.best is None:  # a run has usable weights from the first moment
                self._keep_if_best(measured)
            if progress.total is None and self.config.time is not None:
                began = time.perf_counter()
                self._validate()  # a second time, to measure it: the first time, the data came from the disk
                self._budget = StepBudget(self.config.time, self.steps_an_epoch, time.perf_counter() - began)
        self._interrupt = Interrupt(insistent=self.processes.alone)
        with self._interrupt, self.journal:
            while not progress.done and not self._stopping:
                self._epoch()
                if progress.done or self._stopping or time.perf_counter() - self._saved > EPOCH_SECONDS:
                    self._checkpoint()
            self.processes.together(self._keeper.raise_failure)
        return progress.done

    def best_weights(self) -> dict[str, Tensor]:
        """Return the best weights so far; the first process keeps them and sends them to the others."""
        return self._keeper.best_weights()

    @property
    def _stopping(self) -> bool:
        """True if training is to stop, on request or after a failed write; several processes must have agreed."""
        return self._wants_to_stop if self.processes.alone else self._asked

    @property
    def _wants_to_stop(self) -> bool:
        return self._interrupt.asked or self._keeper.failed

    def _epoch(self) -> None:
        """Train from the epoch's current batch to its end, to the last step, or to an interruption."""
        progress = self.progress
        batches = self._batches(progress.epoch)
        for indices in batches[progress.batch :]:
            if self._stopping or progress.step == progress.total:
                break
            progress.loss_sum += self._step(indices)
            progress.step += 1
            progress.batch += 1
            self._fix_total()
            # not only between epochs: one epoch can take the whole time budget
            if self.processes.alone or progress.step % PACE_STEPS == 0:
                self._keep_pace()
            self.journal.show(done=progress.step, total=progress.total, epoch=progress.epoch + 1)
            if time.perf_counter() - self._saved > CHECKPOINT_SECONDS:
                self._checkpoint()
        if progress.batch == len(batches) or progress.step == progress.total:
            self._end_epoch()

    @property
    def _schedule(self) -> Schedule:
        peak = self.config.lr * 0.5**self.progress.explosions
        return Schedule(peak, self.progress.anneal_from, self.progress.total)

    def _batches(self, epoch: int) -> list[np.ndarray]:
        """Return the training set in random order, in equal parts of at most the batch size."""
        return epoch_batches(self.job.split.train, self.job.batch, seed=self.config.seed, epoch=epoch)

    def _step(self, indices: np.ndarray) -> float:
        """Take one step of the optimiser; return the loss, or its mean so far if the step was not taken."""
        progress = self.progress
        progress.rate = self._schedule(progress.step)
        for group in self.optimizer.param_groups:
            group["lr"] = progress.rate
        try:
            value, length = self._alone(indices) if self.processes.alone else self._together(indices)
            if not math.isfinite(length):
                raise _Exploded(f"the gradient of the loss is {length:.3g}")
        except _Exploded as found:
            self._start_from_best(str(found), indices)
            return progress.loss_sum / max(1, progress.batch)
        self.average.update(self.model, progress.step)
        return value

    def _alone(self, indices: np.ndarray) -> tuple[float, float]:
        """Take a step in one process; return the loss and the length of its gradient."""
        loss = self.objective.loss(self.model, indices, step=self.progress.step)
        value = loss.item()
        self._refuse_explosion(value)
        return value, take_step(loss, self.optimizer, clip=self._clip)

    def _together(self, indices: np.ndarray) -> tuple[float, float]:
        """Take a step in several processes, on the mean loss over the whole batch; return loss and length, too."""
        sizes, pairs = self.job.dataset.sizes[indices], self.job.dataset.arrays["n_pairs"][indices]
        mine = balance(work_of(sizes, pairs), self.processes.size)[self.processes.rank]
        step = self.progress.step
        loss = self.objective.loss(self.model, indices, mine, step=step) if len(mine) else torch.zeros(())
        value = loss.item()

        def backward(loss: Tensor, inputs: list[Tensor]) -> None:
            nonlocal value
            if len(mine):
                loss.backward(inputs=inputs)
            value, asked = self.processes.sum_gradients(self._parameters, [value, float(self._wants_to_stop)])
            self._asked = asked > 0
            self._refuse_explosion(value)

        length = take_step(loss, self.optimizer, backward=backward, clip=self._clip)
        return value, length

    def _refuse_explosion(self, value: float) -> None:
        if self._exploded(value):
            raise _Exploded(f"the loss is {value:.3g}")

    def _clip(self, parameters: Iterable[Tensor]) -> float:
        length, self.progress.usual_gradient = clip_gradients(parameters, self.progress.usual_gradient)
        return length

    def _start_from_best(self, found: str, indices: np.ndarray) -> None:
        """Go on from the best weights with half the learning rate; end the run if they fail on the same batch, too."""
        progress, rate = self.progress, self.progress.rate
        cause = cause_of(self.model, self.job.dataset, indices, self.job.card, self.job.scales, rate)
        text = f"{found} at step {progress.step}: {cause}"
        if progress.best is None or progress.explosions == CHANCES:
            self._stop(text, rate)
        best = self.best_weights()
        self.model.load_state_dict(best)
        self.average.model.load_state_dict(best)
        if self.processes.from_first(
            self._exploded(self.objective.loss(self.model, indices, step=progress.step).item())
        ):
            self._stop(text, rate)
        self.journal.say(f"{text}; going on from the best weights with half the learning rate")
        self.optimizer.state.clear()
        progress.explosions += 1
        progress.usual_gradient = None

    def _stop(self, text: str, rate: float) -> NoReturn:
        """Raise for a run that has failed; its folder holds the best weights."""
        remedy = f"the last good weights are kept; mend the data, or try: --from {self.run} --lr {rate / 4:.1g}"
        raise EmpnetError(text, where=self.run, remedy=remedy)

    def _fix_total(self) -> None:
        """Fix the number of steps under a time budget, once enough of them are measured."""
        progress = self.progress
        if progress.total is not None or self._budget is None:
            return
        total = self._budget.total(progress.step, time.perf_counter() - self._started)
        progress.total = self.processes.from_first(total)
        if progress.total is not None:
            progress.anneal_from = progress.step
            self._pace = self._new_pace()
            self.journal.note(f"the time budget allows {progress.total} steps")
            self._checkpoint()  # the number is part of the run: resuming must not measure again

    def _new_pace(self) -> PaceMaker | None:
        """Return the pace maker of a run with a time budget, once its number of steps is fixed."""
        if self.config.time is None or self.progress.total is None:
            return None
        self._noted = self.progress.total
        return PaceMaker(self.config.time, self.progress.step, time.perf_counter() - self._started)

    def _keep_pace(self) -> None:
        """Recompute the number of steps if the run would miss its time budget."""
        progress = self.progress
        if self._pace is None or progress.total is None or progress.step == progress.total:
            return
        total = self._pace.total(progress.step, progress.total, time.perf_counter() - self._started)
        total = self.processes.from_first(total)
        if total != progress.total:
            if abs(total - self._noted) > WORTH_SAYING * self._noted:
                self.journal.note(f"steps take another time than before: {total} in place of {self._noted}")
                self._noted = total
            progress.anneal_from = self._schedule.hastened(progress.step, total).anneal_from
            progress.total = total

    def _validate(self) -> AnyMeasured:
        validation, card = self.job.split.validation, self.job.card
        return measure_together(self.processes, self.average.model, self.job.dataset, validation, card, self.device)

    def _end_epoch(self) -> None:
        """Validate, keep the best weights, write the epoch's row."""
        progress = self.progress
        measured = self._validate()
        self._keep_if_best(measured)
        if self.processes.first:
            self._record(measured)
        patience = self.config.patience
        out_of_patience = patience is not None and progress.epoch - progress.best_epoch >= patience
        self._keep_pace()
        progress.done = progress.step == progress.total or out_of_patience
        progress.epoch += 1
        progress.batch, progress.loss_sum = 0, 0.0

    def _keep_if_best(self, measured: AnyMeasured) -> None:
        progress = self.progress
        score = self.processes.from_first(self.objective.score(measured))
        if not math.isfinite(score):
            self._start_from_best(f"the validation error is {score}", self.job.split.validation[:256])
        elif progress.best is None or score < progress.best + self.objective.slack(measured):
            progress.best = score if progress.best is None else min(score, progress.best)
            progress.best_epoch = progress.epoch
            self._keeper.keep_best()

    def _record(self, measured: AnyMeasured) -> None:
        """Write the epoch's row and report it."""
        progress = self.progress
        train_loss = progress.loss_sum / max(1, progress.batch)
        row = {
            "epoch": progress.epoch,
            "step": progress.step,
            "seconds": round(time.perf_counter() - self._started, 3),
            "lr": progress.rate,
            "train_loss": train_loss,
            "validation_loss": self.objective.measured_loss(measured),
        }
        errors = columns(measured, self.job.card)
        self._keeper.keep_row(row | errors)
        text = f"loss {train_loss:.4f}, {in_words(measured, self.job.card, errors)}"
        self.journal.note(f"epoch {progress.epoch + 1}, step {progress.step}: {text}")
        self.journal.show(done=progress.step, total=progress.total, epoch=progress.epoch + 1, text=text)

    def _checkpoint(self) -> None:
        self.progress.elapsed = time.perf_counter() - self._started
        self._keeper.keep_checkpoint(self.progress)
        self._saved = time.perf_counter()
