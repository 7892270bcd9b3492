"""The one exception that a user meets: what was found, where, what was wanted and what to do."""

import difflib
from collections.abc import Iterable

__all__ = ["EmpnetError", "nearest", "nearest_name"]


class EmpnetError(ValueError):
    """A mistake that the user can mend, told in one line.

    The line reads ``WHERE: FOUND; wanted WANTED; REMEDY``, with the parts that are given.

    Arguments:
        found: What was found, such as ``"position of particle 3 is not finite (nan)"``.
        where: The file, frame or option that it was found in.
        wanted: What was wanted instead.
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
