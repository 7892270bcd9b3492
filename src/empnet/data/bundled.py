"""Data sets that come with the package, found by name wherever a path is taken."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from empnet.data.errors import EmpnetError, nearest

__all__ = ["Card", "card", "names", "resolve"]

FOLDER = Path(str(files("empnet.data").joinpath("bundled")))


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a bundled data set.

    Arguments:
        title: One line that says what it is.
        file: Name of the data file in the data set's folder.
        property: The property that is usually learned.
        unit: Unit of that property.
        licence: Terms of use, and whose they are.
        citation: What to cite.

    Example:
        >>> card("qm7").unit
        'kcal/mol'
    """

    title: str
    file: str
    property: str
    unit: str
    licence: str
    citation: str


@cache
def names() -> tuple[str, ...]:
    """The names of the bundled data sets.

    Example:
        >>> names()
        ('qm7',)
    """
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/card.toml")))


@cache
def _card(name: str) -> Card:
    return Card(**tomllib.loads((FOLDER / name / "card.toml").read_text(encoding="utf-8")))


def card(name: str | os.PathLike[str]) -> Card | None:
    """The card of a bundled data set.

    Arguments:
        name: What the user gave as data.

    Returns:
        The card, or None if the name means a file of the user's, or nothing.

    Example:
        >>> card("no such set") is None
        True
    """
    text = os.fspath(name)
    return _card(text) if text in names() and not Path(text).exists() else None


def resolve(name: str | os.PathLike[str]) -> Path:
    """The file that a path or the name of a bundled data set means; a file of the user's wins over a bundled name.

    Arguments:
        name: What the user gave as data.

    Returns:
        Path of an existing file.

    Raises:
        EmpnetError: If there is no such file, or it is a folder.

    Example:
        >>> resolve("qm7").name
        'qm7-6101.extxyz.gz'
    """
    text = os.fspath(name)
    path = Path(text)
    try:
        if path.is_dir() and text:
            raise EmpnetError("is a folder", where=text, wanted="a file")
        if path.exists() and text:
            return path
        known = card(text)
        if known is not None:
            return FOLDER / text / known.file
        neighbours = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    except (OSError, ValueError) as error:  # a name that cannot be one, or a folder that may not be read
        raise EmpnetError(f"no such file {text!r} ({error})") from error
    bundled = names() if path.parent == Path() else ()
    raise EmpnetError(
        f"no such file '{text}'",
        remedy=nearest(path.name, [*neighbours, *bundled]) or f"data that come with empnet: {', '.join(names())}",
    )
