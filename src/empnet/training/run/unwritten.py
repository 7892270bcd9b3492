"""Error for a file of a run that cannot be written: it names the file and the way to go on."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from empnet.errors import EmpnetError

__all__ = ["go_on_with", "unwritten", "writing"]


def go_on_with(run: str | Path) -> str:
    """Return the command that resumes a run.

    Arguments:
        run: The run folder.

    Example:
        >>> go_on_with("runs/my run")
        "empnet train --resume 'runs/my run'"
    """
    return f"empnet train --resume {shlex.quote(str(run))}"


def unwritten(error: OSError, run: Path) -> EmpnetError:
    """Return the error for a file that could not be written: the disk is full, or a permission is missing.

    Arguments:
        error: The operating system's error.
        run: The run folder.

    Example:
        >>> print(unwritten(OSError(28, "No space left on device", "runs/a/log.txt"), Path("runs/a")))
        runs/a/log.txt: No space left on device; mend that, or choose another --out
    """
    there = (run / "config.toml").exists()
    remedy = f"mend that, then go on with: {go_on_with(run)}" if there else "mend that, or choose another --out"
    return EmpnetError(error.strerror or str(error), where=error.filename or run, remedy=remedy)


@contextmanager
def writing(run: Path) -> Iterator[None]:
    """Convert failures to write in a block into the error of :func:`unwritten`.

    Arguments:
        run: The run folder.

    Raises:
        EmpnetError: If a file cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise unwritten(error, run) from None
