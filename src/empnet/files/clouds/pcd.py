"""Read PCD files of the Point Cloud Library: as text, as bytes, and compressed."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from empnet.errors import EmpnetError
from empnet.files.clouds.extra import AGAIN, refuse_promise
from empnet.files.clouds.lzf import lzf_decompress
from empnet.system.system import Origin, System

__all__ = ["iread_pcd"]

LONGEST_HEADER = 1 << 16  # bytes
KINDS = {"F": "f", "I": "i", "U": "u"}
PACKED_COLOUR = ("rgb", "rgba")  # fields with a colour in the bytes of one number
DENSEST = 300  # bytes of output for each byte of compressed input; LZF's longest copy gives 264 for 3 bytes


@dataclass(frozen=True, slots=True)
class _Header:
    fields: list[str]
    dtype: np.dtype
    points: int
    organised: bool
    data: str


def iread_pcd(path: Path, file: str, first: int = 0) -> Iterator[System]:
    """Read a PCD file as one system; all fields other than x, y and z become arrays with their names.

    A packed colour becomes the arrays ``red``, ``green`` and ``blue``. In an organised cloud (HEIGHT above 1), points
    without a return have the position nan, as the format prescribes; they are left out with a warning.

    Arguments:
        path: Path of the file.
        file: The path as the user wrote it, for messages.
        first: Number of the first frame to read; the only frame has number 0.

    Raises:
        EmpnetError: If the header is not that of a PCD file, or if points are missing.
    """
    if first:
        return
    with path.open("rb") as stream:
        header = _header(stream.read(LONGEST_HEADER), file)
        size = path.stat().st_size
        stream.seek(header[1])
        rows = _rows(stream.read(), header[0], size - header[1], file)
    fields = {name: rows[name] for name in header[0].fields if not name.startswith("_")}
    if missing := [name for name in ("x", "y", "z") if name not in fields]:
        found = f"no field {', '.join(missing)}; fields found: {', '.join(fields)}"
        raise EmpnetError(found, where=file, wanted="fields x, y and z")
    positions = np.stack([fields.pop(name).astype(np.float64).reshape(len(rows)) for name in ("x", "y", "z")], axis=1)
    arrays = _with_colours(fields)
    real = np.asarray(~np.isnan(positions).any(axis=1))
    if header[0].organised and real.any() and not real.all():
        warnings.warn(f"{int((~real).sum()):,} of {len(real):,} points have no return and are left out", stacklevel=2)
        positions, arrays = positions[real], {name: values[real] for name, values in arrays.items()}
    yield System(positions=positions, arrays=arrays, origin=Origin(file, 0))


def _header(head: bytes, file: str) -> tuple[_Header, int]:
    """Return the header, and the number of its bytes."""
    values: dict[str, list[str]] = {}
    begin = 0
    while "DATA" not in values:
        end = head.find(b"\n", begin)
        if end < 0:
            raise EmpnetError("has no complete header of a PCD file", where=file, wanted="a line DATA", remedy=AGAIN)
        words = head[begin:end].decode("ascii", "replace").split()
        begin = end + 1
        if words and not words[0].startswith("#"):
            values[words[0].upper()] = words[1:]
    try:
        names = values.get("FIELDS") or values["COLUMNS"]
        counts = [int(count) for count in values.get("COUNT", ["1"] * len(names))]
        types = zip(values["TYPE"], values["SIZE"], strict=True)
        kinds = [np.dtype(f"<{KINDS[kind.upper()]}{int(size)}") for kind, size in types]
        plain = [name if name != "_" else f"_{place}" for place, name in enumerate(names)]  # padding has no name
        triples = zip(plain, kinds, counts, strict=True)
        dtype = np.dtype([(name, kind, (count,)) if count != 1 else (name, kind) for name, kind, count in triples])
        height = int(values.get("HEIGHT", ["1"])[0])
        points = int(values["POINTS"][0]) if "POINTS" in values else int(values["WIDTH"][0]) * height
        found = _Header(plain, dtype, points, height > 1, values["DATA"][0].lower())
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise EmpnetError(f"the header of the PCD file is damaged ({error})", where=file, remedy=AGAIN) from error
    if not dtype.itemsize:
        raise EmpnetError("the header of the PCD file names no fields", where=file, remedy=AGAIN)
    return found, begin


def _rows(data: bytes, header: _Header, size: int, file: str) -> np.ndarray:
    """Return the points as records."""
    if header.data == "ascii":
        return _rows_of_text(data, header, file)
    width = header.dtype.itemsize
    if header.data == "binary":
        refuse_promise(header.points, size // width, file)
        return np.frombuffer(data, dtype=header.dtype, count=header.points)
    if header.data != "binary_compressed":
        raise EmpnetError(f"DATA is {header.data[:40]!r}", where=file, wanted="ascii, binary or binary_compressed")
    if len(data) < 8:
        raise EmpnetError("there are no points behind the header", where=file, remedy=AGAIN)
    packed, unpacked = struct.unpack("<II", data[:8])
    refuse_promise(header.points, min(unpacked, DENSEST * len(data)) // width, file)
    if packed > len(data) - 8:
        raise EmpnetError("its compressed points are cut short", where=file, remedy=AGAIN)
    plain = lzf_decompress(data[8 : 8 + packed], header.points * width)
    rows = np.empty(header.points, dtype=header.dtype)
    begin = 0
    for name in header.fields:  # the compressed points are stored field by field
        kind, shape = header.dtype[name].base, header.dtype[name].shape
        count = header.points * int(np.prod(shape, dtype=np.int64))
        rows[name] = np.frombuffer(plain, dtype=kind, count=count, offset=begin).reshape(header.points, *shape)
        begin += count * kind.itemsize
    return rows


def _rows_of_text(data: bytes, header: _Header, file: str) -> np.ndarray:
    """Return points that are written as text."""
    columns = sum(int(np.prod(header.dtype[name].shape, dtype=np.int64)) for name in header.fields)
    refuse_promise(header.points, (len(data) + 1) // (2 * columns), file)
    words = data.split()
    if len(words) < header.points * columns:
        raise EmpnetError(
            f"the header promises {header.points:,} points of {columns} values, but there are {len(words):,} values",
            where=file,
            remedy=AGAIN,
        )
    table = np.array(words[: header.points * columns], dtype=np.float64).reshape(header.points, columns)
    rows = np.empty(header.points, dtype=header.dtype)
    begin = 0
    for name in header.fields:
        shape = header.dtype[name].shape
        width = int(np.prod(shape, dtype=np.int64))
        with np.errstate(invalid="ignore"):  # nan in a field of whole numbers
            rows[name] = table[:, begin : begin + width].reshape(header.points, *shape)
        begin += width
    return rows


def _with_colours(fields: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the fields in this machine's byte order, with a packed colour as red, green and blue."""
    arrays: dict[str, np.ndarray] = {}
    for name, values in fields.items():
        if name in PACKED_COLOUR and values.dtype.itemsize == 4 and values.ndim == 1:
            arrays |= _colours(np.ascontiguousarray(values).view(np.uint8).reshape(-1, 4))
        else:
            arrays[name] = values.astype(values.dtype.newbyteorder("="))
    return arrays


def _colours(pixels: UInt8[np.ndarray, "N 4"]) -> dict[str, np.ndarray]:
    """Return the colours of pixels whose bytes are blue, green, red and alpha."""
    return {"red": pixels[:, 2], "green": pixels[:, 1], "blue": pixels[:, 0]}
