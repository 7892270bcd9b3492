"""A progress bar for long work: on a terminal only, silent elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

__all__ = ["track"]

Item = TypeVar("Item")


def track(items: Iterable[Item], description: str, *, total: int | None = None, quiet: bool = False) -> Iterator[Item]:
    """Pass items on and show how many have gone by, on standard error if that is a terminal.

    Arguments:
        items: What is worked through, lazily.
        description: What is being done, such as ``"reading qm7"``.
        total: How many items there will be, if known.
        quiet: Show nothing.

    Example:
        >>> list(track([1, 2], "counting"))
        [1, 2]
    """
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield from items
        return
    text = TextColumn("{task.description}", markup=False)  # file names may hold brackets
    columns = (text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(description, total=total)
        for item in items:
            yield item
            progress.advance(task)
