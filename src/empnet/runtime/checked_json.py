"""JSON files with a checksum."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

from empnet.runtime.durable_files import write_text

__all__ = ["DAMAGED", "read_checked", "write_checked"]

DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError)
"""Exceptions for a damaged file, or a file in another format."""


def write_checked(path: Path, value: Any) -> None:
    """Write a value as JSON with its checksum; the file appears only when it is complete.

    Arguments:
        path: The file.
        value: A value that JSON can represent.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "a.json"
        >>> write_checked(file, {"a": [1, 2]})
        >>> read_checked(file)
        {'a': [1, 2]}
        >>> _ = file.write_text(file.read_text().replace("1, 2", "1, 3"))
        >>> read_checked(file)
        Traceback (most recent call last):
        ValueError: the checksum of a.json differs
    """
    text = json.dumps(value)
    write_text(path, f'{{"crc32": {zlib.crc32(text.encode())}, "value": {text}}}\n')


def read_checked(path: Path) -> Any:
    """Read the value that :func:`write_checked` wrote.

    Arguments:
        path: The file.

    Raises:
        ValueError, KeyError, TypeError: If the file is damaged or has another format.
        OSError: If the file cannot be read.
    """
    record = json.loads(path.read_bytes())
    value = record["value"]
    if zlib.crc32(json.dumps(value).encode()) != record["crc32"]:
        raise ValueError(f"the checksum of {path.name} differs")
    return value
