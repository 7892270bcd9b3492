"""Messages while Numba compiles loops: the current one, their number, and the total time."""

from __future__ import annotations

import atexit
import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

from empnet.runtime.progress import busy, print_line

__all__ = ["compiling"]

PACKAGE = __name__.split(".")[0]

BEGUN = "compiling loops for this machine, up to a minute or two; later runs reuse them"

Say = Callable[[str], None]

_events: Any = None  # None if Numba cannot be imported; then nothing is compiled
with suppress(Exception):
    _events = importlib.import_module("numba.core.event")
_Listener: Any = _events.Listener if _events else object


@dataclass(slots=True)
class _Teller(_Listener):  # type: ignore[misc]
    """Listener of Numba's compilations; loops read from the disk do not count.

    Numba compiles one loop at a time, in all threads together. Other loops that a loop needs count as part of it.
    """

    voices: list[tuple[Say, bool]] = field(default_factory=list)
    loops: int = 0
    seconds: float = 0.0
    depth: int = 0
    began: float = 0.0
    shown: AbstractContextManager[None] = field(default_factory=nullcontext)

    def on_start(self, event: Any) -> None:
        """Note the start of a loop's compilation."""
        name, ours = _name(event)
        if self.depth == 0 and not ours:  # another library's loop
            return
        self.depth += 1
        if self.depth > 1:
            return
        if self.loops == 0:
            self.say(BEGUN)
        self.loops += 1
        self.began = time.perf_counter()
        self.shown = busy(f"compiling loop {self.loops}: {name}", quiet=self.quiet)
        self.shown.__enter__()

    def on_end(self, event: Any) -> None:
        """Note the end of a loop's compilation, failed or not."""
        if self.depth == 0:
            return
        self.depth -= 1
        if self.depth == 0:
            self.seconds += time.perf_counter() - self.began
            self.shown.__exit__(None, None, None)

    @property
    def quiet(self) -> bool:
        return bool(self.voices) and all(quiet for _, quiet in self.voices)

    def say(self, line: str) -> None:
        """Print a line through all listeners; on standard error if there is none."""
        for say, _ in self.voices or [(print_line, False)]:
            say(line)

    def sum_up(self) -> None:
        """Report the number of loops compiled since the last report, if any."""
        if self.loops and not self.depth:
            loops, seconds = self.loops, self.seconds
            self.loops, self.seconds = 0, 0.0
            self.say(f"compiled {loops} loop{'s' * (loops > 1)} in {seconds:.0f} s; they are kept for later runs")


def _name(event: Any) -> tuple[str, bool]:
    """Return a loop's name, and whether it is one of this package."""
    function = event.data["dispatcher"].py_func
    return function.__name__, function.__module__.split(".")[0] == PACKAGE


_TELLER = _Teller()
if _events:
    _events.register("numba:compile", _TELLER)
atexit.register(_TELLER.sum_up)  # reports loops that were compiled outside all blocks


@contextmanager
def compiling(say: Say | None = None, *, quiet: bool = False) -> Iterator[None]:
    """Report compilations within a block, and their number and time at its end.

    Nothing is printed if all loops are read from the disk, or are in memory already.

    Arguments:
        say: Function that prints a line, in addition to the functions of enclosing blocks; None: only the latter, or
            standard error if there are none.
        quiet: Whether ``say`` prints nothing, so that a terminal shows no progress either.

    Example:
        >>> with compiling(print):
        ...     pass  # nothing was compiled
    """
    voice = [] if say is None else [(say, quiet)]
    if not _TELLER.voices:
        _TELLER.sum_up()  # report earlier loops first, so that this block reports only its own
    _TELLER.voices += voice
    try:
        yield
    finally:
        _TELLER.sum_up()
        for each in voice:
            _TELLER.voices.remove(each)
