"""The part of the page with the results of the audit."""

from __future__ import annotations

from empnet.audit import Audit, AuditLine
from empnet.audit.record import in_words
from empnet.pages.page import Section, paragraph, table

__all__ = ["audit_section", "audit_summary"]

MARKS = {"pass": "good", "skip": "warn", "fail": "bad"}


def audit_summary(audit: Audit) -> tuple[str, str]:
    """Return the audit's result in a sentence, and the kind of its paragraph."""
    failed = [line.name for line in audit.lines if line.verdict == "fail"]
    if failed:
        return f"Audit: {len(failed)} of {len(audit.lines)} tests failed ({', '.join(failed)}); see below.", "bad"
    skips = sum(line.verdict == "skip" for line in audit.lines)
    rest = f"; {skips} could not be made" if skips else ""
    return f"Audit: {len(audit.lines) - skips} tests of errors, symmetry, smoothness and coverage passed{rest}.", "good"


def audit_section(audit: Audit | None) -> Section | None:
    """Return the section of tests and results; None without an audit.

    Arguments:
        audit: The audit.
    """
    if audit is None:
        return None
    lead = paragraph(
        "Every prediction must have these properties, for any training data. This is a short audit on "
        f"{audit.systems:,} systems; empnet check uses more. The deviation is the largest one found."
    )
    rows = [
        [line.name, line.verdict, in_words(line.deviation, line.unit), in_words(line.threshold, line.unit), _done(line)]
        for line in audit.lines
    ]
    columns = ["test", "verdict", "deviation", "at most", "what was done"]
    return Section("Audit", f'{lead}<div class="audit">{table(columns, rows, numbers=[2, 3], marks=MARKS)}</div>')


def _done(line: AuditLine) -> str:
    """Describe a test, remarks on it, and the place of its worst failure."""
    worst = f"Worst: {line.where}." if line.verdict == "fail" and line.where else ""
    remark = f"{line.remark[:1].upper()}{line.remark[1:].rstrip('.')}." if line.remark else ""
    return " ".join(part for part in (line.done, remark, worst) if part)
