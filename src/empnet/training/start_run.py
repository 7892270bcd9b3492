"""Training from data to a run folder, and resuming of a stopped run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from empnet.errors import EmpnetError
from empnet.files.source import Data, as_source
from empnet.model.network import Network
from empnet.runtime.distribution import Processes, processes
from empnet.runtime.durable_files import plain_name, refuse_input, write_text
from empnet.runtime.interrupt import ended_by_signals
from empnet.runtime.pipes import keeping_pipes
from empnet.system.system import System
from empnet.training.cloud_settings import adopt_cloud_settings
from empnet.training.fine_tune import adopt_architecture
from empnet.training.job import Job, open_data, open_variants
from empnet.training.optimiser.muon import new_optimizer
from empnet.training.optimiser.statistics import fit_statistics
from empnet.training.own_data import find_data, keep_place, with_place
from empnet.training.run.agreement import refuse_disagreement
from empnet.training.run.belonging import belonging
from empnet.training.run.checkpoint import Progress, save_checkpoint
from empnet.training.run.config import TrainConfig, differences, write_config
from empnet.training.run.journal import Journal
from empnet.training.run.model_file import read_card, save_card
from empnet.training.run.reservation import alone_in, reserved, reserved_name
from empnet.training.run.run_folder import RunFolder
from empnet.training.run.unwritten import writing
from empnet.training.targets import configured, name_targets
from empnet.training.train_run import TrainResult, train_run
from empnet.training.uncertainty.ensemble_file import refuse_ensemble

__all__ = ["TrainResult", "resume_training", "run_name", "run_training"]


@keeping_pipes
def run_training(
    data: Data,
    property: str | Sequence[str] | None = None,  # noqa: A002 (the word of the command line)
    *,
    out: str | Path | None = None,
    force: bool = False,
    quiet: bool = False,
    **settings: Any,
) -> TrainResult:
    """Train a run, without its report; arguments and errors are those of :func:`empnet.workflows.train.train`.

    Example:
        >>> import tempfile, numpy as np
        >>> pairs = [System([[0, 0, 0], [0, 0, d]], [1, 1], properties={"energy": 1 / d}) for d in np.arange(1, 3, 0.1)]
        >>> result = run_training(pairs, "energy", out=tempfile.mkdtemp() + "/run", epochs=1, quiet=True)
        >>> sorted(result.results)
        ['test', 'validation']
    """
    source = as_source(data)
    return _trained(lambda *held: _begin(source, property, out, force, settings, *held), source, quiet)


@keeping_pipes
def resume_training(run: str | Path, data: Data | None = None, *, quiet: bool = False, **settings: Any) -> TrainResult:
    """Go on with a run, without its report; arguments and errors are those of :func:`empnet.workflows.train.resume`."""
    source = None if data is None else as_source(data)
    return _trained(lambda *held: _begin_again(RunFolder(run), source, settings, *held), source, quiet)


def _trained(
    begin: Callable[[Journal, ExitStack], PreparedRun], source: str | Sequence[System] | None, quiet: bool
) -> TrainResult:
    """Begin a run in the first process, share it with the others, and train it.

    Arguments:
        begin: Prepares the run; the locks that it enters on the stack are held until the run has ended.
        source: The data as the user gave them.
        quiet: Print nothing.
    """
    team = processes()
    journal = Journal(quiet, mute=not team.first)
    with ExitStack() as held, journal.keeping_warnings():
        if team.first:  # a signal ends the first process cleanly; the others end with it
            held.enter_context(ended_by_signals())
        begun = _broadcast_run(team, team.together(lambda: begin(journal, held) if team.first else None), source)
        return train_run(begun.job, begun.model, begun.run, journal, team)


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """Run that is ready to be trained."""

    job: Job
    model: Network
    run: RunFolder
    source: str | None
    """Where the data were found; None for systems in memory."""


def _begin(
    data: str | Path | Sequence[System],
    property_: str | Sequence[str] | None,
    out: str | Path | None,
    force: bool,
    settings: Mapping[str, Any],
    journal: Journal,
    held: ExitStack,
) -> PreparedRun:
    """Prepare a new run with its folder; reserve the name before the work."""
    config = configured(data, property_, settings)
    config = adopt_architecture(config, given={key for key, value in settings.items() if value is not None})
    if out is not None:
        refuse_input(Path(out), [data, config.fine_tune])
    place = reserved_name(run_name(config)) if out is None else reserved(Path(out), force)
    reservation = held.enter_context(place)
    run = RunFolder(reservation.path)
    _set_threads(config.threads, journal)
    config = name_targets(config, journal, data)
    config = adopt_cloud_settings(config, data, settings, journal)
    job, model = Job.of(config, data, journal)
    job = replace(job, card=with_place(job.card, data, run.path))
    with writing(run.path):
        reservation.fill(lambda folder: _fill(folder, job, model))
    return PreparedRun(job, model, run, str(data) if isinstance(data, str | Path) else None)


def _begin_again(
    run: RunFolder,
    data: str | Path | Sequence[System] | None,
    settings: Mapping[str, Any],
    journal: Journal,
    held: ExitStack,
) -> PreparedRun:
    """Prepare a stopped run for resuming."""
    refuse_ensemble(run.path, "the command that began it goes on with it")
    run.refuse_incomplete()
    held.enter_context(alone_in(run.path))
    config, card = run.read_config(), read_card(run.path)
    _refuse_changed(config, settings, run)
    refuse_disagreement(config, card, run)
    remedy = f"if they have been moved, say where: empnet train DATA --resume {shlex.quote(str(run))}"
    source = find_data(run, remedy=remedy, given=data)
    if data is not None:
        with writing(run.path):
            config, card = keep_place(run, source, config, card)
    if source != config.data and isinstance(source, str):
        journal.say(f"data: found at {source}")
    _set_threads(card.threads if card.processes == processes().size else config.threads, journal)
    dataset = open_data(source, config, journal.quiet)
    variants = open_variants(source, config, dataset, journal.quiet)
    split = run.read_split(len(dataset))
    model = card.build()
    scales = fit_statistics(model, dataset, split.train, card.encoder)
    job = Job(config, card, dataset, split, scales, variants)
    return PreparedRun(job, model, run, source if isinstance(source, str) else None)


def _broadcast_run(
    team: Processes, begun: PreparedRun | None, data: str | Path | Sequence[System] | None
) -> PreparedRun:
    """Return the same run in all processes: each opens the data from the flat files that the first one has made."""
    if team.alone and begun is not None:
        return begun
    text = (
        None
        if begun is None
        else (begun.job.config, begun.job.card, begun.job.split, begun.job.scales, begun.run, begun.source)
    )
    config, card, split, scales, run, found = team.from_first(text)  # type: ignore[misc]

    def follow() -> PreparedRun:
        if begun is not None:
            return begun
        team.choose_threads(card.threads)
        source = found or data
        assert source is not None  # systems in memory are given in every process
        dataset = open_data(source, config, quiet=True)
        variants = open_variants(source, config, dataset, quiet=True)
        return PreparedRun(Job(config, card, dataset, split, scales, variants), card.build(), run, found)

    return team.in_turn(follow)


def run_name(config: TrainConfig) -> str:
    """Return the default name of a run, from its data and properties.

    Arguments:
        config: The configuration.

    Example:
        >>> run_name(TrainConfig(data="data/water.xyz", property="energy"))
        'water-energy'
    """
    stem = Path(config.data).name.split(".")[0] or "run"
    return plain_name("-".join([stem, *config.property]))


def _set_threads(threads: int | None, journal: Journal) -> None:
    team = processes()
    team.choose_threads(threads)
    if not team.alone:
        journal.say(str(team))


def _refuse_changed(config: TrainConfig, given: Mapping[str, Any], run: RunFolder) -> None:
    given = {key: value for key, value in given.items() if value is not None}
    saved = config.model_dump()
    wanted = TrainConfig.make({**saved, **given}).model_dump()
    changed = differences(saved, {key: wanted[key] for key in given})
    if changed:
        raise EmpnetError(
            f"the configuration has changed: {'; '.join(changed)}",
            where=run,
            remedy="resume without these options, or start a new run with --from",
        )


def _fill(folder: Path, job: Job, model: Network) -> None:
    """Write the first files of a run folder, enough to resume; config.toml, which makes it a run, comes last."""
    write_text(folder / "split.json", json.dumps(job.split.to_json()) + "\n")
    save_card(folder, job.card)
    belongs = belonging(folder, job.config)
    save_checkpoint(folder, model, model, new_optimizer(model, job.config.lr), Progress(), None, belongs)
    write_config(folder / "config.toml", job.config)
