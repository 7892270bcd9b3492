"""Entries of the cache folder with size and last use, and the removal of old entries above a size limit."""

from __future__ import annotations

import os
import re
import shutil
import time
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from empnet.errors import EmpnetError
from empnet.runtime.cache_folder import cache_folder
from empnet.runtime.checked_json import DAMAGED, read_checked
from empnet.runtime.durable_files import flush_to_disk

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = [
    "ABOUT",
    "KINDS",
    "CacheEntry",
    "cache_entries",
    "discard",
    "hold",
    "keep_within_limit",
    "move_in",
    "remove_entries",
    "size_limit",
]

ABOUT = "about.json"
"""File of an entry that names its source."""

INDEX = "arrays.json"
"""File of a data set that a process locks while it uses the data set."""

KINDS = ("data", "loops", "pictures", "study", "unfinished")
"""Kinds of entries."""

LIMIT = "EMPNET_CACHE_LIMIT"
"""Environment variable for the largest size of the cache, such as ``20GB``, or ``none``."""

DEFAULT_LIMIT = "20GB"
RECENT = 24 * 3600.0
"""Seconds for which an entry counts as in use on file systems without locks."""

# Bytes of each unit.
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One entry of the cache.

    Arguments:
        kind: One of :data:`KINDS`.
        path: File or folder of the entry.
        source: Source, if known.
        size: Size in bytes.
        used: Time of the last use, in seconds since 1970.
    """

    kind: str
    path: Path
    source: str
    size: int
    used: float


def cache_entries() -> list[CacheEntry]:
    """Return all entries of the cache, the most recently used first.

    Raises:
        EmpnetError: If the cache folder cannot be created.

    Example:
        >>> all(entry.size >= 0 for entry in cache_entries())
        True
    """
    found = [entry for path in _paths(cache_folder()) if (entry := _entry(*path)) is not None]
    return sorted(found, key=lambda entry: -entry.used)


def _paths(folder: Path) -> Iterable[tuple[str, Path]]:
    """Yield kind and path of all entries with empnet's names in the cache folder; other files stay untouched."""
    for path in _inside(folder):
        if re.fullmatch("[0-9a-f]{32}", path.name):
            yield "data", path
        elif path.name.startswith("signdigits-"):
            yield "pictures", path
        elif re.fullmatch(r"regularisation[\w.-]*\.json", path.name):
            yield "study", path
        elif path.name.startswith(("unfinished-", "discarded-")):
            yield "unfinished", path
    for path in _inside(folder / "kernels"):
        yield "loops", path
    for path in _inside(folder / "unfinished"):
        if path.suffix != ".lock":
            yield "unfinished", path


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:  # missing, or not a folder
        return []


def _entry(kind: str, path: Path) -> CacheEntry | None:
    sizes, times = [], []
    try:
        for each in (path, *path.rglob("*")) if path.is_dir() and not path.is_symlink() else (path,):
            with suppress(FileNotFoundError):
                status = each.lstat()
                sizes.append(0 if each.is_dir() else status.st_size)
                times.append(status.st_mtime)
    except OSError:  # another process has removed it
        return None
    return CacheEntry(kind, path, _source(kind, path), sum(sizes), max(times)) if times else None


def _source(kind: str, path: Path) -> str:
    if kind != "data":
        known = {
            "loops": "compiled loops",
            "pictures": "the bundled pictures of hands",
            "study": "study regularisation",
        }
        return known.get(kind, "unfinished work")
    try:
        return str(read_checked(path / ABOUT)["source"])
    except DAMAGED:
        return "unknown"


def hold(folder: Path, owner: object) -> None:
    """Mark a data set as used now, and as in use by this process as long as an object exists.

    Arguments:
        folder: The entry.
        owner: The object.
    """
    with suppress(OSError):  # the cache is read-only
        os.utime(folder / INDEX)
    if fcntl is None:
        return
    with suppress(OSError):
        descriptor = os.open(folder / INDEX, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(owner, os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)


def _in_use(entry: CacheEntry) -> bool:
    """Return whether a process is known to use the entry."""
    recent = time.time() - entry.used < RECENT
    if entry.kind == "unfinished":
        return recent
    index = entry.path / INDEX
    if entry.kind != "data" or not index.is_file():
        return False
    if fcntl is None:
        return recent
    try:
        descriptor = os.open(index, os.O_RDONLY)
    except OSError:
        return recent
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no locks on this file system
        return recent
    else:
        return False
    finally:
        os.close(descriptor)


def discard(path: Path) -> None:
    """Remove an entry, a file or a folder: first its name, at once, then its files.

    Arguments:
        path: The entry; it may be missing.

    Raises:
        EmpnetError: If it cannot be removed.
    """
    aside = path.with_name(f"discarded-{os.getpid()}-{time.monotonic_ns()}-{path.name}")
    try:
        os.replace(path, aside)
    except FileNotFoundError:
        return
    except OSError as error:
        remedy = "end the processes that use it, or remove it by hand"
        raise EmpnetError(f"the cache entry cannot be removed ({error.strerror})", where=path, remedy=remedy) from error
    if aside.is_dir() and not aside.is_symlink():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        aside.unlink(missing_ok=True)


def move_in(unfinished: Path, entry: Path) -> None:
    """Move a finished folder into the cache, replace an older entry, and flush the change to the disk.

    Arguments:
        unfinished: The folder; all files in it are on the disk.
        entry: Its path in the cache.
    """
    flush_to_disk(unfinished)
    discard(entry)
    os.replace(unfinished, entry)
    flush_to_disk(entry.parent)


def remove_entries(wanted: Callable[[CacheEntry], bool] = lambda _: True) -> tuple[list[CacheEntry], list[CacheEntry]]:
    """Remove entries that no process uses.

    Arguments:
        wanted: Function that chooses the entries to remove.

    Returns:
        The removed entries, and the kept entries, which are in use.
    """
    removed, kept = [], []
    for entry in filter(wanted, cache_entries()):
        if _in_use(entry):
            kept.append(entry)
        else:
            discard(entry.path)
            removed.append(entry)
    return removed, kept


def keep_within_limit() -> list[CacheEntry]:
    """Remove the least recently used entries until the cache is within ``EMPNET_CACHE_LIMIT``.

    Entries in use and results of studies are kept.

    Returns:
        The entries that were removed.

    Raises:
        EmpnetError: If the limit is not a size.
    """
    limit = size_limit()
    entries = cache_entries()
    total, removed = sum(entry.size for entry in entries), []
    for entry in reversed(entries):
        if total <= limit:
            break
        if entry.kind != "study" and not _in_use(entry):
            discard(entry.path)
            removed.append(entry)
            total -= entry.size
    return removed


def size_limit() -> float:
    """Return the allowed size of the cache in bytes.

    Raises:
        EmpnetError: If ``EMPNET_CACHE_LIMIT`` is not a size.

    Example:
        >>> size_limit()
        20000000000.0
    """
    text = os.environ.get(LIMIT) or DEFAULT_LIMIT
    if text.strip().lower() == "none":
        return float("inf")
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise EmpnetError(f"'{text}' is not a size", where=LIMIT, wanted="such as 500MB or 20GB, or none")
    return float(match[1]) * UNITS[match[2].upper()]
