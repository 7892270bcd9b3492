"""The command that lays systems out by what a network has learned of them: parse and call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from empnet.cli.options import DATA, Force, KeyInData, LengthInData, Quiet, Run, UnitInData, option, reading_of

__all__ = ["map_"]


def map_(
    context: typer.Context,
    run: Run,
    data: Annotated[str | None, typer.Argument(help=f"{DATA} Default: the run's own test side.")] = None,
    colour: Annotated[str, option("--colour", help="property or error [property].")] = "property",
    property_: Annotated[
        str | None,
        option(
            "--property", help="If the model predicts several [the first], or what DATA call it: energy=REF_energy."
        ),
    ] = None,
    unit: UnitInData = None,
    baseline_key: KeyInData = None,
    length_unit: LengthInData = None,
    out: Annotated[Path | None, option("--out", help="Page to write; a .png lies beside it [RUN/map.html].")] = None,
    seed: Annotated[int, option("--seed", help="Of the systems shown, if there are too many [0].")] = 0,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Lay systems out by what the network has learned of them; a click shows the structure: empnet map RUN."""
    from empnet.pages.map import map_run

    how = reading_of(context)
    map_run(run, data, colour=colour, out=out, seed=seed, force=force, quiet=quiet, **how)
