"""Flat arrays on disk: written piece by piece, continued after an interruption, read back memory-mapped."""

from __future__ import annotations

import math
import mmap
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from empnet.runtime.checked_json import DAMAGED, read_checked, write_checked
from empnet.runtime.durable_files import flush_to_disk

__all__ = ["ArrayWriter", "drop_pages", "map_arrays", "narrowest", "replace_array"]

INDEX = "arrays.json"
SAFE = "safe.json"
PIECES = 1000  # number of pieces collected before a write: many small writes would be slow
ROWS = 1 << 20  # number of rows copied at a time
LOOK = 1 << 26  # number of bytes checksummed at a time
INTEGERS = (np.int16, np.int32, np.int64)


def narrowest(values: np.ndarray) -> np.dtype:
    """Return the smallest of int16, int32 and int64 that holds all given integers.

    Arguments:
        values: Integers, any shape.

    Example:
        >>> narrowest(np.array([-1, 40_000]))
        dtype('int32')
    """
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    return np.dtype(next(kind for kind in INTEGERS if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max))


class ArrayWriter:
    """Appends to named arrays in a folder and holds at most a thousand pieces in memory.

    If an earlier writer was interrupted, the new writer keeps all rows up to the last :meth:`save` and drops later
    rows.

    Arguments:
        folder: Existing folder; each array gets one file.
        narrow: Names of integer arrays to store in the smallest type that holds their values.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with ArrayWriter(folder, narrow=["x"]) as writer:
        ...     writer.append(x=np.arange(2), y=np.zeros((2, 3)))
        ...     writer.append(x=np.arange(2, 5), y=np.ones((1, 3)))
        >>> arrays = map_arrays(folder)
        >>> arrays["x"], arrays["y"].shape
        (array([0, 1, 2, 3, 4], dtype=int16), (3, 3))
    """

    def __init__(self, folder: Path, narrow: Iterable[str] = ()) -> None:
        self._folder = folder
        self._narrow = frozenset(narrow)
        self._files: dict[str, BinaryIO] = {}
        self._index: dict[str, dict] = {}
        self._waiting: list[dict[str, np.ndarray]] = []
        self.saved: dict[str, Any] = {}
        """State from the last :meth:`save`, by this writer or an earlier one; empty if nothing was saved."""
        self._take_up()

    def append(self, **pieces: np.ndarray) -> None:
        """Add rows to the named arrays.

        Arguments:
            **pieces: Rows for each array: the same names in every call, and for each name the same shape except for
                the first axis.
        """
        self._waiting.append(pieces)
        if len(self._waiting) == PIECES:
            self._flush()

    def save(self, **state: Any) -> None:
        """Write all rows safely to disk, so that a new writer can continue from here after a crash.

        Arguments:
            **state: JSON values for the new writer, which finds them in ``saved``.
        """
        self._flush()
        self._sync()
        write_checked(self._folder / SAFE, {"arrays": self._index, "state": state})
        self.saved = state
        self._remove_others()

    def __enter__(self) -> ArrayWriter:
        return self

    def __exit__(self, kind: object, *exception: object) -> None:
        """Close the files and, unless there was an error, write the index; reading a folder requires its index."""
        try:
            if kind is None:
                self._flush()
                self._sync()
        finally:
            for file in self._files.values():
                file.close()
        if kind is None:
            self._remove_others()
            write_checked(self._folder / INDEX, self._index)
            (self._folder / SAFE).unlink(missing_ok=True)

    def _sync(self) -> None:
        """Wait until all written data are on the disk: the index must not get there before the data."""
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())

    def _flush(self) -> None:
        """Write the collected pieces, and update the index only after all of them are written."""
        rows = {}
        for name in self._waiting[0] if self._waiting else ():
            joined = np.concatenate([pieces[name] for pieces in self._waiting])
            file = self._open(name, joined)
            data = np.ascontiguousarray(joined, dtype=self._index[name]["dtype"])
            file.write(data.data)
            rows[name] = len(joined), _checksum(data, self._index[name]["crc32"])
        for name, (more, checksum) in rows.items():
            self._index[name]["shape"][0] += more
            self._index[name]["crc32"] = checksum
        self._waiting = []

    def _open(self, name: str, joined: np.ndarray) -> BinaryIO:
        """Return the array's open file, after widening its type if the new rows require it."""
        wanted = narrowest(joined) if name in self._narrow else joined.dtype
        if name not in self._files:
            self._index[name] = {"dtype": wanted.str, "shape": [0, *joined.shape[1:]], "crc32": 0}
            self._files[name] = _file(self._folder, name, wanted).open("w+b")
        elif name in self._narrow and wanted.itemsize > np.dtype(self._index[name]["dtype"]).itemsize:
            self._widen(name, wanted)
        return self._files[name]

    def _widen(self, name: str, wanted: np.dtype) -> None:
        """Copy the array to a file of a wider type; the old file stays until the copy is safe."""
        before, old = self._files[name], np.dtype(self._index[name]["dtype"])
        wider = _file(self._folder, name, wanted).open("w+b")
        before.seek(0)
        checksum = 0
        while piece := before.read(ROWS * old.itemsize):
            values = np.frombuffer(piece, dtype=old).astype(wanted)
            wider.write(values.data)
            checksum = _checksum(values, checksum)
        before.close()
        self._files[name] = wider
        self._index[name] = {**self._index[name], "dtype": wanted.str, "crc32": checksum}

    def _take_up(self) -> None:
        """Open the saved arrays and cut off later rows; start from scratch if anything is missing or damaged."""
        (self._folder / INDEX).unlink(missing_ok=True)  # incomplete: a complete folder would have been mapped
        try:
            record = read_checked(self._folder / SAFE)
            arrays = {name: _mapped(self._folder, name, **entry) for name, entry in record["arrays"].items()}
        except DAMAGED:
            record, arrays = {"arrays": {}, "state": {}}, {}
        self._index, self.saved = record["arrays"], record["state"]
        sizes = {name: array.nbytes for name, array in arrays.items()}
        del arrays  # Windows cannot truncate a mapped file
        for name, size in sizes.items():
            file = _file(self._folder, name, self._index[name]["dtype"]).open("r+b")
            file.truncate(size)
            file.seek(0, os.SEEK_END)
            self._files[name] = file
        self._remove_others()

    def _remove_others(self) -> None:
        mine = {_file(self._folder, name, entry["dtype"]) for name, entry in self._index.items()}
        for path in set(self._folder.glob("*.bin")) - mine:
            path.unlink()


def _file(folder: Path, name: str, dtype: np.dtype | str) -> Path:
    return folder / f"{name}.{np.dtype(dtype).str[1:]}.bin"


def _checksum(values: Any, before: int = 0) -> int:
    """Return the CRC-32 of an array's bytes, continued from an earlier one; 4 GB/s, detects every single change."""
    data = memoryview(values).cast("B") if values.size else b""
    return zlib.crc32(data, before)


def replace_array(folder: Path, before: str, **after: np.ndarray) -> None:
    """Replace one array by others.

    Arguments:
        folder: Folder written by an :class:`ArrayWriter`.
        before: Name of the array to remove.
        **after: Arrays to add.
    """
    index = read_checked(folder / INDEX)
    gone = index.pop(before)
    for name, array in after.items():
        data, path = np.ascontiguousarray(array), _file(folder, name, array.dtype)
        path.write_bytes(data.data)
        flush_to_disk(path)
        index[name] = {"dtype": array.dtype.str, "shape": list(array.shape), "crc32": _checksum(data)}
    write_checked(folder / INDEX, index)
    _file(folder, before, gone["dtype"]).unlink()


def map_arrays(folder: Path) -> dict[str, np.ndarray]:
    """Check the checksums of a folder's arrays and return the arrays, read-only and memory-mapped.

    Arguments:
        folder: Folder written by an :class:`ArrayWriter`.

    Raises:
        OSError, ValueError, KeyError, TypeError: If part of the data is missing or has changed.
    """
    return {name: _mapped(folder, name, **entry) for name, entry in read_checked(folder / INDEX).items()}


def _mapped(folder: Path, name: str, dtype: str, shape: list[int], crc32: int) -> np.ndarray:
    """Check the checksum of one array and return the array; further bytes in its file are ignored."""
    path, size = _file(folder, name, dtype), math.prod(shape) * np.dtype(dtype).itemsize
    with path.open("rb") as file:
        there = os.fstat(file.fileno()).st_size
        if there < size:
            raise ValueError(f"{path.name} has {there} bytes instead of {size}")
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""  # an empty file cannot be mapped
    array = np.frombuffer(pages, dtype=dtype, count=math.prod(shape)).reshape(shape)
    found, data = 0, memoryview(pages)[:size]
    for begin in range(0, size, LOOK):
        found = zlib.crc32(data[begin : begin + LOOK], found)
        drop_pages(array)
    if found != crc32:
        raise ValueError(f"the checksum of {path.name} differs")
    return array


def drop_pages(array: np.ndarray) -> None:
    """Free the memory that reading a mapped array has filled; the array is read again from disk on the next access.

    Arguments:
        array: Any array; an array that is not mapped stays as it is.
    """
    pages: Any = array
    while isinstance(pages, np.ndarray | memoryview):
        pages = pages.base if isinstance(pages, np.ndarray) else pages.obj
    if isinstance(pages, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        pages.madvise(mmap.MADV_DONTNEED)
