"""Read formats in which ASE does not separate frames: cut the file into frames, and read each frame with ASE."""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import ase.io

from empnet.errors import EmpnetError
from empnet.files.extxyz.comment import number
from empnet.system.atoms import from_atoms
from empnet.system.system import Origin, System

__all__ = ["iread_gen", "iread_res", "iread_xsf"]

TITLE = re.compile(r"\s*TITL\b")
COUNT = re.compile(r"\s*[0-9]+\s+[CSFHcsfh]\s*$")
COORDINATES = re.compile(r"\s*(PRIMCOORD|ATOMS)\b")
STRUCTURE = re.compile(r"\s*(CRYSTAL|SLAB|POLYMER|MOLECULE|ATOMS|ANIMSTEPS)\b")
TOTAL_ENERGY = re.compile(r"#\s*total energy\s*=\s*(\S+)\s*([A-Za-z]*)", re.IGNORECASE)


def iread_res(path: Path, file: str, first: int = 0) -> Iterator[System]:
    """Read all structures of a SHELX file.

    AIRSS writes several structures into one file, and ASE would merge them.

    Arguments:
        path: Path of the plain text file.
        file: The path as the user wrote it, for messages.
        first: Number of the first frame to read.

    Raises:
        EmpnetError: If a structure cannot be read, or has symmetry operations (ASE does not apply them).
    """
    for lines, origin in _numbered(_cut(path, TITLE), file, first):
        _refuse_symmetry(lines, origin)
        yield _read(lines, "res", origin)


def iread_gen(path: Path, file: str, first: int = 0) -> Iterator[System]:
    """Read all frames of a DFTB+ file (ASE reads only the first).

    Arguments:
        path: Path of the plain text file.
        file: The path as the user wrote it, for messages.
        first: Number of the first frame to read.
    """
    for lines, origin in _numbered(_cut(path, COUNT), file, first):
        yield _read(lines, "gen", origin)


def iread_xsf(path: Path, file: str, first: int = 0) -> Iterator[System]:
    """Read all structures of an XSF file, which contains an animation or several joined files.

    ASE reads only the first of several joined files. The property ``energy`` comes from aenet's comment, such as
    ``# total energy = -97.5 eV``.

    Arguments:
        path: Path of the plain text file.
        file: The path as the user wrote it, for messages.
        first: Number of the first frame to read.

    Raises:
        EmpnetError: If a structure has more frames than ``ANIMSTEPS`` declares, or an energy is not a number.
    """
    place = 0
    for lines in _structures(path):
        stated = next(filter(None, map(TOTAL_ENERGY.match, lines)), None)
        begin = place
        text = "".join(line for line in lines if line.strip() != "MOLECULE")  # ASE expects ATOMS first
        with _piece(text, "xsf") as piece:
            for atoms in ase.io.iread(piece, index=":", format="xsf", parallel=False):
                if place >= first:
                    system = from_atoms(atoms, Origin(file, place))
                    if "forces" in system.arrays:
                        warnings.warn(
                            "forces are converted from Hartree/angstrom, the unit of the format, to eV/angstrom; if "
                            "the forces in the file are in eV/angstrom, write it as extended XYZ",
                            stacklevel=2,
                        )
                    yield _with_energy(system, stated) if stated else system
                place += 1
        if (there := sum(COORDINATES.match(line) is not None for line in lines)) > place - begin:
            found = f"{there} sets of coordinates, but ANIMSTEPS is {place - begin}"
            raise EmpnetError(found, where=Origin(file, begin), remedy="correct ANIMSTEPS at the beginning of the file")


def _with_energy(system: System, stated: re.Match[str]) -> System:
    """Return the system with the energy from a comment."""
    try:
        energy = number(stated[1])
    except ValueError:
        raise EmpnetError(f"total energy is {stated[1][:40]!r}", where=system.origin, wanted="a number") from None
    info = {"energy_unit": stated[2], **system.info} if stated[2] else system.info
    return replace(system, properties={"energy": energy, **system.properties}, info=info)


def _structures(path: Path) -> Iterator[list[str]]:
    """Yield the lines of each structure, including the comments before its first keyword."""
    lines: list[str] = []
    waiting: list[str] = []  # comments and empty lines
    last = ""
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        for line in stream:
            if not line.strip() or line.lstrip().startswith("#"):
                waiting.append(line.lstrip())
                continue
            word = STRUCTURE.match(line)
            begins = word is not None and last not in ("MOLECULE", "ANIMSTEPS") and not _goes_on(lines, line)
            if begins and last:
                yield lines
                lines = []
            lines += [*waiting, line]
            waiting, last = [], word[1] if word else "row"
    yield lines + waiting


def _goes_on(lines: list[str], line: str) -> bool:
    """Return whether a line begins the next step of an animation."""
    return line.lstrip().startswith("ATOMS") and any(other.lstrip().startswith("ANIMSTEPS") for other in lines)


def _cut(path: Path, begin: re.Pattern[str]) -> Iterator[list[str]]:
    """Yield the lines of each frame; a frame begins where the pattern matches."""
    lines: list[str] = []
    begun = False
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        for line in stream:
            here = begin.match(line) is not None
            if here and begun:
                yield lines
                lines = []
            begun |= here
            lines.append(line)
    yield lines


def _numbered(pieces: Iterator[list[str]], file: str, first: int) -> Iterator[tuple[list[str], Origin]]:
    for place, lines in enumerate(pieces):
        if place >= first:
            yield lines, Origin(file, place)


def _read(lines: list[str], kind: str, origin: Origin) -> System:
    with _piece("".join(lines), kind) as piece:
        return from_atoms(ase.io.read(piece, format=kind), origin)


@contextmanager
def _piece(text: str, kind: str) -> Iterator[str]:
    """Yield the path of a temporary file with the text of a frame; ASE's res reader accepts only paths."""
    with tempfile.TemporaryDirectory(prefix="empnet-") as folder:
        piece = Path(folder) / f"frame.{kind}"
        piece.write_text(text, encoding="utf-8")
        yield str(piece)


def _refuse_symmetry(lines: list[str], origin: Origin) -> None:
    """Raise an error if a structure is an asymmetric unit, because ASE would read it as the whole cell."""
    words = [line.split() for line in lines]
    lattice = next((row[1] for row in words if len(row) > 1 and row[0].upper() == "LATT"), "-1")
    operations = sum(bool(row) and row[0].upper() == "SYMM" for row in words)
    if lattice == "-1" and not operations:
        return
    raise EmpnetError(
        f"LATT {lattice} and {operations} SYMM: the atoms form an asymmetric unit, but symmetry is not applied",
        where=origin,
        wanted="all atoms of the cell (LATT -1, no SYMM)",
        remedy="give a CIF, or write the whole cell (P1)",
    )
