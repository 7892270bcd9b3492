"""The studies' report: one page with all claims, their evidence and figures, and claims.json beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from empnet.apply.page import Section, figure, page, paragraph, table
from empnet.apply.svg import new_figure, svg
from empnet.data.files import write_text
from empnet.studies.claim import Number, option_of
from empnet.studies.run import Finding, Outcome, machine
from empnet.studies.table import number, remarks

__all__ = ["CLAIMS", "REPORT", "write_studies"]

REPORT, CLAIMS = "report.html", "claims.json"
KINDS = {"true": "good", "false": "bad", "undecided": "warn"}
LEAD = (
    "Each claim is decided by a rule that was written down before anything was measured, from numbers that were "
    "measured for this page, or kept from before by a study that takes long. Of a statement about all networks, or all "
    "functions, true means: supported by this evidence; the reason names the theorem. The counter-case changes one "
    "premise, and the verdict must flip."
)


def write_studies(outcomes: Sequence[Outcome], folder: str | Path) -> Path:
    """Write ``report.html`` and ``claims.json``, each at once or not at all.

    Arguments:
        outcomes: The studies that were run.
        folder: Where; made if it is not there.

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
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    minutes = sum(outcome.seconds for outcome in outcomes) / 60
    quick = "; quick: small networks and few seeds" if any(outcome.effort.quick for outcome in outcomes) else ""
    date = max(outcome.date for outcome in outcomes).strftime("%Y-%m-%d")
    lead = paragraph(LEAD) + paragraph(f"{len(findings)} claims: {told}.")
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
        f"Premises: {premises or 'none'}. Measured in {outcome.seconds:.1f} s. To measure again: {command}",
        kind="faint",
    )
    return Section(outcome.study.title, about + "\n".join(_claim(outcome, finding) for finding in outcome.findings))


def _claim(outcome: Outcome, finding: Finding) -> str:
    claim, counter = finding.claim, finding.counter
    head = f"<h3>{escape(claim.id)} {escape(claim.statement)}</h3>"
    verdict = f'<p><span class="{KINDS[finding.verdict]}">{finding.verdict}</span> {escape(claim.why)}</p>'
    rule = paragraph(f"Rule: {claim.rule}", kind="faint")
    columns = ["measured", "", f"if {counter.told}"] if counter else ["measured", ""]
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
    """A number that no line break tears apart: a hyphen would invite one."""
    return number(value).replace("-", "\N{MINUS SIGN}") if isinstance(value, float) else number(value)


def _figures(outcome: Outcome, finding: Finding) -> Iterable[str]:
    if finding.claim.draw is not None:
        with new_figure() as drawing:
            caption = finding.claim.draw(drawing, outcome.measured)
            yield figure(svg(drawing, caption), caption)
