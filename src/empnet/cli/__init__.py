"""The command line: parse and call."""

from __future__ import annotations

import sys

try:
    from empnet.cli.cache import cache
    from empnet.cli.commands import app
    from empnet.cli.faults import one_line, plain_streams, plain_warnings
    from empnet.cli.learn_curve import learn_curve
    from empnet.cli.map_command import map_
    from empnet.cli.run_commands import check, evaluate, report
    from empnet.cli.several import one_voice
    from empnet.cli.signals import until_stopped
    from empnet.cli.study import studies
except KeyboardInterrupt:  # no handler is installed while libraries load
    sys.stderr.write("stopped (SIGINT)\n")
    sys.exit(130)

__all__ = ["app", "main"]

for command in (evaluate, check, report):
    app.command()(command)
app.command("map")(map_)
app.command("learn-curve")(learn_curve)
app.add_typer(studies, name="study")
app.add_typer(cache, name="cache")


def main() -> None:
    """Run a command; an error of the user or the system is one line on standard error and exit code 2."""
    plain_streams()
    with one_voice(), plain_warnings(), one_line(), until_stopped():
        app(standalone_mode=True)
