"""Libraries of the extra ``empnet[clouds]``, and faults that all readers of clouds share."""

from __future__ import annotations

import importlib
from typing import Any

from empnet.errors import EmpnetError

__all__ = ["AGAIN", "library", "refuse_promise"]

INSTALL = "pip install 'empnet[clouds]'"
AGAIN = "the file is damaged or cut short: download or write it again"
"""Advice on damaged files."""


def library(module: str, suffix: str, needs: str) -> Any:
    """Import a library on first use, so that other files can be read without the extra.

    Arguments:
        module: Name of the module.
        suffix: Suffix of the files that need it.
        needs: Names of the libraries for these files, as in ``"laspy and lazrs"``.

    Raises:
        EmpnetError: If the library is not installed.

    Example:
        >>> library("json", ".json", "json").dumps(1)
        '1'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != module.partition(".")[0]:
            raise  # installed, but broken: it misses a library of its own
        raise EmpnetError(f"reading {suffix} files needs {needs}", remedy=INSTALL) from None


def refuse_promise(promised: int, room: int, file: str, what: str = "points") -> None:
    """Raise an error if a header promises more than the file has room for, before memory is allocated.

    Arguments:
        promised: Number in the header.
        room: Largest number that the size of the file allows.
        file: The path as the user wrote it.
        what: Name of the promised things.

    Raises:
        EmpnetError: If the file is too small, or the number is negative.

    Example:
        >>> refuse_promise(3, 4, "a.las")
    """
    if promised < 0:
        raise EmpnetError(f"the header promises {promised:,} {what}", where=file, remedy=AGAIN)
    if promised > room:
        most = f"at most {max(room, 0):,}" if room > 0 else "none"
        raise EmpnetError(
            f"the header promises {promised:,} {what}, but the file has room for {most}", where=file, remedy=AGAIN
        )
