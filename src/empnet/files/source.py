"""Read data from users: a path, the name of bundled data, or one or many systems or ase.Atoms."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from empnet.errors import EmpnetError
from empnet.files.bundled import path_text
from empnet.files.clouds.targets_table import joined
from empnet.files.read import iread
from empnet.system.atoms import from_atoms
from empnet.system.checks import check_geometry
from empnet.system.system import Origin, System

if TYPE_CHECKING:
    from ase import Atoms

    Data: TypeAlias = str | os.PathLike[str] | System | Atoms | Iterable[System | Atoms]
    """Data from users: a path, the name of bundled data, one System or ase.Atoms, or an iterable of them."""

__all__ = ["Data", "as_source", "iter_systems", "name_of"]

WANTED = "a path, the name of bundled data, or systems (System or ase.Atoms, one or an iterable of them)"


def __getattr__(name: str) -> Any:
    if name == "Data":  # needed if annotations are evaluated; the import of ase for the full type is slow
        return Any
    raise AttributeError(name)


def as_source(data: Data) -> str | list[System]:
    """Return data in a form that allows repeated reading: the path as text, or a list of systems.

    An iterator is read to its end. Geometries are not checked, because an inspection also reports invalid ones.

    Arguments:
        data: Path, name of bundled data, System or ase.Atoms, or an iterable of them.

    Raises:
        EmpnetError: If the data have another type or contain no systems.

    Example:
        >>> from ase.build import molecule
        >>> [system.formula for system in as_source(molecule(name) for name in ("H2O", "CH4"))]
        ['H2O', 'CH4']
    """
    if isinstance(data, str | os.PathLike):
        return path_text(data)
    systems = list(_each(data, warn=True))
    if not systems:
        raise EmpnetError("there are no systems in the data", wanted="at least one")
    return systems


def iter_systems(
    data: Data,
    length_unit: str | None = None,
    *,
    warn: bool = True,
    table: str | os.PathLike[str] | None = None,
) -> Iterator[System]:
    """Return an iterator over systems, with a check of each geometry.

    Arguments:
        data: As for :func:`as_source`.
        length_unit: Unit of positions and cell in a file; None: the stated unit or, without one, angstrom. Systems in
            memory are always in angstrom.
        warn: Whether to warn about calculator results for other atoms.
        table: Path of a CSV file with values for each file, whose first column names the files.

    Raises:
        EmpnetError: At once if the data have another type; during iteration if a system is invalid.

    Example:
        >>> next(iter_systems("qm7")).formula
        'C4H7NO2'
    """
    if isinstance(data, str | os.PathLike):
        return iread(path_text(data), length_unit=length_unit, table=table)
    systems = _each(data, warn)
    return map(check_geometry, systems if table is None else joined(systems, table))


def name_of(data: Data, otherwise: str = "systems in memory") -> str:
    """Return a name of the data for messages: the path, or a name for data in memory.

    Arguments:
        data: As for :func:`as_source`.
        otherwise: Name for data in memory.

    Example:
        >>> name_of([]), name_of("water.xyz")
        ('systems in memory', 'water.xyz')
    """
    return path_text(data) if isinstance(data, str | os.PathLike) else otherwise


def _each(data: Any, warn: bool) -> Iterator[System]:
    """Return an iterator over systems from data in memory; raise an error at once if their type is wrong."""
    from ase import Atoms

    if isinstance(data, System | Atoms):
        return _converted([data], warn)
    wrong = data is None or isinstance(data, Mapping | bytes) or hasattr(data, "dtype") or hasattr(data, "read")
    try:
        items = iter(()) if wrong else iter(data)
    except TypeError:
        wrong = True
    if wrong:
        raise EmpnetError(f"data are {_kind(data)}", wanted=WANTED, remedy=_remedy(data))
    return _converted(items, warn)


def _converted(items: Iterable[Any], warn: bool) -> Iterator[System]:
    from ase import Atoms

    for index, item in enumerate(items):
        if isinstance(item, System):
            yield item
        elif isinstance(item, Atoms):
            yield from_atoms(_with_own_results(item, index, warn), Origin(frame=index))
        else:
            remedy = _remedy(item)
            raise EmpnetError(
                f"item {index} of the data is {_kind(item)}", wanted="a System or ase.Atoms", remedy=remedy
            )


def _with_own_results(atoms: Atoms, index: int, warn: bool) -> Atoms:
    """Return the atoms; remove a calculator with results for other atoms (shared calculator, or moved atoms)."""
    check = getattr(atoms.calc, "check_state", None)
    if check is None or not getattr(atoms.calc, "results", None):
        return atoms
    changed = check(atoms)
    if not changed:
        return atoms
    if warn:
        names = ", ".join(sorted(atoms.calc.results))
        warnings.warn(
            f"frame {index}: the calculator's results ({names}) belong to other {', '.join(changed)} and are left out; "
            "compute them again, or give each frame its own SinglePointCalculator",
            stacklevel=2,
        )
    bare: Atoms = atoms.copy()  # without the calculator
    return bare


def _kind(value: Any) -> str:
    """Return a description of a value for messages: the value itself, or its type and shape."""
    if value is None:
        return "None"
    if isinstance(value, str | int | float | bytes):
        return f"{value!r}"
    shape = f" of shape {value.shape}" if hasattr(value, "dtype") and hasattr(value, "shape") else ""
    kind = type(value)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__.partition('.')[0]}."
    return f"a {module}{kind.__name__}{shape}"


def _remedy(value: Any) -> str:
    """Return advice on a value that is not a system."""
    if isinstance(value, str | os.PathLike):
        return "to join files: [*empnet.read('a.xyz'), *empnet.read('b.xyz')]"
    if hasattr(value, "toatoms"):  # a row of an ASE database
        return "use row.toatoms(), or give the path of the database"
    if isinstance(value, Mapping) or hasattr(value, "dtype"):
        return "make systems from arrays: empnet.System(positions, species, properties={'energy': ...})"
    if hasattr(value, "read"):
        return "give the path instead of the open file"
    return ""
