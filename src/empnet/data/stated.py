"""What data say of themselves: the units of their values, under the names that the field's files use."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from empnet.data.bundled import card
from empnet.data.errors import EmpnetError
from empnet.data.read import first_frame
from empnet.data.system import System
from empnet.data.units import parse_unit

__all__ = ["First", "check_stated", "first_of", "stated_unit"]

USUAL_NAMES = {
    "energy": ("e_unit", "E_unit", "energy_units", "energies_unit", "unit_energy"),
    "forces": ("F_unit", "f_unit", "force_unit", "force_units", "forces_units", "unit_forces"),
    "stress": ("stress_units", "unit_stress"),
    "virial": ("virial_units", "unit_virial"),
}
"""Keys that state a unit, beside NAME_unit: sGDML's and MD17's archives, SchNetPack's databases."""
UNIT_TABLES = ("_property_unit_dict", "property_unit_dict", "units")


@dataclass(frozen=True, slots=True)
class First:
    """The beginning of data, for what it says of all of them.

    Arguments:
        system: The first system, as the file has it; None if there is none that can be read.
        length: The unit of length that the file states, if that is another one than angstrom; else empty. Systems in
            memory are in angstrom.
    """

    system: System | None = None
    length: str = ""


def first_of(source: str | os.PathLike[str] | System | Iterable[Any]) -> First:
    """What the beginning of data says of all of them; nothing of bundled data, which have a card for that.

    Arguments:
        source: A path, the name of bundled data, or systems.

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
        with warnings.catch_warnings():  # told when all of the data are read
            warnings.simplefilter("ignore")
            return First(*first_frame(source))
    except EmpnetError:  # whoever reads the data tells it
        return First()


def stated_unit(system: System | None, name: str) -> str:
    """The unit that data state for one of their values; empty if they state none that is known.

    Arguments:
        system: Their first system.
        name: Name of a property, or of forces, stress or virial.

    Example:
        >>> stated_unit(System([[0, 0, 0]], info={"e_unit": "kcal/mol"}), "energy")
        'kcal/mol'
    """
    if system is None:
        return ""
    for table in UNIT_TABLES:
        if isinstance(units := system.info.get(table), Mapping) and _is_unit(units.get(name)):
            return str(units[name])
    kind = "forces" if name in ("F", "force") else "energy" if name == "E" else name
    for key in (f"{name}_unit", f"{name}_units", f"{kind}_unit", *USUAL_NAMES.get(kind, ())):
        if _is_unit(system.info.get(key)):
            return str(system.info[key])
    return ""


def _is_unit(value: Any) -> bool:
    if not isinstance(value, str | np.str_) or not value.strip():
        return False
    try:
        parse_unit(str(value))
    except EmpnetError:  # a text of some other meaning
        return False
    return True


def check_stated(system: System | None, name: str, given: str, option: str = "--unit") -> None:
    """Refuse a unit that contradicts the one that the data state.

    Arguments:
        system: The data's first system.
        name: Name of the value.
        given: The unit that the user gave; it may begin with a minus.
        option: How the user gave it.

    Raises:
        EmpnetError: If they differ.
    """
    stated = stated_unit(system, name)
    if not stated or system is None:
        return
    try:
        ours, theirs = parse_unit(given.removeprefix("-")), parse_unit(stated)
    except EmpnetError:  # told where the unit is used
        return
    if ours.dimension == theirs.dimension and math.isclose(ours.factor, theirs.factor, rel_tol=1e-6):
        return
    raise EmpnetError(
        f"the file states {name} in {stated}, but {option} says {given}",
        where=system.origin.file,
        remedy=f"leave {option} out or say {option} {stated}; if the file is wrong, mend what it states",
    )
