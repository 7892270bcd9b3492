"""Exit codes, and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = [
    "DATA",
    "FAILED",
    "INTERRUPTED",
    "MISTAKE",
    "READING",
    "RUN",
    "SETTINGS",
    "option",
    "reading_of",
    "settings_of",
    "switch",
]

FAILED, MISTAKE, INTERRUPTED = 1, 2, 130
"""Exit codes: a failed check or probe; an error that the user can fix; stopped by a signal. Success is 0."""

SETTINGS = (
    *("property", "unit", "baseline_key", "features", "length_unit", "cutoff", "layers", "width", "pooling", "loss"),
    *("classes", "scale_power", "points", "symmetry", "length", "sized"),
    *("lr", "batch", "val", "test", "train_size", "split", "seed", "epochs", "time", "patience", "fine_tune"),
    *("device", "dtype", "threads", "moments", "size"),
    *("forces", "forces_unit", "stress", "stress_unit", "stress_order", "virial", "virial_unit"),
    *("energy_weight", "forces_weight", "stress_weight"),
)
"""Options of ``train`` that are settings of the run's configuration."""


READING = (
    *("property", "unit", "baseline_key", "length_unit", "forces", "forces_unit"),
    *("stress", "stress_unit", "stress_order", "virial", "virial_unit"),
)
"""Options for names and units in DATA."""


DATA_GROUP, LABELS, CLOUDS, NETWORK, LOSS, RUN, MACHINE = (
    *("Data", "Labels and units", "Clouds of points", "Network"),
    *("Loss and optimiser", "Run", "Machine"),
)
"""Groups of options in the help of ``train``, in this order."""

METAVARS = {
    "NAME": "--property --features --baseline-key --forces --stress --virial",
    "UNIT": "--unit --length-unit --forces-unit --stress-unit --virial-unit",
    "N": "--points --layers --width --moments --batch --train-size --epochs --patience --seed --threads --overfit "
    "--ensemble",
    "P": "--scale-power",
    "FLOAT": "--energy-weight --forces-weight --stress-weight --lr --val --test",
    "full|vertical": "--symmetry",
    "auto|each|LENGTH": "--length",
    "auto|LENGTH": "--cutoff",
    "PATH": "--out --config --resume --from --data --html --plot",
    "sum|mean|auto": "--pooling",
    "small|medium|large": "--size",
    "mse|mae|huber": "--loss",
    "random|blocks": "--split",
    "auto|cpu|cuda": "--device",
    "float32|float64": "--dtype",
    "ORDER": "--stress-order",
    "TIME": "--time --older-than",
}
"""Placeholders of values in the help, with their options."""

_METAVAR_OF = {name: metavar for metavar, names in METAVARS.items() for name in names.split()}


def option(*names: str, help: str, group: str | None = None) -> Any:  # noqa: A002 (typer's word)
    """Return an option with the default None; the real defaults have one place, and the help shows them in brackets.

    Arguments:
        *names: Names of the option, with dashes.
        help: Text of the help, a sentence.
        group: Heading of the option in the help; None: "Options".
    """
    text = help.replace("[", r"\[")  # typer reads brackets as markup
    metavar = _METAVAR_OF.get(names[0])
    return typer.Option(*names, help=text, show_default=False, metavar=metavar, rich_help_panel=group)


def switch(name: str, help: str, group: str) -> Any:  # noqa: A002 (typer's word)
    """Return an option without a value, in a group of the help.

    Arguments:
        name: Name of the option, with dashes.
        help: Text of the help, a sentence.
        group: Heading of the option in the help.
    """
    return typer.Option(name, help=help, rich_help_panel=group)


def settings_of(context: typer.Context) -> dict[str, Any]:
    """Return the settings of a run: the file named by --config, overridden by the given options.

    Arguments:
        context: The command's context.
    """
    from empnet.training.run.config import read_config

    given = _given(context)
    config = given.get("config")
    options = {name: given[name] for name in SETTINGS if name in given}
    return {**({} if config is None else read_config(config)), **options}


def reading_of(context: typer.Context) -> dict[str, Any]:
    """Return the options for reading data: names and units that differ from the run's.

    Arguments:
        context: The command's context.
    """
    given = _given(context)
    return {name: given[name] for name in READING if name in given}


def _given(context: typer.Context) -> dict[str, Any]:
    """Return the given options by the names of the settings."""
    names = {"property_": "property", "from_": "fine_tune"}  # names of a function and a keyword of Python
    given = ((names.get(name, name), value) for name, value in context.params.items())
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in given if value not in (None, ())
    }


DATA = "Path of the data (extxyz, db, traj, npz, cif, ...; -: standard input), or the name of bundled data: qm7."
Data = Annotated[str, typer.Argument(help=DATA, metavar="DATA")]
Run = Annotated[Path, typer.Argument(help="Run folder.", metavar="RUN")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what already exists.")]

Property = Annotated[list[str] | None, option("--property", help="Scalar to learn; may be repeated.", group=DATA_GROUP)]
Unit = Annotated[
    list[str] | None, option("--unit", help="Unit of the property in the data [eV for energies].", group=LABELS)
]
BaselineKey = Annotated[
    list[str] | None,
    option("--baseline-key", help="Scalar in the data; the model learns the difference to it.", group=DATA_GROUP),
]
Features = Annotated[
    list[str] | None, option("--features", help="Per-particle array to join; may be repeated.", group=DATA_GROUP)
]
LengthUnit = Annotated[
    str | None, option("--length-unit", help="Unit of positions in the data [as stated, else angstrom].", group=LABELS)
]
InData = Annotated[
    list[str] | None, option("--property", help="Name of the property in DATA: REF_energy, or energy=REF_energy.")
]
UnitInData = Annotated[str | None, option("--unit", help="Unit of the property in DATA, if not the run's.")]
KeyInData = Annotated[
    list[str] | None, option("--baseline-key", help="Name of the run's baseline key in DATA (delta learning).")
]
LengthInData = Annotated[
    str | None, option("--length-unit", help="Unit of positions in DATA [as stated, else angstrom].")
]
ForcesInData = Annotated[str | None, option("--forces", help="Name of forces in DATA [as in training].")]
ForcesUnitInData = Annotated[str | None, option("--forces-unit", help="Unit of forces in DATA [as in training].")]
StressInData = Annotated[str | None, option("--stress", help="Name of the stress in DATA [as in training].")]
StressUnitInData = Annotated[str | None, option("--stress-unit", help="Unit of the stress in DATA [as in training].")]
VirialInData = Annotated[str | None, option("--virial", help="Name of a virial in DATA, instead of a stress.")]
StressOrderInData = Annotated[
    str | None, option("--stress-order", help="Order of the 6 stress components in DATA [as in training].")
]
VirialUnitInData = Annotated[str | None, option("--virial-unit", help="Unit of the virial in DATA [as in training].")]
Classes = Annotated[
    bool | None,
    typer.Option("--classes", help="The property is a class; texts are without saying so.", rich_help_panel=LABELS),
]
ScalePower = Annotated[
    float | None,
    option(
        "--scale-power",
        help="The property grows with size to the P: 3 for volumes, 2 for areas [as the data show; 0: no].",
        group=CLOUDS,
    ),
]
Points = Annotated[
    int | None, option("--points", help="Points kept of each cloud, far from each other; 0: all [256].", group=CLOUDS)
]
SymmetryOf = Annotated[
    str | None,
    option("--symmetry", help="full: any rotation changes nothing; vertical: those about z [full].", group=CLOUDS),
]
Length = Annotated[
    str | None,
    option("--length", help="Unit of length: each cloud's own spacing, or one for all, in file units.", group=CLOUDS),
]
Sized = Annotated[
    bool | None,
    typer.Option(
        "--sized/--not-sized",
        help="Size in the unit of the file is a feature, or not \\[as the data show].",
        show_default=False,
        rich_help_panel=CLOUDS,
    ),
]
Cutoff = Annotated[
    str | None,
    option("--cutoff", help="Interaction cutoff in angstrom [5; of clouds: auto, for 24 neighbours].", group=NETWORK),
]
Layers = Annotated[int | None, option("--layers", help="Interactions [2; 3 without moments].", group=NETWORK)]
Width = Annotated[int | None, option("--width", help="Features of each particle in the network [64].", group=NETWORK)]
Pooling = Annotated[
    str | None,
    option("--pooling", help="Readout: sum over particles, mean, or chosen from the data [auto].", group=NETWORK),
]
Forces = Annotated[
    str | None, option("--forces", help="Per-particle array of forces to learn with the energy.", group=LABELS)
]
ForcesUnit = Annotated[
    str | None,
    option(
        "--forces-unit", help="Unit of forces in the data [property's per angstrom]; -U: gradients in U.", group=LABELS
    ),
]
Stress = Annotated[
    str | None, option("--stress", help="Stress to learn: 6 numbers xx yy zz yz xz xy, or 3 x 3.", group=LABELS)
]
StressUnit = Annotated[
    str | None,
    option("--stress-unit", help="Unit of stress: eV/angstrom^3, GPa, kB; -kB: positive under pressure.", group=LABELS),
]
StressOrder = Annotated[
    str | None, option("--stress-order", help="Order of the 6 stress components [xx yy zz yz xz xy].", group=LABELS)
]
Virial = Annotated[str | None, option("--virial", help="Virial in the data, instead of a stress.", group=LABELS)]
VirialUnit = Annotated[str | None, option("--virial-unit", help="Unit of the virial [the property's].", group=LABELS)]
EnergyWeight = Annotated[
    float | None, option("--energy-weight", help="Weight of energies in the loss [1].", group=LOSS)
]
ForcesWeight = Annotated[
    float | None, option("--forces-weight", help="Weight of forces in the loss [balanced].", group=LOSS)
]
StressWeight = Annotated[
    float | None, option("--stress-weight", help="Weight of stress in the loss [balanced].", group=LOSS)
]
Moments = Annotated[
    int | None, option("--moments", help="Highest angular moment, 0 to 3; 0: only distances [2].", group=NETWORK)
]
Size = Annotated[str | None, option("--size", help="Preset of layers, width and moments.", group=NETWORK)]
Loss = Annotated[str | None, option("--loss", help="Loss function [mse].", group=LOSS)]
Rate = Annotated[float | None, option("--lr", help="Peak learning rate [0.004; 0.008 with forces].", group=LOSS)]
BatchSize = Annotated[
    int | None, option("--batch", help="Systems in a step [32; with forces: depends on their size].", group=LOSS)
]
Validation = Annotated[
    float | None, option("--val", help="Validation set: fraction, or number of systems [0.05].", group=DATA_GROUP)
]
Test = Annotated[
    float | None, option("--test", help="Test set: fraction, or number of systems [0.1].", group=DATA_GROUP)
]
TrainSize = Annotated[int | None, option("--train-size", help="Systems for training [all others].", group=DATA_GROUP)]
SplitBy = Annotated[
    str | None,
    option("--split", help="Random, or blocks in the order of the file (for trajectories) [random].", group=DATA_GROUP),
]
Seed = Annotated[int | None, option("--seed", help="Seed of split, weights and order [0].", group=RUN)]
Epochs = Annotated[int | None, option("--epochs", help="Passes over the data [about 15,000 steps].", group=RUN)]
Time = Annotated[
    str | None,
    option(
        "--time",
        help="Training time instead of epochs: 90s, 10m, 1h30m, without reading.",
        group=RUN,
    ),
]
Patience = Annotated[int | None, option("--patience", help="Stop after N epochs without improvement.", group=RUN)]
Config = Annotated[Path | None, option("--config", help="TOML file of settings; options override it.", group=RUN)]
From = Annotated[Path | None, option("--from", help="Start from this run's weights (fine-tune).", group=RUN)]
Device = Annotated[str | None, option("--device", help="Device for training [auto].", group=MACHINE)]
Dtype = Annotated[str | None, option("--dtype", help="Precision of the network [float32].", group=MACHINE)]
Threads = Annotated[int | None, option("--threads", help="Processor threads [all].", group=MACHINE)]
