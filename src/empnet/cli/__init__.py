"""The command line: parse and call."""

from __future__ import annotations

import sys

import typer

from empnet.cli.commands import app
from empnet.cli.learn_curve import learn_curve
from empnet.cli.map_command import map_
from empnet.cli.options import INTERRUPTED, MISTAKE
from empnet.cli.several import one_voice
from empnet.cli.study import studies

__all__ = ["app", "main"]

app.command("map")(map_)
app.command("learn-curve")(learn_curve)
app.add_typer(studies, name="study")


def main() -> None:
    """Run a command; a user's mistake is one line on standard error and exit code 2."""
    with one_voice():
        _run()


def _run() -> None:
    try:
        app(standalone_mode=True)
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        sys.exit(INTERRUPTED)
    except ValueError as error:
        from empnet.data.errors import EmpnetError

        if not isinstance(error, EmpnetError):
            raise
        typer.echo(f"empnet: {error}", err=True)
        sys.exit(MISTAKE)
