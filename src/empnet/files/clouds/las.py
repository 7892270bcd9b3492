"""Read LAS and LAZ files: one scan with all fields of its points."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from empnet.errors import EmpnetError
from empnet.files.clouds.extra import AGAIN, library, refuse_promise
from empnet.system.system import Origin, System

__all__ = ["iread_las"]

HEAD, RECORD = 227, 54  # bytes of the smallest header, and of the head of each record behind it
CHUNK_SIZE = 12  # place of the number of points of a chunk in the description of the compression
LARGEST_CHUNK, VARIABLE = 10_000_000, 0xFFFFFFFF  # usual are 50,000; the second number announces chunks of any size
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
    _check_head(path, file)
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


def _check_head(path: Path, file: str) -> None:
    """Raise an error if the header is that of another file, or if its records are said to be beyond the file's end.

    laspy would allocate memory for all bytes up to the points.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    if not head.startswith(b"LASF"):
        raise EmpnetError("is not a LAS or LAZ file", where=file, wanted="'LASF' as its first bytes", remedy=AGAIN)
    if len(head) < HEAD:
        raise EmpnetError("its header is cut short", where=file, remedy=AGAIN)
    header, points, records = struct.unpack("<HII", head[94:104])
    if not HEAD <= header <= points <= size or records * RECORD > size:
        raise EmpnetError("the places in its header are beyond the end of the file", where=file, remedy=AGAIN)


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
    record = bytes(found[0].record_data)
    packing = lazrs.LazVlr(record)
    (chunk_size,) = struct.unpack("<I", record[CHUNK_SIZE : CHUNK_SIZE + 4])
    if packing.item_size() != width or LARGEST_CHUNK < chunk_size < VARIABLE:
        raise EmpnetError("the description of its compression is damaged", where=file, remedy=AGAIN)
    with path.open("rb") as stream:
        _check_chunks(stream, int(header.offset_to_point_data), size, width, file)
        table = lazrs.read_chunk_table(stream, packing)
    if sum(length for _, length in table) > size:
        raise EmpnetError("its table of chunks does not fit the size of the file", where=file, remedy=AGAIN)
    refuse_promise(promised, sum(points for points, _ in table), file)


def _check_chunks(stream: BinaryIO, begin: int, size: int, width: int, file: str) -> None:
    """Raise an error if the table of chunks is missing or lists more than the file can hold; go to its first point.

    lazrs allocates memory for all chunks of the table, and a process without this memory would be ended.
    """
    stream.seek(begin)
    head = stream.read(8)
    (place,) = struct.unpack("<q", head) if len(head) == 8 else (0,)
    if place == -1 and size >= 8:  # written to a pipe: the place is at the end
        stream.seek(size - 8)
        (place,) = struct.unpack("<q", stream.read(8))
    if not begin < place <= size - 8:
        raise EmpnetError("its table of chunks is missing", where=file, remedy=AGAIN)
    stream.seek(place + 4)
    (chunks,) = struct.unpack("<I", stream.read(4))
    refuse_promise(chunks, size // width, file, "chunks")  # each has one whole point
    stream.seek(begin)


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
