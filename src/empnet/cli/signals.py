"""Signals: how a command ends when it is stopped, and goes on when nobody reads its output."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from empnet.cli.faults import lead_nowhere
from empnet.cli.options import INTERRUPTED

__all__ = ["until_stopped"]

GONE = (errno.EPIPE, errno.EIO)
"""The reader of a pipe has ended; the terminal is closed. A full disk is another matter: that output is missed."""


class _Heard:
    """Standard output or error; when its reader has gone, what is written is dropped and the command goes on."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._attempt("write", text)
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        self.write("".join(lines))

    def flush(self) -> None:
        self._attempt("flush")

    def _attempt(self, name: str, *arguments: str) -> None:
        try:
            getattr(self._stream, name)(*arguments)
        except OSError as error:
            if error.errno not in GONE:
                raise
            lead_nowhere(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _signal_behind(error: BaseException | None) -> KeyboardInterrupt | None:
    """The signal that led to an exception: typer turns it into an exit without a word."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error


@contextmanager
def until_stopped() -> Iterator[None]:
    """While the block lasts, a signal ends the command with one line and exit code 130.

    Of several processes only the first one ends like this; the others end as the system ends them.
    """
    from empnet.runtime.interrupt import ended_by_signals

    sys.stdout, sys.stderr = _Heard(sys.stdout), _Heard(sys.stderr)
    try:
        if os.environ.get("RANK", "0") == "0":
            with ended_by_signals():
                yield
        else:
            yield
    except (KeyboardInterrupt, SystemExit) as ended:
        stopped = _signal_behind(ended)
        if stopped is None:
            raise
        named = f" ({stopped})" if str(stopped) else ""
        sys.stderr.write(f"stopped{named}\n")
        sys.exit(INTERRUPTED)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
