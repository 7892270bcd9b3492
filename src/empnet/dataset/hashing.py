"""Hashes of values in memory, of sources and of versions: equal for what is equal, different for what differs."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from empnet.system.system import System

__all__ = ["hash_of_system", "reader_version"]

READ_BY = ("runtime", "system", "files", "dataset")
"""The rooms whose sources shape what is read."""

READ_WITH = ("ase", "empnet", "numba", "numpy", "vesin")
"""Packages whose versions may change what is read."""


def hash_of_system(system: System) -> bytes:
    """SHA-256 of all that a system holds but for its origin.

    The order of keys does not matter; names, types and shapes do.

    Arguments:
        system: The system.

    Example:
        >>> slab = System([[0, 0, 0]], info={"constraints": "FixAtoms"})
        >>> hash_of_system(slab) == hash_of_system(System([[0, 0, 0]], info={"constraints": "none"}))
        False
    """
    names = ("positions", "species", "features", "cell", "pbc", "properties", "info", "arrays")
    return hashlib.sha256(_encoded([getattr(system, name) for name in names])).digest()


def _encoded(value: Any) -> bytes:
    """Bytes that begin with the kind of value and their own length, so that no two values share them."""
    kind, content = _parts(value)
    return f"{kind} {len(content)}:".encode() + content


def _parts(value: Any) -> tuple[str, bytes]:
    if isinstance(value, np.ndarray | np.generic):
        return _array_parts(np.asarray(value))
    if isinstance(value, str):
        return "str", value.encode("utf-8", "surrogatepass")
    if value is None or isinstance(value, bool | int | float | complex):
        return type(value).__name__, repr(value).encode()
    if isinstance(value, bytes):
        return "bytes", value
    if isinstance(value, Mapping):
        return "map", b"".join(sorted(_encoded(key) + _encoded(item) for key, item in value.items()))
    if isinstance(value, Sequence):
        return "list", b"".join(map(_encoded, value))
    if isinstance(value, AbstractSet):
        return "set", b"".join(sorted(map(_encoded, value)))
    return f"{type(value).__module__}.{type(value).__qualname__}", _pickled(value)


def _array_parts(array: np.ndarray) -> tuple[str, bytes]:
    kind = f"array {array.dtype.str} {array.shape}"
    if array.dtype.hasobject:
        return kind, b"".join(map(_encoded, array.ravel().tolist()))
    if array.dtype.names is not None:
        kind = f"array {array.dtype.descr} {array.shape}"
    return kind, np.ascontiguousarray(array).tobytes()


def _pickled(value: Any) -> bytes:
    try:
        return pickle.dumps(value, protocol=4)
    except Exception:  # whatever the type raises: its text has to do
        return repr(value).encode()


@cache
def reader_version() -> str:
    """SHA-256 of all sources that data are read with, and of the versions of the libraries that they are read with.

    Those sources are the rooms that it passes through, from the file to the arrays on disk.

    Example:
        >>> len(reader_version())
        64
    """
    digest = hashlib.sha256()
    package = Path(__file__).parents[1]
    for room in READ_BY:
        for path in sorted((package / room).rglob("*.py")):
            digest.update(_encoded([room, path.name, path.read_bytes()]))
    for name in READ_WITH:
        digest.update(_encoded([name, _version(name)]))
    return digest.hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
