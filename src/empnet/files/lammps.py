"""Files of LAMMPS: which they are, and what they leave unsaid of units and elements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ase import Atoms

__all__ = ["is_data_file", "remarks", "without_placeholder"]

LAMMPS_STYLE = re.compile(rb"^ITEM: UNITS\s*\n\s*(\w+)|^[^\n]*\bunits\s*=\s*(\w+)", re.MULTILINE)
"""Where a dump (``dump_modify units yes``) and the first line of a data file name the style of their units."""
LAMMPS_LENGTHS = {"electron": "bohr", "nano": "nm", "micro": "um", "si": "m", "cgs": "cm"}
IN_ANGSTROM = ("metal", "real")
HEAD = 1 << 14  # bytes of a file that are looked at


def _lengths(path: Path) -> str:
    """Return remarks on the lengths in a file of LAMMPS, whose units are a setting of the program.

    Arguments:
        path: Path of the file.
    """
    with path.open("rb") as stream:
        found = LAMMPS_STYLE.search(stream.read(HEAD))
    style = (found[1] or found[2]).decode() if found else ""
    if style in IN_ANGSTROM:
        return f"units {style}, as the file states: lengths are in angstrom, and other values as LAMMPS has them there"
    if style in LAMMPS_LENGTHS:
        name = LAMMPS_LENGTHS[style]
        return f"units {style}, as the file states: lengths are in {name}; unless you have, say --length-unit {name}"
    has = f"units {style}, as the file states" if style else "LAMMPS has units from a setting that is not in the file"
    return (
        f"{has}: lengths are taken to be in angstrom, as in units metal or real, unless a unit of length is named; see "
        "that energies and forces are in what you say, too"
    )


DATA_FILE = re.compile(rb"^\s*[0-9]+\s+atoms\b.*^[^\n#]*\bxlo\s+xhi\b", re.MULTILINE | re.DOTALL)
ELEMENTS = {
    "lammps-data": re.compile(rb"^\s*(?:Masses|Atom Type Labels)\b", re.MULTILINE),
    "lammps-dump-text": re.compile(rb"^ITEM: ATOMS\b.*\b(?:element|mass)\b", re.MULTILINE),
}
"""Where elements, or the masses that tell them, stand in a file."""


def is_data_file(path: Path) -> bool:
    """Return whether a file is a data file of LAMMPS, whose usual suffix, ``.data``, ASE takes for RuNNer's.

    Arguments:
        path: Path of the file.
    """
    with path.open("rb") as stream:
        return DATA_FILE.search(stream.read(HEAD)) is not None


def remarks(path: Path, kind: str) -> Iterator[str]:
    """Yield remarks on a file: its units, and its elements if it names none.

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
            "the elements: dump_modify element in a dump, Masses in a data file"
        )


def without_placeholder(atoms: Atoms, kind: str) -> Atoms:
    """The atoms without the energy 0 that ASE gives to each frame of a dump with forces.

    Arguments:
        atoms: As ASE read them; they are changed.
        kind: ASE's name of the format.
    """
    if kind == "lammps-dump-text" and atoms.calc is not None:
        atoms.calc.results.pop("energy", None)
    return atoms
