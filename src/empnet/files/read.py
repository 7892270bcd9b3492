"""Read files in all of ASE's formats, and numpy archives, as systems."""

from __future__ import annotations

import itertools
import math
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

import ase.io
import numpy as np
from ase.io.formats import UnknownFileTypeError, filetype, ioformats

from empnet.errors import EmpnetError
from empnet.files import lammps
from empnet.files.ase_db import iread_db
from empnet.files.bundled import card as bundled_card
from empnet.files.bundled import path_text, resolve
from empnet.files.compression import plain_file
from empnet.files.crystallography import occupancies, without_elements
from empnet.files.cut_frames import iread_gen, iread_res, iread_xsf
from empnet.files.extxyz.read import iread_extxyz
from empnet.files.frame_marks import check_counts, iread_gro, warn_of_further_frames
from empnet.files.mol2_read import iread_mol2
from empnet.files.molfile import iread_sdf
from empnet.files.npz.read import iread_npz
from empnet.files.ulm_check import check_ulm
from empnet.runtime.pipes import called, is_pipe, received_pipe
from empnet.system.atoms import from_atoms
from empnet.system.checks import check_geometry
from empnet.system.lengths import in_angstrom, stated_length_unit
from empnet.system.system import Origin, System
from empnet.system.units import LENGTH, Unit, parse_unit

__all__ = ["first_frame", "iread", "iread_unchecked", "read", "refuse_length_unit"]

PACKED = dict.fromkeys((".zip", ".tar", ".tgz", ".7z", ".rar", ".zst", ".lz4"), "unpack it first") | dict.fromkeys(
    (".h5", ".hdf5", ".npy", ".pkl", ".pickle", ".pt", ".lmdb", ".csv", ".json", ".jsonl", ".parquet"),
    "write its arrays as .npz (R, z, E, F), or its structures as extended XYZ",
)
"""Advice on files in other formats, by suffix."""
LAMMPS_SUFFIXES = ("", ".data", ".lmp", ".lammps", ".dat", ".in")  # suffixes of data files; other formats use them, too
Reader = Callable[[Path, str, int], Iterator[System]]
OWN_READERS: dict[str, Reader] = {".sdf": iread_sdf, ".sd": iread_sdf, ".mol": iread_sdf, ".mol2": iread_mol2}


def read(path: str | os.PathLike[str], *, length_unit: str | None = None) -> list[System]:
    """Read all systems of a file; see :func:`iread`.

    Arguments:
        path: Path of a file, or name of a bundled data set.
        length_unit: Unit of positions and cell in the file; None: the stated unit or, without one, angstrom.

    Returns:
        The systems in the order of the file.

    Raises:
        EmpnetError: If a part of the file cannot be read.

    Example:
        >>> molecules = read("qm7")
        >>> len(molecules), molecules[0].formula, molecules[0].properties["energy"]
        (6101, 'C4H7NO2', -1362.17)
    """
    return list(iread(path, length_unit=length_unit))


def iread(path: str | os.PathLike[str], *, length_unit: str | None = None, first: int = 0) -> Iterator[System]:
    """Read the systems of a file one at a time; memory use does not depend on the number of systems.

    The suffix or the content determines the format: any format of ASE (extended XYZ, db, traj, cif, vasp, ...) or a
    numpy archive (npz with R, z, E, F). Compressed files (gz, bz2, xz) are decompressed into a temporary file.

    Results of ASE's calculators become ``energy``, ``forces`` and ``stress`` and keep their values. They replace values
    of ``info`` with the same key. A truncated file in XYZ, db, traj or npz raises an error. Other formats (cif, pdb,
    gro, ...) do not state the number of particles in a frame, so this check is not possible.

    The path ``-`` is standard input. Data from a pipe are stored in a temporary file, and their first bytes determine
    the format.

    Arguments:
        path: Path of a file, or name of a bundled data set.
        length_unit: Unit of positions and cell in the file; values are converted to angstrom. None: the stated unit
            (key ``r_unit`` and similar keys in npz and XYZ, ``_distance_unit`` in db) or, without one, angstrom. Only
            XYZ, npz and LAMMPS files may need this argument, because ASE returns all other formats in angstrom.
        first: Number of the first frame to read; skipping a frame is faster than reading it.

    Returns:
        An iterator over systems, each with its file and frame number in ``origin``.

    Raises:
        EmpnetError: At once if the file does not exist or the unit is unknown. During iteration if ``length_unit``
            contradicts the format or the file, or if a frame cannot be read, has no particles, has positions that are
            not finite, or has a periodic cell without volume.

    Example:
        >>> next(iread("qm7")).origin
        Origin(file='qm7', frame=0)
    """
    return (check_geometry(system) for system in iread_unchecked(path, length_unit=length_unit, first=first))


def iread_unchecked(
    path: str | os.PathLike[str], *, length_unit: str | None = None, first: int = 0
) -> Iterator[System]:
    """Read systems as :func:`iread` does, but without a check of their geometry, for inspection.

    Arguments:
        path: Path of a file, or name of a bundled data set.
        length_unit: Unit of positions and cell in the file; None: the stated unit or, without one, angstrom.
        first: Number of the first frame to read.

    Raises:
        EmpnetError: As for :func:`iread`, except that positions and cells are not checked.
    """
    unit = None if length_unit is None else parse_unit(length_unit)
    if unit is not None and unit.dimension != LENGTH:
        raise EmpnetError(f"length unit '{unit}' is {unit.kind}", wanted="a length, such as angstrom or bohr")
    file = path_text(path)
    if bundled_card(path) is not None and unit is not None:
        _refuse_other_length(unit, file, "bundled data are")
    return _iread(_opened(file), called(file), unit, first)


def first_frame(path: str | os.PathLike[str]) -> tuple[System | None, str]:
    """Return the first frame of a file without conversion of units, and its stated unit of length.

    Arguments:
        path: Path of a file.

    Returns:
        The frame (None if the file has no frames), and the unit (empty if it is angstrom or not stated).

    Raises:
        EmpnetError: If the frame cannot be read.
    """
    file = path_text(path)
    with _opened(file) as found, plain_file(found, file) as plain:
        reader = _reader(plain, file, None)
        system = next(_guarded(reader, plain, file, 0), None)
    unit = stated_length_unit(system)[1] if system is not None and reader in STATE_LENGTHS else None
    return system, "" if unit is None or math.isclose(unit.factor, 1.0, rel_tol=1e-12) else str(unit)


def _opened(file: str) -> AbstractContextManager[Path]:
    """Return a context manager for the file of a path, of a bundled data set, or of data from a pipe."""
    return received_pipe(file) if is_pipe(file) else nullcontext(resolve(file))


def _iread(source: AbstractContextManager[Path], file: str, unit: Unit | None, first: int) -> Iterator[System]:
    with source as path, plain_file(path, file) as plain:
        reader, number = _reader(plain, file, unit), first
        for system in _guarded(reader, plain, file, first):
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


def _refuse_other_length(unit: Unit | None, file: str, known: str) -> None:
    if unit is not None and not math.isclose(unit.factor, 1.0, rel_tol=1e-12):
        raise EmpnetError(
            f"length unit {unit} is given, but {known} in angstrom", where=file, remedy="leave the length unit out"
        )


def _reader(path: Path, file: str, unit: Unit | None) -> Reader:
    """Return the reader for a file. Its suffix determines the format; for other suffixes, ASE determines it."""
    try:
        if not path.stat().st_size:
            raise EmpnetError("the file is empty", where=file, wanted="at least one frame")
        suffix = path.suffix.lower()
        if suffix in (".xyz", ".extxyz"):
            return iread_extxyz
        if suffix in OWN_READERS:
            _refuse_other_length(unit, file, f"{suffix[1:].upper()} files are")
            return OWN_READERS[suffix]
        if suffix == ".npz":
            return iread_npz
        kind = "lammps-data" if _is_lammps_data(path) else filetype(str(path.resolve()))  # may be an unknown format
        if kind not in ioformats or not ioformats[kind].can_read:
            raise UnknownFileTypeError(kind)
    except OSError as error:
        raise EmpnetError(f"cannot be opened ({error.strerror})", where=file) from error
    except UnknownFileTypeError as error:
        raise EmpnetError(
            "is in a format that ASE does not know",
            where=file,
            wanted="a suffix such as .extxyz, .npz, .db, .traj, .cif, or a name such as OUTCAR",
            remedy=PACKED.get(path.suffix.lower(), ""),
        ) from error
    if kind != "extxyz" and not kind.startswith("lammps"):
        _refuse_other_length(unit, file, f"ASE gives the format {kind}")
    return OWN_KINDS.get(kind, partial(_iread_ase, kind=kind))


def _is_lammps_data(path: Path) -> bool:
    usual = path.suffix.lower() in LAMMPS_SUFFIXES or path.name.lower().startswith("data.")
    return usual and lammps.is_data_file(path)


def _iread_db(path: Path, file: str, first: int) -> Iterator[System]:
    return itertools.islice(iread_db(path, file), first, None)


def _iread_ase(path: Path, file: str, first: int, *, kind: str) -> Iterator[System]:
    # The path is absolute, because ASE reads a name such as postgres.xyz as an address. An @ is part of the name.
    frames = ase.io.iread(
        str(path.resolve()), index=f"{first or ''}:", format=kind, parallel=False, do_not_split_by_at_sign=True
    )
    if kind == "traj":
        check_ulm(path, file)
    else:
        lines = lammps.remarks(path, kind) if kind.startswith("lammps") else ()
        for line in without_elements(path) if kind == "proteindatabank" else lines:
            warnings.warn(line, stacklevel=2)
        check_counts(path, kind, file)
        warn_of_further_frames(path, kind)
    for number, atoms in enumerate(frames, start=first):
        if kind == "proteindatabank" and not len(atoms) and number:
            continue  # ASE returns an empty frame for the END after the last ENDMDL
        for line in occupancies(atoms, kind):
            warnings.warn(line, stacklevel=2)
        yield from_atoms(lammps.without_placeholder(atoms, kind), Origin(file, number))


def _counted(reader: Reader, kind: str) -> Reader:
    """Return a reader that first checks the declared number of particles, because ASE allocates memory for it."""

    def counted(path: Path, file: str, first: int) -> Iterator[System]:
        check_counts(path, kind, file)
        return reader(path, file, first)

    return counted


# Readers of this package, by ASE's name of the format.
OWN_KINDS: dict[str, Reader] = {
    "extxyz": iread_extxyz,
    "sdf": iread_sdf,
    "mol": iread_sdf,
    "gromacs": iread_gro,
    "res": iread_res,
    "gen": _counted(iread_gen, "gen"),
    "xsf": _counted(iread_xsf, "xsf"),
    "db": _iread_db,
    "json": _iread_db,
}
STATE_LENGTHS: tuple[Reader, ...] = (iread_extxyz, iread_npz, _iread_db)
"""Readers of formats in which a file can state its unit of length."""


NO_ELEMENT = (
    "species X (0) is not an element: these particles form a separate species; remove them if they are dummy atoms"
)


def _guarded(reader: Reader, path: Path, file: str, first: int) -> Iterator[System]:
    """Yield the systems of a reader; convert each error to one line with the file and the frame."""
    systems = reader(path, file, first)
    text: set[str] = set()
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
