"""Reservation of a folder for one process: taken before the work, and kept until the work has ended."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from empnet.errors import EmpnetError
from empnet.runtime.durable_files import refuse_standard_output
from empnet.training.run.run_marks import LOCK, clear, is_broken_start, refuse_foreign

__all__ = ["NameTaken", "Reservation", "alone_in", "reserved", "reserved_name"]

NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""Errors of file systems without locks, such as some network file systems."""

TRIES = 100
"""Largest number of attempts to make a folder, if another process with a failed start removes it meanwhile."""


class NameTaken(EmpnetError):
    """Error: the folder exists already, or belongs to another process."""


class Reservation:
    """Folder that this process has locked; it is empty, or holds a run that will be replaced.

    The operating system holds the lock and releases it when the process ends, however that happens. A killed start
    leaves a folder without ``config.toml``; the next start of the same name takes it over.

    Arguments:
        path: The folder as the user named it; a symbolic link stands for the folder that it points to.
        force: An existing run may be replaced.

    Raises:
        NameTaken: If the folder is taken, or another process works there.
        EmpnetError: If the folder cannot be made, or is neither a run nor empty.
    """

    def __init__(self, path: Path, force: bool = False) -> None:
        refuse_standard_output(path, "a folder")
        self.path, self.place = path, Path(os.path.realpath(path))
        self._made: list[Path] = []
        for _ in range(TRIES):
            try:
                self._take(force)
                return
            except FileNotFoundError:  # another process has just taken the folder away
                continue
            except OSError as error:
                self._remove_made()
                raise _unmade(path, error) from None
        raise EmpnetError("cannot be made", where=path, remedy="choose another --out")

    def _take(self, force: bool) -> None:
        self._make()
        asked = _mark(self.place)
        if not is_broken_start(self.place):
            self._refuse_or_check(force)
        self._release = _locked(self.place, self.path)
        try:
            now = _mark(self.place)
            if now != asked:
                raise NameTaken("another process has begun a run there", where=self.path, remedy="choose another --out")
            self._old = None if is_broken_start(self.place) else now
        except BaseException:
            self._release()
            raise

    def _refuse_or_check(self, force: bool) -> None:
        if not self.place.is_dir():
            raise NameTaken("is a file; wanted a folder", where=self.path, remedy="choose another --out")
        if not force:
            raise NameTaken(
                "already exists", where=self.path, remedy="choose another --out, or overwrite it with --force"
            )
        refuse_foreign(self.place)

    def _make(self) -> None:
        """Make the folder and its missing parents, and remember them."""
        missing = [self.place]
        while not missing[-1].parent.exists():
            missing.append(missing[-1].parent)
        for folder in reversed(missing):
            try:
                folder.mkdir()
                self._made.insert(0, folder)
            except FileExistsError:
                continue

    def fill(self, write: Callable[[Path], None]) -> None:
        """Remove the old run, if any, then write the first files of the new one.

        Arguments:
            write: Writes the files into the given folder, ``config.toml`` last.

        Raises:
            EmpnetError: If the content of the folder has changed since the reservation.
        """
        if _mark(self.place) != self._old and not is_broken_start(self.place):
            raise EmpnetError(
                "has changed meanwhile and is not replaced", where=self.path, remedy="choose another --out"
            )
        if self._old is not None:
            refuse_foreign(self.place)  # a file may have been added meanwhile
        clear(self.place)
        write(self.place)

    def leave(self) -> None:
        """Release the folder; remove it if no run was begun in it."""
        with suppress(OSError):
            if is_broken_start(self.place):
                clear(self.place)
                if self.place in self._made:
                    (self.place / LOCK).unlink(missing_ok=True)
                    self._remove_made()
        self._release()

    def _remove_made(self) -> None:
        with suppress(OSError):  # not empty: another process has something there
            for folder in self._made:
                folder.rmdir()


@contextmanager
def reserved(path: Path, force: bool = False) -> Iterator[Reservation]:
    """Reserve a folder while the block lasts; remove it afterwards if no run was begun in it.

    Arguments:
        path: Path of the folder.
        force: An existing run may be replaced.

    Raises:
        EmpnetError: See :class:`Reservation`.

    Example:
        >>> import tempfile
        >>> wanted = Path(tempfile.mkdtemp()) / "runs" / "a"
        >>> with reserved(wanted):
        ...     wanted.is_dir()
        True
        >>> wanted.parent.exists()
        False
    """
    with _left_in_the_end(Reservation(path, force)) as reservation:
        yield reservation


@contextmanager
def reserved_name(stem: str) -> Iterator[Reservation]:
    """Reserve the first free folder of runs/STEM, runs/STEM-2, ... while the block lasts.

    Arguments:
        stem: Wanted name of the run.
    """
    reservation, number = None, 0
    while reservation is None:
        number += 1
        path = Path("runs") / (stem if number == 1 else f"{stem}-{number}")
        if path.is_symlink():
            continue
        with suppress(NameTaken):
            reservation = Reservation(path)
    with _left_in_the_end(reservation):
        yield reservation


@contextmanager
def _left_in_the_end(reservation: Reservation) -> Iterator[Reservation]:
    try:
        yield reservation
    finally:
        reservation.leave()


@contextmanager
def alone_in(path: Path) -> Iterator[None]:
    """Lock a folder against other processes while the block lasts.

    Arguments:
        path: An existing folder.

    Raises:
        EmpnetError: If another process works on it, or the folder cannot be written to.
    """
    try:
        release = _locked(Path(os.path.realpath(path)), path, remedy="wait until it has ended")
    except OSError as error:
        raise EmpnetError(f"cannot be written to ({error.strerror})", where=path) from None
    try:
        yield
    finally:
        release()


def _locked(place: Path, named: Path, remedy: str = "choose another --out") -> Callable[[], None]:
    """Lock a folder, and return a function that releases it; test the locks of an ensemble's members, too."""
    lock = FileLock(place / LOCK)
    try:
        for member in place.glob(f"member-*/{LOCK}"):
            with FileLock(member).acquire(timeout=0):
                pass
        lock.acquire(timeout=0)
    except Timeout:
        raise NameTaken("another process works on it", where=named, remedy=remedy) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise

    def release() -> None:  # does nothing where the file system has no locks
        if lock.is_locked:
            with suppress(OSError):  # Windows cannot remove an open file
                (place / LOCK).unlink(missing_ok=True)  # a waiting process sees that the name is gone, and retries
            lock.release()

    return release


def _mark(place: Path) -> tuple[int, ...]:
    """Return numbers that identify this folder and the run in it."""
    found = [place.stat().st_dev, place.stat().st_ino]
    with suppress(OSError):
        config = (place / "config.toml").stat()
        found += [config.st_ino, config.st_mtime_ns]
    return tuple(found)


def _unmade(path: Path, error: OSError) -> EmpnetError:
    return EmpnetError(f"cannot be made ({error.strerror})", where=path, remedy="choose another --out")
