"""The commands of the main job: parse and call. Heavy imports wait until a command needs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from empnet import __version__
from empnet.cli.faults import Commands, accessory
from empnet.cli.options import (
    DATA,
    FAILED,
    INTERRUPTED,
    RUN,
    AsJson,
    BaselineKey,
    BatchSize,
    Classes,
    Config,
    Cutoff,
    Data,
    Device,
    Dtype,
    EnergyWeight,
    Epochs,
    Features,
    Force,
    Forces,
    ForcesUnit,
    ForcesWeight,
    From,
    KeyInData,
    Layers,
    Length,
    LengthInData,
    LengthUnit,
    Loss,
    Moments,
    Patience,
    Points,
    Pooling,
    Property,
    Quiet,
    Rate,
    Run,
    ScalePower,
    Seed,
    Size,
    Sized,
    SplitBy,
    Stress,
    StressOrder,
    StressUnit,
    StressWeight,
    SymmetryOf,
    Test,
    Threads,
    Time,
    TrainSize,
    Unit,
    Validation,
    Virial,
    VirialUnit,
    Width,
    option,
    settings_of,
    switch,
)
from empnet.cli.several import refuse_several

__all__ = ["app"]

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        from empnet.native.library import description

        typer.echo(f"empnet {__version__}; {description()}")
        raise typer.Exit


@app.callback()
def empnet(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Euclidean message passing networks: learn a scalar property of whole systems of particles."""
    refuse_several(context.invoked_subcommand)


@app.command()
def inspect(
    data: Data,
    property_: Annotated[
        list[str] | None, option("--property", help="Scalar to inspect; may be repeated [all].")
    ] = None,
    unit: Unit = None,
    length_unit: LengthUnit = None,
    html: Annotated[Path | None, option("--html", help="Write a page with histograms to this file.")] = None,
    as_json: AsJson = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Show contents and problems of data before training: empnet inspect molecules.xyz --html page.html."""
    from empnet.inspection import inspect_data
    from empnet.pages.inspect_page import write_inspection_page
    from empnet.pages.inspect_table import print_inspection
    from empnet.runtime.durable_files import refuse_to_replace

    if html is not None:
        refuse_to_replace(html, force, option="--html", inputs=[data])
    found = inspect_data(
        data,
        properties=tuple(property_ or ()),
        unit=tuple(unit or ()),
        length_unit=length_unit,
        quiet=quiet or as_json,
    )
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1))
    elif not quiet:
        print_inspection(found)
    if html is not None:
        with accessory("page", html, "--html"):
            write_inspection_page(found, html)
        if not (quiet or as_json):
            typer.echo(f"page: {html}")


@app.command()
def train(
    context: typer.Context,
    data: Annotated[str | None, typer.Argument(help=DATA, metavar="DATA")] = None,
    property_: Property = None,
    features: Features = None,
    baseline_key: BaselineKey = None,
    val: Validation = None,
    test: Test = None,
    train_size: TrainSize = None,
    split: SplitBy = None,
    unit: Unit = None,
    length_unit: LengthUnit = None,
    forces: Forces = None,
    forces_unit: ForcesUnit = None,
    stress: Stress = None,
    stress_unit: StressUnit = None,
    stress_order: StressOrder = None,
    virial: Virial = None,
    virial_unit: VirialUnit = None,
    classes: Classes = None,
    scale_power: ScalePower = None,
    points: Points = None,
    symmetry: SymmetryOf = None,
    length: Length = None,
    sized: Sized = None,
    size: Size = None,
    cutoff: Cutoff = None,
    layers: Layers = None,
    width: Width = None,
    moments: Moments = None,
    pooling: Pooling = None,
    loss: Loss = None,
    energy_weight: EnergyWeight = None,
    forces_weight: ForcesWeight = None,
    stress_weight: StressWeight = None,
    lr: Rate = None,
    batch: BatchSize = None,
    out: Annotated[Path | None, option("--out", help="Run folder [runs/DATA-PROPERTY].", group=RUN)] = None,
    time: Time = None,
    epochs: Epochs = None,
    patience: Patience = None,
    seed: Seed = None,
    config: Config = None,
    resume: Annotated[
        Path | None, option("--resume", help="Continue this run exactly as if it had never stopped.", group=RUN)
    ] = None,
    moved: Annotated[str | None, option("--data", help="With --resume: new path of the run's data.", group=RUN)] = None,
    from_: From = None,
    overfit: Annotated[
        int | None, option("--overfit", help="Capacity test: memorise N systems; if that fails, say why.", group=RUN)
    ] = None,
    ensemble: Annotated[
        int | None, option("--ensemble", help="Train N members; their spread is the uncertainty.", group=RUN)
    ] = None,
    force: Annotated[bool, switch("--force", "Overwrite what already exists.", RUN)] = False,
    quiet: Annotated[bool, switch("--quiet", "Print nothing but errors.", RUN)] = False,
    device: Device = None,
    dtype: Dtype = None,
    threads: Threads = None,
) -> None:
    """Train a model of a property: empnet train molecules.xyz --property energy."""
    settings = settings_of(context)
    if out is not None and config is not None:
        from empnet.runtime.durable_files import refuse_input

        refuse_input(out, [config])
    if moved is not None and data is not None:
        raise typer.BadParameter("the data are given twice", param_hint="--data")
    data = moved if data is None else data
    configured = settings.pop("data", None)
    if resume is not None:
        from empnet.workflows.train import resume as go_on

        if out is not None:
            raise typer.BadParameter("a resumed run stays in its own folder", param_hint="--out")
        _refuse_idle("--resume continues a run with its own settings", overfit=overfit, ensemble=ensemble, force=force)
        finished = go_on(resume, data, quiet=quiet, **settings).finished
        if not finished:
            raise typer.Exit(INTERRUPTED)
        return
    data = configured if data is None else data
    if overfit is not None:
        refuse_several("train --overfit")
        _refuse_idle("--overfit writes nothing and trains one network", out=out, ensemble=ensemble, force=force)
        from empnet.training.overfit import overfit as probe

        found = probe(_named(data), settings.pop("property", None), systems=overfit, quiet=quiet, **settings)
        raise typer.Exit(0 if found.reached else FAILED)
    if ensemble is not None:
        from empnet.workflows.train_ensemble import train_ensemble

        named, of = _named(data), settings.pop("property", None)
        done = train_ensemble(named, of, members=ensemble, out=out, force=force, quiet=quiet, **settings)
        finished = done.finished
    else:
        from empnet.workflows.train import train as learn

        named = _named(data)
        finished = learn(named, settings.pop("property", None), out=out, force=force, quiet=quiet, **settings).finished
    if not finished:
        raise typer.Exit(INTERRUPTED)


def _refuse_idle(why: str, **given: object) -> None:
    """Raise if a given option has no effect."""
    for name, value in given.items():
        if value is not None and value is not False:
            raise typer.BadParameter(f"has no effect here: {why}", param_hint=f"--{name}")


def _named(data: str | None) -> str:
    if data is None:
        raise typer.BadParameter("missing: a path, or the name of bundled data such as qm7", param_hint="DATA")
    return data


@app.command()
def predict(
    run: Run,
    data: Data,
    out: Annotated[
        Path,
        typer.Option("--out", help="File to write: .extxyz (or another format) or .csv; -: standard output (extxyz)."),
    ],
    forces: Annotated[bool, typer.Option("--forces", help="Also write forces: minus the energy's gradient.")] = False,
    stress: Annotated[bool, typer.Option("--stress", help="Also write stress (crystals).")] = False,
    length_unit: LengthInData = None,
    baseline_key: KeyInData = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Predict each frame of a file: empnet predict RUN molecules.xyz --out predicted.extxyz."""
    from empnet.prediction.load import load
    from empnet.prediction.predict import predict_file
    from empnet.runtime.distribution import processes

    team, aside = processes(), str(out) == "-"
    team.choose_threads(None)
    if not (quiet or team.alone):
        typer.echo(str(team), err=aside)
    predictor = team.together(lambda: load(run))
    n = predict_file(
        predictor,
        data,
        out,
        forces=forces,
        stress=stress,
        length_unit=length_unit,
        baseline_key=baseline_key,
        force=force,
        quiet=quiet,
    )
    if not quiet:
        typer.echo(f"{n} systems predicted: {'standard output' if aside else out}", err=aside)
