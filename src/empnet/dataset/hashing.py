"""Hashes of values in memory, of source files and of versions: equal inputs give equal hashes, others differ."""

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

from empnet.errors import FileError
from empnet.system.system import System

__all__ = ["hash_of_files", "hash_of_system", "reader_version"]

READ_BY = ("runtime", "system", "native", "files", "dataset")
"""Subpackages whose source code affects the data as read."""

READ_WITH = ("ase", "empnet", "h5py", "laspy", "lazrs", "numpy", "plyfile", "trimesh", "vesin")
"""Packages whose versions may affect the data as read."""


def hash_of_files(files: Sequence[tuple[str, Path]]) -> str:
    """Return the SHA-256 of a file's bytes or, for several files, of their names and their bytes.

    Arguments:
        files: Name within the data, and path of each file; see :func:`empnet.files.data_files.data_files`.

    Raises:
        EmpnetError: If a file cannot be read.
    """
    hashes = []
    for name, path in files:
        try:
            with path.open("rb") as file:
                hashes.append((name, hashlib.file_digest(file, "sha256").hexdigest()))
        except OSError as error:
            raise FileError(path, error, found="cannot be read") from error
    if len(hashes) == 1 and not hashes[0][0]:
        return hashes[0][1]
    return hashlib.sha256(_encoded([list(pair) for pair in hashes])).hexdigest()


def hash_of_system(system: System) -> bytes:
    """Return the SHA-256 of all contents of a system except its origin.

    Names, types and shapes matter; the order of keys does not.

    Arguments:
        system: System to hash.

    Example:
        >>> slab = System([[0, 0, 0]], info={"constraints": "FixAtoms"})
        >>> hash_of_system(slab) == hash_of_system(System([[0, 0, 0]], info={"constraints": "none"}))
        False
    """
    names = ("positions", "species", "features", "cell", "pbc", "properties", "info", "arrays")
    return hashlib.sha256(_encoded([getattr(system, name) for name in names])).digest()


def _encoded(value: Any) -> bytes:
    """Return unique bytes for a value: its kind, the number of its bytes, and the bytes themselves."""
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
    except Exception:  # the type cannot be pickled: use its text
        return repr(value).encode()


@cache
def reader_version() -> str:
    """Return the SHA-256 of the source code that reads data, and of the versions of the libraries it uses.

    The hash covers all subpackages that take part between the file and the arrays on disk.

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
