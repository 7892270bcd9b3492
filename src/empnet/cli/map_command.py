"""The command that maps systems by their learned features: parse and call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from empnet.cli.options import DATA, Force, KeyInData, LengthInData, Quiet, Run, UnitInData, option, reading_of

__all__ = ["map_"]


def map_(
    context: typer.Context,
    run: Run,
    data: Annotated[str | None, typer.Argument(help=f"{DATA} Default: the run's test set.", metavar="DATA")] = None,
    colour: Annotated[str, option("--colour", help="property or error [property].")] = "property",
    property_: Annotated[
        str | None,
        option("--property", help="Property to show [the first], or its name in DATA: energy=REF_energy."),
    ] = None,
    unit: UnitInData = None,
    baseline_key: KeyInData = None,
    length_unit: LengthInData = None,
    out: Annotated[Path | None, option("--out", help="Page to write, with a .png [RUN/map.html].")] = None,
    seed: Annotated[int, option("--seed", help="Seed for drawing the shown systems [0].")] = 0,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Map systems in two dimensions by their learned features; a click shows the structure: empnet map RUN."""
    from empnet.pages.map import map_run

    how = reading_of(context)
    map_run(run, data, colour=colour, out=out, seed=seed, force=force, quiet=quiet, **how)
