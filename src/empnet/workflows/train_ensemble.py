"""Train an ensemble: the same data and the same split, with another seed for each member."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import torch

from empnet.dataset.cache import data_hash
from empnet.errors import EmpnetError
from empnet.files.source import Data, as_source
from empnet.runtime.distribution import processes
from empnet.runtime.durable_files import refuse_input, write_text
from empnet.runtime.pipes import keeping_pipes
from empnet.training.cloud_settings import refuse_pooled
from empnet.training.earlier import limits_with_earlier
from empnet.training.error_lines import error_lines
from empnet.training.job import open_data
from empnet.training.measure import Measured, measure
from empnet.training.own_data import find_data, refuse_changed_data, with_place
from empnet.training.run.config import TrainConfig, differences
from empnet.training.run.journal import Journal
from empnet.training.run.model_file import read_card, save_card
from empnet.training.run.reservation import alone_in, reserved, reserved_name
from empnet.training.run.run_folder import RunFolder
from empnet.training.run.run_marks import is_broken_start, is_run
from empnet.training.run.settings import Settings
from empnet.training.run.unwritten import writing
from empnet.training.start_run import TrainResult, resume_training, run_name, run_training
from empnet.training.targets import configured
from empnet.training.uncertainty.ensemble_file import FILE, load_members, save_ensemble
from empnet.training.uncertainty.ensemble_std import fit_spread
from empnet.training.uncertainty.rigidity import deviations
from empnet.workflows.train import reported

__all__ = ["train_ensemble"]


@keeping_pipes
def train_ensemble(
    data: Data,
    property: str | Sequence[str] | None = None,  # noqa: A002 (the word of the command line)
    *,
    members: int,
    out: str | Path | None = None,
    force: bool = False,
    quiet: bool = False,
    **settings: Unpack[Settings],
) -> TrainResult:
    """Train several runs with different seeds, calibrate the spread of their predictions, and write a report.

    The members are separate runs in ``member-1``, ``member-2``, ...; a time budget applies to each member. If training
    is stopped, the same call continues it.

    Arguments:
        data: Path of a file, the name of bundled data such as ``"qm7"``, or systems or ase.Atoms, one or any iterable.
        property: The target scalar, or several. Default: the property of bundled data, else ``energy``.
        members: Number of members, at least two; their seeds are ``seed``, ``seed + 1``, ...
        out: The run folder; default: an unused name in ``runs``.
        force: Whether to replace an existing ensemble.
        quiet: Print nothing.
        **settings: Any setting of :class:`~empnet.training.run.config.TrainConfig`, such as ``time="10m"``.

    Returns:
        The folder, whether all members are trained, and the errors of the members' mean.

    Raises:
        EmpnetError: If the data or a setting is not valid, or the folder contains something else.

    Example:
        >>> from empnet import System
        >>> import tempfile, numpy as np
        >>> pairs = [System([[0, 0, 0], [0, 0, d]], [1, 1], properties={"energy": 1 / d}) for d in np.arange(1, 3, 0.1)]
        >>> out = tempfile.mkdtemp() + "/run"
        >>> result = train_ensemble(pairs, "energy", members=2, out=out, width=8, layers=1, epochs=1, quiet=True)
        >>> result.finished, sorted(result.results)
        (True, ['test', 'validation'])
    """
    if members < 2:
        raise EmpnetError(f"{members} members", where="--ensemble", wanted="2 or more, such as 5")
    source = as_source(data)
    config = configured(source, property, settings)
    refuse_pooled(config, source, "--ensemble")
    if out is not None:
        refuse_input(Path(out), [source, settings.get("fine_tune")])
    shared = {**settings, "split_seed": config.seed if config.split_seed is None else config.split_seed}
    journal, team = Journal(quiet, mute=not processes().first), processes()
    with ExitStack() as held:
        folder = team.from_first(team.together(lambda: _own_folder(config, out, force, held) if team.first else Path()))
        for k in range(members):
            run, seed = folder / f"member-{k + 1}", config.seed + k
            journal.say(f"member {k + 1} of {members}, seed {seed}")
            if not _train(run, source, property, {**shared, "seed": seed}, quiet):
                journal.say(f"stopped; to continue, use the same command with --out {shlex.quote(str(folder))}")
                return TrainResult(folder, False, {})
        names = [f"member-{k + 1}" for k in range(members)]
        with journal.keeping_warnings():
            results = team.together(lambda: _finish(folder, names, source, journal) if team.first else {})
        return reported(TrainResult(folder, True, team.from_first(results)), quiet)


def _own_folder(config: TrainConfig, out: str | Path | None, force: bool, held: ExitStack) -> Path:
    """Return the ensemble's folder, which is reserved for this process while ``held`` is open.

    An incomplete ensemble is continued; a complete one is replaced if ``force`` is set.
    """
    if out is None:
        return held.enter_context(reserved_name(f"{run_name(config)}-ensemble")).path
    folder = Path(out)
    if (folder / "member-1").is_dir() and is_run(folder) and not (folder / FILE).exists():
        held.enter_context(alone_in(folder))
    else:
        if folder.is_dir() and not is_broken_start(folder) and not (folder / FILE).exists():
            raise EmpnetError("already exists and is not an ensemble", where=folder, remedy="choose another --out")
        with writing(folder):
            held.enter_context(reserved(folder, force)).fill(lambda _: None)
    return folder


def _train(run: Path, data: Any, property_: Any, settings: Mapping[str, Any], quiet: bool) -> bool:
    """Train a member or continue its training, unless it is finished; return whether it is finished now."""
    team = processes()

    def stands() -> str:
        return _stands(run, data, configured(data, property_, settings), settings) if team.first else ""

    now = team.from_first(team.together(stands))
    if now == "new":
        return run_training(data, property_, out=run, quiet=quiet, **settings).finished
    return now == "finished" or resume_training(run, data, quiet=quiet).finished


def _stands(run: Path, data: Any, config: TrainConfig, settings: Mapping[str, Any]) -> str:
    """Return ``"new"``, ``"begun"`` or ``"finished"`` for a member; raise an error for other settings or data."""
    if not run.exists() or is_broken_start(run):
        return "new"
    saved = RunFolder(run).read_config().model_dump()
    given = config.model_dump(include=set(settings) - {"property"})
    changed = differences(saved, given)
    if changed:
        raise EmpnetError(f"has other settings: {'; '.join(changed)}", where=run, remedy="choose another --out")
    card = read_card(run)
    refuse_changed_data(card, data_hash(data, str(card.data.get("sha256", ""))), run, "choose another --out")
    return "finished" if (run / "results.json").exists() else "begun"


def _finish(folder: Path, names: list[str], data: Any, journal: Journal) -> dict[str, Any]:
    """Combine the members into an ensemble: calibrate their spread, and measure the errors of their mean."""
    first = RunFolder(folder / names[0])
    config, split = first.read_config(), first.read_split()
    source = find_data(first, remedy="choose another --out", given=data)
    model, card = load_members(folder, names)
    dataset, cpu = open_data(source, config, quiet=True), torch.device("cpu")
    spread = fit_spread(model, dataset, split, card, cpu)
    limits, missing = limits_with_earlier(spread.limits, spread, model, config, card)
    spread = replace(spread, limits=limits)
    for line in missing:
        journal.say(line)
    sides = {"validation": split.validation, "test": split.test}
    results = {}
    for side, indices in sides.items():
        if len(indices):
            measured = measure(model, dataset, indices, card, cpu)
            assert isinstance(measured, Measured)  # own invariant: classes have no ensembles
            results[side] = measured.summary(card, deviations(spread.std, model, dataset, indices, card))
    with writing(folder):
        save_card(folder, with_place(read_card(first.path), source, folder))
        for name in ("split.json", "config.toml"):
            write_text(folder / name, (first.path / name).read_text(encoding="utf-8"))
        write_text(folder / "results.json", json.dumps(results, indent=1) + "\n")
        save_ensemble(folder, names, spread)
    journal.write_to(RunFolder(folder).log_file)  # last: a folder with only a log would not count as an ensemble
    for line in error_lines(results):
        journal.say(f"mean of the members: {line}")
    journal.say(f"ensemble: {folder}")
    return results
