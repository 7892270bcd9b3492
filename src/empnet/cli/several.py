"""Commands under torchrun: train and predict share their work, one process prints, and all end together."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from empnet.cli.options import FAILED

__all__ = ["one_voice", "refuse_several"]

SHARED = ("train", "predict")
"""The commands whose work is shared."""


def _several() -> bool:
    return "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("WORLD_SIZE", "1") != "1"


def refuse_several(command: str | None) -> None:
    """Raise if several processes run a command for a single process.

    Arguments:
        command: The command, as on the command line.

    Raises:
        EmpnetError: If several processes run the command.
    """
    if command not in SHARED and _several():
        from empnet.errors import EmpnetError

        remedy = f"start it without torchrun; only {' and '.join(SHARED)} share their work"
        raise EmpnetError(f"{command} runs in one process", remedy=remedy)


@contextmanager
def one_voice() -> Iterator[None]:
    """Let only the first process print, and let all end together; each process reports its own unexpected errors."""
    if not _several():
        yield
        return
    from empnet.runtime.distribution import ProcessLost, processes

    team, aloud = processes(), (sys.stdout, sys.stderr)
    if not team.first:
        sys.stdout = sys.stderr = Path(os.devnull).open("w")
    try:
        yield
        team.leave()
    except SystemExit:
        sys.stdout.flush()
        team.leave()
        raise
    except ProcessLost as error:
        typer.echo(f"empnet: {error}", err=True)
        sys.exit(FAILED)
    finally:
        sys.stdout, sys.stderr = aloud
