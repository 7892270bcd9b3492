"""Signals that ask a process to end: Ctrl-C, a scheduler's SIGTERM, the SIGHUP of a closed terminal.

All lead to exit code 130. In training, the first signal ends the run after the current step, with a checkpoint. Before
training (reading data, compiling) and in all other work, it raises KeyboardInterrupt at once, so that unfinished files
are removed. A signal that is ignored at the start, as under nohup, stays ignored. Python drops exceptions in
destructors and in callbacks of weak references; a signal that arrives there is sent again.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType

from empnet.errors import chain

__all__ = ["SIGNALS", "Interrupt", "ended_by_signals", "signal_behind"]

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that end a process; Windows has no SIGHUP."""

AGAIN_SECONDS = 0.05
"""Delay before a dropped signal is sent again; the destructor has ended by then."""


class Interrupt:
    """Within the block, the first signal sets :attr:`asked`; a second Ctrl-C stops at once.

    Only a second Ctrl-C does so, because both the system and the shell send SIGHUP when a terminal closes.

    Arguments:
        insistent: Whether a second Ctrl-C stops at once; False under a launcher, which repeats signals that its
            processes have already received, and kills processes that do not end.

    Example:
        >>> with Interrupt() as interrupt:
        ...     interrupt.asked
        False
    """

    def __init__(self, insistent: bool = True) -> None:
        self.asked, self._insistent = False, insistent
        self._before: dict[int, object] = {}

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.asked and self._insistent and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True

    def __enter__(self) -> Interrupt:
        self._before = _install(self._handle)
        return self

    def __exit__(self, *exception: object) -> None:
        _restore(self._before)


def signal_behind(error: BaseException | None) -> KeyboardInterrupt | None:
    """Return the signal's exception behind an error; None if there is none.

    C code that calls Python, such as a library's callback, wraps it in SystemErrors; typer turns it into a silent exit.

    Arguments:
        error: The error.

    Example:
        >>> error = SystemError("a function returned a result with an exception set")
        >>> error.__cause__ = KeyboardInterrupt("SIGTERM")
        >>> signal_behind(error), signal_behind(SystemError())
        (KeyboardInterrupt('SIGTERM'), None)
    """
    return next((each for each in chain(error) if isinstance(each, KeyboardInterrupt)), None)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Within the block, each signal raises KeyboardInterrupt with the signal's name.

    Example:
        >>> try:
        ...     with ended_by_signals():
        ...         signal.raise_signal(signal.SIGTERM)
        ... except KeyboardInterrupt as stopped:
        ...     print(stopped)
        SIGTERM
    """
    before = _install(_end)
    try:
        with _sent_again() if before else nullcontext():
            yield
    except SystemError as error:
        if (stopped := signal_behind(error)) is None:
            raise
        raise stopped from None
    finally:
        _restore(before)


@contextmanager
def _sent_again() -> Iterator[None]:
    """Within the block, if Python drops a signal's exception, send the signal again instead of printing a traceback."""
    hook = sys.unraisablehook

    def send_again(dropped: sys.UnraisableHookArgs) -> None:
        of_signal = isinstance(dropped.exc_value, KeyboardInterrupt | SystemError)
        stopped = signal_behind(dropped.exc_value) if of_signal else None
        if stopped is None:
            hook(dropped)
            return
        number = signal.Signals.__members__.get(str(stopped), signal.SIGINT)
        again = threading.Timer(AGAIN_SECONDS, signal.raise_signal, [number])  # not here: it would be dropped again
        again.daemon = True
        again.start()

    sys.unraisablehook = send_again
    try:
        yield
    finally:
        sys.unraisablehook = hook


def _end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


def _install(handler: Callable[[int, FrameType | None], None]) -> dict[int, object]:
    """Set a handler for all signals that are not ignored; return the old handlers."""
    if threading.current_thread() is not threading.main_thread():  # Python allows handlers only in the main thread
        return {}
    wanted = [number for number in SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    return {number: signal.signal(number, handler) for number in wanted}


def _restore(handlers: dict[int, object]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)  # type: ignore[arg-type]
