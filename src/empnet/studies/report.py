"""The report of studies: one page with all claims, their evidence and figures; and claims.json."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from html import escape
from pathlib import Path

from empnet.errors import EmpnetError
from empnet.pages.page import Section, figure, page, paragraph, table
from empnet.pages.svg import new_figure, svg
from empnet.runtime.durable_files import refuse_standard_output, refuse_to_replace, write_text
from empnet.studies.claim import Number, option_of
from empnet.studies.run import Finding, Outcome, machine
from empnet.studies.table import number, remarks
from empnet.training.run.reservation import alone_in
from empnet.training.run.run_marks import LOCK, is_run

__all__ = ["CLAIMS", "REPORT", "own_folder", "write_studies"]

REPORT, CLAIMS = "report.html", "claims.json"
KEPT = ("regularisation.json",)
"""Finished measurements that a long study keeps in the folder, to continue from them."""

OTHERS = (LOCK, ".DS_Store")
"""Files without content of the user."""

KINDS = {"true": "good", "false": "bad", "undecided": "warn"}
LEAD = (
    "A rule that was written down before measuring decides each claim, from numbers that were measured for this page, "
    "or kept from an earlier run of a long study. For a statement about all networks, or all functions, true means: "
    "supported by this evidence; the reason names the theorem. The counter-case changes one premise, and the verdict "
    "must flip."
)


@contextmanager
def own_folder(folder: Path, force: bool = False) -> Iterator[None]:
    """Make the folder of the report before the work, and keep other processes out of it while the block lasts.

    Arguments:
        folder: Path of the folder. A new folder is removed again if nothing was written to it.
        force: Replace an existing report of studies.

    Raises:
        EmpnetError: If it cannot be made or written to, holds files of other programs, or is in use.

    Example:
        >>> import tempfile
        >>> wanted = Path(tempfile.mkdtemp()) / "studies"
        >>> with own_folder(wanted):
        ...     wanted.is_dir()
        True
        >>> wanted.exists()
        False
    """
    refuse_standard_output(folder, "a folder")
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        found = "is a file; wanted a folder" if folder.is_file() else f"cannot be made ({error.strerror})"
        raise EmpnetError(found, where=folder, remedy="choose another --out") from None
    try:
        _refuse_foreign(folder)
        for name in (REPORT, CLAIMS):
            refuse_to_replace(folder / name, force)
        with alone_in(folder):
            yield
    finally:
        with suppress(OSError):  # not empty: something was written
            for each in missing:
                each.rmdir()


def _refuse_foreign(folder: Path) -> None:
    """Raise if a folder holds files but none of a study. A run has a report.html, too, so that name does not count."""
    names = {path.name for path in folder.iterdir()} - set(OTHERS)
    if names and (is_run(folder) or not names & {CLAIMS, *KEPT}):
        raise EmpnetError("holds files that no study wrote", where=folder, remedy="choose another --out")


def write_studies(outcomes: Sequence[Outcome], folder: str | Path) -> Path:
    """Write ``report.html`` and ``claims.json``, each atomically.

    Arguments:
        outcomes: The finished studies.
        folder: Folder of both files; made if it does not exist.

    Returns:
        Path of the page.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    claims = [record for outcome in outcomes for record in outcome.to_json()]
    write_text(folder / CLAIMS, json.dumps(claims, indent=1) + "\n")
    write_text(folder / REPORT, _page(outcomes))
    return folder / REPORT


def _page(outcomes: Sequence[Outcome]) -> str:
    findings = [finding for outcome in outcomes for finding in outcome.findings]
    counts = {verdict: sum(finding.verdict == verdict for finding in findings) for verdict in KINDS}
    summary = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    minutes = sum(outcome.seconds for outcome in outcomes) / 60
    quick = "; quick: small networks and few seeds" if any(outcome.effort.quick for outcome in outcomes) else ""
    date = max(outcome.date for outcome in outcomes).strftime("%Y-%m-%d")
    lead = paragraph(LEAD) + paragraph(f"{len(findings)} claims: {summary}.")
    lead += paragraph(f"Measured on {date} in {minutes:.1f} minutes; {machine()}{quick}.", kind="faint")
    aloud = "".join(paragraph(remark, kind="warn") for finding in findings for remark in remarks(finding))
    overview = Section("All claims", aloud + _overview(outcomes))
    return page("Studies", lead, [overview, *map(_section, outcomes)])


def _overview(outcomes: Sequence[Outcome]) -> str:
    rows = [
        (finding.claim.id, finding.claim.statement, finding.verdict, finding.counter.verdict if finding.counter else "")
        for outcome in outcomes
        for finding in outcome.findings
    ]
    return table(("claim", "statement", "verdict", "counter-case"), rows, marks=KINDS)


def _section(outcome: Outcome) -> Section:
    premises = ", ".join(f"{option_of(name)} {value}" for name, value in vars(outcome.premises).items())
    command = f"empnet study {outcome.study.name}{f' {premises}'.replace(',', '') if outcome.changed else ''}"
    about = paragraph(outcome.study.question) + paragraph(
        f"Premises: {premises or 'none'}. Measured in {outcome.seconds:.1f} s. To repeat: {command}",
        kind="faint",
    )
    return Section(outcome.study.title, about + "\n".join(_claim(outcome, finding) for finding in outcome.findings))


def _claim(outcome: Outcome, finding: Finding) -> str:
    claim, counter = finding.claim, finding.counter
    head = f"<h3>{escape(claim.id)} {escape(claim.statement)}</h3>"
    verdict = f'<p><span class="{KINDS[finding.verdict]}">{finding.verdict}</span> {escape(claim.why)}</p>'
    rule = paragraph(f"Rule: {claim.rule}", kind="faint")
    columns = ["measured", "", f"if {counter.change}"] if counter else ["measured", ""]
    rows = [
        [
            name,
            number(value),
            *([number(counter.evidence[name]) if name in counter.evidence else ""] if counter else []),
        ]
        for name, value in finding.evidence.items()
    ]
    if counter:
        rows.append(["verdict", finding.verdict, counter.verdict])
    aloud = "".join(paragraph(remark, kind="warn") for remark in remarks(finding))
    return "\n".join([head, verdict, aloud, table(columns, rows, marks=KINDS), rule, *_figures(outcome, finding)])


def _cell(value: Number) -> str:
    """Format a number with a minus sign in place of a hyphen, at which lines may break."""
    return number(value).replace("-", "\N{MINUS SIGN}") if isinstance(value, float) else number(value)


def _figures(outcome: Outcome, finding: Finding) -> Iterable[str]:
    if finding.claim.draw is not None:
        with new_figure() as drawing:
            caption = finding.claim.draw(drawing, outcome.measured)
            yield figure(svg(drawing, caption), caption)
