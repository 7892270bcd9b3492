"""The command line: parse and call. Heavy imports wait until a command needs them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from empnet import __version__

__all__ = ["app", "main"]

MISTAKE, INTERRUPTED = 2, 130
"""Exit codes: the user can mend it; stopped by a signal. 0: all is well."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

SETTINGS = (
    *("property", "unit", "features", "length_unit", "cutoff", "layers", "width", "pooling", "loss", "lr", "batch"),
    *("val", "test", "split", "seed", "epochs", "time", "patience", "fine_tune", "device", "dtype", "threads"),
)
"""Options of ``train`` that are settings of the run's configuration."""

DATA = "Path of the data (extxyz, db, traj, npz, cif, ...), or the name of bundled data: qm7."
Data = Annotated[str, typer.Argument(help=DATA, metavar="DATA")]
Run = Annotated[Path, typer.Argument(help="Run folder.", metavar="RUN")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]


def option(*names: str, help: str) -> Any:  # noqa: A002 (typer's word)
    """An option that is None unless given, so that defaults stand in one place; its help names them in brackets."""
    return typer.Option(*names, help=help.replace("[", r"\["), show_default=False)  # typer takes them for markup


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"empnet {__version__}")
        raise typer.Exit


@app.callback()
def empnet(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Euclidean message passing networks: learn a scalar property of whole systems of particles."""


@app.command()
def train(
    data: Annotated[str | None, typer.Argument(help=DATA, metavar="DATA")] = None,
    property_: Annotated[list[str] | None, option("--property", help="Scalar to learn; may be repeated.")] = None,
    unit: Annotated[
        list[str] | None, option("--unit", help="Its unit in the data; for energies eV if not given.")
    ] = None,
    features: Annotated[
        list[str] | None, option("--features", help="Per-particle array to join; may be repeated.")
    ] = None,
    length_unit: Annotated[str | None, option("--length-unit", help="Of positions in the data [angstrom].")] = None,
    out: Annotated[Path | None, option("--out", help="Run folder [runs/DATA-PROPERTY].")] = None,
    cutoff: Annotated[float | None, option("--cutoff", help="Range of a message, angstrom [5].")] = None,
    layers: Annotated[int | None, option("--layers", help="Interactions [3].")] = None,
    width: Annotated[int | None, option("--width", help="Features of a particle in the network [64].")] = None,
    pooling: Annotated[str | None, option("--pooling", help="sum, mean or auto [auto].")] = None,
    loss: Annotated[str | None, option("--loss", help="mse, mae or huber [mse].")] = None,
    lr: Annotated[float | None, option("--lr", help="Highest learning rate [0.004].")] = None,
    batch: Annotated[int | None, option("--batch", help="Systems in a step [32].")] = None,
    val: Annotated[float | None, option("--val", help="Validation side: share or number [0.05].")] = None,
    test: Annotated[float | None, option("--test", help="Test side: share or number [0.1].")] = None,
    split: Annotated[str | None, option("--split", help="random, or blocks for frames in order of time.")] = None,
    seed: Annotated[int | None, option("--seed", help="Of split, weights and order [0].")] = None,
    epochs: Annotated[int | None, option("--epochs", help="Passes over the data [about 15,000 steps].")] = None,
    time: Annotated[str | None, option("--time", help="Budget in place of epochs: 90s, 10m, 1h30m.")] = None,
    patience: Annotated[
        int | None, option("--patience", help="Stop after so many epochs without a better one.")
    ] = None,
    config: Annotated[Path | None, option("--config", help="TOML file of settings; options here win.")] = None,
    resume: Annotated[Path | None, option("--resume", help="Go on with this run, exactly as if never stopped.")] = None,
    from_: Annotated[Path | None, option("--from", help="Start from this run's weights (fine-tune).")] = None,
    device: Annotated[str | None, option("--device", help="auto, cpu or cuda.")] = None,
    dtype: Annotated[str | None, option("--dtype", help="float32 or float64.")] = None,
    threads: Annotated[int | None, option("--threads", help="Processor threads [all].")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a run folder that is there.")] = False,
    quiet: Quiet = False,
) -> None:
    """Learn a property: empnet train molecules.xyz --property energy."""
    from empnet.learn.config import read_config
    from empnet.learn.train import resume as go_on
    from empnet.learn.train import train as learn

    given = {**locals(), "property": property_, "fine_tune": None if from_ is None else str(from_)}
    options = {name: given[name] for name in SETTINGS if given[name] is not None}
    settings = {**({} if config is None else read_config(config)), **options}
    data = settings.pop("data", None) if data is None else data
    if resume is not None:
        finished = go_on(resume, data, quiet=quiet, **settings).finished
    elif data is None:
        raise typer.BadParameter("missing: a path, or the name of bundled data such as qm7", param_hint="DATA")
    else:
        property_given = settings.pop("property", None)
        settings.pop("data", None)
        finished = learn(data, property_given, out=out, force=force, quiet=quiet, **settings).finished
    if not finished:
        raise typer.Exit(INTERRUPTED)


@app.command()
def predict(
    run: Run,
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="File to write: .extxyz (or any other format), or .csv.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    quiet: Quiet = False,
) -> None:
    """Predict each frame of a file: empnet predict RUN molecules.xyz --out predicted.extxyz."""
    from empnet.apply.predict import predict_file
    from empnet.apply.predictor import load

    n = predict_file(load(run), data, out, force=force, quiet=quiet)
    if not quiet:
        typer.echo(f"{n} systems predicted: {out}")


@app.command()
def evaluate(
    run: Run,
    data: Annotated[str | None, typer.Argument(help=f"{DATA} Default: the run's own test side.")] = None,
    unit: Annotated[str | None, option("--unit", help="Unit of the property in DATA, if not the run's.")] = None,
    plot: Annotated[Path | None, option("--plot", help="Where the parity plot goes [RUN/parity-PROPERTY.png].")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
    quiet: Quiet = False,
) -> None:
    """Measure errors against data that have the property: empnet evaluate RUN molecules.xyz."""
    from empnet.apply.evaluate import evaluate as measure
    from empnet.apply.parity import parity_plot
    from empnet.apply.predictor import load
    from empnet.apply.tables import print_evaluation

    evaluations = measure(load(run), data, unit=unit, quiet=quiet or as_json)
    for evaluation in evaluations:
        folder = run if plot is None else plot.parent
        path = plot if plot and len(evaluations) == 1 else folder / f"parity-{evaluation.name}.png"
        parity_plot(evaluation, path)
        if not (quiet or as_json):
            print_evaluation(evaluation)
            typer.echo(f"parity plot: {path}")
    if not (quiet or as_json):
        typer.echo(f"run: {run}")
    if as_json:
        typer.echo(json.dumps([evaluation.to_json() for evaluation in evaluations], indent=1))


def main() -> None:
    """Run a command; a user's mistake is one line on standard error and exit code 2."""
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
