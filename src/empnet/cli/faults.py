"""Errors and warnings of the command line, each in one line."""

from __future__ import annotations

import errno
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import typer
from typer.core import TyperGroup

from empnet.cli.options import INTERRUPTED, MISTAKE

__all__ = ["Commands", "accessory", "lead_nowhere", "one_line", "plain_streams", "plain_warnings"]

USAGE: Any = typer.BadParameter.__base__
"""Exceptions of typer for wrong arguments; they have no public name."""

NOBODY_READS = 128 + 13
"""Exit code for a closed output (``empnet ... | head -1``): the shell's code for SIGPIPE."""


@contextmanager
def one_line() -> Iterator[None]:
    """End a command with one line on standard error and exit code 2 after an error of the user or the system.

    An error of empnet itself shows its traceback.
    """
    try:
        try:
            yield
        except SystemExit as ended:
            if isinstance(ended.__context__, BrokenPipeError):  # typer and rich exit with 1, our FAILED
                sys.exit(NOBODY_READS)
            raise
        finally:
            _flush()
    except KeyboardInterrupt:
        _say("stopped")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        _abandon(sys.stdout)
        sys.exit(NOBODY_READS)
    except Exception as error:
        line = _line(error)
        if line is None:
            raise
        _say(f"empnet: {line}")
        _abandon(sys.stdout)
        sys.exit(MISTAKE)


class Commands(TyperGroup):
    """Commands that report wrong arguments in one line, like all errors of the user; typer would draw a box."""

    def make_context(self, *arguments: Any, **more: Any) -> Any:
        """Parse the options before the command."""
        with _one_line_of_usage():
            return super().make_context(*arguments, **more)

    def invoke(self, ctx: Any) -> Any:
        """Parse the command's arguments, and run it."""
        with _one_line_of_usage():
            return super().invoke(ctx)


@contextmanager
def _one_line_of_usage() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if not isinstance(error, USAGE) or type(error).__name__ == "NoArgsIsHelpError":  # the latter shows the help
            raise
        from empnet.errors import EmpnetError

        words, context = [""], getattr(error, "ctx", None)
        while context is not None and context.parent is not None:
            words.insert(0, f"{context.info_name} ")
            context = context.parent
        message = " ".join(error.format_message().split()).rstrip(".")
        if type(error).__name__ == "NoSuchOption":  # we also know other packages' names
            message = f"no such option: {error.option_name}"  # type: ignore[attr-defined]
            message += f"; did you mean {other}?" if (other := _likely_option(error)) else ""
        raise EmpnetError(f"{message[:1].lower()}{message[1:]}", remedy=f"see empnet {''.join(words)}--help") from error


def _likely_option(error: Exception) -> str:
    """Suggest the option for an unknown one, also by other packages' names; empty if there is none."""
    from empnet.training.run.aliases import suggestion

    context, unknown = getattr(error, "ctx", None), getattr(error, "option_name", "")
    if context is None:
        return ""
    options = {name: name for parameter in context.command.params for name in parameter.opts}
    known = {name.strip("-").replace("-", "_"): name for name in options} | {"fine_tune": "--from"}
    found = suggestion(str(unknown), known)
    return next((option for setting, option in known.items() if f"'{setting}'" in found and option in options), "")


@contextmanager
def accessory(what: str, path: object, option: str) -> Iterator[None]:
    """Report a failed picture or page in one line, after the numbers have been printed.

    Arguments:
        what: Name of the picture or page, such as ``"parity plot"``.
        path: Its path.
        option: The option for another path.

    Raises:
        EmpnetError: If the picture or page cannot be created.
    """
    from empnet.errors import EmpnetError, FileError

    try:
        yield
    except FileError as error:
        raise error.advised(f"choose another place with {option}") from error
    except EmpnetError:
        raise
    # Drawing libraries raise many kinds of exceptions, and the numbers, the main result, are printed already.
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise EmpnetError(f"the {what} cannot be created ({type(error).__name__}: {reason})", where=path) from error


def _line(error: Exception) -> str | None:
    """Return the error in one line; None for an error of empnet itself."""
    from empnet.errors import EmpnetError
    from empnet.runtime.faults import system_fault

    if isinstance(error, EmpnetError):
        return str(error)
    if isinstance(error, RecursionError):
        return "the input is nested too deeply (RecursionError)"
    if (fault := system_fault(error)) is not None:
        return _fault_line(fault)
    if isinstance(error, MemoryError) or _lacks_memory(error):
        why = " ".join(str(error).split())[:200]
        return f"there is not enough memory{f' ({why})' if why else ''}; use less, for example with a smaller --batch"
    if isinstance(error, UnicodeError):
        return f"a text cannot be written in this encoding ({error}); set PYTHONUTF8=1"
    return None


def _fault_line(fault: OSError) -> str:
    from empnet.errors import EmpnetError, FileError

    if isinstance(fault, EmpnetError):
        return str(fault)
    if fault.filename is None and _is_of_printing(fault):
        return str(FileError("standard output", fault))
    if fault.filename is None:
        return str(EmpnetError(fault.strerror or str(fault) or type(fault).__name__))
    where = os.fsdecode(fault.filename) if isinstance(fault.filename, str | bytes) else fault.filename
    return str(EmpnetError(fault.strerror or str(fault), where=where))


def _is_of_printing(fault: OSError) -> bool:
    """Return whether printing raised the error: such errors name no file."""
    place = fault.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    module = "" if place is None else str(place.tb_frame.f_globals.get("__name__"))
    return module.split(".")[0] in ("click", "rich", "typer") or module in (__name__, "empnet.cli.signals")


def _lacks_memory(error: Exception) -> bool:
    """Return whether PyTorch was out of memory, on the CPU or on a GPU."""
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in ("can't allocate memory", "not enough memory", "out of memory")
    )


def _say(line: str) -> None:
    with suppress(OSError, ValueError):  # if standard error fails, too, only the exit code reports the error
        typer.echo(line, err=True)


def _flush() -> None:
    """Flush standard output; at the interpreter's end it would be too late to report a failure."""
    if sys.stdout is not None and not sys.stdout.closed:
        sys.stdout.flush()


def _is_sound(stream: TextIO) -> bool:
    try:
        stream.flush()
    except (OSError, ValueError):
        return False
    return True


def _abandon(stream: TextIO) -> None:
    """Drop a stream that failed, so that the interpreter does not report it again at its end."""
    if stream is not None and not _is_sound(stream):
        lead_nowhere(stream)


def lead_nowhere(stream: TextIO) -> None:
    """Replace the file behind a stream by the null device, for the text in its buffer.

    Arguments:
        stream: A stream that failed; a stream without a file is unchanged.
    """
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def plain_streams() -> None:
    """Ensure that the standard streams exist and accept every text.

    A closed stream (``>&-``) becomes the null device; otherwise the next opened file would take its number, and a
    library's output would go into that file. Characters missing in the terminal's encoding are escaped.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError as error:
            if error.errno == errno.EBADF:
                os.open(os.devnull, os.O_RDWR)  # the lowest free number
    sys.stdout = sys.stdout or Path(os.devnull).open("w")
    sys.stderr = sys.stderr or Path(os.devnull).open("w")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Show each warning once, as a line ``warning: ...`` on standard error, and the libraries' logs in the same form.

    ``-W`` and ``PYTHONWARNINGS`` select warnings as usual.
    """
    seen: set[str] = set()

    def print_line(text: str) -> None:
        line = " ".join(text.split())
        if line not in seen:
            seen.add(line)
            _say(f"warning: {line}")

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        print_line(str(message))

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            print_line(record.getMessage())

    last: Any = logging.lastResort
    with warnings.catch_warnings():
        warnings.showwarning = show
        logging.lastResort = Handler(logging.WARNING)  # type: ignore[assignment]
        try:
            yield
        finally:
            logging.lastResort = last
