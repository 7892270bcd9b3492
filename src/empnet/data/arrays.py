"""Flat arrays on disk: written piece by piece, read back memory-mapped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import BinaryIO

import numpy as np

__all__ = ["ArrayWriter", "map_arrays"]

INDEX = "arrays.json"


class ArrayWriter:
    """Appends to named arrays in a folder; what is held in memory is one piece at a time.

    Arguments:
        folder: An existing folder for one file an array.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with ArrayWriter(folder) as writer:
        ...     writer.append(x=np.arange(2), y=np.zeros((2, 3)))
        ...     writer.append(x=np.arange(2, 5), y=np.ones((1, 3)))
        >>> arrays = map_arrays(folder)
        >>> arrays["x"], arrays["y"].shape
        (array([0, 1, 2, 3, 4]), (3, 3))
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, BinaryIO] = {}
        self._index: dict[str, dict] = {}

    def append(self, **pieces: np.ndarray) -> None:
        """Add rows to the arrays of these names; each keeps its dtype and its shape but for the first axis."""
        for name, piece in pieces.items():
            if name not in self._files:
                self._files[name] = (self._folder / f"{name}.bin").open("wb")
                self._index[name] = {"dtype": piece.dtype.str, "shape": [0, *piece.shape[1:]]}
            self._files[name].write(np.ascontiguousarray(piece).data)
            self._index[name]["shape"][0] += len(piece)

    def __enter__(self) -> ArrayWriter:
        return self

    def __exit__(self, kind: object, *exception: object) -> None:
        """Close the files; if all went well, write the index, without which the folder cannot be read."""
        for file in self._files.values():
            file.close()
        if kind is None:
            (self._folder / INDEX).write_text(json.dumps(self._index), encoding="utf-8")


def map_arrays(folder: Path) -> dict[str, np.ndarray]:
    """The arrays of a folder, read-only, mapped into memory as they are used.

    Arguments:
        folder: A folder that an :class:`ArrayWriter` has filled.
    """
    index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    return {name: _mapped(folder / f"{name}.bin", **entry) for name, entry in index.items()}


def _mapped(path: Path, dtype: str, shape: list[int]) -> np.ndarray:
    if 0 in shape:  # an empty file cannot be mapped
        return np.empty(shape, dtype=dtype)
    return np.asarray(np.memmap(path, dtype=dtype, mode="r", shape=tuple(shape)))
