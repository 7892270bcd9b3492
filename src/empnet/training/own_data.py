"""Search for the data of a run: both may have been moved, and the hash of the bytes identifies the data."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from empnet.dataset.cache import data_hash
from empnet.errors import EmpnetError
from empnet.files.bundled import card as bundled_card
from empnet.files.bundled import resolve
from empnet.runtime.pipes import is_pipe, refuse_gone_pipe
from empnet.system.system import System
from empnet.training.run.config import TrainConfig, write_config
from empnet.training.run.model_file import ModelCard, read_card, save_card
from empnet.training.run.run_folder import RunFolder
from empnet.training.targets import IN_MEMORY

__all__ = ["find_data", "inputs_of", "keep_place", "refuse_changed_data", "refuse_data_in_memory", "with_place"]

FROM_RUN = "from_run"
"""Key of the data's path relative to the run folder, in ``data`` of ``model.json``."""


def find_data(
    run: RunFolder, *, remedy: str, given: str | Path | Sequence[System] | None = None
) -> str | Sequence[System]:
    """Return the data of a run: the given ones, else data with the same hash in a likely place.

    A relative path is tried from the working directory and from each folder above the run; the path relative to the
    run folder at the start is tried, too. So a project can be moved as a whole, and its commands work from any folder.

    Arguments:
        run: The run folder.
        remedy: What to do if they are not found.
        given: The data as the user names them now.

    Returns:
        A path, the name of bundled data, or the systems that were given.

    Raises:
        EmpnetError: If no data with this hash are found, or they were systems in memory.
    """
    config, card = run.read_config(), read_card(run.path)
    if given is not None:
        refuse_changed_data(card, data_hash(given, str(card.data.get("sha256", ""))), run.path, remedy)
        return str(given) if isinstance(given, str | Path) else given
    refuse_data_in_memory(config.data, run.path, remedy)
    other = ""
    for place in _places(run, config, card):
        with suppress(EmpnetError, OSError):
            if (found := data_hash(place)) == card.data.get("sha256"):
                return place
            other = other or found
    if other:
        hashes = f"sha256 was {str(card.data.get('sha256', 'not recorded'))[:12]}, is {other[:12]}"
        text = f"the data have changed: the file {config.data} has changed since training ({hashes})"
        raise EmpnetError(text, where=run, remedy=remedy)
    raise EmpnetError(f"no such file '{config.data}': the data of {run} are no longer there", remedy=remedy)


def _places(run: RunFolder, config: TrainConfig, card: ModelCard) -> Iterator[str]:
    """Yield the places where the data may be, each once, the likeliest first."""
    seen: set[str] = set()
    here = Path(os.path.realpath(run.path))
    others = [] if Path(config.data).is_absolute() else [str(folder / config.data) for folder in here.parents]
    if kept := card.data.get(FROM_RUN):
        others.append(os.path.normpath(here / kept))
    for place in (config.data, *others):
        if is_pipe(place):  # what came through it is gone, and opening it would wait for a writer
            continue
        with suppress(EmpnetError, OSError):
            path = os.path.realpath(resolve(place))
            if path not in seen:
                seen.add(path)
                yield place


def inputs_of(run: str | Path) -> list[object]:
    """Return the inputs of a run measured on its own data: its folder, and all places where its data may be.

    No output made from a run may replace one of these.

    Arguments:
        run: The run folder; if it is damaged or no run, only the folder itself is returned.
    """
    folder = RunFolder(run)
    found: list[object] = [folder.path]
    with suppress(EmpnetError):
        found += _places(folder, folder.read_config(), read_card(folder.path))
    return found


def with_place(card: ModelCard, data: str | Path | Sequence[System], run: Path) -> ModelCard:
    """Return the card with the path of the data relative to the run folder.

    Arguments:
        card: The run's card.
        data: The training data.
        run: The run folder.
    """
    if not isinstance(data, str | Path) or bundled_card(data) is not None:
        return card
    with suppress(ValueError):  # Windows: another drive, to which no relative path leads
        place = os.path.relpath(os.path.realpath(data), os.path.realpath(run))
        return replace(card, data={**card.data, FROM_RUN: Path(place).as_posix()})
    return card


def keep_place(
    run: RunFolder, data: str | Sequence[System], config: TrainConfig, card: ModelCard
) -> tuple[TrainConfig, ModelCard]:
    """Record a new place of the data; the caller has compared their hash.

    Arguments:
        run: The run folder.
        data: The data as given; systems in memory have no place.
        config: The run's configuration.
        card: Its card.

    Returns:
        Configuration and card as they are in the folder now.
    """
    if not isinstance(data, str) or data == config.data:
        return config, card
    config, card = config.model_copy(update={"data": data}), with_place(card, data, run.path)
    save_card(run.path, card)
    write_config(run.config_file, config)
    return config, card


def refuse_data_in_memory(data: object, run: Path, remedy: str) -> None:
    """Raise if a run's data were systems in memory or came through a pipe: a run keeps neither.

    Arguments:
        data: The setting ``data`` of the run's configuration.
        run: The run folder.
        remedy: What to do.

    Raises:
        EmpnetError: If they were.
    """
    if data == IN_MEMORY:
        raise EmpnetError("its data were systems in memory", where=run, remedy=remedy)
    refuse_gone_pipe(data, run, remedy)


def refuse_changed_data(card: ModelCard, now: str, run: Path, remedy: str) -> None:
    """Raise if the data have changed since training.

    Arguments:
        card: The run's card.
        now: SHA-256 of the data now.
        run: The run folder.
        remedy: What to do.

    Raises:
        EmpnetError: If the hash differs.
    """
    if now != (before := str(card.data.get("sha256", "not recorded"))):
        raise EmpnetError(
            f"the data have changed: sha256 was {before[:12]}, is {now[:12]} "
            f"(they were at '{card.data.get('file') or IN_MEMORY}')",
            where=run,
            remedy=remedy,
        )
