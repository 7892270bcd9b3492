"""Output to a stream that can close: a closed terminal or pipe does not stop the work."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from rich.console import Console

__all__ = ["Lasting", "lasting_console"]


class Lasting:
    """Standard output or standard error; after a failed write, all further text is dropped.

    Arguments:
        error: Whether it is standard error; else standard output.
        stream: A stream to use instead of the stream of :mod:`sys`.

    Example:
        >>> class Closed:
        ...     def write(self, text):
        ...         raise BrokenPipeError
        >>> stream = Lasting(stream=Closed())
        >>> stream.write("a line")
        6
        >>> stream.lost
        True
    """

    def __init__(self, error: bool = False, stream: Any = None) -> None:
        self._error, self._given = error, stream
        self._lost_stream: object = None

    @property
    def _stream(self) -> TextIO:
        stream = self._given or (sys.stderr if self._error else sys.stdout)
        return getattr(stream, "rich_proxied_file", stream)  # rich wraps the stream while it shows a live line

    @property
    def lost(self) -> bool:
        """True if the stream is closed."""
        return self._lost_stream is self._stream

    def write(self, text: str) -> int:
        """Write a text, unless the stream is closed.

        Arguments:
            text: The text.
        """
        self._attempt("write", text)
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._attempt("flush")

    def _attempt(self, name: str, *arguments: str) -> None:
        stream = self._stream
        if self._lost_stream is stream:
            return
        try:
            getattr(stream, name)(*arguments)
        except OSError:
            self._lost_stream = stream
        except ValueError:  # the stream is closed
            if not stream.closed:
                raise
            self._lost_stream = stream

    def __getattr__(self, name: str) -> Any:
        if name == "rich_proxied_file":  # otherwise rich would bypass this class
            raise AttributeError(name)
        return getattr(self._stream, name)


def lasting_console(*, error: bool = False, **options: Any) -> Console:
    """Return a console that continues silently after its stream is closed.

    Arguments:
        error: Whether to use standard error; else standard output.
        **options: Options of :class:`rich.console.Console`.
    """
    return Console(file=Lasting(error), **options)  # type: ignore[arg-type]
