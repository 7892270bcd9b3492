"""Files of a training run, written and read again on resuming: checkpoint, best weights, rows of metrics."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from empnet.errors import EmpnetError
from empnet.model.network import Network
from empnet.runtime.distribution import Processes
from empnet.runtime.durable_files import flush_to_disk
from empnet.training.job import Job
from empnet.training.run.belonging import belonging
from empnet.training.run.checkpoint import Progress, copied, load_checkpoint, restore, save_checkpoint, state_of
from empnet.training.run.journal import Journal
from empnet.training.run.model_file import load_model, save_weights
from empnet.training.run.run_folder import RunFolder
from empnet.training.run.unwritten import unwritten, writing

__all__ = ["Keeper", "Trained"]


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """State that changes with each step.

    Arguments:
        model: The model that is trained.
        average: The moving average of its weights.
        optimizer: The optimiser with its moments.
    """

    model: Network
    average: Network
    optimizer: torch.optim.Optimizer

    @property
    def parts(self) -> tuple[Network, Network, torch.optim.Optimizer]:
        """Model, average, optimiser: the arguments of a checkpoint, in order."""
        return self.model, self.average, self.optimizer


class Keeper:
    """Keeper of a run's folder: it writes the files, and resumes the run from its checkpoint.

    Of several processes, the first one reads and writes; the others receive the values. A failed write raises
    nothing at once: training ends at the next step, which all processes reach, and :meth:`raise_failure` then raises.

    Arguments:
        run: An existing run folder.
        job: The configuration, data, targets and units of the run.
        trained: Model, average and optimiser; a checkpoint is put into them.
        journal: Receives messages about damaged files of the run.
        processes: The processes that share the work.
    """

    def __init__(self, run: RunFolder, job: Job, trained: Trained, journal: Journal, processes: Processes) -> None:
        self.run, self.card, self.journal, self.processes = run, job.card, journal, processes
        self._trained = trained
        self._belongs = belonging(run.path, job.config) if processes.first else ""
        self._rows: list[dict[str, Any]] = []
        self._best: dict[str, Tensor] = {}
        self._failure: OSError | None = None

    @property
    def failed(self) -> bool:
        """True if this process could not write a file that the run needs."""
        return self._failure is not None

    def raise_failure(self) -> None:
        """Raise if a file that the run needs could not be written.

        Raises:
            EmpnetError: If so; it names the file, the reason and the way to go on.
        """
        if self._failure is not None:
            raise unwritten(self._failure, self.run.path)

    def take_up(self) -> Progress:
        """Resume from the checkpoint: the first process reads it, the others receive the state.

        Returns:
            The run's progress; model, average and optimiser are as they were then.

        Raises:
            EmpnetError: If no checkpoint can be read.
        """
        parts = self._trained.parts
        first = self.processes.first
        progress = self.processes.together(lambda: self._read_checkpoint() if first else Progress())
        if not self.processes.alone:
            restore(self.processes.tensors_from_first(state_of(*parts) if first else {}), *parts)
        return self.processes.from_first(progress)

    def _read_checkpoint(self) -> Progress:
        """Read the last good checkpoint, and undo later writes to the folder: training will write them again."""
        restored = load_checkpoint(self.run.path, *self._trained.parts, self._belongs)
        progress = restored.progress
        with writing(self.run.path):
            for text in (restored.problem, self.run.drop_metrics_from(progress.epoch)):
                if text:
                    self.journal.say(text)
            if progress.best is not None:
                self._best = restored.best or copied(load_model(self.run.path)[0])  # in files of earlier versions
                self._put_back_best()
        return progress

    def _put_back_best(self) -> None:
        """Write the checkpoint's best weights to ``model.safetensors`` if the file holds others or is damaged."""
        with suppress(EmpnetError):
            now = load_model(self.run.path)[0].state_dict()
            if now.keys() == self._best.keys() and all(torch.equal(now[name], self._best[name]) for name in now):
                return
        model = self.card.build()
        model.load_state_dict(self._best)
        save_weights(self.run.path, model)

    def best_weights(self) -> dict[str, Tensor]:
        """Return the best weights so far; the first process keeps them and sends them to the others."""
        return self.processes.tensors_from_first(self._best)

    def keep_best(self) -> None:
        """Keep the average's weights: they are the best so far."""
        average = self._trained.average
        self._best = copied(average)
        self._write(lambda: save_weights(self.run.path, average))

    def keep_row(self, row: dict[str, Any]) -> None:
        """Add an epoch's row to ``metrics.csv``; if the disk is full, write it with the next one.

        Arguments:
            row: Values by column.
        """
        self._rows.append(row)
        self._write_rows()

    def keep_checkpoint(self, progress: Progress) -> None:
        """Write the checkpoint from which training goes on.

        Arguments:
            progress: The run's progress.
        """
        self._write(lambda: self._save(progress))

    def _save(self, progress: Progress) -> None:
        self._write_rows()
        if self.run.metrics_file.exists():
            flush_to_disk(self.run.metrics_file)  # after a crash of the machine, no epoch writes these rows again
        save_checkpoint(self.run.path, *self._trained.parts, progress, self._best, self._belongs)

    def _write_rows(self) -> None:
        with suppress(OSError):
            while self._rows:
                self.run.append_metrics(self._rows[0])
                del self._rows[0]

    def _write(self, work: Callable[[], None]) -> None:
        """Write a file that the run needs, in the first process; if this fails, all processes stop at the next step."""
        if not self.processes.first:
            return
        try:
            work()
        except OSError as error:
            self._failure = error
