"""Write systems to files; a file appears only when it is complete."""

from __future__ import annotations

import itertools
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import ase.io
from ase.io.formats import UnknownFileTypeError, filetype, ioformats
from ase.io.trajectory import Trajectory

from empnet.errors import EmpnetError
from empnet.files.ase_db import write_db
from empnet.files.bundled import path_text
from empnet.files.compression import compress, inner_name
from empnet.files.extxyz.write import frame_text
from empnet.files.npz.write import write_npz
from empnet.files.source import Data, iter_systems
from empnet.runtime.durable_files import is_stream, replacing
from empnet.runtime.faults import system_fault
from empnet.system.atoms import with_results
from empnet.system.system import System

__all__ = ["write"]

Writer = Callable[[Path, Iterable[System]], None]


def write(path: str | os.PathLike[str], systems: Data, *, overwrite: bool = False) -> None:
    """Write systems to a file; :func:`empnet.files.read.read` restores them.

    The suffix determines the format. Extended XYZ (.extxyz, .xyz) and ASE's .db and .traj keep all values exactly. An
    .npz file needs the same species in all frames. ASE's other formats keep only some values, with a warning. A second
    suffix .gz, .bz2 or .xz compresses the file.

    The file appears only when it is complete. XYZ, .db and .traj are written system by system, so ``systems`` may be
    an iterator over more data than fit into memory.

    Arguments:
        path: Path of the file.
        systems: At least one System or ase.Atoms, or path of a file to convert.
        overwrite: Whether an existing file may be replaced.

    Raises:
        EmpnetError: If the file exists and ``overwrite`` is False, if its folder does not exist, if the format is
            unknown, or if the format cannot store a value.
        FileError: If the disk is full or write permission is missing. An existing file stays unchanged.

    Example:
        >>> from empnet.files.read import read
        >>> path = Path(tempfile.mkdtemp()) / "hydrogen.extxyz.gz"
        >>> write(path, [System([[0, 0, 0]], species=[1], properties={"energy": -13.6})])
        >>> read(path)[0].properties["energy"]
        -13.6
    """
    file = path_text(path)
    target = Path(file)
    _check_target(target, file, overwrite)
    writer = _writer(target, file)
    iterator = iter_systems(systems)
    first = next(iterator, None)
    if first is None:
        raise EmpnetError("no systems to write", where=file)
    checked = itertools.chain([first], iterator)
    with replacing(target) as unfinished:
        if inner_name(target) == target.name:
            writer(unfinished, checked)
        else:
            with tempfile.TemporaryDirectory(dir=unfinished.parent, prefix=".empnet-") as folder:
                plain = Path(folder) / inner_name(target)
                writer(plain, checked)
                compress(plain, unfinished, target.suffix.lower())
        _check_target(target, file, overwrite)  # another program may have created the file meanwhile


def _check_target(target: Path, file: str, overwrite: bool) -> None:
    if target.is_dir():
        raise EmpnetError("is a folder, but the name of a file is needed", where=file)
    if not target.parent.is_dir():
        raise EmpnetError(f"there is no folder '{target.parent}'", where=file, remedy="create it first")
    if (target.is_file() or (target.is_symlink() and not target.exists())) and not overwrite:
        raise EmpnetError("the file already exists", where=file, remedy="choose another name or allow overwriting")


def _writer(target: Path, file: str) -> Writer:
    name = inner_name(target)
    known: dict[str, Writer] = {
        ".xyz": _write_extxyz, ".extxyz": _write_extxyz, ".npz": write_npz,
        ".db": write_db, ".json": write_db, ".traj": _write_traj,
    }  # fmt: skip
    suffix = Path(name).suffix.lower()
    if suffix in known:
        return known[suffix]
    if not suffix and is_stream(target):
        return _write_extxyz
    try:
        kind = filetype(name, read=False)
        if not ioformats[kind].can_write:
            raise KeyError(kind)
    except (UnknownFileTypeError, KeyError):
        raise EmpnetError(
            f"no known format for writing '{name}'", where=file, wanted="a suffix such as .extxyz, .npz, .db, .traj"
        ) from None
    return partial(_write_ase, file=file, kind=kind)


def _write_extxyz(path: Path, systems: Iterable[System]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(map(frame_text, systems))


def _write_traj(path: Path, systems: Iterable[System]) -> None:
    # This function opens the file, so that it is closed even if the disk is full.
    with path.open("wb") as file, Trajectory(file, "w") as trajectory:
        for system in systems:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # ASE warns about values that it does not write
                try:
                    trajectory.write(with_results(system, nested=True))
                except Exception as error:  # ASE's encoders raise many kinds of exceptions for unknown types
                    if system_fault(error):
                        raise
                    raise EmpnetError(f"cannot be stored in a trajectory ({error})", where=system.origin) from error


def _write_ase(path: Path, systems: Iterable[System], file: str, kind: str) -> None:
    """Write systems in a format of ASE; warn that only positions, species and cell may be stored."""
    atoms = list(map(with_results, systems))
    try:
        ase.io.write(path, atoms if len(atoms) > 1 else atoms[0], format=kind, parallel=False)
    # ASE's writers raise many kinds of exceptions for values that a format cannot store.
    except Exception as error:
        if system_fault(error):
            raise
        raise EmpnetError(f"cannot be written as {kind} ({type(error).__name__}: {error})", where=file) from error
    warnings.warn(f"{file}: format {kind} may keep positions, species and cell only", stacklevel=2)
