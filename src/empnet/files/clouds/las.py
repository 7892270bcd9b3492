"""Read LAS and LAZ files: one scan with all fields of its points."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from empnet.errors import EmpnetError
from empnet.files.clouds.extra import AGAIN, library, refuse_promise
from empnet.system.system import Origin, System

__all__ = ["iread_las"]

COORDINATES = ("X", "Y", "Z")  # whole numbers, before scale and offset
LINEAR_UNIT, MODEL, GEOGRAPHIC = 3076, 1024, 2  # GeoTIFF's keys for the unit and the kind of coordinates
METRE, FEET = 9001, (9002, 9003)  # EPSG's codes of units; 9003 is the US survey foot
UNIT = re.compile(r'UNIT\s*\[\s*"[^"]*"\s*,\s*([0-9.eE+-]+)')
FOOT = 0.3048  # metres; the US survey foot differs by two millionths


def iread_las(path: Path, file: str, first: int = 0) -> Iterator[System]:
    """Read a LAS or LAZ file as one system; every field of the points becomes an array with the field's name.

    Positions are scaled and have the unit of the file. ``info["length_unit"]`` is ``m`` or ``ft`` if the file says so.

    Arguments:
        path: Path of the file.
        file: The path as the user wrote it, for messages.
        first: Number of the first frame to read; the only frame has number 0.

    Raises:
        EmpnetError: If the file is cut short, if it promises more points than it has, or if a library is missing.
    """
    laspy = library("laspy", path.suffix.lower(), "laspy and lazrs")
    lazrs = library("lazrs", path.suffix.lower(), "laspy and lazrs")
    if first:
        return
    try:
        with laspy.open(path, read_evlrs=False) as reader:
            _check_room(reader.header, path, file, lazrs)
            points = reader.read_points(-1)
            header = reader.header
        positions = np.stack([np.array(values, dtype=np.float64) for values in (points.x, points.y, points.z)], axis=1)
        names = [name for name in points.point_format.dimension_names if name not in COORDINATES]
        arrays = {name: np.array(points[name]) for name in names}
    # laspy raises IndexError, struct.error and others for damaged headers, beside its own errors
    except (laspy.errors.LaspyException, lazrs.LazrsError, ValueError, LookupError, OSError, OverflowError) as error:
        if isinstance(error, EmpnetError):
            raise
        reason = " ".join(str(error).split())[:200]
        raise EmpnetError(f"cannot be read ({type(error).__name__}: {reason})", where=file, remedy=AGAIN) from error
    unit = _length_unit(header)
    info = {"length_unit": unit} if unit else {}
    yield System(positions=positions, arrays=arrays, info=info, origin=Origin(file, 0))


def _check_room(header: Any, path: Path, file: str, lazrs: Any) -> None:
    """Raise an error if the header promises more points than the file can hold.

    The size of a LAS file tells. In a LAZ file, the table of chunks does: it lists the points of each chunk, and a
    chunk starts with one point that is not compressed.
    """
    size = path.stat().st_size
    promised, width = int(header.point_count), int(header.point_format.size)
    if not header.are_points_compressed:
        refuse_promise(promised, (size - int(header.offset_to_point_data)) // width, file)
        return
    found = header.vlrs.get("LasZipVlr")
    if not found or not promised:
        return
    with path.open("rb") as stream:
        stream.seek(int(header.offset_to_point_data))
        table = lazrs.read_chunk_table(stream, lazrs.LazVlr(found[0].record_data))
    held = sum(points for points, _ in table)
    if sum(length for _, length in table) > size:
        raise EmpnetError("its table of chunks does not fit the size of the file", where=file, remedy=AGAIN)
    refuse_promise(promised, held, file)


def _length_unit(header: Any) -> str:
    """Return the unit of length that a file states for its horizontal coordinates: m, ft, or empty."""
    for record in header.vlrs:
        text = getattr(record, "string", "")
        if isinstance(text, str) and "PROJC" in text:
            horizontal = re.split(r"VERT_?C", text)[0]
            factors = UNIT.findall(horizontal)
            if factors:  # the last unit is that of the projected coordinates; earlier ones are of angles and ellipsoid
                return _unit_of(factors[-1])
    for record in header.vlrs:
        keys = {
            key.id: key.value_offset for key in getattr(record, "geo_keys", None) or () if not key.tiff_tag_location
        }
        if keys.get(MODEL) != GEOGRAPHIC and LINEAR_UNIT in keys:
            return "m" if keys[LINEAR_UNIT] == METRE else "ft" if keys[LINEAR_UNIT] in FEET else ""
    return ""


def _unit_of(factor: str) -> str:
    try:
        metres = float(factor)
    except ValueError:
        return ""
    return "m" if metres == 1.0 else "ft" if abs(metres / FOOT - 1.0) < 1e-5 else ""
