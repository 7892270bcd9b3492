"""Detect LAMMPS data files, and warn about missing units and elements in LAMMPS files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ase import Atoms

__all__ = ["is_data_file", "remarks", "without_placeholder"]

LAMMPS_STYLE = re.compile(rb"^ITEM: UNITS\s*\n\s*(\w+)|^[^\n]*\bunits\s*=\s*(\w+)", re.MULTILINE)
"""Pattern of the unit style in a dump (``dump_modify units yes``) or in the first line of a data file."""
LAMMPS_LENGTHS = {"electron": "bohr", "nano": "nm", "micro": "um", "si": "m", "cgs": "cm"}
"""Unit of length of each unit style."""
IN_ANGSTROM = ("metal", "real")  # unit styles with lengths in angstrom
HEAD = 1 << 14  # bytes at the beginning of a file, searched for keywords


def _lengths(path: Path) -> str:
    """Return a warning about the unit of length in a LAMMPS file.

    A setting of the program determines this unit, so a file may not state it.

    Arguments:
        path: Path of the file.
    """
    with path.open("rb") as stream:
        found = LAMMPS_STYLE.search(stream.read(HEAD))
    style = (found[1] or found[2]).decode() if found else ""
    if style in IN_ANGSTROM:
        return f"the file states units {style}: lengths are in angstrom, other values in LAMMPS's units of this style"
    if style in LAMMPS_LENGTHS:
        name = LAMMPS_LENGTHS[style]
        return f"the file states units {style}: lengths are in {name}; make sure that --length-unit {name} is given"
    has = f"the file states units {style}" if style else "the file does not state its LAMMPS units"
    return (
        f"{has}: without --length-unit, lengths are read in angstrom, as in units metal and real; check the units of "
        "energies and forces, too"
    )


DATA_FILE = re.compile(rb"^\s*[0-9]+\s+atoms\b.*^[^\n#]*\bxlo\s+xhi\b", re.MULTILINE | re.DOTALL)
ELEMENTS = {
    "lammps-data": re.compile(rb"^\s*(?:Masses|Atom Type Labels)\b", re.MULTILINE),
    "lammps-dump-text": re.compile(rb"^ITEM: ATOMS\b.*\b(?:element|mass)\b", re.MULTILINE),
}
"""Pattern of the keyword before elements or masses, which identify elements, by ASE's name of the format."""


def is_data_file(path: Path) -> bool:
    """Return whether a file is a LAMMPS data file.

    ASE reads the usual suffix of these files, ``.data``, as RuNNer's format.

    Arguments:
        path: Path of the file.
    """
    with path.open("rb") as stream:
        return DATA_FILE.search(stream.read(HEAD)) is not None


def remarks(path: Path, kind: str) -> Iterator[str]:
    """Yield a warning about the units of a file, and another warning if it names no elements.

    Arguments:
        path: Path of the file.
        kind: ASE's name of the format.
    """
    yield _lengths(path)
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    if kind in ELEMENTS and not ELEMENTS[kind].search(head):
        yield (
            "the file names no elements: types are taken as atomic numbers (1 is H, 2 is He); if they are not, write "
            "the elements into the file: dump_modify element in a dump, Masses in a data file"
        )


def without_placeholder(atoms: Atoms, kind: str) -> Atoms:
    """Return the atoms without ASE's placeholder energy.

    ASE adds the energy 0 to each frame of a dump with forces.

    Arguments:
        atoms: Atoms from ASE's reader; modified in place.
        kind: ASE's name of the format.
    """
    if kind == "lammps-dump-text" and atoms.calc is not None:
        atoms.calc.results.pop("energy", None)
    return atoms
