"""What commands share: exit codes, and the options that several of them take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["DATA", "FAILED", "INTERRUPTED", "MISTAKE", "READING", "SETTINGS", "option", "reading_of", "settings_of"]

FAILED, MISTAKE, INTERRUPTED = 1, 2, 130
"""Exit codes: a check or a probe has failed; an error that the user can fix; stopped by a signal. 0: all is well."""

SETTINGS = (
    *("property", "unit", "baseline_key", "features", "length_unit", "cutoff", "layers", "width", "pooling", "loss"),
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
"""Options that say what DATA call things, and their units."""


def option(*names: str, help: str) -> Any:  # noqa: A002 (typer's word)
    """An option that is None unless given, so that defaults stand in one place; its help names them in brackets."""
    return typer.Option(*names, help=help.replace("[", r"\["), show_default=False)  # typer takes them for markup


def settings_of(given: dict[str, Any]) -> dict[str, Any]:
    """The settings of a run: those of the file that --config names, and over them the options that were given.

    Arguments:
        given: Options of a command by name; those that are None were not given.
    """
    from empnet.training.run.config import read_config

    from_ = given.get("from_")
    given = {**given, "property": given["property_"], "fine_tune": None if from_ is None else str(from_)}
    options = {name: given[name] for name in SETTINGS if given.get(name) is not None}
    config = given["config"]
    return {**({} if config is None else read_config(config)), **options}


def reading_of(given: dict[str, Any]) -> dict[str, Any]:
    """What a command was told about how its data are to be read: names and units that are not the run's.

    Arguments:
        given: Options of a command by name; those that are None were not given.
    """
    given = {**given, "property": given.get("property_")}
    return {name: given[name] for name in READING if given.get(name) is not None}


DATA = "Path of the data (extxyz, db, traj, npz, cif, ...; -: standard input), or the name of bundled data: qm7."
Data = Annotated[str, typer.Argument(help=DATA, metavar="DATA")]
Run = Annotated[Path, typer.Argument(help="Run folder.", metavar="RUN")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what already exists.")]

Property = Annotated[list[str] | None, option("--property", help="Scalar to learn; may be repeated.")]
Unit = Annotated[list[str] | None, option("--unit", help="Its unit in the data; for energies eV if not given.")]
BaselineKey = Annotated[
    list[str] | None, option("--baseline-key", help="Scalar in the data; the difference to it is learned.")
]
Features = Annotated[list[str] | None, option("--features", help="Per-particle array to join; may be repeated.")]
LengthUnit = Annotated[
    str | None, option("--length-unit", help="Unit of positions in the data [as stated, else angstrom].")
]
InData = Annotated[
    list[str] | None, option("--property", help="What DATA call the property: REF_energy, or energy=REF_energy.")
]
UnitInData = Annotated[str | None, option("--unit", help="Unit of the property in DATA, if not the run's.")]
KeyInData = Annotated[
    list[str] | None, option("--baseline-key", help="What DATA call the run's baseline key (delta learning).")
]
LengthInData = Annotated[
    str | None, option("--length-unit", help="Unit of positions in DATA [as stated, else angstrom].")
]
ForcesInData = Annotated[str | None, option("--forces", help="What DATA call forces [as in training].")]
ForcesUnitInData = Annotated[str | None, option("--forces-unit", help="Their unit in DATA [as in training].")]
StressInData = Annotated[str | None, option("--stress", help="What DATA call the stress [as in training].")]
StressUnitInData = Annotated[str | None, option("--stress-unit", help="Its unit in DATA [as in training].")]
VirialInData = Annotated[str | None, option("--virial", help="What DATA call a virial, in place of a stress.")]
Cutoff = Annotated[float | None, option("--cutoff", help="Interaction cutoff in angstrom [5].")]
Layers = Annotated[int | None, option("--layers", help="Interactions [2; 3 without moments].")]
Width = Annotated[int | None, option("--width", help="Features of each particle in the network [64].")]
Pooling = Annotated[str | None, option("--pooling", help="sum, mean or auto [auto].")]
Forces = Annotated[str | None, option("--forces", help="Per-particle array of forces to learn with the energy.")]
ForcesUnit = Annotated[
    str | None, option("--forces-unit", help="Their unit in the data [the property's per angstrom]; -U: of gradients.")
]
Stress = Annotated[str | None, option("--stress", help="Stress to learn: 6 numbers xx yy zz yz xz xy, or 3 x 3.")]
StressUnit = Annotated[
    str | None, option("--stress-unit", help="Its unit: eV/angstrom^3, GPa, kB; -kB: positive under pressure.")
]
StressOrder = Annotated[
    str | None, option("--stress-order", help="Order of its 6 numbers in the data [xx yy zz yz xz xy].")
]
Virial = Annotated[str | None, option("--virial", help="Virial in the data, in place of a stress.")]
VirialUnit = Annotated[str | None, option("--virial-unit", help="Its unit in the data [the property's].")]
EnergyWeight = Annotated[float | None, option("--energy-weight", help="Weight of energies in the loss [1].")]
ForcesWeight = Annotated[float | None, option("--forces-weight", help="Weight of forces in the loss [balanced].")]
StressWeight = Annotated[float | None, option("--stress-weight", help="Weight of stress in the loss [balanced].")]
Moments = Annotated[int | None, option("--moments", help="Highest angular moment, 0 to 3; 0: distances alone [2].")]
Size = Annotated[str | None, option("--size", help="small, medium or large: a preset of sizes.")]
Loss = Annotated[str | None, option("--loss", help="mse, mae or huber [mse].")]
Rate = Annotated[float | None, option("--lr", help="Peak learning rate [0.004; 0.008 with forces].")]
BatchSize = Annotated[int | None, option("--batch", help="Systems in a step [32; with forces: depends on their size].")]
Validation = Annotated[float | None, option("--val", help="Validation side: fraction, or number of systems [0.05].")]
Test = Annotated[float | None, option("--test", help="Test side: fraction, or number of systems [0.1].")]
TrainSize = Annotated[int | None, option("--train-size", help="Systems for training [all others].")]
SplitBy = Annotated[str | None, option("--split", help="random, or blocks for frames in order of time [random].")]
Seed = Annotated[int | None, option("--seed", help="Seed of split, weights and order [0].")]
Epochs = Annotated[int | None, option("--epochs", help="Passes over the data [about 15,000 steps].")]
Time = Annotated[
    str | None,
    option("--time", help="Training time in place of epochs: 90s, 10m, 1h30m. Reading and compiling come on top."),
]
Patience = Annotated[int | None, option("--patience", help="Stop after N epochs without improvement.")]
Config = Annotated[Path | None, option("--config", help="TOML file of settings; options here win.")]
From = Annotated[Path | None, option("--from", help="Start from this run's weights (fine-tune).")]
Device = Annotated[str | None, option("--device", help="auto, cpu or cuda [auto].")]
Dtype = Annotated[str | None, option("--dtype", help="float32 or float64 [float32].")]
Threads = Annotated[int | None, option("--threads", help="Processor threads [all].")]
