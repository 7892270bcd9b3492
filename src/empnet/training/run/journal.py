"""Journal of a run: its messages, printed and kept in log.txt."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from empnet.runtime.console import lasting_console

__all__ = ["Journal"]


class Journal:
    """Journal that prints lines and keeps them, and shows a live line on a terminal.

    Training goes on if lines cannot be printed or kept: a closed terminal or pipe is ignored, and lines that a full
    disk refuses are kept in memory and written with a later one.

    Arguments:
        quiet: Print nothing (the log is still kept).
        mute: Neither print nor keep anything: only one of several processes reports.
        logged: A log keeps the lines; if False, a line that cannot be printed would be lost and raises an error.

    Example:
        >>> journal = Journal()
        >>> journal.say("3 systems")
        3 systems
    """

    def __init__(self, quiet: bool = False, mute: bool = False, logged: bool = True) -> None:
        self.quiet, self._mute = quiet or mute, mute
        console = lasting_console if logged else Console
        self._console = console(highlight=False, markup=False, soft_wrap=True)
        self._file: Path | None = None
        self._text = ""
        self._kept: list[str] = []
        terminal = lasting_console(error=True)
        what, message = (TextColumn(text, markup=False) for text in ("{task.description}", "{task.fields[text]}"))
        columns = (what, BarColumn(bar_width=20), message)
        self._live = Progress(*columns, TimeRemainingColumn(), console=terminal, transient=True)
        self._live.disable = self.quiet or not terminal.is_terminal
        self._task = self._live.add_task("training", total=None, text="")

    def write_to(self, file: Path) -> None:
        """Keep all lines in this file, earlier ones included.

        Arguments:
            file: Path of the log, appended to.
        """
        self._file = file
        self._write_kept()

    def _write(self, line: str) -> None:
        if not self._mute:
            self._kept.append(line)
            self._write_kept()

    def _write_kept(self) -> None:
        if self._file is None or not self._kept:
            return
        with suppress(OSError), self._file.open("a", encoding="utf-8") as file:
            file.write("".join(line + "\n" for line in self._kept))
            file.flush()
            self._kept.clear()

    def say(self, line: str) -> None:
        """Print and keep a line."""
        self.note(line)
        if not self.quiet:
            self._console.print(line)

    def warn(self, line: str) -> None:
        """Print a warning to standard error, and keep it.

        Arguments:
            line: The warning, in a line.
        """
        self.note(f"warning: {line}")
        if not self.quiet:
            lasting_console(error=True, highlight=False, markup=False, soft_wrap=True).print(f"warning: {line}")

    def note(self, line: str) -> None:
        """Keep a line without printing it."""
        self._write(line)

    @contextmanager
    def keeping_warnings(self) -> Iterator[None]:
        """Keep each Python warning once, in addition to its usual handling."""
        before, kept = warnings.showwarning, set[str]()

        def show(message: Warning | str, *where: Any, **more: Any) -> None:
            before(message, *where, **more)
            line = " ".join(str(message).split())
            if line not in kept:
                kept.add(line)
                self.note(f"warning: {line}")

        warnings.showwarning = show
        try:
            yield
        finally:
            warnings.showwarning = before

    def __enter__(self) -> Journal:
        self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def show(self, *, done: int, total: int | None, epoch: int, text: str | None = None) -> None:
        """Update the live line.

        Arguments:
            done: Steps done.
            total: Total number of steps, if known.
            epoch: Current epoch, counted from 1.
            text: Losses and errors; unchanged if None.
        """
        self._text = self._text if text is None else text
        self._live.update(self._task, completed=done, total=total, description=f"epoch {epoch}", text=self._text)
