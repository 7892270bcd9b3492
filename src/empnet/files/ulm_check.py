"""Check the declared sizes in ASE's trajectories (ulm files) before memory is allocated for them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from empnet.errors import EmpnetError

__all__ = ["check_ulm"]

MAGIC = b"- of Ulm"
HEADER = 24  # bytes of the signature and a tag; version, number of items and place of their offsets follow
REMEDY = "the file is damaged or cut short: download or create it again"


def check_ulm(path: Path, file: str) -> None:
    """Raise an error if the header, an item or an array of a trajectory is larger than the file.

    Arguments:
        path: Path of the file.
        file: The path as the user wrote it, for messages.

    Raises:
        EmpnetError: If a declared size is larger than the file.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        if stream.read(len(MAGIC)) != MAGIC:
            return  # ASE raises the error
        stream.seek(HEADER)
        _, items, place = _integers(stream, 3)
        if not 0 <= items * 8 <= size or not 0 <= place <= size:
            raise EmpnetError(f"declares {items} frames in {size} bytes", where=file, remedy=REMEDY)
        stream.seek(place)
        for number, offset in enumerate(_integers(stream, items)):
            if not 0 <= offset <= size:
                raise EmpnetError(f"frame {number} begins after the end of the file", where=file, remedy=REMEDY)
            stream.seek(offset)
            (length,) = _integers(stream, 1)
            if not 0 <= length <= size:
                raise EmpnetError(f"frame {number} declares {length} bytes", where=file, remedy=REMEDY)
            try:
                _check_arrays(json.loads(stream.read(length)), size, file, number)
            except (ValueError, RecursionError) as error:
                if isinstance(error, EmpnetError):
                    raise
                raise EmpnetError(f"frame {number} cannot be read", where=file, remedy=REMEDY) from error


def _integers(stream: BinaryIO, count: int) -> list[int]:
    data = stream.read(8 * count)
    if len(data) < 8 * count:
        raise EmpnetError("the trajectory ends too early", remedy=REMEDY)
    return [int(value) for value in np.frombuffer(data, dtype="<i8")]


def _check_arrays(value: Any, size: int, file: str, number: int) -> None:
    """Raise an error if an array is larger than the file."""
    if isinstance(value, list):
        for item in value:
            _check_arrays(item, size, file, number)
    if not isinstance(value, dict):
        return
    described = value.get("ndarray")
    if isinstance(described, list) and described and isinstance(described[0], list):
        shape = described[0]
        whole = all(isinstance(axis, int) and axis >= 0 for axis in shape)
        if not whole or math.prod(shape) > size:
            raise EmpnetError(f"frame {number} declares an array of shape {tuple(shape)}", where=file, remedy=REMEDY)
    for item in value.values():
        _check_arrays(item, size, file, number)
