"""The command that measures the error against the training size: parse and call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from empnet.cli.options import (
    INTERRUPTED,
    AsJson,
    BaselineKey,
    BatchSize,
    Config,
    Cutoff,
    Data,
    Device,
    Dtype,
    Epochs,
    Features,
    From,
    Layers,
    LengthUnit,
    Loss,
    Patience,
    Pooling,
    Property,
    Quiet,
    Rate,
    Seed,
    SplitBy,
    Test,
    Threads,
    Time,
    Unit,
    Validation,
    Width,
    option,
    settings_of,
)

__all__ = ["learn_curve"]


def learn_curve(
    context: typer.Context,
    data: Data,
    sizes: Annotated[str, typer.Option("--sizes", help="Training sizes: 100,300,1000,3000.")],
    property_: Property = None,
    unit: Unit = None,
    baseline_key: BaselineKey = None,
    features: Features = None,
    length_unit: LengthUnit = None,
    out: Annotated[Path | None, option("--out", help="Folder of the curve [runs/DATA-PROPERTY-curve].")] = None,
    cutoff: Cutoff = None,
    layers: Layers = None,
    width: Width = None,
    pooling: Pooling = None,
    loss: Loss = None,
    lr: Rate = None,
    batch: BatchSize = None,
    val: Validation = None,
    test: Test = None,
    split: SplitBy = None,
    seed: Seed = None,
    epochs: Epochs = None,
    time: Time = None,
    patience: Patience = None,
    config: Config = None,
    from_: From = None,
    device: Device = None,
    dtype: Dtype = None,
    threads: Threads = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure the error against the training size, and the data needed to halve it. Repeat the command to resume."""
    from empnet.workflows.learning_curve import learning_curve

    settings = settings_of(context)
    settings.pop("data", None)
    try:
        numbers = [int(size) for size in sizes.split(",")]
    except ValueError:
        raise typer.BadParameter(f"'{sizes}' is not a list such as 100,300,1000", param_hint="--sizes") from None
    property_given = settings.pop("property", None)
    curves = learning_curve(data, property_given, sizes=numbers, out=out, quiet=quiet or as_json, **settings)
    if as_json and curves:
        typer.echo(json.dumps([curve.to_json() for curve in curves], indent=1))
    if not curves:
        raise typer.Exit(INTERRUPTED)
