"""A folder that one process alone fills: its name is taken before the work, and kept until the work has ended."""

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
"""Errors of file systems that know no locks, such as some network file systems."""

TRIES = 100
"""How often a folder is made again that another process, whose start has failed, takes away at the same moment."""


class NameTaken(EmpnetError):
    """The folder is there already, or belongs to another process."""


class Reservation:
    """A folder that this process has locked, and that holds nothing or a run that is to be replaced.

    The lock is the operating system's: it goes with the process, however that ends. A killed start leaves a folder
    with no ``config.toml``; the next start of the same name takes it over.

    Arguments:
        path: The folder as the user named it; a symbolic link stands for the folder that it points to.
        force: A run that is there now may be replaced.

    Raises:
        NameTaken: If there is something already, or another process works there.
        EmpnetError: If the folder cannot be made, or is no run and not empty.
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
        """Make the folder and those above it that are missing; remember which."""
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
        """Remove the run that is to be replaced, then write the first files of the new one.

        Arguments:
            write: Writes the files into the folder that it is given, ``config.toml`` last.

        Raises:
            EmpnetError: If the folder holds another run than it did at first.
        """
        if _mark(self.place) != self._old and not is_broken_start(self.place):
            raise EmpnetError(
                "has changed meanwhile and is not replaced", where=self.path, remedy="choose another --out"
            )
        if self._old is not None:
            refuse_foreign(self.place)  # a file may have come meanwhile
        clear(self.place)
        write(self.place)

    def leave(self) -> None:
        """Let others have the folder; if nothing was begun in it, take it away."""
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
    """A folder of one's own while the block lasts; if nothing was begun in it, it goes.

    Arguments:
        path: Path of the folder.
        force: A run that is there may be replaced.

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
    """The first of runs/STEM, runs/STEM-2, ... that nobody has, for the length of the block.

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
    """No other process works on this folder while the block lasts.

    Arguments:
        path: An existing folder.

    Raises:
        EmpnetError: If one does now, or the folder cannot be written to.
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
    """Lock a folder; returns what releases it. The locks of an ensemble's members are tried, too."""
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
            with suppress(OSError):  # Windows removes no open file
                (place / LOCK).unlink(missing_ok=True)  # who waits for it sees that its name has gone, and tries again
            lock.release()

    return release


def _mark(place: Path) -> tuple[int, ...]:
    """What tells this folder, and the run in it, from another one."""
    found = [place.stat().st_dev, place.stat().st_ino]
    with suppress(OSError):
        config = (place / "config.toml").stat()
        found += [config.st_ino, config.st_mtime_ns]
    return tuple(found)


def _unmade(path: Path, error: OSError) -> EmpnetError:
    return EmpnetError(f"cannot be made ({error.strerror})", where=path, remedy="choose another --out")
