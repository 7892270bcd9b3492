"""Writing files so that a reader never meets half of one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["replacing", "write_text"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to; it takes the place of ``path`` when the block ends well, else it goes.

    Arguments:
        path: The file that is to be there in the end.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "a.txt"
        >>> with replacing(target) as unfinished:
        ...     _ = unfinished.write_text("done")
        >>> target.read_text()
        'done'
    """
    unfinished = path.with_name(f".{os.getpid()}.unfinished.{path.name}")
    try:
        yield unfinished
        unfinished.chmod(0o666 & ~_umask())  # some libraries write files that only the owner can read
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)  # can only be read by setting it
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all.

    Arguments:
        path: Path of the file.
        text: What it is to hold.
    """
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
