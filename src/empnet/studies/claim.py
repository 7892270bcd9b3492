"""Parts of a study: premises that can be changed, measured evidence, and the claims that it decides."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar

from empnet.errors import EmpnetError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Claim",
    "Counter",
    "Effort",
    "Evidence",
    "Figures",
    "Number",
    "Premises",
    "Study",
    "Verdict",
    "option_of",
    "premise",
    "verdict",
]

Verdict = Literal["true", "false", "undecided"]
Number = float | int | bool | str
Evidence = Mapping[str, Number]
"""Measured numbers by name and unit: ``{"test error, kcal/mol": 3.2}``."""

E = TypeVar("E")
P = TypeVar("P", bound="Premises")


def verdict(holds: bool | None) -> Verdict:
    """Return the verdict on a statement that holds, does not hold, or is undecided (None).

    Example:
        >>> verdict(True), verdict(None)
        ('true', 'undecided')
    """
    return "undecided" if holds is None else "true" if holds else "false"


def premise(
    default: Any,
    text: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    one_of: Sequence[str] = (),
) -> Any:
    """Declare a premise: a field of :class:`Premises`, and an option of the study's command.

    Arguments:
        default: The question's value.
        text: Meaning and unit, for ``--help``.
        at_least: Smallest valid value.
        at_most: Largest valid value.
        one_of: All valid values.
    """
    limits = {"text": text, "at_least": at_least, "at_most": at_most, "one_of": tuple(one_of)}
    return dataclasses.field(default=default, metadata=limits)


@dataclass(frozen=True)
class Premises:
    """Assumptions of a question. Each study derives a frozen dataclass from this one.

    Raises:
        EmpnetError: If a value is not valid. A subclass with further conditions overrides :meth:`check`.

    Example:
        >>> @dataclass(frozen=True)
        ... class Strings(Premises):
        ...     length: int = premise(100, "Letters of a string.", at_least=1)
        >>> Strings(length=0)
        Traceback (most recent call last):
        ...
        empnet.errors.EmpnetError: --length 0; wanted at least 1
    """

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, limits = getattr(self, field.name), field.metadata
            where, low, high, few = option_of(field.name), limits["at_least"], limits["at_most"], limits["one_of"]
            if low is not None and not value >= low:
                raise EmpnetError(f"{where} {value}", wanted=f"at least {low}")
            if high is not None and not value <= high:
                raise EmpnetError(f"{where} {value}", wanted=f"at most {high}")
            if few and value not in few:
                raise EmpnetError(f"{where} {value}", wanted=" or ".join(few))
        self.check()

    def check(self) -> None:
        """Refuse premises that contradict each other."""

    def only(self, *names: str, **others: Any) -> Self:
        """Return some of the premises, and the question's values of the others: the cache key of a part of a study.

        Arguments:
            names: Premises that the part depends on.
            others: Premises with a value other than the question's.

        Example:
            >>> from empnet.studies.question_1a_encoding import STUDY
            >>> STUDY.premises(length=9, letters=4).only("letters") == STUDY.premises(letters=4)
            True
        """
        return type(self)(**others, **{name: getattr(self, name) for name in names})


def option_of(name: str) -> str:
    """Return the command line's name of a premise.

    Example:
        >>> option_of("batch_size")
        '--batch-size'
    """
    return f"--{name.replace('_', '-')}"


@dataclass(frozen=True, slots=True)
class Effort:
    """Limits of what a measurement may cost.

    Arguments:
        quick: Seconds, not minutes: smaller networks, fewer seeds; the verdicts must be the same.
        quiet: Show no progress.
        folder: Folder in which a study that takes long keeps its finished measurements, to continue from them.
    """

    quick: bool = False
    quiet: bool = False
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Counter:
    """The case in which a premise is changed and the verdict flips.

    Arguments:
        change: The changed premise, in words that follow "if": "one hidden unit has a bias of 1".
        premises: The changed premises; the others are the question's.
    """

    change: str
    premises: Mapping[str, Any]


Figures = Callable[["Figure", E], str]
"""Draws evidence on a figure (``figure.subplots()``, no pyplot) and returns the caption."""


@dataclass(frozen=True)
class Claim(Generic[E]):
    """A statement that a computation decides.

    Arguments:
        id: Part, question and option: ``"I.A.1"``; of our own, with a letter: ``"I.A.a"``.
        statement: With its quantifiers, in our own words.
        rule: The rule by which the verdict follows from the evidence, in words.
        decide: The same rule in code: measurement -> verdict.
        evidence: Measurement -> the numbers that the verdict rests on.
        why: The reason, or the theorem, in a sentence or two.
        textbook: The textbook's answer. It is compared with the verdict, and never used to decide.
        counter: A changed premise under which the verdict is the opposite one.
        disagreement: The reason, where the verdict differs from the textbook.
        draw: Draws a figure, where a figure shows more than the numbers.
    """

    id: str
    statement: str
    rule: str
    decide: Callable[[E], Verdict]
    evidence: Callable[[E], Evidence]
    why: str
    textbook: Verdict
    counter: Counter
    disagreement: str = ""
    draw: Figures[E] | None = None


@dataclass(frozen=True)
class Study(Generic[P, E]):
    """A set of claims that share premises and a measurement.

    Arguments:
        name: On the command line, such as ``"one_batch"``.
        title: A few words.
        question: The question in our own words: givens, and what is to be decided.
        premises: Class of the premises; its defaults are the question's.
        measure: Premises and effort -> measurement. Deterministic.
        claims: In the order of their ids.
    """

    name: str
    title: str
    question: str
    premises: type[P]
    measure: Callable[[P, Effort], E]
    claims: tuple[Claim[E], ...]
