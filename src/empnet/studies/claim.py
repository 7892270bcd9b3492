"""What a study consists of: premises that can be changed, evidence that is measured, claims that it decides."""

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
"""What was measured, by a name that says what it is, with its unit: ``{"test error, kcal/mol": 3.2}``."""

E = TypeVar("E")
P = TypeVar("P", bound="Premises")


def verdict(holds: bool | None) -> Verdict:
    """The verdict on something that holds, does not hold, or cannot be told (None).

    Example:
        >>> verdict(True), verdict(None)
        ('true', 'undecided')
    """
    return "undecided" if holds is None else "true" if holds else "false"


def premise(
    default: Any,
    told: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    one_of: Sequence[str] = (),
) -> Any:
    """A premise of a study: a field of its :class:`Premises` and an option of its command.

    Arguments:
        default: As in the question.
        told: What it is, with its unit, for ``--help``.
        at_least: Smallest value that can be meant.
        at_most: Largest value that can be meant.
        one_of: All values that can be meant.
    """
    limits = {"told": told, "at_least": at_least, "at_most": at_most, "one_of": tuple(one_of)}
    return dataclasses.field(default=default, metadata=limits)


@dataclass(frozen=True)
class Premises:
    """What a question takes for granted; a study's own are a frozen dataclass derived from this one.

    Raises:
        EmpnetError: If a value cannot be meant; a subclass that has more to check overrides :meth:`check`.

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
        """Some of the premises, the others as in the question: what a part of a study depends on, and is kept by.

        Arguments:
            names: Of the premises that count.
            others: Premises to be something else than in the question.

        Example:
            >>> from empnet.studies.question_1a_encoding import STUDY
            >>> STUDY.premises(length=9, letters=4).only("letters") == STUDY.premises(letters=4)
            True
        """
        return type(self)(**others, **{name: getattr(self, name) for name in names})


def option_of(name: str) -> str:
    """The command line's name of a premise.

    Example:
        >>> option_of("batch_size")
        '--batch-size'
    """
    return f"--{name.replace('_', '-')}"


@dataclass(frozen=True, slots=True)
class Effort:
    """How much may be spent on measuring.

    Arguments:
        quick: Seconds, not minutes: smaller networks, fewer seeds; the verdicts must be the same.
        quiet: Show no progress.
        folder: Where a study that takes hours keeps what it has measured, and goes on from.
    """

    quick: bool = False
    quiet: bool = False
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Counter:
    """The case in which a premise is changed and the verdict flips.

    Arguments:
        told: What is changed, in words that follow "if": "one hidden unit has a bias of 1".
        premises: The premises that are changed; the others are as in the question.
    """

    told: str
    premises: Mapping[str, Any]


Figures = Callable[["Figure", E], str]
"""Draws evidence on a figure (``figure.subplots()``, no pyplot) and returns the caption."""


@dataclass(frozen=True)
class Claim(Generic[E]):
    """A statement that a computation decides.

    Arguments:
        id: Part, question and option: ``"I.A.1"``; of our own, with a letter: ``"I.A.a"``.
        statement: With its quantifiers, in our own words.
        rule: How the verdict follows from the evidence, in words; ``decide`` is the same in code.
        decide: The verdict on what was measured.
        evidence: The numbers that the verdict rests on, out of what was measured.
        why: The reason, or the theorem, in a sentence or two.
        textbook: What the textbook answers. Never used in deciding; held against the verdict afterwards.
        counter: A changed premise under which the verdict is the opposite one.
        disagreement: If the verdict is not the textbook's: why.
        draw: Draws a figure where it shows more than the numbers.
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
    """Claims that share premises and a measurement.

    Arguments:
        name: On the command line, such as ``"one_batch"``.
        title: A few words.
        question: What is asked, in our own words: what is given, what is to be decided.
        premises: Class of the premises; its defaults are the question's.
        measure: Premises and effort -> what was measured: the same for the same premises.
        claims: In the order of their ids.
    """

    name: str
    title: str
    question: str
    premises: type[P]
    measure: Callable[[P, Effort], E]
    claims: tuple[Claim[E], ...]
