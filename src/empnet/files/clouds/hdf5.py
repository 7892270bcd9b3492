"""Read HDF5 files in the layout of ModelNet40 and ScanObjectNN: many clouds of the same number of points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from empnet.errors import EmpnetError
from empnet.files.clouds.extra import AGAIN, library, refuse_promise
from empnet.system.atoms import split_values
from empnet.system.system import Origin, System

__all__ = ["class_files", "iread_hdf5"]

POINTS, LABEL, CLASSES = "data", "label", "class_names"
DENSEST = 2000  # bytes of values for each byte of a file; deflate, the densest usual filter, reaches 1032
BLOCK = 1 << 24  # bytes of points in one read


def class_files(path: Path) -> list[Path]:
    """Return the text files beside an HDF5 file that name its classes; at most one is used.

    Arguments:
        path: Path of the HDF5 file.
    """
    if path.suffix.lower() not in (".h5", ".hdf5"):
        return []
    return sorted(other for other in path.parent.glob("*shape_names.txt") if other.is_file())[:1]


def iread_hdf5(path: Path, file: str, first: int = 0) -> Iterator[System]:
    """Read the clouds of an HDF5 file one at a time.

    The dataset ``data`` has the shape (clouds, points, 3 or more); further columns become ``field_1``, ``field_2`` and
    so on. Other datasets with one row for each cloud become properties, info or, with a value for each point, arrays.
    ``label`` becomes the name of its class in ``info`` if ``class_names`` (a dataset or an attribute) or a file
    ``shape_names.txt`` in the same folder names the classes; otherwise it is a number.

    Arguments:
        path: Path of the file.
        file: The path as the user wrote it, for messages.
        first: Number of the first frame to read.

    Raises:
        EmpnetError: If there is no dataset ``data`` of this shape, if the file is cut short, or if h5py is missing.
    """
    h5py = library("h5py", path.suffix.lower(), "h5py")
    with h5py.File(path, "r") as opened:
        held = {name: item for name, item in opened.items() if isinstance(item, h5py.Dataset)}
        points = held.get(POINTS)
        if points is None or len(points.shape) != 3 or points.shape[2] < 3 or points.dtype.kind not in "iuf":
            there = ", ".join(f"{name} {item.shape}" for name, item in held.items()) or "none"
            wanted = "a dataset 'data' of shape (clouds, points, 3 or more)"
            raise EmpnetError(f"no clouds; datasets found: {there}", where=file, wanted=wanted)
        clouds, width, columns = points.shape
        names = _class_names(opened, held, path)
        used = {name: item for name, item in held.items() if name != CLASSES and item.shape[:1] == (clouds,)}
        for item in used.values():
            _check_room(item, path, file)
        block = max(1, BLOCK // max(1, width * columns * points.dtype.itemsize))
        for begin in range(first, clouds, block):
            rows = {name: item[begin : begin + block] for name, item in used.items()}
            for place in range(min(block, clouds - begin)):
                yield _system({name: row[place] for name, row in rows.items()}, names, Origin(file, begin + place))


def _check_room(item: Any, path: Path, file: str) -> None:
    """Raise an error if a dataset has more values than the file can hold; memory would be needed for all of them."""
    room = DENSEST * path.stat().st_size // max(1, item.dtype.itemsize)
    refuse_promise(int(np.prod(item.shape, dtype=object)), room, file, f"values of '{item.name.strip('/')}'")


def _class_names(opened: Any, held: Mapping[str, Any], path: Path) -> list[str]:
    """Return the names of the classes; empty if they have none."""
    found = held[CLASSES][()] if CLASSES in held else opened.attrs.get(CLASSES)
    if found is None and LABEL in held:
        found = held[LABEL].attrs.get(CLASSES)
    if found is not None:
        return [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in found]
    lines = [line for other in class_files(path) for line in other.read_text(encoding="utf-8-sig").splitlines()]
    return [line.strip() for line in lines if line.strip()]


def _system(rows: Mapping[str, np.ndarray], classes: Sequence[str], origin: Origin) -> System:
    points = np.asarray(rows[POINTS])
    arrays = {f"field_{k - 2}": points[:, k] for k in range(3, points.shape[1])}
    values: dict[str, Any] = {}
    for name, row in rows.items():
        if name == POINTS:
            continue
        if np.ndim(row) and len(row) == len(points) and len(points) > 1:
            arrays[name] = np.asarray(row)
        else:
            values[name] = row.decode("utf-8", "replace") if isinstance(row, bytes) else row
    if classes and LABEL in values:
        values[LABEL] = _class_of(np.asarray(values[LABEL]), classes, origin)
    properties, info = split_values(values)
    return System(positions=points[:, :3], arrays=arrays, properties=properties, info=info, origin=origin)


def _class_of(code: np.ndarray, classes: Sequence[str], origin: Origin) -> Any:
    """Return the name of a class from its number; a label of another kind is returned unchanged."""
    if code.size != 1 or code.dtype.kind not in "iuf":
        return code
    number = int(code.reshape(-1)[0])
    if not 0 <= number < len(classes):
        raise EmpnetError(
            f"label is {number}",
            where=origin,
            wanted=f"0 to {len(classes) - 1}, for {len(classes)} classes",
            remedy=AGAIN,
        )
    return classes[number]
