"""Durable writing of files: a reader never finds half a file."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from empnet.errors import EmpnetError, FileError
from empnet.runtime.faults import system_fault

__all__ = [
    "flush_to_disk",
    "is_stream",
    "plain_name",
    "refuse_input",
    "refuse_standard_output",
    "refuse_to_replace",
    "replacing",
    "write_text",
]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path; it replaces ``path`` if the block succeeds, and is removed otherwise.

    The file is on the disk before it gets its name, so that a crash of the machine leaves the old file or the new one.
    If ``path`` is a symbolic link, its target is replaced. If it is a pipe or a device, such as ``/dev/stdout``, the
    content is written into it.

    Arguments:
        path: The final file.

    Raises:
        FileError: If the file cannot be written; an old file is unchanged.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "a.txt"
        >>> with replacing(target) as unfinished:
        ...     _ = unfinished.write_text("done")
        >>> target.read_text()
        'done'
    """
    try:
        with _filling(path) if is_stream(path) else _beside(path) as unfinished:
            yield unfinished
    except EmpnetError:
        raise
    except Exception as error:
        fault = system_fault(error)
        if fault is None or isinstance(fault, EmpnetError):
            raise
        raise FileError(path if _is_within(fault.filename, path) else fault.filename, fault) from error


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Yield a file in the same folder, which is moved to its place at the end."""
    place = path.resolve() if path.is_symlink() else path
    unfinished = place.with_name(_unfinished_name(place.name))
    try:
        yield unfinished
        unfinished.chmod(0o666 & ~_umask())  # some libraries write files that only the owner can read
        flush_to_disk(unfinished)
        os.replace(unfinished, place)
        flush_to_disk(place.parent)
    finally:
        for left in (unfinished, unfinished.with_name(f"{unfinished.name}-journal")):  # the second is SQLite's journal
            with suppress(OSError):
                left.unlink(missing_ok=True)


@contextmanager
def _filling(path: Path) -> Iterator[Path]:
    """Yield a temporary file, whose content goes into a pipe or a device at the end."""
    with tempfile.TemporaryDirectory(prefix="empnet-") as folder:
        unfinished = Path(folder) / (path.name or "unfinished")
        yield unfinished
        with unfinished.open("rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)


def _unfinished_name(name: str) -> str:
    """Return a hidden name with the same suffix, not longer than file systems allow."""
    own = f".{os.getpid()}.unfinished."
    room = LONGEST_NAME - len(own) - len("-journal")
    kept = name.encode(errors="surrogateescape")[-room:].decode(errors="ignore")
    return own + kept


def is_stream(path: Path) -> bool:
    """Return whether this is a pipe, a terminal or another device, which is never replaced.

    Arguments:
        path: Any path.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _is_within(name: object, path: Path) -> bool:
    """Return whether a system's error concerns ``path``, or a folder above it."""
    return name is None or not isinstance(name, str | bytes) or path.parent in Path(os.fsdecode(name)).parents


def flush_to_disk(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk; do nothing where folders cannot be flushed.

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
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # the file system cannot flush
            raise
    finally:
        os.close(descriptor)


LONGEST_NAME = 255
"""Largest number of bytes in a file name on most file systems."""
_UMASK = threading.Lock()


def _umask() -> int:
    with _UMASK:  # without a lock, a second thread could read the 0 of the first and then restore it
        mask = os.umask(0)  # the mask can be read only by setting it
        os.umask(mask)
    return mask


def plain_name(text: str) -> str:
    """Return a text for a file name: all but letters, digits, dots, dashes and underscores become dashes.

    Arguments:
        text: A text, such as the name of a property.

    Example:
        >>> plain_name("energy/atom (eV)")
        'energy-atom-eV'
    """
    return re.sub(r"[^\w.-]+", "-", text).strip("-")


def refuse_to_replace(path: Path, force: bool, option: str = "--out", *, inputs: Iterable[object] = ()) -> None:
    """Raise, before any work, if a file cannot be written or would replace another file.

    Arguments:
        path: The file.
        force: Whether an existing file may be replaced.
        option: The option that named it, for the message.
        inputs: Paths that are read; they are never replaced, see :func:`refuse_input`.

    Raises:
        EmpnetError: If the file exists, is a folder or an input, or its folder is missing.
        FileError: If the folder is not writable.
    """
    refuse_standard_output(path, "a file", option)
    try:
        there, folder, stream = path.exists(), path.is_dir(), is_stream(path)
    except OSError as error:  # the name is too long
        raise FileError(path, error, remedy=f"choose another {option}") from error
    if folder:
        raise EmpnetError(f"is a folder, but {option} needs the name of a file", where=path)
    refuse_input(path, inputs, option)
    if there and not (force or stream):
        raise EmpnetError("already exists", where=path, remedy=f"choose another {option}, or overwrite it with --force")
    if not path.parent.is_dir():
        raise EmpnetError("its folder does not exist", where=path, remedy="create the folder first")
    if not (stream or _may_write(path.resolve().parent)):
        denied = OSError(errno.EACCES, os.strerror(errno.EACCES))
        raise FileError(path, denied, remedy=f"choose another place with {option}")


def refuse_standard_output(path: Path, wanted: str, option: str = "--out") -> None:
    """Raise if the path is ``-``, for an output that cannot go to standard output.

    Arguments:
        path: The option's value.
        wanted: The right kind of value: ``"a file"`` or ``"a folder"``.
        option: The option, for the message.

    Raises:
        EmpnetError: If the path is ``-``.
    """
    if str(path) == "-":
        raise EmpnetError(f"{option} -: this cannot go to standard output", remedy=f"name {wanted}")


def _may_write(folder: Path) -> bool:
    effective = os.access in os.supports_effective_ids
    return os.access(folder, os.W_OK | os.X_OK, effective_ids=effective)


def refuse_input(path: Path, inputs: Iterable[object], option: str = "--out") -> None:
    """Raise if an output is an input, perhaps through a link or another path.

    Arguments:
        path: The output, a file or folder.
        inputs: Paths that are read: files or folders such as a run. All files of a folder count except pages and
            pictures, which are made from the others. Paths that do not exist do not count.
        option: The option that named ``path``, for the message.

    Raises:
        EmpnetError: If the output is an input, or a folder with an input.
    """
    for given in inputs:
        source = Path(given) if isinstance(given, str | os.PathLike) else None
        try:
            if source is None or not source.exists() or not path.exists() or is_stream(path):
                continue
            if any(_is_or_holds(path, each) for each in _files_of(source)):
                raise EmpnetError(
                    f"is read by this command and is not replaced, not even with --force ({source})",
                    where=path,
                    remedy=f"choose another {option}",
                )
        except OSError:  # a path that cannot be examined cannot be replaced either
            continue


def _files_of(source: Path) -> Iterator[Path]:
    yield source
    if source.is_dir():
        yield from (file for file in source.rglob("*") if file.is_file() and file.suffix not in (".html", ".png"))


def _is_or_holds(path: Path, source: Path) -> bool:
    return path.samefile(source) or (path.is_dir() and path.resolve() in source.resolve().parents)


def write_text(path: Path, text: str) -> None:
    """Write a text file; it appears only when it is complete.

    Arguments:
        path: Path of the file.
        text: Content of the file.

    Raises:
        FileError: If the file cannot be written.
    """
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
