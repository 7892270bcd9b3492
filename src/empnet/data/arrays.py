"""Flat arrays on disk: written piece by piece, taken up again after an interruption, read back memory-mapped."""

from __future__ import annotations

import json
import math
import mmap
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from empnet.data.files import write_text

__all__ = ["ArrayWriter", "drop_pages", "is_whole", "map_arrays", "narrowest", "replace_array"]

INDEX = "arrays.json"
SAFE = "safe.json"
PIECES = 1000  # that are gathered before they are written: a write costs more than a small piece
ROWS = 1 << 20  # copied at a time
INTEGERS = (np.int16, np.int32, np.int64)


def narrowest(values: np.ndarray) -> np.dtype:
    """The smallest of int16, int32 and int64 that holds some whole numbers.

    Arguments:
        values: Whole numbers.

    Example:
        >>> narrowest(np.array([-1, 40_000]))
        dtype('int32')
    """
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    return np.dtype(next(kind for kind in INTEGERS if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max))


class ArrayWriter:
    """Appends to named arrays in a folder; what is held in memory is a thousand pieces at a time.

    What a writer before it has saved in the folder is kept, and what that one wrote afterwards is dropped.

    Arguments:
        folder: An existing folder for one file an array.
        narrow: Names of arrays of whole numbers that are kept in the smallest type that holds them.

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
        """What was given to the last :meth:`save`, of a writer before this one, too; empty if there was none."""
        self._take_up()

    def append(self, **pieces: np.ndarray) -> None:
        """Add rows to the arrays of these names, always the same ones; each keeps its shape but for the first axis."""
        self._waiting.append(pieces)
        if len(self._waiting) == PIECES:
            self._flush()

    def save(self, **state: Any) -> None:
        """Make all that was appended safe, so that a writer after a crash goes on from here.

        Arguments:
            **state: What that writer is to know, as JSON has it; it finds it in ``saved``.
        """
        self._flush()
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
        write_text(self._folder / SAFE, json.dumps({"arrays": self._index, "state": state}))
        self.saved = state
        self._remove_others()

    def __enter__(self) -> ArrayWriter:
        return self

    def __exit__(self, kind: object, *exception: object) -> None:
        """Close the files; if all went well, write the index, without which the folder cannot be read."""
        if kind is None:
            self._flush()
        for file in self._files.values():
            file.close()
        if kind is None:
            self._remove_others()
            (self._folder / SAFE).unlink(missing_ok=True)
            write_text(self._folder / INDEX, json.dumps(self._index))

    def _flush(self) -> None:
        """Write what waits; the index counts it only once all of it is written."""
        rows = {}
        for name in self._waiting[0] if self._waiting else ():
            joined = np.concatenate([pieces[name] for pieces in self._waiting])
            self._open(name, joined).write(np.ascontiguousarray(joined, dtype=self._index[name]["dtype"]).data)
            rows[name] = len(joined)
        for name, more in rows.items():
            self._index[name]["shape"][0] += more
        self._waiting = []

    def _open(self, name: str, joined: np.ndarray) -> BinaryIO:
        """The array's file, of a type that holds more of it."""
        wanted = narrowest(joined) if name in self._narrow else joined.dtype
        if name not in self._files:
            self._index[name] = {"dtype": wanted.str, "shape": [0, *joined.shape[1:]]}
            self._files[name] = _file(self._folder, name, wanted).open("w+b")
        elif name in self._narrow and wanted.itemsize > np.dtype(self._index[name]["dtype"]).itemsize:
            self._widen(name, wanted)
        return self._files[name]

    def _widen(self, name: str, wanted: np.dtype) -> None:
        """Go on in a file of a wider type; the one before stays until what is in it is safe."""
        before, old = self._files[name], np.dtype(self._index[name]["dtype"])
        wider = _file(self._folder, name, wanted).open("w+b")
        before.seek(0)
        while piece := before.read(ROWS * old.itemsize):
            wider.write(np.frombuffer(piece, dtype=old).astype(wanted).data)
        before.close()
        self._files[name] = wider
        self._index[name] = {**self._index[name], "dtype": wanted.str}

    def _take_up(self) -> None:
        """Open what was saved, cut to what was safe; start anew if that is not there in full."""
        path = self._folder / SAFE
        record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"arrays": {}, "state": {}}
        paths = {name: _file(self._folder, name, entry["dtype"]) for name, entry in record["arrays"].items()}
        sizes = {name: _size(**entry) for name, entry in record["arrays"].items()}
        if all(path.exists() and path.stat().st_size >= sizes[name] for name, path in paths.items()):
            self._index, self.saved = record["arrays"], record["state"]
            self._files = {name: path.open("r+b") for name, path in paths.items()}
            for name, file in self._files.items():
                file.truncate(sizes[name])
                file.seek(0, os.SEEK_END)
        self._remove_others()

    def _remove_others(self) -> None:
        mine = {_file(self._folder, name, entry["dtype"]) for name, entry in self._index.items()}
        for path in set(self._folder.glob("*.bin")) - mine:
            path.unlink()


def _file(folder: Path, name: str, dtype: np.dtype | str) -> Path:
    return folder / f"{name}.{np.dtype(dtype).str[1:]}.bin"


def _size(dtype: str, shape: list[int]) -> int:
    return math.prod(shape) * np.dtype(dtype).itemsize


def is_whole(folder: Path) -> bool:
    """Whether an :class:`ArrayWriter` has come to its end in a folder.

    Arguments:
        folder: A folder, which need not be there.
    """
    return (folder / INDEX).exists()


def replace_array(folder: Path, before: str, **after: np.ndarray) -> None:
    """Put other arrays in the place of one.

    Arguments:
        folder: A folder that an :class:`ArrayWriter` has filled.
        before: The array that is no longer needed.
        **after: Those that are.
    """
    index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    gone = index.pop(before)
    for name, array in after.items():
        _file(folder, name, array.dtype).write_bytes(np.ascontiguousarray(array).data)
        index[name] = {"dtype": array.dtype.str, "shape": list(array.shape)}
    write_text(folder / INDEX, json.dumps(index))
    _file(folder, before, gone["dtype"]).unlink()


def map_arrays(folder: Path) -> dict[str, np.ndarray]:
    """The arrays of a folder, read-only, mapped into memory as they are used.

    Arguments:
        folder: A folder that an :class:`ArrayWriter` has filled.
    """
    index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    return {name: _mapped(_file(folder, name, entry["dtype"]), **entry) for name, entry in index.items()}


def _mapped(path: Path, dtype: str, shape: list[int]) -> np.ndarray:
    if 0 in shape:  # an empty file cannot be mapped
        return np.empty(shape, dtype=dtype)
    with path.open("rb") as file:
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(pages, dtype=dtype, count=math.prod(shape)).reshape(shape)


def drop_pages(array: np.ndarray) -> None:
    """Let go of the memory that a mapped array has taken by being read; it is read again where it is needed.

    Arguments:
        array: Any array; of one that is not mapped nothing is let go.
    """
    pages: Any = array
    while isinstance(pages, np.ndarray | memoryview):
        pages = pages.base if isinstance(pages, np.ndarray) else pages.obj
    if isinstance(pages, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        pages.madvise(mmap.MADV_DONTNEED)
