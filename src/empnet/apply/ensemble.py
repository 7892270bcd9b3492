"""Train an ensemble: the same data, the same sides, another seed for each member."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from empnet.apply.last_words import verdict_of_run
from empnet.apply.train import tell_verdict
from empnet.data.errors import EmpnetError
from empnet.data.files import refuse_input, write_text
from empnet.data.pipes import keeping_pipes
from empnet.data.source import Data, as_source
from empnet.learn.distribution import processes
from empnet.learn.earlier import limits_with_earlier
from empnet.learn.ensemble import FILE, fit_spread, load_members, save_ensemble
from empnet.learn.error_lines import error_lines
from empnet.learn.journal import Journal
from empnet.learn.measure import measure
from empnet.learn.prepare import configured, differences, open_data, refuse_data_in_memory
from empnet.learn.run_folder import RunFolder, free_name
from empnet.learn.train import TrainResult, resume, run_name, train
from empnet.learn.uncertainty import deviations

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
    **settings: Any,
) -> TrainResult:
    """Train several runs that differ in their seed, and calibrate the spread of their predictions.

    The members are runs of their own in ``member-1``, ``member-2``, ...; a time budget is that of each. If training
    is stopped, the same call goes on with it.

    Arguments:
        data: Path of a file, the name of bundled data such as ``"qm7"``, or systems or ase.Atoms, one or any iterable.
        property: The scalar to be learned, or several. Default: the one of bundled data, else ``energy``.
        members: How many, at least two; seeds are ``seed``, ``seed + 1``, ...
        out: The run folder; default: a free name in ``runs``.
        force: Replace an ensemble that is there.
        quiet: Print nothing.
        **settings: Any setting of :class:`~empnet.learn.config.TrainConfig`, such as ``time="10m"``.

    Returns:
        The folder, whether all members are trained, and the errors of their mean.

    Raises:
        EmpnetError: If the data or a setting cannot be meant, or the folder holds something else.

    Example:
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
    folder = Path(out) if out is not None else free_name(f"{run_name(config)}-ensemble")
    shared = {**settings, "split_seed": config.seed if config.split_seed is None else config.split_seed}
    journal, team = Journal(quiet, mute=not processes().first), processes()
    refuse_input(folder, [data, settings.get("fine_tune")])
    team.together(lambda: _make_room(folder, force) if team.first else None)
    for k in range(members):
        run, seed = folder / f"member-{k + 1}", config.seed + k
        journal.say(f"member {k + 1} of {members}, seed {seed}")
        if not _train(run, source, property, {**shared, "seed": seed}, quiet):
            journal.say(f"stopped; the same command goes on with {folder}")
            return TrainResult(folder, False, {})
    names = [f"member-{k + 1}" for k in range(members)]
    results = team.together(lambda: _finish(folder, names, source, journal) if team.first else {})
    return TrainResult(folder, True, team.from_first(results))


def _make_room(folder: Path, force: bool) -> None:
    """Raise if the folder is something else; an ensemble that is complete goes, if it is to be replaced."""
    if not folder.exists():
        return
    if not any(folder.glob("member-*")) and (not folder.is_dir() or any(folder.iterdir())):
        raise EmpnetError("is there already and is no ensemble", where=folder, remedy="choose another --out")
    if (folder / FILE).exists():
        if not force:
            raise EmpnetError("is there already", where=folder, remedy="choose another --out, or --force to replace it")
        shutil.rmtree(folder)


def _train(run: Path, data: Any, property_: Any, settings: dict[str, Any], quiet: bool) -> bool:
    """Train a member, go on with it, or leave it if it is finished. Returns whether it is."""
    if not run.exists():
        return train(data, property_, out=run, quiet=quiet, **settings).finished
    saved = RunFolder(run).read_config().model_dump()
    given = configured(data, property_, settings).model_dump(include=set(settings) - {"property"})
    changed = differences(saved, given)
    if changed:
        raise EmpnetError(f"has other settings: {'; '.join(changed)}", where=run, remedy="choose another --out")
    return (run / "results.json").exists() or resume(run, data, quiet=quiet).finished


def _finish(folder: Path, names: list[str], data: Any, journal: Journal) -> dict[str, Any]:
    """What makes the members an ensemble: the calibration of their spread, and errors of their mean."""
    first = RunFolder(folder / names[0])
    config, split = first.read_config(), first.read_split()
    source = config.data if isinstance(data, str | Path) else data
    refuse_data_in_memory(source, folder, "give them again")
    model, card = load_members(folder, names)
    dataset, cpu = open_data(source, config, quiet=True), torch.device("cpu")
    spread = fit_spread(model, dataset, split, card, cpu)
    limits, missing = limits_with_earlier(spread.limits, partial(spread.std, model), config, card)
    spread = replace(spread, limits=limits)
    for line in missing:
        journal.say(line)
    sides = {"validation": split.validation, "test": split.test}
    results = {
        side: measure(model, dataset, indices, card, cpu).summary(
            card, deviations(spread, model, dataset, indices, card)
        )
        for side, indices in sides.items()
        if len(indices)
    }
    for name in ("config.toml", "split.json", "model.json"):
        shutil.copyfile(first.path / name, folder / name)
    write_text(folder / "results.json", json.dumps(results, indent=1) + "\n")
    save_ensemble(folder, names, spread)
    for line in error_lines(results):
        journal.say(f"mean of the members: {line}")
    journal.say(f"ensemble: {folder}")
    tell_verdict(verdict_of_run(folder), journal)
    return results
