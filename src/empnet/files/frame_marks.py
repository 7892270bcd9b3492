"""Count the frames in formats from which ASE reads only one frame, so that no frame is dropped silently."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import ase.io
from ase.io.formats import ioformats

from empnet.errors import EmpnetError
from empnet.system.atoms import from_atoms
from empnet.system.system import Origin, System

__all__ = ["check_counts", "iread_gro", "warn_of_further_frames"]

MARKS = {
    "vasp": rb"^\s*(?:[Dd]irect|[Cc]artesian)\b",
    "castep-cell": rb"^\s*(?i:%block\s+lattice_)",
    "cfg": rb"^Number of particles\b",
    "dmol-car": rb"^!DATE\b",
    "gromos": rb"^POSITION(?:RED)?\s*$",
    "turbomole": rb"^\$coord\b",
    "magres": rb"^[<\[]atoms[>\]]",
    "gaussian-in": rb"^--[Ll][Ii][Nn][Kk]1--",
    "gamess-us-out": rb"COORDINATES OF ALL ATOMS ARE",
    "abinit-out": rb"^== DATASET",
    "abinit-in": rb"^\s*xcart[0-9]|^\s*xred[0-9]",
    "crystal": rb"CARTESIAN COORDINATES - PRIMITIVE CELL",
    "dacapo-text": rb"DACAPO.*ionic step",
    "nwchem-in": rb"^\s*geometry\b",
}
"""Pattern of a text that occurs once in each frame, by ASE's name of the format. In gaussian-in it separates frames."""
MIXED = frozenset({"castep-cell", "gromos", "magres"})
"""Formats in which ASE would merge several frames into one wrong frame."""
BETWEEN = frozenset({"gaussian-in"})  # formats with the text between frames
OUTPUTS = frozenset(
    {"acemolecule-out", "castep-phonon", "dacapo-text", "gpw", "wout", "cmdft", "crystal", "gamess-us-out"}
)
"""Formats of program output. A file can have several steps, but ASE reads only one."""
BLOCK = 1 << 24  # bytes in one read
COUNTS = {
    "vasp": rb"\A(?:[^\n]*\n){5,6}\s*([0-9][0-9 \t]*)$",
    "gen": rb"\A\s*([0-9]+)",
    "cube": rb"\A(?:[^\n]*\n){2}\s*-?([0-9]+)[^\n]*\n\s*-?([0-9]+)[^\n]*\n\s*-?([0-9]+)[^\n]*\n\s*-?([0-9]+)",
    "cfg": rb"^Number of particles\s*=\s*([0-9]+)",
    "lammps-dump-text": rb"^ITEM: NUMBER OF ATOMS\s*\n\s*([0-9]+)",
    "lammps-data": rb"^\s*([0-9]+)\s+atoms\b",
    "xsf": rb"^\s*PRIMCOORD\s*[0-9]*\s*\n\s*([0-9]+)",
    "vasp-xdatcar": rb"\A(?:[^\n]*\n){6}\s*([0-9][0-9 \t]*)$",
}
"""Pattern of the number of particles, by ASE's name of the format. ASE allocates memory for this number at once."""
HEAD = 1 << 16  # bytes at the beginning of a file, searched for the number of particles


def check_counts(path: Path, kind: str, file: str) -> None:
    """Raise an error if a file declares more particles than it has bytes.

    Arguments:
        path: Path of the file.
        kind: ASE's name of the format.
        file: The path as the user wrote it, for messages.

    Raises:
        EmpnetError: If the number of particles is larger than the number of bytes.
    """
    if kind not in COUNTS:
        return
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    for match in re.finditer(COUNTS[kind], head, re.MULTILINE):
        for text in b" ".join(match.groups()).split():
            if len(text) > 18 or int(text) > size:
                shown = text.decode() if len(text) <= 18 else f"a {len(text)}-digit number of"
                raise EmpnetError(
                    f"declares {shown} particles in {size} bytes", where=file, remedy="the file is cut short or damaged"
                )


def warn_of_further_frames(path: Path, kind: str) -> None:
    """Warn if a file may have several frames, but ASE's reader returns only one.

    Arguments:
        path: Path of the file.
        kind: ASE's name of the format.

    Raises:
        EmpnetError: If ASE would merge several frames into one.
    """
    if kind not in ioformats or not ioformats[kind].single:
        return
    count = _count(path, re.compile(MARKS[kind], re.MULTILINE)) + (kind in BETWEEN) if kind in MARKS else 0
    if count > 1 and kind in MIXED:
        raise EmpnetError(
            f"the file seems to have {count} frames, but ASE's reader of '{kind}' would merge them into one",
            wanted="one frame in each file",
            remedy="split the file, or convert it to extended XYZ",
        )
    if count > 1:
        text = f"the file seems to have {count} frames, but ASE's reader of '{kind}' reads only one"
        warnings.warn(f"{text}; convert the file to extended XYZ with a program that reads all frames", stacklevel=2)
    elif not count and kind in OUTPUTS:
        warnings.warn(f"ASE's reader of '{kind}' reads one frame; further steps, if any, are not read", stacklevel=2)


def _count(path: Path, mark: re.Pattern[bytes]) -> int:
    """Return the number of matches of a pattern in a file, which is read block by block."""
    count, rest = 0, b""
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            whole, newline, rest = (rest + block).rpartition(b"\n")
            count += len(mark.findall(whole + newline))
    return count + len(mark.findall(rest))


def iread_gro(path: Path, file: str, first: int = 0) -> Iterator[System]:
    """Read all frames of a Gromacs file (ASE reads only the first).

    Arguments:
        path: Path of the plain text file.
        file: The path as the user wrote it, for messages.
        first: Number of the first frame to read.

    Raises:
        EmpnetError: If a frame cannot be read or is truncated.
    """
    size, number = path.stat().st_size, 0
    with path.open(encoding="utf-8", errors="replace") as stream:
        while title := stream.readline():
            count = stream.readline()
            if number and not title.strip() and not count.strip():
                continue
            origin = Origin(file, number)
            if not count.strip().isdigit() or len(count.strip()) > 18 or int(count) > size:
                raise EmpnetError(
                    f"the second line is {count.strip()[:40]!r}",
                    where=origin,
                    wanted=f"the number of atoms (the file has {size} bytes)",
                )
            lines = [stream.readline() for _ in range(int(count) + 1)]
            if not lines[-1]:  # without a cell this line is empty, but not missing
                raise EmpnetError(
                    "the file ends within this frame", where=origin, remedy="download it again or remove the frame"
                )
            if number >= first:
                atoms = ase.io.read(StringIO("".join([title, count, *lines])), format="gromacs")
                yield from_atoms(atoms, origin)
            number += 1
