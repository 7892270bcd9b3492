"""Read and write ASE databases (.db, .json)."""

from __future__ import annotations

import math
import re
import sqlite3
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ase.db import connect
from ase.db.core import Database, check
from ase.db.row import AtomsRow

from empnet.errors import EmpnetError
from empnet.runtime.faults import system_fault
from empnet.system.atoms import NESTED_ARRAYS, PER_PARTICLE, from_atoms, with_results
from empnet.system.system import Origin, System

__all__ = ["iread_db", "write_db"]

# Pattern of an array's shape in ASE's JSON.
ARRAY = re.compile(rb'"__ndarray__"\s*:\s*\[\s*\[([0-9,\s]*)\]')
UNITS, LENGTH_UNIT = "_property_unit_dict", "_distance_unit"  # keys of SchNetPack's metadata
PAGE = 1000  # rows in one query; ASE fetches all rows of a query at once


def iread_db(path: Path, file: str) -> Iterator[System]:
    """Read the rows of an ASE database in the order of their ids, one page at a time.

    Key-value pairs and data keep their names. If both have the same key, the pair is used. Calculator results for each
    particle, such as forces, become arrays.

    Arguments:
        path: Path of the database.
        file: The path as the user wrote it, for messages.

    Returns:
        An iterator over systems. Frame numbers begin at 0 and are not the ids.

    Raises:
        EmpnetError: If the file is not an ASE database.
    """
    if path.suffix.lower() != ".json":
        _check_tables(path, file)
    else:
        _check_arrays(path, file)
    stated = _stated(path)
    for number, row in enumerate(_rows(path)):
        yield _system(row, Origin(file, number), stated)


def _stated(path: Path) -> dict[str, Any]:
    """Return the units from the metadata of the database; SchNetPack writes units there."""
    try:
        metadata = _connect(path).metadata
    except Exception:  # a damaged database raises an error later, when its rows are read
        return {}
    if not isinstance(metadata, dict):
        return {}
    units, length = metadata.get(UNITS), metadata.get(LENGTH_UNIT)
    stated: dict[str, Any] = {UNITS: units} if isinstance(units, dict) else {}
    return stated | ({LENGTH_UNIT: length} if isinstance(length, str) else {})


def _connect(path: Path, **options: Any) -> Database:
    kind = "json" if path.suffix.lower() == ".json" else "db"
    return connect(str(path), type=kind, use_lock_file=False, serial=True, **options)


def _rows(path: Path) -> Iterator[AtomsRow]:
    if path.suffix.lower() == ".json":  # for every query, ASE reads the whole file
        yield from _connect(path).select()
        return
    with _connect(path) as database:
        last = -1
        while page := list(database.select(f"id>{last}", sort="id", limit=PAGE)):
            yield from page
            last = page[-1].id


def _check_tables(path: Path, file: str) -> None:
    """Raise an error for any other SQLite database, because ASE would write its own tables into it."""
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        found = connection.execute("SELECT name FROM sqlite_master WHERE name='systems'").fetchall()
    finally:
        connection.close()
    if not found:
        raise EmpnetError("is an SQLite database, but not an ASE database", where=file, wanted="a table 'systems'")


def _check_arrays(path: Path, file: str) -> None:
    """Raise an error if an array has more values than the file has bytes, before memory is allocated for it."""
    size = path.stat().st_size
    for match in ARRAY.finditer(path.read_bytes()):
        axes = match[1].replace(b",", b" ").split()
        if any(len(axis) > 18 for axis in axes) or math.prod(map(int, axes)) > size:
            raise EmpnetError("declares an array larger than the file", where=file, remedy="the file is damaged")


def _system(row: AtomsRow, origin: Origin, stated: dict[str, Any]) -> System:
    atoms = row.toatoms()
    data = dict(row.data)
    arrays = dict(data.pop(NESTED_ARRAYS, {}))
    for name in [name for name in data if name in PER_PARTICLE]:
        if np.shape(data[name])[:1] == (len(atoms),):
            arrays[name] = data.pop(name)
    atoms.info = {**stated, **data, **row.key_value_pairs, NESTED_ARRAYS: arrays}
    return from_atoms(atoms, origin)


def write_db(path: Path, systems: Iterable[System]) -> None:
    """Write systems as an ASE database.

    Results (energy, forces, ...) become ASE's results. Numbers and texts become key-value pairs if ASE accepts their
    names. All other values go into the data of the row.

    Arguments:
        path: Path of the database, ending in ``.db`` or ``.json``.
        systems: Systems, written one at a time.

    Raises:
        EmpnetError: If a value cannot be stored.
    """
    with _connect(path, append=False) as database:
        for system in systems:
            atoms = with_results(system, nested=True)
            pairs = {name: value for name, value in atoms.info.items() if _searchable(name, value)}
            data = {name: value for name, value in atoms.info.items() if name not in pairs}
            try:
                database.write(atoms, key_value_pairs=pairs, data=data)
            except Exception as error:  # ASE's encoders raise many kinds of exceptions for unknown types
                if system_fault(error):
                    raise
                raise EmpnetError(f"cannot be stored in a database ({error})", where=system.origin) from error


def _searchable(name: str, value: Any) -> bool:
    """Return whether ASE accepts this as a key-value pair without a warning."""
    if not isinstance(value, (float, str)):
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            check({name: value})
        except (ValueError, UserWarning):
            return False
    return True
