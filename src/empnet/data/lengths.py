"""Lengths in files: what a file states of their unit, and taking them to angstrom."""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from empnet.data.errors import EmpnetError
from empnet.data.system import System
from empnet.data.units import LENGTH, Unit, parse_unit

__all__ = ["LENGTH_UNITS", "in_angstrom", "lammps_lengths", "stated_length_unit"]

LENGTH_UNITS = (
    *("r_unit", "R_unit", "length_unit", "length_units", "distance_unit", "distance_units", "_distance_unit"),
    *("unit_length", "positions_unit", "position_unit", "coordinates_unit", "coords_unit", "pos_unit"),
)
"""Keys under which files state the unit of their lengths: sGDML's archives, SchNetPack's databases, and others."""

LAMMPS_STYLE = re.compile(rb"^ITEM: UNITS\s*\n\s*(\w+)|^[^\n]*\bunits\s*=\s*(\w+)", re.MULTILINE)
"""Where a dump (``dump_modify units yes``) and the first line of a data file name the style of their units."""
LAMMPS_LENGTHS = {"electron": "bohr", "nano": "nm", "micro": "um", "si": "m", "cgs": "cm"}
IN_ANGSTROM = ("metal", "real")
HEAD = 1 << 14  # bytes of a file that are looked at


def lammps_lengths(path: Path) -> str:
    """What is to be told of the lengths in a file of LAMMPS, whose units are a setting of the program.

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


def stated_length_unit(system: System) -> tuple[str, Unit | None]:
    """The key under which a file states the unit of its lengths, and the unit; None if it states none.

    Arguments:
        system: A system of the file as it stands.

    Example:
        >>> stated_length_unit(System([[0, 0, 0]], info={"r_unit": "bohr"}))[1].kind
        'a length'
    """
    for key in LENGTH_UNITS:
        value = system.info.get(key)
        if isinstance(value, np.ndarray) and value.size == 1:
            value = value.reshape(())[()]
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if not isinstance(value, str) or not value.strip():
            continue
        try:
            unit = parse_unit(value)
        except EmpnetError:  # a text of some other meaning
            continue
        if unit.dimension == LENGTH:
            return key, unit
    return "", None


def in_angstrom(system: System, given: Unit | None, *, states: bool) -> System:
    """A system with its lengths in angstrom, and with what it states of them mended.

    Arguments:
        system: As the file has it.
        given: The unit that the user gave; None: what the file states, else angstrom.
        states: Whether files of this format can state a unit of length.

    Raises:
        EmpnetError: If the unit that was given contradicts the one that is stated.
    """
    key, stated = stated_length_unit(system) if states else ("", None)
    if given and stated and not math.isclose(given.factor, stated.factor, rel_tol=1e-6):
        raise EmpnetError(
            f"the file states {key} {stated}, but lengths are to be read in {given}",
            where=system.origin.file,
            remedy=f"leave the unit of length out or give {stated}; if the file is wrong, mend what it states",
        )
    unit = given or stated
    if unit is None or math.isclose(unit.factor, 1.0, rel_tol=1e-12):
        return system
    if not given:
        warnings.warn(f"{system.origin.file}: lengths are in {unit}, as the file states ({key})", stacklevel=2)
    cell = None if system.cell is None else system.cell * unit.factor
    info = {**system.info, key: "angstrom"} if key else system.info
    return replace(system, positions=system.positions * unit.factor, cell=cell, info=info)
