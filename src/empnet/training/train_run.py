"""Training of a prepared run, and its results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from empnet.dataset.split import Split
from empnet.errors import EmpnetError
from empnet.model.network import Network
from empnet.runtime.distribution import Processes
from empnet.training.error_lines import error_lines
from empnet.training.job import Job
from empnet.training.loop import Trainer
from empnet.training.measure import measure_together
from empnet.training.pooled_results import pooled_results
from empnet.training.run.checkpoint import PREVIOUS
from empnet.training.run.journal import Journal
from empnet.training.run.run_folder import RunFolder
from empnet.training.run.unwritten import go_on_with, writing
from empnet.training.uncertainty.uncertainty_file import deviations_of_sets, keep_last_layer

__all__ = ["TrainResult", "train_run"]


@dataclass(frozen=True, slots=True)
class TrainResult:
    """Result of a training run.

    Arguments:
        run: Path of the run folder.
        finished: True if training has ended; False if it was stopped and can be resumed.
        results: Errors by set ("validation", "test") and property; empty if it was stopped.
    """

    run: Path
    finished: bool
    results: dict[str, Any]


def train_run(job: Job, model: Network, run: RunFolder, journal: Journal, team: Processes) -> TrainResult:
    """Train a prepared run, and write its results once it has ended.

    Arguments:
        job: The configuration, data, targets and units of the run.
        model: The model, with its statistics set.
        run: The run folder, with its first files.
        journal: Receives progress messages.
        team: The processes that share the work.

    Raises:
        EmpnetError: If training has failed, or a file cannot be written.
    """
    journal.write_to(run.log_file)
    try:
        for line in team.unused(job.batch):
            journal.say(line)
        trainer = Trainer(job, model, run, journal, team)
        if trainer.progress.step:
            journal.say(f"going on from step {trainer.progress.step}, epoch {trainer.progress.epoch + 1}")
        finished = trainer.fit()
        if not finished:
            journal.say(f"stopped at step {trainer.progress.step}; go on with: {go_on_with(run.path)}")
            return TrainResult(run.path, False, {})
        measured = _measure_sides(job, trainer)
        text, results = team.from_first(
            team.together(lambda: _write_results(job, run, measured) if team.first else ([], {}))
        )
    except KeyboardInterrupt:  # before the first step, after the last one, or on a second Ctrl-C
        journal.say(f"stopped; go on with: {go_on_with(run.path)}")
        raise
    except EmpnetError as error:
        journal.note(str(error))
        raise
    if team.first:
        for line in [*text, *error_lines(results)]:
            journal.say(line)
        journal.say(f"run: {run}")
    return TrainResult(run.path, True, results)


def _write_results(job: Job, run: RunFolder, measured: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Fit the standard deviations, write ``results.json``, and return lines for the user and the errors."""
    with writing(run.path):
        if job.card.architecture.readout == "pooled":
            lines, results = pooled_results(job, run, measured, _sides(job.split))
        else:
            lines = keep_last_layer(run.path, job.dataset, job.split)
            results = _results(job, run, measured)
        run.write_results(results)
        (run.path / PREVIOUS).unlink(missing_ok=True)  # of no more use
    return lines, results


def _measure_sides(job: Job, trainer: Trainer) -> dict[str, Any]:
    """Return the predictions of the best weights for validation and test set."""
    team, device = trainer.processes, trainer.device
    best = job.card.build().eval()
    best.load_state_dict(trainer.best_weights())
    best.to(device)
    return {
        side: measure_together(team, best, job.dataset, indices, job.card, device)
        for side, indices in _sides(job.split).items()
    }


def _sides(split: Split) -> dict[str, Int64[np.ndarray, " n"]]:
    sides = {"validation": split.validation, "test": split.test}
    return {side: indices for side, indices in sides.items() if len(indices)}


def _results(job: Job, run: RunFolder, measured: dict[str, Any]) -> dict[str, Any]:
    """Return the content of ``results.json``: errors and coverage of standard deviations, by set and property."""
    sets = _sides(job.split)
    stds = deviations_of_sets(run.path, job.dataset, sets, job.card)
    return {side: measured[side].summary(job.card, stds.get(side)) for side in sets}
