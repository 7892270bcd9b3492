"""Read tables of points: lines of x, y, z and further columns, with or without a header."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from empnet.errors import EmpnetError
from empnet.files.clouds.extra import AGAIN
from empnet.files.compression import OPENERS, inner_name
from empnet.system.system import Origin, System

__all__ = ["TABLES", "first_line", "iread_table", "is_table"]

TABLES = (".csv", ".tsv", ".txt", ".pts", ".asc", ".xyz")
"""Suffixes of tables of points; only some of these files are one."""
LONGEST_LINE = 1 << 16  # bytes
REMARKS = ("//", "#", "%")
BEFORE_NAMES = re.compile(rf"^\s*({'|'.join(REMARKS)})\s*")  # marks of remarks, also before the names of columns
COUNT = re.compile(r"\s*\d+\s*")


def first_line(path: Path) -> str:
    """Return the first line of a text that is neither blank nor a remark; empty if there is none, or no text.

    A remark that names x, y and z is the header of a table.

    Arguments:
        path: Path of the file, perhaps compressed.
    """
    opener: Any = OPENERS.get(path.suffix.lower(), open)
    try:
        with opener(path, "rb") as stream:
            head = stream.read(LONGEST_LINE)
    except (OSError, EOFError, ValueError):  # the reader raises it again, with the cause
        return ""
    if b"\x00" in head:
        return ""
    lines = (line for line in head.decode("utf-8-sig", "replace").splitlines() if line.strip())
    return next((line for line in lines if not BEFORE_NAMES.match(line) or _names(line) is not None), "")


def is_table(path: Path) -> bool:
    """Return whether a file is a table of points: its first line has three or more numbers, or names x, y and z.

    A file .pts may begin with the number of its points. An XYZ file of chemists begins with the number of particles
    and is no table.

    Arguments:
        path: Path of the file, perhaps compressed.
    """
    name = inner_name(path).lower()
    if not name.endswith(TABLES):
        return False
    line = first_line(path)
    if name.endswith(".pts") and COUNT.fullmatch(line):
        return True
    return _names(line) is not None or _columns(line) >= 3


def iread_table(path: Path, file: str, first: int = 0) -> Iterator[System]:
    """Read a table of points as one system.

    With a header, columns other than x, y and z become arrays with their names. Without one, the first three columns
    are x, y and z, and the others become ``field_1``, ``field_2`` and so on.

    Arguments:
        path: Path of the file.
        file: The path as the user wrote it, for messages.
        first: Number of the first frame to read; the only frame has number 0.

    Raises:
        EmpnetError: If lines have different numbers of columns, or if a value is not a number.
    """
    if first:
        return
    line = first_line(path)
    names = _names(line)
    promised = int(line) if COUNT.fullmatch(line) and path.suffix.lower() == ".pts" else None
    table = _table(path, line, file, skip=names is not None or promised is not None)
    if promised is not None and promised != len(table):
        found = f"its first line promises {promised:,} points, but {len(table):,} lines follow"
        raise EmpnetError(found, where=file, remedy=AGAIN)
    if names is None:
        names = ["x", "y", "z", *(f"field_{k}" for k in range(1, table.shape[1] - 2))]
    if len(names) != table.shape[1]:
        found = f"its header names {len(names)} columns, but lines have {table.shape[1]}"
        raise EmpnetError(found, where=file, wanted="a name for each column")
    places = [_place(names, name) for name in ("x", "y", "z")]
    arrays = {name: table[:, place] for place, name in enumerate(names) if place not in places}
    yield System(positions=table[:, places], arrays=arrays, origin=Origin(file, 0))


def _table(path: Path, line: str, file: str, *, skip: bool) -> np.ndarray:
    """Return all numbers of a table."""
    mark = _mark(line) if not COUNT.fullmatch(line) else None
    with path.open(encoding="utf-8-sig", errors="replace") as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no lines: the number of columns is checked below
        while skip and stream.readline().strip() != line.strip():
            pass
        try:
            table = np.loadtxt(stream, delimiter=mark, ndmin=2, comments=REMARKS)
        except ValueError as error:
            reason = " ".join(str(error).split()).partition(";")[0]
            wanted = "the same number of columns in each line, and only numbers"
            raise EmpnetError(f"cannot be read as a table of points ({reason})", where=file, wanted=wanted) from error
    if table.shape[1] < 3:
        raise EmpnetError(f"its lines have {table.shape[1]} columns", where=file, wanted="x, y, z and further columns")
    return table


def _mark(line: str) -> str | None:
    """Return the mark between columns; None for blanks."""
    return next((mark for mark in (",", ";", "\t") if mark in line), None)


def _cells(line: str) -> list[str]:
    return [cell.strip().strip("\"'").strip() for cell in line.split(_mark(line))]


def _columns(line: str) -> int:
    """Return the number of columns of a line of numbers; 0 if some are not numbers."""
    cells = _cells(line)
    try:
        return len([float(cell) for cell in cells])
    except ValueError:
        return 0


def _names(line: str) -> list[str] | None:
    """Return the names of columns of a header; None if the line names no x, y and z."""
    cells = _cells(BEFORE_NAMES.sub("", line))
    lowered = [cell.lower() for cell in cells]
    return cells if {"x", "y", "z"} <= set(lowered) else None


def _place(names: list[str], wanted: str) -> int:
    return [name.lower() for name in names].index(wanted)
