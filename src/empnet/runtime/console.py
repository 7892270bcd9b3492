"""Text for a person on a stream that may go away: a closed terminal or a closed pipe ends no work."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from rich.console import Console

__all__ = ["Lasting", "lasting_console"]


class Lasting:
    """Standard output or standard error; once writing to it fails, everything else that is written is dropped.

    Arguments:
        error: Standard error; else standard output.
        stream: This stream in place of the one that :mod:`sys` has at the moment of writing.

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
        return getattr(stream, "rich_proxied_file", stream)  # while a live line is shown, rich stands before the stream

    @property
    def lost(self) -> bool:
        """True if nobody reads the stream any more."""
        return self._lost_stream is self._stream

    def write(self, text: str) -> int:
        """Write a text, unless nobody reads it.

        Arguments:
            text: What is written.
        """
        self._attempt("write", text)
        return len(text)

    def flush(self) -> None:
        """Pass on what was written."""
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
        if name == "rich_proxied_file":  # rich would write past this
            raise AttributeError(name)
        return getattr(self._stream, name)


def lasting_console(*, error: bool = False, **options: Any) -> Console:
    """A console that goes on in silence when its stream is gone.

    Arguments:
        error: On standard error; else on standard output.
        **options: Of :class:`rich.console.Console`.
    """
    return Console(file=Lasting(error), **options)  # type: ignore[arg-type]
