"""Choose the reader of a file: by its suffix, or by its content as ASE does."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import ase.io
from ase.io.formats import UnknownFileTypeError, filetype, ioformats

from empnet.errors import EmpnetError
from empnet.files import lammps
from empnet.files.ase_db import iread_db
from empnet.files.clouds.hdf5 import iread_hdf5
from empnet.files.clouds.las import iread_las
from empnet.files.clouds.mesh import iread_mesh
from empnet.files.clouds.pcd import iread_pcd
from empnet.files.clouds.ply import iread_ply
from empnet.files.clouds.table import iread_table, is_table
from empnet.files.crystallography import occupancies, without_elements
from empnet.files.cut_frames import iread_gen, iread_res, iread_xsf
from empnet.files.extxyz.read import iread_extxyz
from empnet.files.frame_marks import check_counts, iread_gro, warn_of_further_frames
from empnet.files.mol2_read import iread_mol2
from empnet.files.molfile import iread_sdf
from empnet.files.npz.read import iread_npz
from empnet.files.ulm_check import check_ulm
from empnet.system.atoms import from_atoms
from empnet.system.system import Origin, System
from empnet.system.units import Unit

__all__ = ["STATE_LENGTHS", "Reader", "is_cloud", "reader_of", "refuse_other_length"]

PACKED = dict.fromkeys((".zip", ".tar", ".tgz", ".7z", ".rar", ".zst", ".lz4"), "unpack it first") | dict.fromkeys(
    (".npy", ".pkl", ".pickle", ".pt", ".lmdb", ".json", ".jsonl", ".parquet"),
    "write its arrays as .npz (R, z, E, F), or its structures as extended XYZ",
)
PACKED |= dict.fromkeys(
    (".csv", ".tsv", ".txt", ".asc"),
    "a table of points needs the columns x, y and z; write other data as .npz (R, z, E, F) or extended XYZ",
)
PACKED |= dict.fromkeys((".e57", ".rcp", ".fls", ".glb", ".gltf", ".fbx"), "write its points as .las or .ply")
"""Advice on files in other formats, by suffix."""
LAMMPS_SUFFIXES = ("", ".data", ".lmp", ".lammps", ".dat", ".in")  # suffixes of data files; other formats use them, too
Reader = Callable[[Path, str, int], Iterator[System]]
OWN_READERS: dict[str, Reader] = {".sdf": iread_sdf, ".sd": iread_sdf, ".mol": iread_sdf, ".mol2": iread_mol2}
CLOUD_READERS: dict[str, Reader] = {
    ".las": iread_las,
    ".laz": iread_las,
    ".ply": iread_ply,
    ".off": iread_mesh,
    ".stl": iread_mesh,
    ".obj": iread_mesh,
    ".pcd": iread_pcd,
    ".h5": iread_hdf5,
    ".hdf5": iread_hdf5,
}
"""Readers of point clouds, by suffix; tables of points are known by their first line."""


def is_cloud(reader: Reader) -> bool:
    """Return whether a reader is one of point clouds, whose lengths are not converted.

    Arguments:
        reader: Reader of a file.
    """
    return reader is iread_table or reader in CLOUD_READERS.values()


def refuse_other_length(unit: Unit | None, file: str, known: str) -> None:
    """Raise an error if the user gives a unit of length other than angstrom for data in angstrom.

    Arguments:
        unit: Unit from the user.
        file: The path as the user wrote it.
        known: Beginning of the sentence about the data, such as ``"bundled data are"``.

    Raises:
        EmpnetError: If the unit is not angstrom.
    """
    if unit is not None and not math.isclose(unit.factor, 1.0, rel_tol=1e-12):
        raise EmpnetError(
            f"length unit {unit} is given, but {known} in angstrom", where=file, remedy="leave the length unit out"
        )


def reader_of(path: Path, file: str, unit: Unit | None) -> Reader:
    """Return the reader for a file. Its suffix determines the format; for other suffixes, ASE determines it.

    Arguments:
        path: Path of the file, without compression.
        file: The path as the user wrote it.
        unit: Unit of length from the user.

    Raises:
        EmpnetError: If the file is empty, cannot be opened or has no known format.
    """
    try:
        if not path.stat().st_size:
            raise EmpnetError("the file is empty", where=file, wanted="at least one frame")
        suffix = path.suffix.lower()
        if suffix in CLOUD_READERS:
            return CLOUD_READERS[suffix]
        if is_table(path):
            return iread_table
        if suffix in (".xyz", ".extxyz"):
            return iread_extxyz
        if suffix in OWN_READERS:
            refuse_other_length(unit, file, f"{suffix[1:].upper()} files are")
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
            wanted="a suffix such as .extxyz, .npz, .db, .traj, .cif, .las, .ply, or a name such as OUTCAR",
            remedy=PACKED.get(path.suffix.lower(), ""),
        ) from error
    if kind != "extxyz" and not kind.startswith("lammps"):
        refuse_other_length(unit, file, f"ASE gives the format {kind}")
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
