"""Decompress files for readers that move backwards in a file, and compress finished files."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from empnet.errors import EmpnetError

__all__ = ["compress", "inner_name", "plain_file"]

OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def inner_name(path: Path) -> str:
    """Return the name of a file without its compression suffix.

    Arguments:
        path: Path of any file.

    Example:
        >>> inner_name(Path("data/water.extxyz.gz")), inner_name(Path("OUTCAR"))
        ('water.extxyz', 'OUTCAR')
    """
    return path.stem if path.suffix.lower() in OPENERS else path.name


@contextmanager
def plain_file(path: Path, file: str) -> Iterator[Path]:
    """Yield the path of a file without compression.

    A compressed file is decompressed into a temporary file, which is removed afterwards. ASE's readers seek backwards
    for every frame. In a compressed stream, each seek would start again from the beginning.

    Arguments:
        path: Path of the file; its suffix determines the compression.
        file: The path as the user wrote it, for messages.

    Raises:
        EmpnetError: If the compressed data are damaged or truncated.
    """
    opener = OPENERS.get(path.suffix.lower())
    if opener is None:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="empnet-") as folder:
        plain = Path(folder) / inner_name(path)
        try:
            with opener(path, "rb") as source, plain.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
        except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
            raise EmpnetError(
                f"cannot be decompressed ({error})",
                where=file,
                wanted=f"a whole {path.suffix.lower()} file",
                remedy="download or create the file again",
            ) from error
        yield plain


def compress(plain: Path, target: Path, suffix: str) -> None:
    """Compress a file.

    Arguments:
        plain: Path of the file to read.
        target: Path of the compressed file to write.
        suffix: Suffix of the compression, a key of ``OPENERS``.
    """
    with plain.open("rb") as source, OPENERS[suffix](target, "wb") as stream:
        shutil.copyfileobj(source, stream, 1 << 20)
