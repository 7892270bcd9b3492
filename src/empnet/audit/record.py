"""Record of an audit: one line for each test, with its measurement and its verdict."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from empnet.prediction.verdict import Verdict as Words
from empnet.prediction.verdict import share_in_words

__all__ = ["Audit", "AuditLine", "Verdict", "in_words", "skipped", "verdict_of"]

Verdict = Literal["pass", "fail", "skip"]


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One test of an audit.

    Arguments:
        name: Name of the test, such as ``"rotation"``.
        done: Description of the test, in a sentence.
        deviation: The largest deviation found, in :attr:`unit`; None if nothing was measured.
        threshold: Largest accepted deviation, in :attr:`unit`.
        unit: Unit of both; empty for a share.
        verdict: ``"pass"``, ``"fail"`` or ``"skip"``.
        remark: Reason for skipping the test, or further information.
        where: The system with the largest deviation.
        exact: The same deviation with the network in float64, where rounding is 5e8 times smaller; None if it was not
            measured.
        exact_threshold: Largest accepted value of that deviation.

    Example:
        >>> AuditLine("rotation", "turned", 1e-6, 1e-5, "eV", "pass").to_json()["verdict"]
        'pass'
    """

    name: str
    done: str
    deviation: float | None
    threshold: float | None
    unit: str
    verdict: Verdict
    remark: str = ""
    where: str = ""
    exact: float | None = None
    exact_threshold: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values; a number that is not finite becomes text, because JSON has only finite numbers."""
        return {key: _plain(value) for key, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Audit:
    """The audit of a model.

    Arguments:
        run: The run folder.
        data: Name of the data.
        systems: Number of systems in the audit.
        sample: Number of these systems in the tests of symmetry.
        lines: The tests.
        words: The verdict on the model's errors; empty if they were not measured.

    Example:
        >>> Audit("runs/a", "a.xyz", 1, 1, (AuditLine("rotation", "", 1.0, 0.1, "eV", "fail"),)).passed
        False
    """

    run: str
    data: str
    systems: int
    sample: int
    lines: tuple[AuditLine, ...]
    words: Words = field(default_factory=Words)

    @property
    def passed(self) -> bool:
        """True if no line failed."""
        return all(line.verdict != "fail" for line in self.lines)

    def __getitem__(self, name: str) -> AuditLine:
        for line in self.lines:
            if line.name == name:
                return line
        raise KeyError(f"'{name}' was not tested; the tests are: {', '.join(line.name for line in self.lines)}")

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        return {
            "run": self.run,
            "data": self.data,
            "systems": self.systems,
            "sample": self.sample,
            "passed": self.passed,
            "lines": [line.to_json() for line in self.lines],
            "verdict": self.words.to_json(),
        }


def verdict_of(good: bool | np.bool_) -> Verdict:
    """Return ``"pass"`` or ``"fail"``.

    Arguments:
        good: Whether the model passed the test.
    """
    return "pass" if good else "fail"


def skipped(name: str, done: str, why: str) -> AuditLine:
    """Return the line of a test that could not be made.

    Arguments:
        name: Name of the test.
        done: Description of the test, in a sentence.
        why: Reason for skipping it.
    """
    return AuditLine(name, done, None, None, "", "skip", remark=why)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def in_words(value: float | None, unit: str) -> str:
    """Return a deviation or a threshold in words: with its unit, or as a percentage if it is a share.

    Arguments:
        value: The number; None if nothing was measured.
        unit: Its unit; empty for a share.

    Example:
        >>> in_words(1.003, ""), in_words(0.0, ""), in_words(0.1, ""), in_words(1.2e-6, "eV")
        ('100.3 %', '0 %', '10 %', '1.2e-06 eV')
    """
    if value is None:
        return ""
    if unit:
        return f"{value:.2g} {unit}"
    return "0 %" if value == 0 else share_in_words(value)
