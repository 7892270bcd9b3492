"""Show the progress of long work: a bar, only on a terminal, and lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from empnet.runtime.console import lasting_console

__all__ = ["busy", "print_line", "track"]

Item = TypeVar("Item")

_CONSOLE = lasting_console(error=True)
_SHOWN: list[Progress] = []


def track(items: Iterable[Item], description: str, *, total: int | None = None, quiet: bool = False) -> Iterator[Item]:
    """Yield items and show their number, on standard error if that is a terminal.

    Arguments:
        items: Any iterable.
        description: Description of the work, such as ``"reading qm7"``.
        total: Number of items, if known.
        quiet: Whether to show nothing.

    Example:
        >>> list(track([1, 2], "counting"))
        [1, 2]
    """
    if quiet or not _CONSOLE.is_terminal:
        yield from items
        return
    with _progress() as progress:
        task = progress.add_task(description, total=total)
        try:
            for item in items:
                yield item
                progress.advance(task)
        finally:
            progress.remove_task(task)


def print_line(text: str, *, quiet: bool = False) -> None:
    """Print a line about long work on standard error.

    Arguments:
        text: The line.
        quiet: Whether to print nothing.
    """
    if not quiet:
        _CONSOLE.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def busy(description: str, *, quiet: bool = False) -> Iterator[None]:
    """Show that work is running and for how long, on standard error if that is a terminal.

    Arguments:
        description: Description of the work, such as ``"compiling"``.
        quiet: Whether to show nothing.

    Example:
        >>> with busy("counting"):
        ...     pass
    """
    if quiet or not _CONSOLE.is_terminal:
        yield
        return
    with _progress() as progress:
        task = progress.add_task(description, total=None)
        try:
            yield
        finally:
            progress.remove_task(task)


@contextmanager
def _progress() -> Iterator[Progress]:
    """Yield the display on the terminal; nested work adds its bar to the same display."""
    if _SHOWN:
        yield _SHOWN[-1]
        return
    text = TextColumn("{task.description}", markup=False)  # file names may contain brackets
    columns = (text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_CONSOLE, transient=True) as progress:
        _SHOWN.append(progress)
        try:
            yield progress
        finally:
            _SHOWN.remove(progress)
