"""Read extended XYZ files: find and check frames line by line."""

from __future__ import annotations

import codecs
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TextIO

from empnet.errors import EmpnetError
from empnet.files import qm9_xyz
from empnet.files.extxyz.cell import VECTOR, cell_of_comment, cell_of_vectors, components
from empnet.files.extxyz.columns import (
    PLAIN_COLUMNS,
    Column,
    Fault,
    declared_columns,
    names_of,
    read_columns,
    short,
    species_of_columns,
)
from empnet.files.extxyz.comment import parse_comment
from empnet.system.atoms import split_values
from empnet.system.label_spec import CONSTRAINTS
from empnet.system.system import Origin, System

__all__ = ["iread_extxyz"]

FEWEST_COLUMNS = 3  # columns of a position; the row of a particle has at least these
COUNT = re.compile(r"\s*[0-9]+\s*")
MOST_DIGITS = 18  # digits of a number of particles; Python does not convert thousands of digits
BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
BLOCK = 1 << 16  # bytes at the beginning of a file, checked for binary data


@dataclass(frozen=True)
class _Frame:
    """Lines of one frame in the file."""

    origin: Origin
    line: int  # number of the frame's first line in the file, from 1
    comment: str
    rows: list[str]
    vectors: list[str] = field(default_factory=list)  # VEC1 to VEC3, an older syntax for the cell
    trailing: list[str] = field(default_factory=list)  # lines after the particles in files of QM9

    @cached_property
    def info(self) -> dict[str, Any]:
        """Return the values of the comment line."""
        if self.vectors:
            return {"comment": self.comment.strip()}
        if qm9_xyz.is_comment(self.comment):
            return {}
        try:
            return parse_comment(self.comment)
        except EmpnetError as error:
            raise EmpnetError(f"line {self.line + 1}: {error}", where=self.origin) from error

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Return the declared columns; without a declaration, the columns of a plain XYZ file."""
        declared = str(self.info.get("Properties", PLAIN_COLUMNS))
        try:
            return declared_columns(declared)
        except EmpnetError as error:
            raise EmpnetError(f"line {self.line + 1}: {error}", where=self.origin) from error

    @property
    def width(self) -> int:
        """Return the number of declared columns."""
        return sum(column.size for column in self.columns)

    @property
    def plain(self) -> bool:
        """Return whether the frame declares no columns."""
        return "Properties" not in self.info

    def fault(self, particle: int, found: str, *, wanted: str = "", remedy: str = "") -> EmpnetError:
        """Return an error about the row of a particle."""
        line = self.line + 2 + particle
        return EmpnetError(
            f"particle {particle} (line {line}): {found}", where=self.origin, wanted=wanted, remedy=remedy
        )


def iread_extxyz(path: Path, file: str, first: int = 0) -> Iterator[System]:
    """Read the frames of an XYZ file, extended or plain, one at a time.

    Standard names of keys and columns may be in any case. Values may have every documented syntax (see
    :func:`~empnet.files.extxyz.comment.parse_comment`). Reading continues after a blank line between frames, where
    ASE's reader stops silently. A truncated frame raises an error. Columns keep their names, while ASE renames
    ``charge`` to ``charges``. In a plain XYZ file, columns after the position have no names; they are ignored with a
    warning. Files of QM9 are read with their properties (:mod:`empnet.files.qm9_xyz`).

    Arguments:
        path: Path of the plain text file.
        file: The path as the user wrote it, for messages.
        first: Number of the first frame to read.

    Returns:
        An iterator over systems; memory use depends on the largest frame, not on the file size.

    Raises:
        EmpnetError: If a frame cannot be read.
    """
    with path.open("rb") as stream:
        begin = stream.read(BLOCK)
    wide = begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if not wide and BINARY.search(begin):
        raise EmpnetError(
            "contains binary data",
            where=file,
            wanted="a text file in (extended) XYZ format",
            remedy="give a file in another format its usual suffix, and a compressed file .gz, .bz2 or .xz",
        )
    with path.open(encoding="utf-16" if wide else "utf-8-sig", errors="strict" if wide else LATIN_1) as stream_of_text:
        for frame in _frames(stream_of_text, file, path.stat().st_size):
            if frame.origin.frame is not None and frame.origin.frame >= first:
                yield _parse(frame)


def _as_latin_1(error: UnicodeError) -> tuple[str, int]:
    """Return bytes that are not UTF-8 as text in Latin-1, the usual encoding of old files, with a warning."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    warnings.warn("contains text that is not UTF-8; it is read as Latin-1", stacklevel=2)
    return error.object[error.start : error.end].decode("latin-1"), error.end


LATIN_1 = "empnet-latin-1"
codecs.register_error(LATIN_1, _as_latin_1)


def _frames(stream: TextIO, file: str, size: int) -> Iterator[_Frame]:
    """Yield the frames of a file; its ``size`` in bytes limits the number of particles in a frame."""
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
        frame = _Frame(origin, first, comment, [])
        for particle in range(count):
            _, row = next(lines, (0, ""))
            _check_row(row, particle, count, frame)
            frame.rows.append(row)
        ahead = next(lines, None)
        while ahead is not None and len(frame.vectors) < 3 and VECTOR.match(ahead[1]):
            frame.vectors.append(ahead[1])
            ahead = next(lines, None)
        if qm9_xyz.is_comment(comment):
            while ahead is not None and len(frame.trailing) < qm9_xyz.TRAILING and not COUNT.fullmatch(ahead[1]):
                frame.trailing.append(ahead[1])
                ahead = next(lines, None)
        if ahead is None:
            _check_end(frame)
        yield frame
        number += 1


def _count(text: str, line: int, origin: Origin, size: int) -> int:
    if not COUNT.fullmatch(text):
        after = origin.frame and f"or the number of particles of frame {origin.frame - 1} is too small"
        raise EmpnetError(
            f"line {line} is {short(text)}",
            where=origin,
            wanted="the number of particles at the beginning of a frame",
            remedy=f"this is not an XYZ file {after or ''}",
        )
    digits = text.strip().lstrip("0") or "0"
    if len(digits) > MOST_DIGITS or 2 * FEWEST_COLUMNS * int(digits) > size + 1:
        shown = digits if len(digits) <= MOST_DIGITS else f"a {len(digits)}-digit number of"
        raise EmpnetError(
            f"line {line} declares {shown} particles, more than fit into the whole file",
            where=origin,
            remedy="the file is cut short or damaged",
        )
    return int(digits)


def _check_row(row: str, particle: int, count: int, frame: _Frame) -> None:
    if len(row.split(None, FEWEST_COLUMNS)) >= FEWEST_COLUMNS:
        return
    if not row:
        raise EmpnetError(
            f"the file ends after {particle} of {count} particles",
            where=frame.origin,
            remedy="the file is cut short: remove its last frame or download it again",
        )
    raise frame.fault(
        particle,
        f"{short(row)} is not the row of a particle",
        wanted=f"{count} rows, according to line {frame.line}",
        remedy="correct the number of particles or the row",
    )


def _check_end(frame: _Frame) -> None:
    """Raise an error if the last row of a file is truncated.

    The row is truncated if it ends within an exponent, or if its last number has fewer decimals than all others in the
    frame. If the last column is not numeric, the row is truncated if all other rows are longer and equally long. If
    numbers or rows vary in length, truncation cannot be detected, and a warning appears.
    """
    row = frame.rows[-1] if frame.rows else "\n"
    if row.endswith("\n") or frame.vectors or frame.trailing:
        return
    values = row.split()
    if len(values) == frame.width and frame.columns[-1].kind == "R":
        kinds = [column.kind for column in frame.columns for _ in range(column.size)]
        rows = [*frame.rows[:-1], " ".join(values[:-1])]
        cells = [cell for other in rows for cell in zip(kinds, other.split(), strict=False)]
        others = [_decimals(text) for kind, text in cells if kind == "R"]
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
            wanted="a complete row",
            remedy="remove the last frame or download the file again; if the row is complete, end it with a line break",
        )
    if set(others) != {here}:
        warnings.warn("the file ends without a line break, so its last number may have been cut short", stacklevel=2)


def _decimals(text: str) -> int:
    return len(re.split("[eE]", text.partition(".")[2])[0])


def _check_width(frame: _Frame) -> None:
    """Raise an error if a row has a wrong number of columns; in a plain file, only warn about further columns."""
    if frame.trailing or qm9_xyz.is_comment(frame.comment):
        return
    width = frame.width
    for particle, row in enumerate(frame.rows):
        found = len(row.split())
        if found == width:
            continue
        if found < width:
            raise frame.fault(particle, f"{found} columns", wanted=f"{width}: {names_of(frame.columns)}")
        if frame.plain:
            warnings.warn("columns beyond the position have no names (Properties=...) and are left out", stacklevel=2)
            return
        wanted = f"{width}, according to Properties={names_of(frame.columns)}"
        raise frame.fault(particle, f"{found} columns", wanted=wanted, remedy="correct the row or Properties")


def _parse(frame: _Frame) -> System:
    """Return the system of a frame."""
    _check_width(frame)
    try:
        arrays = read_columns(frame.rows, frame.columns)
        positions, species = arrays.pop("pos"), species_of_columns(arrays)
    except Fault as fault:
        raise frame.fault(fault.particle, fault.found, wanted=fault.wanted, remedy=fault.remedy) from fault
    info = {key: value for key, value in frame.info.items() if key != "Properties"}
    if frame.vectors:
        cell, pbc = cell_of_vectors(frame.vectors, frame.origin)
    else:
        cell, pbc = cell_of_comment(info, frame.line + 1, frame.origin)
    if qm9_xyz.is_comment(frame.comment):
        info, more = qm9_xyz.statements(frame.comment, frame.rows, frame.trailing)
        arrays |= more
    if "move_mask" in arrays:
        held = ~arrays.pop("move_mask").astype(bool)
        info.setdefault(CONSTRAINTS, "FixCartesian" if held.ndim > 1 else "FixAtoms")
    properties, info = split_values(
        {key: components(value) if key == "stress" else value for key, value in info.items()}
    )
    return System(
        positions=positions,
        species=species,
        cell=cell,
        pbc=pbc,
        properties=properties,
        info=info,
        arrays=arrays,
        origin=frame.origin,
    )
