"""empnet study: a command for each study, created on demand; its options are the premises of the study."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from empnet.cli.options import FAILED, AsJson, Force, Quiet

if TYPE_CHECKING:
    from empnet.studies.claim import Effort, Study
    from empnet.studies.run import Outcome

__all__ = ["studies"]

Quick = Annotated[bool, typer.Option("--quick", help="Run in seconds: small networks, few seeds.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Folder for report.html and claims.json; a long study resumes from it."),
]


class _Studies(TyperGroup):
    """Commands created from the studies on demand, so that no other command imports the studies."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Check the studies' libraries before the help, so that an error does not follow half a page of help."""
        from empnet.studies.extra import check_libraries

        check_libraries()
        super().format_help(ctx, formatter)

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the studies' names, and ``all``."""
        from empnet.studies import NAMES

        return [*NAMES, "all"]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of a study."""
        from empnet.studies import load

        single = typer.Typer(add_completion=False)
        if cmd_name == "all":
            single.command(name=cmd_name)(_all)
        else:
            chosen = load(cmd_name)
            single.command(name=cmd_name, short_help=chosen.title)(_command(chosen))
        return typer.main.get_command(single)


studies = typer.Typer(cls=_Studies, invoke_without_command=True, no_args_is_help=False)


@studies.callback()
def study(ctx: typer.Context) -> None:
    """Claims on neural networks, each decided by a computation: empnet study lists them, study NAME runs one."""
    if ctx.invoked_subcommand is None:
        from empnet.studies.table import print_studies

        print_studies()


def _command(chosen: Study[Any, Any]) -> Callable[..., None]:
    """Return a function whose parameters are the study's premises and the common options."""

    def command(*, quick: bool, out: Path | None, as_json: bool, force: bool, quiet: bool, **given: Any) -> None:
        _run([chosen], chosen.premises(**given), quick=quick, out=out, as_json=as_json, force=force, quiet=quiet)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(field.name, keyword, default=field.default, annotation=_option(field))
        for field in dataclasses.fields(chosen.premises)
    ]
    shared = {"quick": (Quick, False), "out": (Out, None), "as_json": (AsJson, False), "force": (Force, False)}
    for name, (annotation, default) in {**shared, "quiet": (Quiet, False)}.items():
        parameters.append(inspect.Parameter(name, keyword, default=default, annotation=annotation))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__ = f"{chosen.title}. {chosen.question}"
    return command


def _option(field: dataclasses.Field[Any]) -> Any:
    from empnet.studies.claim import option_of

    text = field.metadata["text"].replace("[", r"\[")
    if few := field.metadata["one_of"]:
        text = f"{text.rstrip('.')}: {', '.join(few)}."
    name = option_of(field.name)
    names = [f"{name}/--no-{name[2:]}"] if isinstance(field.default, bool) else [name]
    return Annotated[type(field.default), typer.Option(*names, help=text)]


def _all(
    out: Out = None, quick: Quick = False, as_json: AsJson = False, force: Force = False, quiet: Quiet = False
) -> None:
    """Run all studies and write one report: empnet study all --out DIR."""
    from empnet.studies import NAMES, load

    _run(list(map(load, NAMES)), None, quick=quick, out=out, as_json=as_json, force=force, quiet=quiet)


def _run(
    chosen: Sequence[Study[Any, Any]],
    premises: Any,
    *,
    quick: bool,
    out: Path | None,
    as_json: bool,
    force: bool,
    quiet: bool,
) -> None:
    from empnet.studies.claim import Effort
    from empnet.studies.report import REPORT, own_folder, write_studies

    effort = Effort(quick=quick, quiet=quiet or as_json, folder=out)
    outcomes: list[Outcome] = []
    with nullcontext() if out is None else own_folder(out, force):
        for each in chosen:
            outcomes.append(_one(each, premises, effort, silent=quiet or as_json))
            if out is not None:  # after each study, so that no result is lost
                write_studies(outcomes, out)
    if as_json:
        typer.echo(json.dumps([record for outcome in outcomes for record in outcome.to_json()], indent=1))
    elif out is not None and not quiet:
        typer.echo(f"report: {out / REPORT}")
    if not all(outcome.sound for outcome in outcomes):
        raise typer.Exit(FAILED)


def _one(chosen: Study[Any, Any], premises: Any, effort: Effort, *, silent: bool) -> Outcome:
    from empnet.studies.run import run
    from empnet.studies.table import print_outcome

    outcome = run(chosen, premises, effort)
    if not silent:
        print_outcome(outcome)
    return outcome
