"""Read PLY files: a cloud with all fields of its points, or a mesh, sampled to points."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from empnet.errors import EmpnetError
from empnet.files.clouds.extra import AGAIN, library, refuse_promise
from empnet.files.clouds.mesh import sampled_mesh
from empnet.system.system import Origin, System

__all__ = ["iread_ply"]

LONGEST_HEADER = 1 << 20  # bytes
FORMATS = ("ascii", "binary_little_endian", "binary_big_endian")
SIZES = dict.fromkeys(("char", "uchar", "int8", "uint8"), 1) | dict.fromkeys(("short", "ushort", "int16", "uint16"), 2)
SIZES |= dict.fromkeys(("int", "uint", "int32", "uint32", "float", "float32"), 4)
SIZES |= dict.fromkeys(("double", "float64"), 8)
"""Bytes of each type of number."""
FACES = ("face", "faces", "tristrips")  # elements of a mesh


@dataclass(slots=True)
class _Element:
    """An element of the header: its number of rows, and the least size of a row in bytes."""

    name: str
    count: int
    names: list[str] = field(default_factory=list)
    least: int = 0
    lists: bool = False


def iread_ply(path: Path, file: str, first: int = 0) -> Iterator[System]:
    """Read a PLY file as one system; all fields of its points other than x, y and z become arrays with their names.

    A file with faces is a mesh; points are drawn from its surface (:func:`~empnet.files.clouds.mesh.sampled_mesh`).

    Arguments:
        path: Path of the file.
        file: The path as the user wrote it, for messages.
        first: Number of the first frame to read; the only frame has number 0.

    Raises:
        EmpnetError: If the header is damaged, if points are missing, or if a library is missing.
    """
    if first:
        return
    kind, elements, begin = _header(path, file)
    room = path.stat().st_size - begin
    points = next((element for element in elements if element.name == "vertex"), None)
    if points is None:
        there = ", ".join(element.name for element in elements) or "none"
        raise EmpnetError(f"no element 'vertex'; elements found: {there}", where=file, remedy=AGAIN)
    for element in elements:
        least = 2 * len(element.names) if kind == "ascii" else element.least  # a digit and a space for each number
        refuse_promise(
            element.count, (room + 1) // max(1, least), file, "points" if element is points else element.name
        )
    if any(element.name in FACES and element.count for element in elements):
        yield sampled_mesh(path.read_bytes(), "ply", Origin(file, 0))
        return
    if missing := [name for name in ("x", "y", "z") if name not in points.names]:
        found = f"its points have no {', '.join(missing)}; fields found: {', '.join(points.names)}"
        raise EmpnetError(found, where=file, wanted="fields x, y and z")
    plain = kind == "ascii" and elements[0] is points and not points.lists
    fields = _rows_of_text(path, begin, points, file) if plain else _fields(path)
    positions = np.stack([fields.pop(name).astype(np.float64) for name in ("x", "y", "z")], axis=1)
    yield System(positions=positions, arrays=fields, origin=Origin(file, 0))


def _header(path: Path, file: str) -> tuple[str, list[_Element], int]:
    """Return the format, the elements, and the number of bytes of the header."""
    with path.open("rb") as stream:
        head = stream.read(LONGEST_HEADER)
    if not head.startswith(b"ply"):
        raise EmpnetError("is not a PLY file", where=file, wanted="'ply' on the first line", remedy=AGAIN)
    kind, elements, begin = "", list[_Element](), 0
    mark = b"\n" if b"\n" in head[:5] else b"\r"
    try:
        while True:
            end = head.index(mark, begin)
            words = head[begin:end].decode("ascii", "replace").split()
            begin = end + 1
            if words[:1] == ["end_header"]:
                break
            if words[:1] == ["format"]:
                kind = words[1]
            elif words[:1] == ["element"]:
                elements.append(_Element(words[1], int(words[2])))
            elif words[:1] == ["property"]:
                of_list = words[1] == "list"
                elements[-1].names.append(words[-1])
                elements[-1].least += SIZES[words[2] if of_list else words[1]]
                elements[-1].lists |= of_list
    except (ValueError, IndexError, KeyError) as error:
        raise EmpnetError("the header of the PLY file is damaged or cut short", where=file, remedy=AGAIN) from error
    if kind not in FORMATS:
        raise EmpnetError(f"format of the PLY file is {kind[:40]!r}", where=file, wanted=" or ".join(FORMATS))
    return kind, elements, begin


def _rows_of_text(path: Path, begin: int, points: _Element, file: str) -> dict[str, np.ndarray]:
    """Return the fields of points that are written as text; ten times as fast as plyfile."""
    with path.open("rb") as stream:
        stream.seek(begin)
        lines = io.TextIOWrapper(stream, encoding="ascii", errors="replace")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # no rows: the number of rows is checked below
            table = np.loadtxt(lines, ndmin=2, max_rows=points.count) if points.count else np.empty((0, 1))
    if len(table) < points.count or (points.count and table.shape[1] != len(points.names)):
        raise EmpnetError(
            f"the header promises {points.count:,} points of {len(points.names)} values, but there are {len(table):,} "
            f"lines of {table.shape[1]}",
            where=file,
            remedy=AGAIN,
        )
    if not points.count:
        return {name: np.empty(0) for name in points.names}
    return {name: table[:, place] for place, name in enumerate(points.names)}


def _fields(path: Path) -> dict[str, np.ndarray]:
    """Return the fields of points by plyfile; lists are left out."""
    plyfile = library("plyfile", ".ply", "plyfile")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, of empty lists in texts
        rows = plyfile.PlyData.read(str(path))["vertex"].data
    fields = {name: np.asarray(rows[name]) for name in rows.dtype.names}
    lists = [name for name, values in fields.items() if values.dtype.hasobject]
    if lists:
        warnings.warn(f"fields with lists are left out: {', '.join(lists)}", stacklevel=2)
    return {name: values.astype(values.dtype.newbyteorder("=")) for name, values in fields.items() if name not in lists}
