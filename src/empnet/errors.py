"""The exception for users: the fault, its place, the expected input and the remedy."""

import difflib
import errno
from collections.abc import Iterable, Iterator

__all__ = ["EmpnetError", "FileError", "chain", "nearest", "nearest_name"]

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)


class EmpnetError(ValueError):
    """An error in the input or the surroundings, in one line that says what to do.

    The line reads ``WHERE: FOUND; wanted WANTED; REMEDY``, with the parts that are given.

    Arguments:
        found: What was found, such as ``"position of particle 3 is not finite (nan)"``.
        where: The file, frame or option.
        wanted: Expected input.
        remedy: What to do.

    Example:
        >>> print(EmpnetError("no property 'energi'", where="a.xyz, frame 0", remedy="did you mean 'energy'?"))
        a.xyz, frame 0: no property 'energi'; did you mean 'energy'?
    """

    def __init__(self, found: str, *, where: object = "", wanted: str = "", remedy: str = "") -> None:
        parts = [found, f"wanted {wanted}" if wanted else "", remedy]
        line = "; ".join(part for part in parts if part)
        text = f"{where}: {line}" if str(where) else line
        super().__init__(" ".join(text.split()))


class FileError(EmpnetError, OSError):
    """The operating system refused to read or write a file. It is an :class:`OSError`, too, with the same ``errno``.

    Arguments:
        path: The file, as the user named it.
        error: The error of the system.
        found: The failed action.
        remedy: What to do; default: the remedy for a full disk or a missing permission.

    Example:
        >>> print(FileError("runs/a.csv", OSError(28, "No space left on device")))
        runs/a.csv: cannot be written (No space left on device); make room, or choose another place
    """

    def __init__(self, path: object, error: OSError, *, found: str = "cannot be written", remedy: str = "") -> None:
        if not remedy and error.errno in NO_ROOM:
            remedy = "make room, or choose another place"
        if not remedy and error.errno in NOT_ALLOWED:
            remedy = "choose another place, or ask for permission"
        why = error.strerror or " ".join(str(error).split()) or type(error).__name__
        super().__init__(f"{found} ({why})", where=path, remedy=remedy)
        self.path, self.found, self.error = path, found, error
        self.errno, self.strerror, self.filename = error.errno, why, str(path)

    def __str__(self) -> str:
        return str(self.args[0])

    def advised(self, remedy: str) -> "FileError":
        """Return the error with another remedy.

        Arguments:
            remedy: What to do.
        """
        return FileError(self.path, self.error, found=self.found, remedy=remedy)

    def __reduce__(self) -> "tuple[object, ...]":
        return (_file_error, (str(self.path), self.errno, self.strerror, self.found, str(self)))


def _file_error(path: str, number: int | None, why: str, found: str, text: str) -> FileError:
    """Return a pickled error."""
    error = FileError(path, OSError(number, why), found=found)
    error.args = (text,)
    return error


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, and the errors that it came from: its cause, or else its context.

    Arguments:
        error: The error; None yields nothing.

    Example:
        >>> error = KeyError("energy")
        >>> error.__cause__ = OSError(28, "No space left on device")
        >>> [type(each).__name__ for each in chain(error)]
        ['KeyError', 'OSError']
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def nearest(name: str, known: Iterable[str]) -> str:
    """Suggest the known name nearest to ``name``, as a clause for an error's remedy.

    Arguments:
        name: What the user wrote.
        known: The names that exist.

    Returns:
        ``"did you mean 'x'?"``, or an empty string if nothing is near.

    Example:
        >>> nearest("cutof", ["cutoff", "width"])
        "did you mean 'cutoff'?"
    """
    match = nearest_name(name, known)
    return "" if match is None else f"did you mean '{match}'?"


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """The known name nearest to ``name``; None if nothing is near.

    Arguments:
        name: What the user wrote.
        known: The names that exist.

    Example:
        >>> nearest_name("cutof", ["cutoff", "width"])
        'cutoff'
    """
    lowered = {other.lower(): other for other in known}
    matches = difflib.get_close_matches(name.lower(), list(lowered), n=1)
    return lowered[matches[0]] if matches else None
