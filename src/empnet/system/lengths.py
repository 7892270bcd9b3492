"""Lengths in files: the unit that a file states, and conversion to angstrom."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace

import numpy as np

from empnet.errors import EmpnetError
from empnet.system.system import System
from empnet.system.units import LENGTH, Unit, parse_unit

__all__ = ["LENGTH_UNITS", "in_angstrom", "in_own_unit", "stated_length_unit"]

LENGTH_UNITS = (
    *("r_unit", "R_unit", "length_unit", "length_units", "distance_unit", "distance_units", "_distance_unit"),
    *("unit_length", "positions_unit", "position_unit", "coordinates_unit", "coords_unit", "pos_unit"),
)
"""Keys under which files state the unit of their lengths: sGDML's archives, SchNetPack's databases, and others."""

MACROSCOPIC = 1e6
"""Size in angstrom from which a unit, such as mm or m, is one of scans: clouds without elements keep these lengths."""


def stated_length_unit(system: System) -> tuple[str, Unit | None]:
    """Return the key and the unit of length that a file states; None if it states none.

    Arguments:
        system: A system of the file, not converted.

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
        except EmpnetError:  # a text with another meaning
            continue
        if unit.dimension == LENGTH:
            return key, unit
    return "", None


def in_angstrom(system: System, given: Unit | None, *, states: bool) -> System:
    """Return a system with lengths in angstrom, and with a corrected statement of their unit.

    A cloud without elements keeps its lengths if their unit is millimetres or larger (:func:`in_own_unit`).

    Arguments:
        system: The system of the file.
        given: The user's unit; None: the file's statement, else angstrom.
        states: Whether files of this format can state a unit of length.

    Raises:
        EmpnetError: If the given unit contradicts the stated one.
    """
    key, stated = stated_length_unit(system) if states else ("", None)
    if given and stated and not math.isclose(given.factor, stated.factor, rel_tol=1e-6):
        raise EmpnetError(
            f"the file states {key} {stated}, but the given unit of length is {given}",
            where=system.origin.file,
            remedy=f"leave the unit of length out or give {stated}; if the file is wrong, correct the unit in the file",
        )
    unit = given or stated
    if unit is not None and unit.factor >= MACROSCOPIC and (system.species is None or not system.species.any()):
        return in_own_unit(system, given)
    if unit is None or math.isclose(unit.factor, 1.0, rel_tol=1e-12):
        return system
    if not given:
        warnings.warn(f"{system.origin.file}: lengths are in {unit}, as the file states ({key})", stacklevel=2)
    cell = None if system.cell is None else system.cell * unit.factor
    info = {**system.info, key: "angstrom"} if key else system.info
    return replace(system, positions=system.positions * unit.factor, cell=cell, info=info)


def in_own_unit(system: System, given: Unit | None) -> System:
    """Return a point cloud with the name of its unit of length in ``info``; its lengths are not converted.

    Arguments:
        system: The cloud.
        given: The user's unit; None or angstrom: the file's statement, or none.

    Raises:
        EmpnetError: If the given unit contradicts the stated one.

    Example:
        >>> in_own_unit(System([[0, 0, 0]]), parse_unit("m")).info["length_unit"]
        'm'
    """
    if given is None or math.isclose(given.factor, 1.0, rel_tol=1e-12):  # angstrom is the default of settings
        return system
    _, stated = stated_length_unit(system)
    if stated and not math.isclose(given.factor, stated.factor, rel_tol=1e-6):
        raise EmpnetError(
            f"the file states that its lengths are in {stated}, but the given unit of length is {given}",
            where=system.origin.file,
            remedy=f"leave the unit of length out or give {stated}",
        )
    return replace(system, info={**system.info, "length_unit": str(given)})
