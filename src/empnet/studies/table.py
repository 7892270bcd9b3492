"""Terminal tables: the list of studies, and the findings of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from empnet.studies import NAMES, load
from empnet.studies.claim import Number
from empnet.studies.run import Finding, Outcome

__all__ = ["number", "print_outcome", "print_studies", "remarks", "text"]

COLOURS = {"true": "green", "false": "red", "undecided": "yellow"}


def number(value: Number) -> str:
    """Format a number for people.

    Example:
        >>> number(83200), number(0.96153), number(True), number("one-hot")
        ('83,200', '0.9615', 'yes', 'one-hot')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else value


def text(evidence: Mapping[str, Number]) -> str:
    """Format evidence as one line.

    Example:
        >>> text({"non-zero entries": 3200, "share": 0.5})
        'non-zero entries: 3,200; share: 0.5'
    """
    return "; ".join(f"{name}: {number(value)}" for name, value in evidence.items())


def remarks(finding: Finding) -> Iterable[str]:
    """Yield warnings on a finding: disagreement with the textbook, and a counter-case that keeps the verdict."""
    if finding.agrees is False:
        reason = finding.claim.disagreement or "not explained"
        yield f"{finding.claim.id}: the textbook says {finding.textbook}, measured is {finding.verdict}: {reason}"
    if finding.flips is False and finding.counter is not None:
        yield f"{finding.claim.id}: the verdict stays {finding.verdict} even if {finding.counter.change}"


def print_studies() -> None:
    """Print all studies and their questions."""
    console = _console()
    table = Table(title="studies", show_lines=True)
    for header in ("name", "question", "claims", "premises"):
        table.add_column(header, no_wrap=header == "name", justify="right" if header == "claims" else "left")
    for name in NAMES:
        study = load(name)
        premises = ", ".join(f"{key}={value}" for key, value in vars(study.premises()).items())
        table.add_row(name, escape(f"{study.title}. {study.question}"), str(len(study.claims)), escape(premises))
    console.print(table)
    console.print("Run one: empnet study NAME. Its premises: empnet study NAME --help. All: empnet study all --out DIR")


def print_outcome(outcome: Outcome) -> None:
    """Print a row for each claim, then the warnings.

    Arguments:
        outcome: All findings of a study.
    """
    console = _console()
    premises = ", ".join(f"{key}={value}" for key, value in vars(outcome.premises).items())
    table = Table(title=escape(f"{outcome.study.title} ({premises})"), show_lines=True)
    for header in ("claim", "statement", "verdict", "evidence", "if instead"):
        table.add_column(header, no_wrap=header in ("claim", "verdict"))
    for finding in outcome.findings:
        colour = COLOURS[finding.verdict]
        counter = finding.counter
        otherwise = f"{counter.change}: {counter.verdict}" if counter else ""
        verdict = f"[{colour}]{finding.verdict}[/]"
        statement, evidence = escape(finding.claim.statement), escape(text(finding.evidence))
        table.add_row(finding.claim.id, statement, verdict, evidence, escape(otherwise))
    console.print(table)
    for finding in outcome.findings:
        for remark in remarks(finding):
            console.print(escape(remark))
    console.print(f"{outcome.study.name}: {len(outcome.findings)} claims in {outcome.seconds:.1f} s")


def _console() -> Console:
    return Console(highlight=False, width=None if Console().is_terminal else 160)
