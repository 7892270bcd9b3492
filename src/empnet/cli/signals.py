"""Signals: a command ends cleanly when stopped, and continues when its output is closed."""

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
"""Errors of a closed pipe or terminal. A full disk is different: output is lost, so the command fails."""


class _Heard:
    """Standard output or error; after its reader has closed it, text is dropped and the command continues."""

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


@contextmanager
def until_stopped() -> Iterator[None]:
    """Within the block, a signal ends the command with one line and exit code 130.

    If there are several processes, only the first ends like this; the system ends the others.
    """
    from empnet.runtime.interrupt import ended_by_signals, signal_behind

    sys.stdout, sys.stderr = _Heard(sys.stdout), _Heard(sys.stderr)
    try:
        if os.environ.get("RANK", "0") == "0":
            with ended_by_signals():
                yield
        else:
            yield
    except (KeyboardInterrupt, SystemExit) as ended:
        stopped = signal_behind(ended)
        if stopped is None:
            raise
        named = f" ({stopped})" if str(stopped) else ""
        sys.stderr.write(f"stopped{named}\n")
        sys.exit(INTERRUPTED)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
