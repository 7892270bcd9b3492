"""Refusals of the operating system, in whatever form a library reports them."""

from __future__ import annotations

import errno
import os
import re
import sqlite3

from empnet.errors import chain

__all__ = ["system_fault"]

CODE = re.compile(r"\b(?:code: |os error )(\d+)")
"""Pattern of an errno in messages of Rust's libraries (safetensors)."""

SQLITE = {
    "disk is full": errno.ENOSPC,
    "disk I/O error": errno.EIO,
    "readonly database": errno.EROFS,
    "unable to open database file": errno.EACCES,
}
"""Errnos by SQLite's messages (``sqlite3_errstr``)."""


def system_fault(error: BaseException) -> OSError | None:
    """Return the operating system's refusal behind an error.

    Libraries hide the refusal: safetensors, SQLite and PyTorch raise their own errors, and some raise a second error
    while they close the file.

    Arguments:
        error: The error.

    Returns:
        The refusal, with its ``errno`` if known; None if the error has another cause.

    Example:
        >>> system_fault(sqlite3.OperationalError("database or disk is full")).strerror
        'No space left on device'
        >>> system_fault(KeyError("energy")) is None
        True
    """
    return next(filter(None, map(_fault, chain(error))), None)


def _fault(error: BaseException) -> OSError | None:
    if isinstance(error, OSError):
        return error
    if isinstance(error, sqlite3.Error):
        return _of_number(next((number for words, number in SQLITE.items() if words in str(error)), None))
    if type(error).__name__ == "SafetensorError" and (found := CODE.search(str(error))):
        return _of_number(int(found[1]))
    if isinstance(error, RuntimeError) and "PytorchStreamWriter failed writing file" in str(error):
        return _of_number(errno.EIO)
    return None


def _of_number(number: int | None) -> OSError | None:
    return None if number is None else OSError(number, os.strerror(number))
