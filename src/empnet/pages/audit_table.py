"""Print an audit to the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from empnet.audit.record import Audit, AuditLine, in_words
from empnet.pages.tables import print_verdict

__all__ = ["print_audit"]

COLOURS = {"pass": "green", "fail": "bold red", "skip": "yellow"}


def print_audit(audit: Audit) -> None:
    """Print one row for each test, then remarks on failed and skipped tests, and the verdict.

    Arguments:
        audit: The audit.
    """
    console = Console(highlight=False, width=None if Console().is_terminal else 120)
    table = Table(title=escape(f"audit of {audit.run}" if audit.run else "audit"))
    for header in ("test", "what was done", "deviation", "at most", "verdict"):
        table.add_column(header, no_wrap=header in ("test", "verdict"), ratio=2 if header == "what was done" else None)
    for line in audit.lines:
        colour = COLOURS[line.verdict]
        numbers = (escape(in_words(value, line.unit)) for value in (line.deviation, line.threshold))
        table.add_row(line.name, escape(line.done), *numbers, f"[{colour}]{line.verdict}[/]")
    console.print(table)
    for line in audit.lines:
        text = _text(line)
        if text:
            console.print(escape(text))
    console.print(escape(_summary(audit)))
    print_verdict(audit.words)


def _text(line: AuditLine) -> str:
    """Return the text below the table for one test: the reason for a skip, the place of a failure, remarks."""
    if line.verdict == "skip":
        return f"{line.name}: skipped, {line.remark}"
    parts = [line.remark] if line.remark else []
    if line.verdict == "fail":
        parts += [f"worst: {line.where}"] if line.where else []
        if line.exact is not None:
            limits = in_words(line.exact, line.unit), in_words(line.exact_threshold, line.unit)
            parts.append("with the network in float64 {}, at most {}".format(*limits))
    return f"{line.name}: {'; '.join(parts)}" if parts else ""


def _summary(audit: Audit) -> str:
    counts = {verdict: sum(line.verdict == verdict for line in audit.lines) for verdict in COLOURS}
    counted = ", ".join(f"{n} {word}" for n, word in zip(counts.values(), ("passed", "failed", "skipped"), strict=True))
    return f"{counted}; {audit.data}: {audit.systems} systems, {audit.sample} of them for the symmetries"
