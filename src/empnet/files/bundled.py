"""Find the data sets in this package. Users can give the name of a data set instead of a path."""

from __future__ import annotations

import os
import tomllib
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from empnet.errors import EmpnetError, nearest
from empnet.files.clouds.members import is_pattern, members
from empnet.runtime.pipes import is_pipe, kept_pipe

__all__ = ["Card", "card", "names", "path_text", "resolve"]

FOLDER = Path(str(files("empnet.files").joinpath("bundled")))


@dataclass(frozen=True, slots=True)
class Card:
    """Facts about a bundled data set.

    Arguments:
        title: One-line description.
        file: Name of the data file in the data set's folder.
        property: Name of the usual target property.
        units: Unit of each property.
        licence: Licence and owner of the data.
        citation: Publications to cite.
        length_unit: Unit of lengths; angstrom if it is empty.
        settings: Settings of ``train`` that suit each property; the user's own settings come first.

    Example:
        >>> card("qm7").units["energy"]
        'kcal/mol'
        >>> card("buildings").settings["volume"]
        {'scale_power': 3.0}
    """

    title: str
    file: str
    property: str
    units: dict[str, str]
    licence: str
    citation: str
    length_unit: str = ""
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)


def path_text(name: str | os.PathLike[str]) -> str:
    """Return a path, or the name of a bundled data set, as text.

    Arguments:
        name: Path of a file, or name of a bundled data set.

    Raises:
        EmpnetError: If the value is neither a string nor a path.

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
        ('buildings', 'qm7')
    """
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/card.toml")))


@cache
def _card(name: str) -> Card:
    return Card(**tomllib.loads((FOLDER / name / "card.toml").read_text(encoding="utf-8")))


def card(name: str | os.PathLike[str]) -> Card | None:
    """Return the card of a bundled data set.

    Arguments:
        name: Path of a file, or name of a bundled data set.

    Returns:
        The card; None if the name is unknown or a file with this name exists.

    Example:
        >>> card("no such set") is None
        True
    """
    text = path_text(name)
    return _card(text) if text in names() and not Path(text).is_file() else None


def resolve(name: str | os.PathLike[str]) -> Path:
    """Return the path of data: of a file, of a folder with files of data, or a pattern that matches some.

    If a file has the same name as a bundled data set, the file is used.

    Arguments:
        name: Path of a file or folder, pattern such as ``scans/*.laz``, or name of a bundled data set.

    Returns:
        Path of an existing file or folder, or the pattern.

    Raises:
        EmpnetError: If there is no such file, if a folder or a pattern gives no files of data, or if the name is that
            of a device or of a pipe without stored data.

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
    except (OSError, ValueError) as error:  # name too long or with a null character, or folder not readable
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
    if text and (folder or is_pattern(text)):
        members(text)  # an error if there are none
        return path
    bundled = names() if path.parent == Path() else ()
    neighbours: list[str] = []
    with suppress(OSError):  # the folder is not readable or does not exist
        neighbours = [other.name for other in path.parent.iterdir() if other.is_file()]
    suggestion = nearest(path.name, [*neighbours, *bundled])
    raise EmpnetError(f"no such file '{text}'", remedy=suggestion or f"bundled data sets: {', '.join(names())}")
