"""Train a model or continue its training, and write a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from empnet.errors import EmpnetError
from empnet.files.source import Data
from empnet.pages.report import write_report
from empnet.prediction.last_words import verdict_of_run
from empnet.prediction.verdict import Verdict
from empnet.runtime.distribution import processes
from empnet.runtime.pipes import keeping_pipes
from empnet.training.run.journal import Journal
from empnet.training.run.run_folder import RunFolder
from empnet.training.run.settings import Settings
from empnet.training.start_run import TrainResult, resume_training, run_training

__all__ = ["reported", "resume", "train"]


@keeping_pipes
def train(
    data: Data,
    property: str | Sequence[str] | None = None,  # noqa: A002 (the word of the command line)
    *,
    out: str | Path | None = None,
    force: bool = False,
    quiet: bool = False,
    **settings: Unpack[Settings],
) -> TrainResult:
    """Train a model to predict scalar properties of whole systems, and write a report into the run folder.

    Arguments:
        data: Path of a file, the name of bundled data such as ``"qm7"``, or systems or ase.Atoms, one or any iterable.
        property: The target scalar, or several. Default: the property of bundled data, else ``energy``.
        out: The run folder; default: an unused name in ``runs``.
        force: Whether to replace an existing run folder.
        quiet: Print nothing.
        **settings: Any setting of :class:`~empnet.training.run.config.TrainConfig`, such as ``time="10m"``.

    Raises:
        EmpnetError: If the data or a setting is not valid; then nothing is written.

    Example:
        >>> from empnet import System
        >>> import tempfile, numpy as np
        >>> pairs = [System([[0, 0, 0], [0, 0, d]], [1, 1], properties={"energy": 1 / d}) for d in np.arange(1, 3, 0.1)]
        >>> result = train(pairs, "energy", out=tempfile.mkdtemp() + "/run", epochs=1, quiet=True)
        >>> sorted(result.results), (result.run / "report.html").exists()
        (['test', 'validation'], True)
    """
    return reported(run_training(data, property, out=out, force=force, quiet=quiet, **settings), quiet)


@keeping_pipes
def resume(
    run: str | Path, data: Data | None = None, *, quiet: bool = False, **settings: Unpack[Settings]
) -> TrainResult:
    """Continue a stopped run exactly as if it had not been stopped, and write its report.

    Arguments:
        run: The run folder.
        data: The data again; needed only if they were moved without the run, came through a pipe or were in memory.
        quiet: Print nothing.
        **settings: Settings; they must be the same as before.

    Raises:
        EmpnetError: If a setting or the data have changed, a file of the run is missing or damaged, or another process
            is training it.
    """
    return reported(resume_training(run, data, quiet=quiet, **settings), quiet)


def reported(result: TrainResult, quiet: bool) -> TrainResult:
    """Write the report, report the verdict, and return the same result.

    A stopped run gets its report once it is finished. If the report cannot be written, a line says so.

    Arguments:
        result: Result of training, of a run or an ensemble.
        quiet: Print nothing.
    """
    if not (result.finished and processes().first):
        return result
    journal = Journal(quiet)
    journal.write_to(RunFolder(result.run).log_file)
    try:
        with journal.keeping_warnings():
            report = write_report(result.run, quiet=quiet)
        journal.say(f"report: {report}")
    except (EmpnetError, OSError) as error:  # the run is complete: hours of training must not end with an error
        journal.say(f"no report could be written ({error}); try again with: empnet report {result.run}")
    _tell_verdict(verdict_of_run(result.run), journal)
    return result


def _tell_verdict(words: Verdict, journal: Journal) -> None:
    """Print and log a verdict; if the model is worse than its baseline, also warn on standard error.

    Arguments:
        words: The verdict.
        journal: Journal for the lines.
    """
    for line in words.lines:
        journal.say(line)
    for line in words.warnings:
        journal.warn(line)
