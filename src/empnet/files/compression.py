"""Compression: decompress a file into a plain file for readers that seek, and compress a plain file."""

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
    """Yield a plain file with the content of ``path``: the file itself, or a temporary file that is removed afterwards.

    ASE's readers seek backwards for every frame. In a compressed stream, every such seek would start again from the
    beginning.

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
    """Write the content of a plain file compressed.

    Arguments:
        plain: The file to read.
        target: The file to write.
        suffix: Compression: a key of ``OPENERS``.
    """
    with plain.open("rb") as source, OPENERS[suffix](target, "wb") as stream:
        shutil.copyfileobj(source, stream, 1 << 20)
