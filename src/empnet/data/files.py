"""Writing files so that a reader never meets half of one."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from empnet.data.errors import EmpnetError

__all__ = ["flush_to_disk", "plain_name", "refuse_to_replace", "replacing", "write_text"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to; it takes the place of ``path`` when the block ends well, else it goes.

    The file is on the disk before it gets its name, so that a crash of the machine leaves the old file or the new one.

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
        flush_to_disk(unfinished)
        os.replace(unfinished, path)
        flush_to_disk(path.parent)
    except OSError as error:  # a full disk does not say which file it was; nobody knows the unfinished one
        error.filename, error.filename2 = str(path), None
        raise
    finally:
        unfinished.unlink(missing_ok=True)


def flush_to_disk(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, is on the disk; where folders cannot be flushed, go on.

    Arguments:
        path: A file or a folder.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        if path.is_dir():
            return
        raise
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # file systems that cannot
            raise
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)  # can only be read by setting it
    os.umask(mask)
    return mask


def plain_name(text: str) -> str:
    """A text as part of a file's name: what is no letter, digit, dot, dash or underscore becomes a dash.

    Arguments:
        text: Such as the name of a property.

    Example:
        >>> plain_name("energy/atom (eV)")
        'energy-atom-eV'
    """
    return re.sub(r"[^\w.-]+", "-", text).strip("-")


def refuse_to_replace(path: Path, force: bool, option: str = "--out") -> None:
    """Raise if a file is there that was not said to be replaced, or its folder is not.

    Arguments:
        path: Where a file is to be written.
        force: It may be replaced.
        option: The option that named it, for the message.

    Raises:
        EmpnetError: If it is there, or there is no such folder.
    """
    if path.exists() and not force:
        raise EmpnetError("is there already", where=path, remedy=f"choose another {option}, or --force to replace it")
    if not path.parent.is_dir():
        raise EmpnetError("its folder does not exist", where=path, remedy="make the folder first")


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all.

    Arguments:
        path: Path of the file.
        text: What it is to hold.
    """
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
