"""Data sets in the package. Their names are accepted in place of a path."""

from __future__ import annotations

import os
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from empnet.errors import EmpnetError, nearest
from empnet.runtime.pipes import is_pipe, kept_pipe

__all__ = ["Card", "card", "names", "path_text", "resolve"]

FOLDER = Path(str(files("empnet.files").joinpath("bundled")))


@dataclass(frozen=True, slots=True)
class Card:
    """Facts about a bundled data set.

    Arguments:
        title: One-line description.
        file: Name of the data file in the data set's folder.
        property: The usual target property.
        units: Unit of each property.
        licence: Licence and its owner.
        citation: The publications to cite.

    Example:
        >>> card("qm7").units["energy"]
        'kcal/mol'
    """

    title: str
    file: str
    property: str
    units: dict[str, str]
    licence: str
    citation: str


def path_text(name: str | os.PathLike[str]) -> str:
    """Return a path, or the name of bundled data, as text.

    Arguments:
        name: The path or name from the user.

    Raises:
        EmpnetError: If it is not a path.

    Example:
        >>> path_text(Path("water.xyz"))
        'water.xyz'
    """
    text = os.fspath(name) if isinstance(name, str | os.PathLike) else None
    if not isinstance(text, str):
        shown = repr(name) if name is None or isinstance(name, int | float | bytes) else f"a {type(name).__name__}"
        raise EmpnetError(f"{shown} is not a path", wanted="the path of a file, or the name of bundled data")
    return text


@cache
def names() -> tuple[str, ...]:
    """Return the names of the bundled data sets.

    Example:
        >>> names()
        ('qm7',)
    """
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/card.toml")))


@cache
def _card(name: str) -> Card:
    return Card(**tomllib.loads((FOLDER / name / "card.toml").read_text(encoding="utf-8")))


def card(name: str | os.PathLike[str]) -> Card | None:
    """Return the card of a bundled data set.

    Arguments:
        name: The path or name of data from the user.

    Returns:
        The card, or None if the name is a file of the user or unknown.

    Example:
        >>> card("no such set") is None
        True
    """
    text = path_text(name)
    return _card(text) if text in names() and not Path(text).is_file() else None


def resolve(name: str | os.PathLike[str]) -> Path:
    """Return the file for a path or the name of a bundled data set; a file of the user comes before a bundled name.

    Arguments:
        name: The path or name of data from the user.

    Returns:
        Path of an existing file.

    Raises:
        EmpnetError: If the file does not exist, is a folder or a device, or is a pipe whose data are not stored.

    Example:
        >>> resolve("qm7").name
        'qm7-6101.extxyz.gz'
    """
    text = path_text(name)
    if is_pipe(text):
        return kept_pipe(text)
    path = Path(text)
    try:
        there, folder, file = path.exists(), path.is_dir(), path.is_file()
        empty = path.is_char_device() and path.samefile(os.devnull)
    except (OSError, ValueError) as error:  # the name is too long or contains a null, or the folder is not readable
        raise EmpnetError(f"no such file '{text[:200]}' ({getattr(error, 'strerror', error)})") from error
    if text and file:
        return path
    if empty:
        raise EmpnetError("the file is empty", where=text, wanted="at least one frame")
    if there and not folder:
        raise EmpnetError("is a socket or a device, not a file", where=text)
    known = card(text)
    if known is not None:
        return FOLDER / text / known.file
    if text and folder:
        raise EmpnetError("is a folder, but a file is needed", where=text)
    bundled = names() if path.parent == Path() else ()
    neighbours: list[str] = []
    with suppress(OSError):  # the folder is not readable or does not exist
        neighbours = [other.name for other in path.parent.iterdir() if other.is_file()]
    suggestion = nearest(path.name, [*neighbours, *bundled])
    raise EmpnetError(f"no such file '{text}'", remedy=suggestion or f"bundled data sets: {', '.join(names())}")
