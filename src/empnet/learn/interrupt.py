"""Ctrl-C and a scheduler's SIGTERM end a run after the step that is under way."""

from __future__ import annotations

import signal
import threading
from types import FrameType

__all__ = ["Interrupt"]


class Interrupt:
    """While entered, the first signal sets :attr:`asked`; the second one breaks off at once.

    Arguments:
        insistent: Whether a second signal does so. A launcher passes on what its processes have got already, and kills
            those that do not end: under one, it does not.

    Example:
        >>> with Interrupt() as interrupt:
        ...     interrupt.asked
        False
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self, insistent: bool = True) -> None:
        self.asked, self._insistent = False, insistent
        self._before: dict[int, object] = {}

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.asked and self._insistent:
            raise KeyboardInterrupt
        self.asked = True

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():  # elsewhere Python allows no handlers
            self._before = {number: signal.signal(number, self._handle) for number in self.SIGNALS}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
