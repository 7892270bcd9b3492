"""The commands that evaluate, check and report a trained run: parse and call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from empnet.cli.faults import accessory
from empnet.cli.options import (
    DATA,
    FAILED,
    AsJson,
    ForcesInData,
    ForcesUnitInData,
    InData,
    KeyInData,
    LengthInData,
    Quiet,
    Run,
    StressInData,
    StressOrderInData,
    StressUnitInData,
    UnitInData,
    VirialInData,
    VirialUnitInData,
    option,
    reading_of,
)

__all__ = ["check", "evaluate", "report"]


def evaluate(
    context: typer.Context,
    run: Run,
    data: Annotated[str | None, typer.Argument(help=f"{DATA} Default: the run's test set.", metavar="DATA")] = None,
    property_: InData = None,
    unit: UnitInData = None,
    baseline_key: KeyInData = None,
    length_unit: LengthInData = None,
    forces: ForcesInData = None,
    forces_unit: ForcesUnitInData = None,
    stress: StressInData = None,
    stress_unit: StressUnitInData = None,
    stress_order: StressOrderInData = None,
    virial: VirialInData = None,
    virial_unit: VirialUnitInData = None,
    plot: Annotated[Path | None, option("--plot", help="Path of the parity plot [RUN/parity-PROPERTY.png].")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure errors against data that have the property: empnet evaluate RUN molecules.xyz."""
    from empnet.errors import EmpnetError
    from empnet.pages.clouds.confusion_plot import confusion_plot
    from empnet.pages.parity import PLOTS, parity_plot
    from empnet.pages.tables import print_evaluation, print_verdict
    from empnet.prediction.evaluate import evaluate as measure
    from empnet.prediction.last_words import verdict_of_evaluations, warn_of_lost_epochs
    from empnet.prediction.load import load
    from empnet.runtime.durable_files import plain_name, refuse_to_replace
    from empnet.training.own_data import inputs_of

    how, predictor = reading_of(context), load(run)
    names = predictor.card.properties
    folder = run if plot is None else plot.parent
    paths = [plot if plot and len(names) == 1 else folder / f"parity-{plain_name(name)}.png" for name in names]
    for path in [] if plot is None else paths:
        refuse_to_replace(path, True, "--plot", inputs=[data, *inputs_of(run)])
        if path.suffix.lower() not in ("", *PLOTS):
            wanted = f"a name that ends in {' or '.join(PLOTS)}"
            raise EmpnetError(f"'{path}' is not the name of a plot", where="--plot", wanted=wanted)
    evaluations = measure(predictor, data, quiet=quiet or as_json, **how)
    if predictor.card.classes and plot is None:
        paths = [folder / f"confusion-{plain_name(names[0])}.png"]
    warn_of_lost_epochs(run)
    words = verdict_of_evaluations(evaluations, "test" if data is None else "given", run)
    if as_json:
        record = {"verdict": words.to_json()}
        typer.echo(json.dumps([evaluation.to_json() | record for evaluation in evaluations], indent=1))
    for evaluation in [] if quiet or as_json else evaluations:
        print_evaluation(evaluation)
    if not (quiet or as_json):
        typer.echo(f"run: {run}")
        print_verdict(words)
    for line in words.warnings:
        typer.echo(f"warning: {line}", err=True)
    for evaluation, path in zip(evaluations, paths, strict=True):  # after the numbers, because a plot can fail
        what, draw = ("confusion matrix", confusion_plot) if predictor.card.classes else ("parity plot", parity_plot)
        with accessory(what, path, "--plot"):
            draw(evaluation, path)
        if not (quiet or as_json):
            typer.echo(f"{what}: {path}")


def check(
    context: typer.Context,
    run: Run,
    data: Annotated[str | None, typer.Argument(help=f"{DATA} Default: the run's test set.", metavar="DATA")] = None,
    property_: InData = None,
    unit: UnitInData = None,
    baseline_key: KeyInData = None,
    length_unit: LengthInData = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Audit a model: errors, symmetries, smoothness, coverage of the training data. Exit code 1 if a check fails."""
    from empnet.audit import audit
    from empnet.pages.audit_table import print_audit
    from empnet.prediction.last_words import warn_of_lost_epochs
    from empnet.prediction.load import load

    how = reading_of(context)
    found = audit(load(run), data, quiet=quiet or as_json, **how)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1))
    elif not quiet:
        print_audit(found)
    warn_of_lost_epochs(run)
    raise typer.Exit(0 if found.passed else FAILED)


def report(
    run: Run,
    out: Annotated[Path | None, option("--out", help="Page; an existing one is replaced [RUN/report.html].")] = None,
    quiet: Quiet = False,
) -> None:
    """Write a run's report.html again, from its folder and its data."""
    from empnet.pages.report import write_report

    path = write_report(run, out=out, quiet=quiet)
    if not quiet:
        typer.echo(f"report: {path}")
