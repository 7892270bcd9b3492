"""Files of a run or an ensemble: ``--force`` removes these and nothing else."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from empnet.dataset.split import Split
from empnet.errors import EmpnetError
from empnet.training.run.config import TrainConfig

__all__ = ["LOCK", "clear", "is_broken_start", "is_run", "refuse_foreign"]

LOCK = ".lock"
"""File that a process locks while it works on a folder."""

FIRST = ("split.json", "model.json", "checkpoint/state.safetensors")
"""Files written before ``config.toml``, which makes a folder a run."""

LATER = (
    *("config.toml", "model.safetensors", "metrics.csv", "metrics.csv.damaged", "results.json", "log.txt"),
    *("uncertainty.safetensors", "checkpoint/previous.safetensors", "ensemble.json"),
    *("report.html", "map.html", "map.png"),
)
SYSTEM = ("checkpoint", LOCK, ".DS_Store")
"""Folders and files that hold nothing of the user's."""

PATTERNS = (r"(checkpoint/)?\.\d+\.unfinished\..+", r"parity-[^/]+\.png", r"checkpoint/\.nfs.+", r"\.nfs.+")
MEMBER = re.compile(r"member-\d+")


def is_run(folder: Path) -> bool:
    """Return True if a folder is a run or an ensemble: at least two of its three marks are as training writes them.

    The marks are ``config.toml``, ``split.json`` and ``model.json``. One may be damaged. A project with a file
    ``config.toml`` of its own has none of them. An unfinished ensemble has a first member with these marks.

    Arguments:
        folder: Path of the folder.
    """
    marks = (_has_config(folder), _has_split(folder), _has_card(folder))
    return sum(marks) >= 2 or ((folder / "member-1").is_dir() and is_run(folder / "member-1"))


def _has_config(folder: Path) -> bool:
    with suppress(OSError, ValueError):
        found = tomllib.loads((folder / "config.toml").read_text(encoding="utf-8"))
        return {"data", "cutoff"} <= found.keys() <= TrainConfig.model_fields.keys()
    return False


def _has_split(folder: Path) -> bool:
    with suppress(OSError, ValueError, KeyError, TypeError):
        Split.from_json(json.loads((folder / "split.json").read_text(encoding="utf-8")))
        return True
    return False


def _has_card(folder: Path) -> bool:
    with suppress(OSError, ValueError, TypeError):
        found = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        return {"format_version", "architecture", "species"} <= found.keys()
    return False


def is_broken_start(folder: Path) -> bool:
    """Return True if a folder is empty, or holds only files of a start that was killed before it became a run.

    Arguments:
        folder: Path of the folder.
    """
    if not folder.is_dir():
        return False
    names = list(_names(folder))
    return not names or (
        LOCK in names  # a start makes it first; without it the files belong to somebody else
        and all(
            (MEMBER.fullmatch(name) and is_broken_start(folder / name)) or _known(name, (*FIRST, *SYSTEM))
            for name in names
        )
    )


def refuse_foreign(folder: Path) -> None:
    """Raise unless a folder is a run or an ensemble and holds nothing else.

    Arguments:
        folder: A folder that will be replaced.

    Raises:
        EmpnetError: If it is no run, or holds a file that training does not write.
    """
    if not is_run(folder):
        raise EmpnetError("is not a run folder and is not replaced", where=folder, remedy="choose another --out")
    for name in _names(folder):
        if MEMBER.fullmatch(name) and (folder / name).is_dir() and not (folder / name).is_symlink():
            if not is_broken_start(folder / name):
                refuse_foreign(folder / name)
        elif not _known(name, (*FIRST, *LATER, *SYSTEM)):
            raise EmpnetError(
                f"holds '{name}', which is no file of a run, and is not replaced",
                where=folder,
                remedy="move that file away, or choose another --out",
            )


def clear(folder: Path) -> None:
    """Remove the files of a run or of a broken start, but not the folder and its lock.

    ``config.toml`` goes last: if this is interrupted, the rest is still recognised.

    Arguments:
        folder: A folder that :func:`refuse_foreign` or :func:`is_broken_start` has checked.
    """
    names = sorted(
        _names(folder), key=lambda name: (name == "config.toml", name in (*FIRST, "checkpoint"), -name.count("/"))
    )
    for name in names:
        path = folder / name
        if name == LOCK:
            continue
        if path.is_dir() and not path.is_symlink():
            if name != "checkpoint":  # a member; the folder checkpoint is empty by now
                clear(path)
                (path / LOCK).unlink(missing_ok=True)
            path.rmdir()
        else:
            path.unlink(missing_ok=True)


def _names(folder: Path) -> Iterator[str]:
    """Yield the names of all entries of a folder and of its folder ``checkpoint``, relative to it."""
    for path in folder.iterdir():
        yield path.name
        if path.name == "checkpoint" and path.is_dir():
            yield from (f"checkpoint/{below.name}" for below in path.iterdir())


def _known(name: str, files: tuple[str, ...]) -> bool:
    return name in files or any(re.fullmatch(pattern, name) for pattern in PATTERNS)
