"""The commands that list and clear the cache: parse and call."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Sequence
from typing import Annotated

import typer

from empnet.cli.options import AsJson, Quiet, option
from empnet.runtime.cache_entries import KINDS, CacheEntry

__all__ = ["cache"]

cache = typer.Typer(invoke_without_command=True, help="Files kept to save time: data sets, pictures.")

# Seconds of each unit of time.
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@cache.callback()
def show(context: typer.Context) -> None:
    """List or clear the cache."""
    if context.invoked_subcommand is None:
        list_entries()


@cache.command("list")
def list_entries(as_json: AsJson = False) -> None:
    """List the entries of the cache with size and last use: empnet cache list."""
    from empnet.runtime.cache_entries import cache_entries, size_limit
    from empnet.runtime.cache_folder import cache_folder

    entries, limit = cache_entries(), size_limit()
    if as_json:
        rows = [
            {"kind": e.kind, "path": str(e.path), "source": e.source, "bytes": e.size, "used": _date(e.used)}
            for e in entries
        ]
        typer.echo(json.dumps(rows, indent=1))
        return
    for kind, source, size, used, name in _rows(entries):
        typer.echo(f"{kind:10}  {_size(size):>9}  {_date(used)}  {name:12}  {source}")
    bound = "no limit" if limit == float("inf") else f"limit {_size(int(limit))}"
    total = sum(entry.size for entry in entries)
    typer.echo(f"{cache_folder()}: {_size(total)} in {len(entries)} entries ({bound}, EMPNET_CACHE_LIMIT)")


def _rows(entries: Sequence[CacheEntry]) -> list[tuple[str, str, int, float, str]]:
    """Return kind, source, size, last use and name of each entry; compiled loops share one row."""
    loops = [entry for entry in entries if entry.kind == "loops"]
    rows = [(e.kind, e.source, e.size, e.used, e.path.name[:12]) for e in entries if e.kind != "loops"]
    if loops:
        text = f"compiled loops of earlier versions, {len(loops)} folders"
        rows.append(("loops", text, sum(e.size for e in loops), max(e.used for e in loops), "kernels"))
    return rows


@cache.command("clear")
def clear(
    kind: Annotated[list[str] | None, option("--kind", help=f"{', '.join(KINDS)}; may be repeated [all].")] = None,
    older_than: Annotated[
        str | None, option("--older-than", help="Only entries unused for this long: 12h, 30d, 4w.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Do not ask.")] = False,
    quiet: Quiet = False,
) -> None:
    """Remove entries that no process uses; they are created again when needed: empnet cache clear."""
    from empnet.errors import EmpnetError
    from empnet.runtime.cache_entries import cache_entries, remove_entries

    kinds, before = tuple(kind or KINDS), time.time() - _seconds(older_than)
    for each in kinds:
        if each not in KINDS:
            raise typer.BadParameter(f"'{each}' is not one of {', '.join(KINDS)}", param_hint="--kind")

    def wanted(entry: CacheEntry) -> bool:
        return entry.kind in kinds and entry.used <= before

    found = [entry for entry in cache_entries() if wanted(entry)]
    size = _size(sum(entry.size for entry in found))
    if found and not force:
        if sys.stdin is None or not sys.stdin.isatty():
            raise EmpnetError(f"{len(found)} entries ({size}) would be removed", remedy="use --force to remove them")
        if not typer.confirm(f"Remove {len(found)} entries ({size})?"):
            typer.echo("nothing was removed")
            return
    removed, kept = remove_entries(wanted)
    if not quiet:
        typer.echo(f"removed {len(removed)} entries ({_size(sum(entry.size for entry in removed))})")
        for entry in kept:
            typer.echo(f"kept {entry.path}: a process uses it or used it recently", err=True)


def _seconds(text: str | None) -> float:
    if text is None:
        return 0.0
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text.strip())
    if match is None:
        raise typer.BadParameter(f"'{text}' is not a time such as 12h, 30d or 4w", param_hint="--older-than")
    return float(match[1]) * SECONDS[match[2]]


def _size(count: int) -> str:
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
