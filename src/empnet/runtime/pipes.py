"""Data from a pipe: a pipe can be read only once, so a temporary file stores its data during a call."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import re
import shutil
import stat
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, BinaryIO, ParamSpec, TypeVar, cast

from empnet.errors import EmpnetError, FileError
from empnet.runtime.progress import print_line

__all__ = ["called", "is_pipe", "keeping_pipes", "kept_pipe", "received_pipe", "refuse_gone_pipe"]

P, R = ParamSpec("P"), TypeVar("R")

STREAMS = re.compile(r"-|/dev/(stdin|fd/\d+)|/proc/(self|\d+)/fd/\d+")
"""Names of a shell's pipes: standard input, and ``<(...)``."""

HEAD = 4096
"""Number of bytes from which the format is determined."""

PACKED: dict[bytes, tuple[str, Any]] = {
    b"\x1f\x8b": (".gz", gzip.open), b"BZh": (".bz2", bz2.open), b"\xfd7zXZ\x00": (".xz", lzma.open)
}  # fmt: skip
"""First bytes of compressed data, with suffix and function to open it."""

MAGIC = {
    b"PK\x03\x04": ".npz", b"SQLite format 3\x00": ".db", b"- of Ulm": ".traj", b"{": ".json", b"data_": ".cif",
    b"LASF": ".las", b"ply": ".ply", b"OFF": ".off", b"# .PCD": ".pcd", b"\x89HDF": ".h5",
}  # fmt: skip
"""First bytes of formats, with their suffixes."""

TEXTS = (
    (re.compile(rb"\s*\d+[ \t]*\r?\n"), ".extxyz"),
    (re.compile(rb"(?s).*\bV[23]000\b"), ".sdf"),
)
"""Patterns of text formats, with their suffixes."""

SUFFIXES = frozenset({".xyz", ".extxyz", ".npz", ".db", ".json", ".traj", ".cif", ".sdf", ".gz", ".bz2", ".xz"})
SUFFIXES |= {".las", ".laz", ".ply", ".off", ".stl", ".obj", ".pcd", ".h5", ".hdf5", ".csv", ".tsv", ".txt", ".pts"}
"""Suffixes that determine the format of a named pipe."""


@dataclass
class _Kept:
    """Files received through pipes during a call, and errors, by the pipe's name."""

    quiet: bool
    files: dict[str, Path] = field(default_factory=dict)
    failures: dict[str, EmpnetError] = field(default_factory=dict)


_KEPT: ContextVar[_Kept | None] = ContextVar("_KEPT", default=None)


def keeping_pipes(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function read data from a pipe more than once.

    Arguments:
        function: The function; with ``quiet=True`` the format is not reported.
    """

    @wraps(function)
    def keeping(*arguments: P.args, **named: P.kwargs) -> R:
        if _KEPT.get() is not None:  # the outermost call stores the data
            return function(*arguments, **named)
        kept = _Kept(bool(named.get("quiet")))
        before = _KEPT.set(kept)
        try:
            return function(*arguments, **named)
        finally:
            _KEPT.reset(before)
            for file in kept.files.values():
                shutil.rmtree(file.parent, ignore_errors=True)

    return keeping


def is_pipe(name: str | os.PathLike[str]) -> bool:
    """Return whether data of this name can be read only once: standard input (``-``), a pipe, ``<(...)``.

    Arguments:
        name: The user's data argument.

    Example:
        >>> is_pipe("-"), is_pipe("/dev/stdin"), is_pipe("water.xyz")
        (True, True, False)
    """
    text = os.fspath(name)
    if STREAMS.fullmatch(text):
        return True
    try:
        return stat.S_ISFIFO(Path(text).stat().st_mode)
    except (OSError, ValueError):
        return False


def refuse_gone_pipe(name: object, where: object, remedy: str) -> None:
    """Raise if a run's data came through a pipe, which is empty now.

    Arguments:
        name: The data's name in the run's configuration.
        where: The run folder.
        remedy: Advice.

    Raises:
        EmpnetError: If the data came through a pipe.
    """
    kept = _KEPT.get()
    if isinstance(name, str) and is_pipe(name) and not (kept and name in kept.files):
        found = f"its data came through a pipe ({name}), which can be read only once"
        raise EmpnetError(found, where=where, remedy=remedy)


@contextmanager
def received_pipe(name: str) -> Iterator[Path]:
    """Yield a file with the content of a pipe; within :func:`keeping_pipes` the same file each time.

    Arguments:
        name: A name for which :func:`is_pipe` is true.

    Raises:
        EmpnetError: If the pipe is empty, or several processes would share it.
        FileError: If the temporary file cannot be written.
    """
    if _KEPT.get() is not None:
        yield kept_pipe(name)
        return
    file = _received(name, quiet=True)
    try:
        yield file
    finally:
        shutil.rmtree(file.parent, ignore_errors=True)


def kept_pipe(name: str) -> Path:
    """Return the file that stores a pipe's content until the end of the call.

    Arguments:
        name: A name for which :func:`is_pipe` is true.

    Raises:
        EmpnetError: As for :func:`received_pipe`, or if no enclosing function stores the content.
    """
    kept = _KEPT.get()
    if kept is None:
        raise EmpnetError("is a pipe, which can be read only once", where=name, remedy="write it to a file first")
    if name in kept.failures:  # the rest of the pipe is not the complete data
        raise kept.failures[name]
    if name not in kept.files:
        try:
            kept.files[name] = _received(name, kept.quiet)
        except EmpnetError as error:
            kept.failures[name] = error
            raise
    return kept.files[name]


def _received(name: str, quiet: bool) -> Path:
    """Return the file with the pipe's content, in its own temporary folder."""
    if os.environ.get("WORLD_SIZE", "1") != "1":
        remedy = "write the data to a file first: several processes cannot share a pipe"
        raise EmpnetError("is a pipe", where=name, remedy=remedy)
    folder = Path(tempfile.mkdtemp(prefix="empnet-pipe-"))
    file = folder / "received"
    try:
        with _source(name) as source, file.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        if not file.stat().st_size:
            raise EmpnetError("the file is empty", where=name, wanted="at least one frame")
        suffix = "" if Path(name).suffix.lower() in SUFFIXES else _suffix(file, name)
        received = file.rename(folder / (f"data{suffix}" if suffix else Path(name).name))
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError) and not isinstance(error, EmpnetError):
            remedy = (
                "name a folder with more room in the environment variable TMPDIR, or write the data to a file first"
            )
            raise FileError(error.filename or folder, error, found="cannot be stored", remedy=remedy) from error
        raise
    text = f"read as {suffix} according to the first bytes" if suffix else "read according to name or content"
    print_line(f"{called(name)}: {received.stat().st_size:,} bytes through a pipe, {text}", quiet=quiet)
    return received


@contextmanager
def _source(name: str) -> Iterator[BinaryIO]:
    if name == "-" and sys.stdin is None:
        raise EmpnetError("standard input is closed", where=name, wanted="data")
    if name == "-":
        if sys.stdin.isatty():
            remedy = "send data: zcat water.xyz.gz | empnet inspect -"
            raise EmpnetError("standard input is a terminal", where=name, remedy=remedy)
        yield cast(BinaryIO, sys.stdin.buffer)
        return
    mode = Path(name).stat().st_mode
    if stat.S_ISDIR(mode) or stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and not Path(name).samefile(os.devnull)):
        raise EmpnetError("is neither a pipe nor a file", where=name, wanted="data")
    with Path(name).open("rb") as source:
        yield source


def called(name: str) -> str:
    """Return a pipe's name for messages.

    Arguments:
        name: The user's data argument.

    Example:
        >>> called("-"), called("water.xyz")
        ('standard input', 'water.xyz')
    """
    return "standard input" if name in ("-", "/dev/stdin") else name


def _suffix(file: Path, name: str) -> str:
    """Return the suffix for this content; empty if ASE must find the format."""
    with file.open("rb") as stream:
        head = stream.read(HEAD)
    for magic, (suffix, opener) in PACKED.items():
        if head.startswith(magic):
            try:
                with opener(file, "rb") as stream:
                    return _plain_suffix(stream.read(HEAD)) + suffix
            except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
                raise EmpnetError(f"cannot be decompressed ({error})", where=name) from error
    return _plain_suffix(head)


def _plain_suffix(head: bytes) -> str:
    known = next((suffix for magic, suffix in MAGIC.items() if head.lstrip().startswith(magic)), None)
    return known or next((suffix for pattern, suffix in TEXTS if pattern.match(head)), "")
