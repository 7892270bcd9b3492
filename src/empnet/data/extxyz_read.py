"""Extended XYZ: frames found and checked line by line, parsed by ASE; and written so that they come back exactly."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TextIO

from ase.data import atomic_numbers as number_of_symbol
from ase.io.extxyz import read_xyz

from empnet.data.atoms import from_atoms
from empnet.data.errors import EmpnetError
from empnet.data.system import Origin, System

__all__ = ["iread_extxyz"]

PLAIN_COLUMNS = "species:S:1:pos:R:3"  # of a file without Properties
FEWEST_COLUMNS = 3  # a position; a line with fewer belongs to no particle
PROPERTIES = re.compile(r"""(?:^|\s)Properties\s*=\s*["'{\[]?([^\s"'}\]]+)""")
COUNT = re.compile(r"\s*[0-9]+\s*")
KIND_NAMES = {"R": "a number", "I": "a whole number"}


@dataclass(frozen=True, slots=True)
class _Frame:
    """The lines of one frame as they stand in the file."""

    origin: Origin
    line: int  # number of the frame's first line in the file, from 1
    comment: str
    rows: list[str]
    vectors: list[str]  # VEC1 to VEC3, an older way to give the cell

    @property
    def columns(self) -> str:
        """The columns' declaration, such as ``species:S:1:pos:R:3``."""
        match = None if self.vectors else PROPERTIES.search(self.comment)
        return match[1] if match else PLAIN_COLUMNS

    def fault(self, particle: int, found: str, *, wanted: str = "", remedy: str = "") -> EmpnetError:
        """An error in the row of a particle."""
        line = self.line + 2 + particle
        return EmpnetError(
            f"particle {particle} (line {line}): {found}", where=self.origin, wanted=wanted, remedy=remedy
        )


def iread_extxyz(path: Path, file: str, first: int = 0) -> Iterator[System]:
    """Read the frames of an XYZ file, extended or plain, one at a time.

    Unlike ASE's own loop over frames, this one reads on after a blank line between frames (ASE stops there without
    a word) and finds a frame that is cut short. A column named ``charge`` keeps its name (ASE makes it ``charges``).
    In a plain XYZ file columns beyond the position have no names and are left out, with a warning.

    Arguments:
        path: Path of the plain text file.
        file: The path as the user wrote it, for messages.
        first: Frames before this one are passed over.

    Returns:
        An iterator over systems; memory is bounded by the largest frame.

    Raises:
        EmpnetError: If a frame cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig") as stream:
            for frame in _frames(stream, file, path.stat().st_size):
                if frame.origin.frame is not None and frame.origin.frame >= first:
                    _check_width(frame)
                    yield _parse(frame)
    except UnicodeDecodeError as error:
        raise EmpnetError(
            f"is not UTF-8 text (byte {error.start} of a block: {error.reason})",
            where=file,
            wanted="a text file in (extended) XYZ format",
            remedy="a file in another format needs its usual suffix, a compressed one .gz, .bz2 or .xz",
        ) from error


def _frames(stream: TextIO, file: str, size: int) -> Iterator[_Frame]:
    """Cut the file into frames; ``size`` in bytes bounds what a frame can hold."""
    lines = enumerate(stream, start=1)
    ahead = next(lines, None)
    number = 0
    while ahead is not None:
        first, text = ahead
        if not text.strip():
            ahead = next(lines, None)
            continue
        origin = Origin(file, number)
        count = _count(text, first, origin, size)
        _, comment = next(lines, (0, ""))
        frame = _Frame(origin, first, comment, [], [])
        for particle in range(count):
            _, row = next(lines, (0, ""))
            _check_row(row, particle, count, frame)
            frame.rows.append(row)
        ahead = next(lines, None)
        while ahead is not None and ahead[1].lstrip().startswith("VEC"):
            frame.vectors.append(ahead[1])
            ahead = next(lines, None)
        if ahead is None:
            _check_end(frame)
        yield frame
        number += 1


def _count(text: str, line: int, origin: Origin, size: int) -> int:
    if not COUNT.fullmatch(text):
        after = origin.frame and f"or the number of particles of frame {origin.frame - 1} is too small"
        raise EmpnetError(
            f"line {line} is {_short(text)}",
            where=origin,
            wanted="the number of particles that begins a frame",
            remedy=f"this is no XYZ file {after or ''}",
        )
    count = int(text)
    if 2 * FEWEST_COLUMNS * count > size + 1:
        raise EmpnetError(
            f"line {line} says {count} particles, more than the whole file has room for",
            where=origin,
            remedy="the file is cut short or damaged",
        )
    return count


def _check_row(row: str, particle: int, count: int, frame: _Frame) -> None:
    if len(row.split(None, FEWEST_COLUMNS)) >= FEWEST_COLUMNS:
        return
    if not row:
        raise EmpnetError(
            f"the file ends after {particle} of {count} particles",
            where=frame.origin,
            remedy="the file is cut short: remove its last frame or fetch it again",
        )
    raise frame.fault(
        particle,
        f"{_short(row)} is no row of a particle",
        wanted=f"{count} rows, as line {frame.line} says",
        remedy="mend the number of particles or the row",
    )


def _check_end(frame: _Frame) -> None:
    """Refuse a last row without an end of line that was cut short, as far as the layout of the frame can tell.

    A row was cut if it ends in half an exponent, or in a number with fewer decimals than any other in the frame, or,
    where the last column holds no real numbers, if it is shorter than the others, which are of one length. Where
    numbers or rows vary in length, nobody can know: that is worth a warning.
    """
    row = frame.rows[-1] if frame.rows else "\n"
    if row.endswith("\n") or frame.vectors:
        return
    values, declared = row.split(), _declared(frame.columns) or ()
    if len(values) == len(declared) and declared[-1][1] == "R":
        rows = [*frame.rows[:-1], " ".join(values[:-1])]
        cells = [cell for other in rows for cell in zip(declared, other.split(), strict=False)]
        others = [_decimals(text) for (_, kind), text in cells if kind == "R"]
        here = _decimals(values[-1])
        cut = here < min(others, default=0) or re.search(r"[eE][+-]?[0-9]?$", values[-1]) is not None
    else:
        others = [len(other.rstrip("\n")) for other in frame.rows[:-1]]
        here = len(row)
        cut = len(set(others)) == 1 and here < others[0]
    if cut:
        raise frame.fault(
            len(frame.rows) - 1,
            f"the file ends within this row, after {values[-1]!r}",
            wanted="a whole row",
            remedy="remove the last frame or fetch the file again; if the row is whole, end it with a line break",
        )
    if set(others) != {here}:
        warnings.warn("the file ends without a line break, so its last number may have been cut short", stacklevel=2)


def _decimals(text: str) -> int:
    return len(re.split("[eE]", text.partition(".")[2])[0])


def _check_width(frame: _Frame) -> None:
    """Refuse rows with more columns than Properties declares, which ASE would drop; warn of them in a plain file."""
    declared = _declared(frame.columns)
    if declared is None:  # no sensible declaration: left to ASE to refuse
        return
    for particle, row in enumerate(frame.rows):
        if len(row.split()) <= len(declared):
            continue
        if frame.columns is PLAIN_COLUMNS:
            warnings.warn("columns beyond the position have no names (Properties=...) and are left out", stacklevel=2)
            return
        raise frame.fault(
            particle,
            f"{len(row.split())} columns",
            wanted=f"{len(declared)}, as Properties={frame.columns} says",
            remedy="mend the row or Properties",
        )


@lru_cache(maxsize=64)
def _declared(columns: str) -> tuple[tuple[str, str], ...] | None:
    """Name and kind of each column; None if the declaration makes no sense."""
    parts = columns.split(":")
    if len(parts) % 3 or not all(size.isascii() and size.isdigit() for size in parts[2::3]):
        return None
    triples = zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    return tuple((name, kind) for name, kind, size in triples for _ in range(int(size)))


def _parse(frame: _Frame) -> System:
    text = "".join([f"{len(frame.rows)}\n", frame.comment, *frame.rows, *frame.vectors])
    try:
        atoms = next(read_xyz(io.StringIO(text), 0))
    except Exception as error:  # whatever ASE's parser meets in a damaged frame, the user gets one line
        raise _reason(frame, error) from error
    if ":charge:" in f":{frame.columns}:" and "charges" in (atoms.calc.results if atoms.calc else {}):
        atoms.arrays["charge"] = atoms.calc.results.pop("charges")
    return from_atoms(atoms, frame.origin)


def _reason(frame: _Frame, error: Exception) -> EmpnetError:
    """Find the row that ASE could not read; failing that, pass on what ASE said."""
    declared = _declared(frame.columns) or ()
    for particle, row in enumerate(frame.rows):
        values = row.split()
        if len(values) < len(declared):
            return frame.fault(particle, f"{len(values)} columns", wanted=f"{len(declared)}: {frame.columns}")
        for (name, kind), value in zip(declared, values, strict=False):
            if kind in KIND_NAMES and not _is_number(value, kind):
                return frame.fault(particle, f"{_short(value)} in column '{name}'", wanted=KIND_NAMES[kind])
            if name == "species" and value.capitalize() not in number_of_symbol:
                return frame.fault(particle, f"{_short(value)} is not a chemical symbol", remedy="see its first column")
    return EmpnetError(
        f"cannot be read ({type(error).__name__}: {_short(str(error))})",
        where=frame.origin,
        wanted="a frame in extended XYZ format",
        remedy="mend or remove the frame",
    )


def _is_number(text: str, kind: str) -> bool:
    try:
        return abs(int(text)) < 2**31 if kind == "I" else float(text) is not None  # ASE keeps int32
    except ValueError:
        return False


def _short(text: str) -> str:
    text = text.strip()
    return repr(text if len(text) <= 60 else text[:57] + "...")
