"""Run a study: measure, decide, and compare each verdict with its counter-case and the textbook."""

from __future__ import annotations

import dataclasses
import math
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import torch

from empnet import __version__
from empnet.runtime.progress import track
from empnet.studies.claim import Claim, Effort, Number, Premises, Study, Verdict

__all__ = ["CounterFinding", "Finding", "Outcome", "machine", "run"]


@dataclass(frozen=True, slots=True)
class CounterFinding:
    """Verdict on a claim after a premise was changed.

    Arguments:
        change: The changed premise, in words.
        verdict: Verdict by the same rule.
        evidence: Numbers measured under the changed premise.
    """

    change: str
    verdict: Verdict
    evidence: Mapping[str, Number]


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim with its verdict.

    Arguments:
        claim: The claim.
        verdict: Verdict by the claim's rule.
        evidence: Measured numbers.
        textbook: The textbook's answer; None if the premises are not the question's.
        counter: The counter-case; None if the premises are not the question's.
    """

    claim: Claim[Any]
    verdict: Verdict
    evidence: Mapping[str, Number]
    textbook: Verdict | None
    counter: CounterFinding | None

    @property
    def agrees(self) -> bool | None:
        """True if the verdict is the textbook's; None if it is undecided or there is nothing to compare."""
        comparable = self.textbook is not None and "undecided" not in (self.verdict, self.textbook)
        return self.verdict == self.textbook if comparable else None

    @property
    def flips(self) -> bool | None:
        """True if the counter-case has the opposite verdict; None if either is undecided or there is none."""
        if self.counter is None or "undecided" in (self.verdict, self.counter.verdict):
            return None
        return self.verdict != self.counter.verdict

    @property
    def sound(self) -> bool:
        """True unless a disagreement has no explanation or the counter-case keeps the verdict."""
        return (self.agrees is not False or bool(self.claim.disagreement)) and self.flips is not False


@dataclass(frozen=True, slots=True)
class Outcome:
    """All findings of a study.

    Arguments:
        study: The study.
        premises: Premises of the measurement.
        changed: True if these are not the question's.
        measured: The measurement; figures are drawn from it.
        findings: One for each claim.
        effort: Limits of the measurement's cost.
        seconds: Duration.
        date: Time of its end.
    """

    study: Study[Any, Any]
    premises: Premises
    changed: bool
    measured: Any
    findings: tuple[Finding, ...]
    effort: Effort
    seconds: float
    date: datetime

    @property
    def sound(self) -> bool:
        """True if all findings are sound."""
        return all(finding.sound for finding in self.findings)

    def to_json(self) -> list[dict[str, Any]]:
        """Return one record for each claim, of plain values."""
        return [self._record(finding) for finding in self.findings]

    def _record(self, finding: Finding) -> dict[str, Any]:
        claim, counter = finding.claim, finding.counter
        return {
            "study": self.study.name,
            "id": claim.id,
            "statement": claim.statement,
            "verdict": finding.verdict,
            "evidence": dict(finding.evidence),
            "rule": claim.rule,
            "why": claim.why,
            "premises": dataclasses.asdict(self.premises),
            "textbook": finding.textbook,
            "disagreement": claim.disagreement if finding.agrees is False else None,
            # "told" is a key of the file format
            "counter": counter and {"told": counter.change, "verdict": counter.verdict, "evidence": counter.evidence},
            "quick": self.effort.quick,
            "date": self.date.isoformat(timespec="seconds"),
            "machine": machine(),
        }


def machine() -> str:
    """Return the kind of this machine and the versions of the libraries, in words."""
    cores = os.cpu_count() or 1
    threads = torch.get_num_threads()
    kind = f"{cores} core{'s' * (cores > 1)}, {platform.machine()}, {threads} thread{'s' * (threads > 1)}"
    return f"{kind}; Python {platform.python_version()}, torch {torch.__version__}, empnet {__version__}"


def run(study: Study[Any, Any], premises: Premises | None = None, effort: Effort | None = None) -> Outcome:
    """Run a study: measure and decide its claims, and, under the question's own premises, their counter-cases.

    Arguments:
        study: From :func:`empnet.studies.load`.
        premises: Premises; default: the question's.
        effort: Limits of the cost; default: the full study.

    Example:
        >>> from empnet.studies import Effort, load
        >>> outcome = run(load("encoding"), effort=Effort(quick=True))
        >>> [finding.verdict for finding in outcome.findings if finding.claim.id.startswith("I.A.")][:4]
        ['false', 'false', 'true', 'false']
    """
    began, effort = time.perf_counter(), effort or Effort()
    question = study.premises()
    premises = question if premises is None else premises
    changed = premises != question
    cases = [premises]
    if not changed:
        cases += [dataclasses.replace(question, **claim.counter.premises) for claim in study.claims]
    different = list(dict.fromkeys(cases))
    measured = {
        case: study.measure(case, effort)
        for case in track(different, f"{study.name}: cases", total=len(different), quiet=effort.quiet)
    }
    findings = tuple(
        _finding(claim, measured[premises], None if changed else measured[case])
        for claim, case in zip(study.claims, study.claims if changed else cases[1:], strict=True)
    )
    seconds = time.perf_counter() - began
    date = datetime.now().astimezone()
    return Outcome(study, premises, changed, measured[premises], findings, effort, seconds, date)


def _finding(claim: Claim[Any], measured: Any, otherwise: Any | None) -> Finding:
    counter = None
    if otherwise is not None:
        counter = CounterFinding(claim.counter.change, claim.decide(otherwise), _plain(claim.evidence(otherwise)))
    textbook = None if otherwise is None else claim.textbook
    return Finding(claim, claim.decide(measured), _plain(claim.evidence(measured)), textbook, counter)


def _plain(evidence: Mapping[str, Any]) -> dict[str, Number]:
    """Return Python's numbers; inf and nan, which JSON lacks, become words."""
    plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in evidence.items()}
    return {name: str(v) if isinstance(v, float) and not math.isfinite(v) else v for name, v in plain.items()}
