"""The verdict on a model, from numbers: how good it is, whether its uncertainty holds, what to do next."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from empnet.prediction.accuracy import Accuracy, DerivativeAccuracy
from empnet.training.uncertainty.calibration import FEW, ONE_SIGMA, Coverage

__all__ = ["LEAST", "MULTIPLE", "TWICE", "CourseFacts", "Kind", "Sentence", "Verdict", "share_in_words", "verdict"]

LEAST = 6
"""Least number of systems for a conclusion: a sign test on 5 cannot reach 95 %, even if all agree (2 / 2^5 = 6 %)."""

HALF = 0.5
"""Share of the baseline's error above which a model is not recommended: more than half of the error is left."""

HEAVY = 2.0
"""RMSE over MAE above which few systems have most of the error: 1.25 for normal errors, 1.41 for exponential ones."""

MORE_DATA = 2.0
"""Validation loss over training loss above which more data help more than more time: half of the error on new systems
comes from overfitting."""

MULTIPLE = 1.5
"""Share above which a text gives a multiple in place of per cent."""

SHORT = 5_000
"""Steps below which a run was short: a third of the default of 15,000."""

TWICE = "On QM7 (5,186 molecules) doubling the steps, from 652 to 5,216, took 45, 34 and 26 % off: less each time."
"""Measured gain from more time: MAE 1.94, 1.07, 0.698 and 0.514 kcal/mol after 4, 8, 16 and 32 epochs."""

Kind = Literal["good", "warn", "bad", ""]


@dataclass(frozen=True, slots=True)
class CourseFacts:
    """Facts about a run's training.

    Arguments:
        run: The run folder.
        finished: Whether training has ended.
        steps: Steps of the optimiser; None if unknown.
        loss_ratio: Validation loss over training loss in the last epoch; None if unknown, or if the network has hardly
            learned its training set.
        uncertain: Whether the run predicts standard deviations; None if unknown.
    """

    run: str = ""
    finished: bool = True
    steps: int | None = None
    loss_ratio: float | None = None
    uncertain: bool | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """A line of a verdict.

    Arguments:
        text: The sentence.
        kind: ``"good"``, ``"warn"``, ``"bad"`` or none, which colours a paragraph of a page.
    """

    text: str
    kind: Kind = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Verdict on a model, the same in terminal, check and report.

    Arguments:
        sentences: The sentences in order; empty if nothing was measured.
        warnings: Lines for standard error: results that are worse than the baseline.

    Example:
        >>> Verdict((Sentence("a"), Sentence("b"))).lines
        ['a', 'b']
    """

    sentences: tuple[Sentence, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """The sentences' texts."""
        return [sentence.text for sentence in self.sentences]

    @property
    def kind(self) -> Kind:
        """The worst kind of its sentences."""
        kinds = {sentence.kind for sentence in self.sentences}
        order: tuple[Kind, ...] = ("bad", "warn", "good")
        return next((kind for kind in order if kind in kinds), "")

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``--json``."""
        return {"kind": self.kind, "lines": self.lines, "warnings": list(self.warnings)}


def verdict(accuracies: Sequence[Accuracy], course: CourseFacts | None = None) -> Verdict:
    """Return the verdict on a model.

    Arguments:
        accuracies: Accuracy of each property, all on the same set.
        course: Facts about its training; None if unknown.

    Example:
        >>> from empnet.training.uncertainty.bootstrap import Interval
        >>> share = Interval(0.02, 0.01, 0.03)
        >>> good = Accuracy("energy", "eV", "test", 600, 0.1, "composition baseline", 5.0, share=share)
        >>> print(verdict([good]).lines[0])
        energy: the error is 2.0 % of the composition baseline's (95 % interval 1.0 to 3.0 %) on 600 test systems.
    """
    if not accuracies:
        return Verdict()
    course = course or CourseFacts()
    lines: list[Sentence] = []
    if not course.finished:
        lines.append(Sentence("Training has not ended: these are results of the best weights so far.", "warn"))
    for accuracy in accuracies:
        lines.append(_headline(accuracy))
        if accuracy.relative is not None:
            lines.append(Sentence(f"{accuracy.name}: {accuracy.relative}."))
        lines.append(Sentence(_typical(accuracy)))
        lines += [_derivative(derivative, accuracy) for derivative in accuracy.derivatives]
        lines.append(_uncertainty(accuracy, course))
    warnings = tuple(sentence.text for sentence in lines if sentence.kind == "bad")
    lines.append(Sentence(_next(accuracies, course)))
    return Verdict(tuple(lines), warnings)


def share_in_words(share: float) -> str:
    """Write a share in per cent, or as a multiple.

    Example:
        >>> [share_in_words(share) for share in (1e-5, 0.031, 0.5, 1.001, 2.3, 42.0, 6643.0)]
        ['less than 0.1 %', '3.1 %', '50 %', '100.1 %', '2.3 times', '42 times', 'over 1,000 times']
    """
    if share < 0.001:
        return "less than 0.1 %"
    if share < MULTIPLE:
        return f"{_percent(share)} %"
    if share < 1000:
        return f"{share:.1f} times" if share < 10 else f"{share:.0f} times"
    return "over 1,000 times"


def _percent(share: float) -> str:
    """Write two significant digits; near 100 enough digits to tell it from 100."""
    percent = 100 * share
    if 99 < percent < 101:
        return f"{percent:.1f}" if abs(percent - 100) >= 0.05 or percent == 100 else f"{percent:.2f}"
    return f"{percent:.1f}" if percent < 10 else f"{percent:.0f}"


def _interval_in_words(low: float, high: float) -> str:
    if high < MULTIPLE:
        return f"95 % interval {_percent(low)} to {_percent(high)} %"
    return f"95 % interval {share_in_words(low)} to {share_in_words(high)}"


def _systems(accuracy: Accuracy) -> str:
    side = "" if accuracy.side == "given" else f"{accuracy.side} "
    return f"{accuracy.systems:,} {side}system{'s' if accuracy.systems != 1 else ''}"


def _headline(accuracy: Accuracy) -> Sentence:
    """State the remaining share of the baseline's error."""
    name, base, on, share = accuracy.name, accuracy.baseline, _systems(accuracy), accuracy.share
    if accuracy.relative is not None:
        name = f"{name} (relative error)"
    if share is None:
        why = f"{name}: the {base} has no error on {on}, so there is no share of it; the model's own error follows."
        return Sentence(why, "warn")
    known = math.isfinite(share.low) and math.isfinite(share.high)
    text = f"the error is {share_in_words(share.value)} {'of the' if share.value < MULTIPLE else 'the'} {base}'s"
    if accuracy.systems < LEAST:
        few = f"too few for a verdict (at least {LEAST})"
        if share.value >= 1:
            return Sentence(f"{name}: worse than the {base}: do not use it. On {on}, {few}, {text}.", "bad")
        return Sentence(
            f"{name}: no verdict: {on} {'is' if accuracy.systems == 1 else 'are'} {few}; there {text}.", "warn"
        )
    text += f" ({_interval_in_words(share.low, share.high)})" if known else ""
    if share.value >= 1:
        worse = "no better than" if share.value == 1 else "worse than"
        chance = "; this may be chance, but nothing speaks for the model" if known and share.low < 1 else ""
        return Sentence(f"{name}: {worse} the {base}: do not use it. On {on} {text}{chance}.", "bad")
    if known and share.high >= 1:
        return Sentence(f"{name}: not clearly better than the {base}: {text} on {on}.", "warn")
    if share.value > HALF:
        return Sentence(f"{name}: little was learned: {text} on {on}.", "warn")
    return Sentence(f"{name}: {text} on {on}.", "good" if known else "")


def _typical(accuracy: Accuracy) -> str:
    """State the mean absolute error with its unit and interval."""
    text = f"{accuracy.name}: the typical error (mean absolute) is {_number(accuracy.mae)} {accuracy.unit}"
    if accuracy.interval is not None and accuracy.systems >= LEAST:
        low, high = accuracy.interval
        text += f", 95 % interval {_number(low)} to {_number(high)} {accuracy.unit}"
    if accuracy.per_particle is not None:
        text += f"; per particle {_number(accuracy.per_particle)} {accuracy.unit}/particle"
    biased = accuracy.side == "validation"
    return f"{text}. The validation set chose the weights, so this is a little too small." if biased else f"{text}."


def _number(value: float) -> str:
    """Write three significant digits.

    Example:
        >>> _number(0.12345), _number(12345.6), _number(0.0)
        ('0.123', '12,346', '0')
    """
    if value == 0:
        return "0"
    return f"{value:,.0f}" if 100 <= abs(value) < 1e9 else f"{value:#.3g}".rstrip(".")


def _derivative(errors: DerivativeAccuracy, accuracy: Accuracy) -> Sentence:
    """State the error of forces or stress, and their size in the data."""
    name, of = errors.name, f"{errors.components:,} components of the {_side(accuracy)}"
    rmse = f"the root mean square error is {_number(errors.rmse)} {errors.unit}"
    if errors.share is None:
        return Sentence(f"{name}: {rmse} on {of}, where all {name} in the data are zero.", "warn")
    of_the = "of the" if errors.share < MULTIPLE else "the"
    text = f"{rmse}, {share_in_words(errors.share)} {of_the} size of the {name} in the data"
    if accuracy.systems < LEAST and errors.share < 1:
        return Sentence(f"{name}: no verdict from {_systems(accuracy)}; there {text}.", "warn")
    if errors.share >= 1:
        return Sentence(f"{name}: worse than predicting zero: do not use it for {name}. On {of} {text}.", "bad")
    return Sentence(f"{name}: {text}, on {of}.", "warn" if errors.share > HALF else "good")


def _side(accuracy: Accuracy) -> str:
    return "data" if accuracy.side == "given" else f"{accuracy.side} set"


def _uncertainty(accuracy: Accuracy, course: CourseFacts) -> Sentence:
    """Judge whether 68 % of the errors are within one standard deviation."""
    name, coverage = accuracy.name, accuracy.coverage
    if coverage is None:
        why = "the model predicts none"
        if course.uncertain:
            why = "it was not measured when training ended (empnet evaluate measures it)"
        return Sentence(f"{name}: uncertainty: {why}.")
    inside = f"{coverage.within_one:,} of {coverage.systems:,} errors ({coverage.share:.0%})".replace("%)", " %)")
    if accuracy.side == "validation":
        text = f"{inside} are within one standard deviation on the validation set, which was used to calibrate it"
        return Sentence(
            f"{name}: uncertainty: {text}; whether it holds elsewhere is not known without a test set.", "warn"
        )
    text = f"{inside} are within one standard deviation on the {_side(accuracy)}; calibrated would be 68 %"
    if coverage.systems < FEW:
        return Sentence(f"{name}: uncertainty: {text}; {coverage.systems} systems are too few to judge it.", "warn")
    low, high = coverage.interval
    text += f", and the 95 % interval is {100 * low:.0f} to {100 * high:.0f} %"
    if low <= ONE_SIGMA <= high:
        return Sentence(f"{name}: uncertainty: calibrated, as far as these systems show: {text}.", "good")
    return Sentence(f"{name}: uncertainty: {_miscalibrated(coverage)}: {text}.", "warn")


def _miscalibrated(coverage: Coverage) -> str:
    small = coverage.share < ONE_SIGMA
    text = f"not calibrated, the standard deviations are too {'small' if small else 'large'}"
    if coverage.factor is None:
        return text
    factor = coverage.factor if small else 1 / coverage.factor
    times = f"{factor:.2f}" if factor < 10 else f"{factor:,.0f}" if factor < 1000 else "over 1,000"
    return f"{text} by a factor of about {times}"


def _next(accuracies: Sequence[Accuracy], course: CourseFacts) -> str:
    """Advise on the next step: one thing first, then others."""
    return f"Next: {' '.join(_steps(accuracies, course))}"


def _steps(accuracies: Sequence[Accuracy], course: CourseFacts) -> Iterator[str]:
    shares = [a.share.value for a in accuracies if a.share is not None]
    shares += [d.share for a in accuracies for d in a.derivatives if d.share is not None]
    kind = "potential" if any(a.derivatives for a in accuracies) else "energies"
    kind = "clouds" if any(a.baseline == "forest" for a in accuracies) else kind
    systems, remedy = min(a.systems for a in accuracies), _remedy(course, kind)
    if not course.finished:
        yield f"let training end (empnet train --resume {course.run or 'RUN'})."
        return
    if any(share >= 1 for share in shares):
        yield f"do not use the model; {remedy}"
        return
    if systems < LEAST:
        yield "measure on more systems: set more aside (--test), or empnet evaluate RUN DATA with others."
        return
    if not shares:
        yield "look whether the geometry matters at all: the composition alone gives these values."
        return
    if max(shares) > HALF or any(a.share is not None and a.share.high >= 1 for a in accuracies):
        yield f"improve it before use; {remedy}"
    else:
        small = "this error is" if len(shares) == 1 else "these errors are"
        yield f"use it for systems like these, if {small} small enough for you; if not, {remedy}"
    heavy = [a.name for a in accuracies if a.rmse is not None and a.systems >= FEW and a.rmse > HEAVY * a.mae > 0]
    if heavy:
        yield f"Few systems have most of the error of {', '.join(heavy)}: look at the worst ones (report.html)."


def _remedy(course: CourseFacts, kind: str) -> str:
    """Advise more time or more data, from the run's own losses; figures of QM7 apply to energies of molecules alone."""
    ratio, steps, potential = course.loss_ratio, course.steps, kind == "potential"
    more = "more frames" if potential else "more data"
    measured = "" if potential else " (empnet learn-curve measures it)"
    if ratio is not None and ratio > MORE_DATA:
        return f"{more} help most, since the loss is far smaller on the training set{measured}."
    twice = f" {TWICE}" if kind == "energies" else ""
    if steps is not None and steps < SHORT:
        return f"first more time, since it had {steps:,} steps only (--time, or --epochs).{twice}"
    return f"try twice the time (--time, or --epochs), or {more}{measured}.{twice}"
