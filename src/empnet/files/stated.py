"""Find units that data state for their values under commonly used keys."""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from empnet.errors import EmpnetError
from empnet.files.bundled import card
from empnet.files.compression import inner_name
from empnet.files.npz.layout import ROLES
from empnet.files.read import first_frame, is_several
from empnet.system.system import System
from empnet.system.units import ENERGY, FORCE, PRESSURE, parse_unit

__all__ = ["First", "check_stated", "first_of", "first_system", "plain_name", "stated_unit", "states_unit"]

USUAL_NAMES = {
    "energy": ("e_unit", "E_unit", "energy_units", "energies_unit", "unit_energy"),
    "forces": ("F_unit", "f_unit", "force_unit", "force_units", "forces_units", "unit_forces"),
    "stress": ("stress_units", "unit_stress"),
    "virial": ("virial_units", "unit_virial"),
}
"""Keys of units besides NAME_unit; archives of sGDML and MD17 and databases of SchNetPack use them."""
KINDS = {
    "energy": re.compile(r"energ|^E$", re.IGNORECASE),
    "forces": re.compile(r"forces?$|^F$", re.IGNORECASE),
    "stress": re.compile(r"stress$", re.IGNORECASE),
    "virial": re.compile(r"virials?$", re.IGNORECASE),
}
"""Pattern of the names of values, by kind of value; a stated unit applies to all values of its kind."""
PER_PARTICLE = re.compile(r"per_?(atom|particle)", re.IGNORECASE)  # names of values without a kind
DIMENSIONS = {"energy": (ENERGY, "an energy"), "forces": (FORCE, "a force"), "stress": (PRESSURE, "a pressure")}
DIMENSIONS |= {"virial": (ENERGY, "an energy")}
UNITS_OF_ENERGY = ("units", "unit")
"""Keys that can state the unit of energy."""
UNIT_TABLES = ("_property_unit_dict", "property_unit_dict", "units")  # keys of tables with units by name


@dataclass(frozen=True, slots=True)
class First:
    """First system of data, and the unit of length of all systems.

    Arguments:
        system: First system, without conversion of units; None if no system can be read.
        length: Stated unit of length; empty if it is angstrom or not stated. Systems in memory are in angstrom.
    """

    system: System | None = None
    length: str = ""


def first_of(source: str | os.PathLike[str] | System | Iterable[Any]) -> First:
    """Return the first system of data, and the stated unit of length.

    The result is empty for bundled data, because their card states the units.

    Arguments:
        source: Path, name of bundled data, or systems.

    Example:
        >>> first_of([System([[0, 0, 0]], [8])]).system.formula
        'O'
    """
    if not isinstance(source, str | os.PathLike):
        several = source if isinstance(source, Sequence) else ()
        return First(several[0]) if len(several) and isinstance(several[0], System) else First()
    if card(source) is not None:
        return First()
    try:
        with warnings.catch_warnings():  # the warnings appear later, when all data are read
            warnings.simplefilter("ignore")
            return First(*_first_frame(source))
    except EmpnetError:  # the error is raised later, when all data are read
        return First()


def first_system(source: str | os.PathLike[str] | System | Iterable[Any]) -> System | None:
    """Return the first system of data, of bundled data, too; None if it cannot be read, which reading all will report.

    Arguments:
        source: Path, name of bundled data, or systems.

    Example:
        >>> first_system("qm7").formula
        'C4H7NO2'
    """
    if isinstance(source, str | os.PathLike) and card(source) is not None:
        return _first_frame(source)[0]
    return first_of(source).system


def _first_frame(source: str | os.PathLike[str]) -> tuple[System | None, str]:
    """Return the first frame and its unit of length; of a file that has not changed, it is read once."""
    path = Path(source)
    if is_several(str(source)) or not path.is_file():
        return first_frame(source)
    state = path.stat()
    return _first_frame_of(str(path), state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)  # a compressed file is unpacked as a whole for its first frame
def _first_frame_of(path: str, changed: int, size: int) -> tuple[System | None, str]:
    return first_frame(path)


def plain_name(system: System | None, name: str) -> str:
    """Return the name of a value after reading, such as ``energy`` for the array ``E`` of an archive.

    Arguments:
        system: First system of the data.
        name: Name from the user: the name in the file, or already the name after reading.

    Example:
        >>> from empnet.system.system import Origin
        >>> plain_name(System([[0, 0, 0]], properties={"energy": 1.0}, origin=Origin("a.npz")), "E")
        'energy'
    """
    if system is None or not inner_name(Path(system.origin.file)).lower().endswith(".npz"):
        return name
    held = {**system.properties, **system.arrays, **system.info}
    role = ROLES.get(name, name)
    return name if name in held or role not in held else role


def stated_unit(system: System | None, name: str) -> str:
    """Return the stated unit of a value; empty if the data state no known unit.

    Arguments:
        system: First system of the data.
        name: Name of a property, ``forces``, ``stress`` or ``virial``.

    Raises:
        EmpnetError: If the unit does not fit the value.

    Example:
        >>> stated_unit(System([[0, 0, 0]], info={"e_unit": "kcal/mol"}), "energy")
        'kcal/mol'
    """
    key, unit = _stated(system, name)
    if not unit or system is None:
        return ""
    if not _measures(unit, name):
        kind = DIMENSIONS[_kind_of(name)][1]
        raise EmpnetError(
            f"the file states {name} in {unit} ({key}), which is {parse_unit(unit).kind}",
            where=system.origin.file,
            wanted=f"the unit of {kind}",
            remedy="correct the unit in the file",
        )
    return unit


def states_unit(system: System | None, name: str) -> bool:
    """Return whether data state a unit for a value, even if the unit does not fit the value.

    Arguments:
        system: First system of the data.
        name: Name of a property, ``forces``, ``stress`` or ``virial``.

    Example:
        >>> states_unit(System([[0, 0, 0]], info={"e_unit": "kcal/mol"}), "forces")
        False
    """
    return bool(_stated(system, name)[1])


def _stated(system: System | None, name: str) -> tuple[str, str]:
    """Return the stated unit of a value, preceded by its key; both are empty if no unit is stated."""
    if system is None:
        return "", ""
    for table in UNIT_TABLES:
        if isinstance(units := system.info.get(table), Mapping) and _is_unit(units.get(name)):
            return table, str(units[name])
    kind = _kind_of(name)
    for key in (f"{name}_unit", f"{name}_units", *((f"{kind}_unit", *USUAL_NAMES[kind]) if kind else ())):
        if _is_unit(system.info.get(key)):
            return key, str(system.info[key])
    for key in UNITS_OF_ENERGY if kind == "energy" else ():
        if _is_unit(text := system.info.get(key)) and parse_unit(str(text)).dimension[:5] == ENERGY[:5]:
            return key, str(text)
    return "", ""


def _measures(unit: str, name: str) -> bool:
    """Return whether a unit fits a value with this name; the unit may be per particle."""
    wanted, _ = DIMENSIONS.get(_kind_of(name), (None, ""))
    return wanted is None or parse_unit(unit).dimension[:5] == wanted[:5]


def _kind_of(name: str) -> str:
    """Return the kind of a value from its name: energy, forces, stress or virial; empty for other names."""
    if PER_PARTICLE.search(name):
        return ""
    return next((kind for kind, pattern in KINDS.items() if pattern.search(name)), "")


def _is_unit(value: Any) -> bool:
    if not isinstance(value, str | np.str_) or not value.strip():
        return False
    try:
        parse_unit(str(value))
    except EmpnetError:  # the text is not a unit
        return False
    return True


def check_stated(system: System | None, name: str, given: str, option: str = "--unit") -> None:
    """Raise an error if the user's unit differs from the stated unit.

    Arguments:
        system: First system of the data.
        name: Name of the value.
        given: Unit from the user, with or without a minus before it.
        option: Name of the option for this unit, for messages.

    Raises:
        EmpnetError: If the units differ.
    """
    stated = _stated(system, name)[1]
    if not stated or system is None or not _measures(stated, name):
        return
    try:
        ours, theirs = parse_unit(given.removeprefix("-")), parse_unit(stated)
    except EmpnetError:  # the error is raised later, when the unit is used
        return
    if ours.dimension == theirs.dimension and math.isclose(ours.factor, theirs.factor, rel_tol=1e-6):
        return
    raise EmpnetError(
        f"the file states {name} in {stated}, but {option} is {given}",
        where=system.origin.file,
        remedy=f"leave {option} out or give {option} {stated}; if the file is wrong, correct the unit in the file",
    )
