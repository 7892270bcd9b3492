"""Read files of molecules, crystals and point clouds as systems: one file, a folder, or a pattern."""

from __future__ import annotations

import itertools
import math
import os
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np

from empnet.errors import EmpnetError
from empnet.files.bundled import card as bundled_card
from empnet.files.bundled import path_text, resolve
from empnet.files.clouds.members import SINGLE, Member, is_many, members
from empnet.files.clouds.targets_table import TargetTable, joined, own_table, read_targets
from empnet.files.compression import inner_name, plain_file
from empnet.files.formats import STATE_LENGTHS, Reader, is_cloud, reader_of, refuse_other_length
from empnet.files.npz.read import iread_npz
from empnet.runtime.pipes import called, is_pipe, received_pipe
from empnet.system.checks import check_geometry
from empnet.system.lengths import in_angstrom, in_own_unit, stated_length_unit
from empnet.system.system import Origin, System
from empnet.system.units import LENGTH, Unit, parse_unit

__all__ = ["first_frame", "iread", "iread_unchecked", "is_several", "read", "refuse_length_unit"]


def read(
    path: str | os.PathLike[str], *, length_unit: str | None = None, table: str | os.PathLike[str] | None = None
) -> list[System]:
    """Read all systems of a file, a folder or a pattern; see :func:`iread`.

    Arguments:
        path: Path of a file or folder, pattern such as ``scans/*.laz``, or name of a bundled data set.
        length_unit: Unit of positions and cell in the file; None: the stated unit or, without one, angstrom.
        table: Path of a CSV file with values for each file, whose first column names the files.

    Returns:
        The systems in the order of the file, or of the files' paths.

    Raises:
        EmpnetError: If a part of the data cannot be read.

    Example:
        >>> molecules = read("qm7")
        >>> len(molecules), molecules[0].formula, molecules[0].properties["energy"]
        (6101, 'C4H7NO2', -1362.17)
    """
    return list(iread(path, length_unit=length_unit, table=table))


def iread(
    path: str | os.PathLike[str],
    *,
    length_unit: str | None = None,
    first: int = 0,
    table: str | os.PathLike[str] | None = None,
) -> Iterator[System]:
    """Read the systems of a file one at a time; memory use does not depend on the number of systems.

    The suffix or the content determines the format: any format of ASE (extended XYZ, db, traj, cif, vasp, ...), a
    numpy archive (npz with R, z, E, F), or point clouds (las, laz, ply, pcd, off, stl, obj, h5, and tables of points).
    Compressed files (gz, bz2, xz) are decompressed into a temporary file.

    A folder gives the systems of all its files, in the order of their paths, and so does a pattern such as
    ``scans/*.laz``. ``info["name"]`` is the name of the file without its suffix. If clouds lie in sub-folders,
    ``info["label"]`` is the name of the first sub-folder. A folder's only CSV file whose first column names its files
    gives values for them, as ``table`` does.

    Results of ASE's calculators become ``energy``, ``forces`` and ``stress`` and keep their values. They replace values
    of ``info`` with the same key. A truncated file in XYZ, db, traj, npz or a format of point clouds raises an error.
    Other formats (cif, pdb, gro, ...) do not state the number of particles in a frame, so this check is not possible.

    The path ``-`` is standard input. Data from a pipe are stored in a temporary file, and their first bytes determine
    the format.

    Arguments:
        path: Path of a file or folder, pattern, or name of a bundled data set.
        length_unit: Unit of positions and cell in the file; values are converted to angstrom. None: the stated unit
            (key ``r_unit`` and similar keys in npz and XYZ, ``_distance_unit`` in db) or, without one, angstrom. Only
            XYZ, npz and LAMMPS files may need this argument, because ASE returns all other formats in angstrom.
            Lengths of point clouds are not converted, and ``info["length_unit"]`` keeps their unit.
        first: Number of the first frame to read; skipping a frame is faster than reading it.
        table: Path of a CSV file with values for each file, whose first column names the files: numbers become
            properties, texts go into info.

    Returns:
        An iterator over systems, each with its file and frame number in ``origin``. A file with one cloud in a folder
        has no frame number.

    Raises:
        EmpnetError: At once if the file does not exist, if the unit is unknown, or if a file has no row in the table.
            During iteration if ``length_unit`` contradicts the format or the file, or if a frame cannot be read, has no
            particles, has positions that are not finite, or has a periodic cell without volume.

    Example:
        >>> next(iread("qm7")).origin
        Origin(file='qm7', frame=0)
    """
    systems = iread_unchecked(path, length_unit=length_unit, first=first, table=table)
    return (check_geometry(system) for system in systems)


def iread_unchecked(
    path: str | os.PathLike[str],
    *,
    length_unit: str | None = None,
    first: int = 0,
    table: str | os.PathLike[str] | None = None,
) -> Iterator[System]:
    """Read systems as :func:`iread` does, but without a check of their geometry, for inspection.

    Arguments:
        path: Path of a file or folder, pattern, or name of a bundled data set.
        length_unit: Unit of positions and cell in the file; None: the stated unit or, without one, angstrom.
        first: Number of the first frame to read.
        table: Path of a CSV file with values for each file.

    Raises:
        EmpnetError: As for :func:`iread`, except that positions and cells are not checked.
    """
    unit = None if length_unit is None else parse_unit(length_unit)
    if unit is not None and unit.dimension != LENGTH:
        raise EmpnetError(f"length unit '{unit}' is {unit.kind}", wanted="a length, such as angstrom or bohr")
    file = path_text(path)
    if bundled_card(path) is not None and unit is not None:
        refuse_other_length(unit, file, "bundled data are")
    if is_several(file):
        return _iread_many(file, unit, first, table)
    systems = _iread(_opened(file), called(file), unit, first)
    return systems if table is None else joined(systems, table)


def _iread_many(name: str, unit: Unit | None, first: int, table: str | os.PathLike[str] | None) -> Iterator[System]:
    """Return an iterator over the systems of a folder or a pattern; raise errors about files and rows at once."""
    files = members(name)
    rows = _rows(name, files, table)
    if rows is not None:
        rows.check(files)
    return (
        named if rows is None else rows.join(named, member.inner)
        for member, system in _each(files, unit, first)
        for named in [_named(system, member)]
    )


def is_several(name: str) -> bool:
    """Return whether data are several files; bundled data come before a folder of their name.

    Arguments:
        name: The user's data argument.

    Example:
        >>> is_several("scans/*.laz"), is_several("qm7")
        (True, False)
    """
    return not is_pipe(name) and bundled_card(name) is None and is_many(name)


def _rows(name: str, files: list[Member], table: str | os.PathLike[str] | None) -> TargetTable | None:
    """Return the table of values: the given one, or the folder's own."""
    own = own_table(name, files) if table is None else table
    return None if own is None else read_targets(own)


def _each(files: list[Member], unit: Unit | None, first: int) -> Iterator[tuple[Member, System]]:
    """Yield the systems of several files from a frame on, counted through all files."""
    number, reported = 0, set[str]()
    for member in files:
        if _is_single(member) and number < first:
            number += 1
            continue
        for system in _iread(nullcontext(member.path), member.file, unit, 0, reported):
            if number >= first:
                yield member, system
            number += 1


def _is_single(member: Member) -> bool:
    return inner_name(member.path).lower().endswith(SINGLE)


def _named(system: System, member: Member) -> System:
    """Return a system of a folder with the name of its file, and with its class if it is a cloud."""
    info = {"name": inner_name(member.path).rpartition(".")[0] or member.path.name}
    if member.label and system.species is None:
        info["label"] = member.label
    info = {key: text for key, text in info.items() if key not in system.properties} | dict(system.info)
    return replace(system, info=info, origin=Origin(member.file) if _is_single(member) else system.origin)


def first_frame(
    path: str | os.PathLike[str], *, table: str | os.PathLike[str] | None = None
) -> tuple[System | None, str]:
    """Return the first frame of data without conversion of units, and its stated unit of length.

    Arguments:
        path: Path of a file or folder, pattern, or name of a bundled data set.
        table: Path of a CSV file with values for each file.

    Returns:
        The frame (None if the file has no frames), and the unit (empty if it is angstrom or not stated).

    Raises:
        EmpnetError: If the frame cannot be read.
    """
    file = path_text(path)
    if not is_several(file):
        system, unit = _first_of_file(file)
        return (system if system is None or table is None else read_targets(table).join(system)), unit
    files = members(file)
    system, unit = _first_of_file(files[0].file)
    if system is not None:
        system = _named(system, files[0])
        rows = _rows(file, files, table)
        system = system if rows is None else rows.join(system, files[0].inner)
    return system, unit


def _first_of_file(file: str) -> tuple[System | None, str]:
    with _opened(file) as found, plain_file(found, file) as plain:
        reader = reader_of(plain, file, None)
        system = next(_guarded(reader, plain, file, 0), None)
    unit = stated_length_unit(system)[1] if system is not None and reader in STATE_LENGTHS else None
    return system, "" if unit is None or math.isclose(unit.factor, 1.0, rel_tol=1e-12) else str(unit)


def _opened(file: str) -> AbstractContextManager[Path]:
    """Return a context manager for the file of a path, of a bundled data set, or of data from a pipe."""
    return received_pipe(file) if is_pipe(file) else nullcontext(resolve(file))


def _iread(
    source: AbstractContextManager[Path], file: str, unit: Unit | None, first: int, reported: set[str] | None = None
) -> Iterator[System]:
    """Yield the systems of one file; warnings in ``reported`` have appeared for other files of the folder."""
    with source as path, plain_file(path, file) as plain:
        reader, number = reader_of(plain, file, unit), first
        for system in _guarded(reader, plain, file, first, reported):
            if is_cloud(reader):
                yield in_own_unit(system, unit)
            else:
                yield in_angstrom(system, unit, states=reader in STATE_LENGTHS)
            number += 1
        if not number:
            raise EmpnetError("there are no systems in the file", where=file, wanted="at least one frame")


def refuse_length_unit(length_unit: str | None) -> None:
    """Raise an error if the user gives a unit of length other than angstrom for systems in memory.

    A System is always in angstrom, because :func:`read` converts lengths. A second conversion would be wrong.

    Arguments:
        length_unit: Unit from the user, or None.

    Raises:
        EmpnetError: If the unit is not angstrom.

    Example:
        >>> refuse_length_unit("angstrom")
    """
    if length_unit is not None and not math.isclose(parse_unit(length_unit).factor, 1.0, rel_tol=1e-12):
        raise EmpnetError(
            f"length unit {length_unit} is given, but systems in memory are in angstrom",
            remedy=f'convert them first: empnet.read(path, length_unit="{length_unit}") does so for a file',
        )


NO_ELEMENT = (
    "species X (0) is not an element: these particles form a separate species; remove them if they are dummy atoms"
)


def _guarded(reader: Reader, path: Path, file: str, first: int, reported: set[str] | None = None) -> Iterator[System]:
    """Yield the systems of a reader; convert each error to one line with the file and the frame."""
    systems = reader(path, file, first)
    text: set[str] = set() if reported is None else reported
    for number in itertools.count(first):
        origin = Origin(file, number or None)  # an error at the beginning can concern any frame or none
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                system = next(systems, None)
        except EmpnetError as error:
            raise error if str(error).startswith(file) else EmpnetError(str(error), where=origin) from error
        # ASE's many readers raise all kinds of exceptions for damaged files (KeyError, AssertionError, ...), and the
        # advice is the same for all of them. Interrupts are not Exceptions and pass through.
        except Exception as error:
            reason = " ".join(str(error).split())
            outcar = "; an OUTCAR written with NWRITE=0 lacks the necessary data: give vasprun.xml instead"
            remedy = "the file is damaged or cut short, or its name does not match its format"
            raise EmpnetError(
                f"cannot be read ({type(error).__name__}{': ' if reason else ''}{reason[:200]})",
                where=origin,
                remedy=remedy + (outcar if "OUTCAR" in path.name else ""),
            ) from error
        for message in _fresh(caught, text):
            warnings.warn(f"{Origin(file, number)}: {message}", stacklevel=3)
        if system is None:
            return
        if reader is not iread_npz and NO_ELEMENT not in text and _has_dummies(system):
            text.add(NO_ELEMENT)
            where = f"{Origin(file, number)}, particle {int(np.argmin(system.species != 0))}"
            warnings.warn(f"{where}: {NO_ELEMENT}", stacklevel=3)
        yield system


def _has_dummies(system: System) -> bool:
    """Return whether some particles, but not all, have species 0, which is not an element."""
    return system.species is not None and bool(system.species.any()) and not system.species.all()


def _fresh(caught: list[warnings.WarningMessage], seen: set[str]) -> Iterator[str]:
    """Yield each user warning once for a file; skip deprecation warnings, which are for developers of ASE."""
    for warning in caught:
        text = " ".join(str(warning.message).split())
        if warning.category is UserWarning and text not in seen:
            seen.add(text)
            yield text
