"""The claims about a batch that is not learned by heart, and their rules."""

from __future__ import annotations

from empnet.studies.claim import Claim, Counter, Evidence, Verdict, verdict
from empnet.studies.question_1c_one_batch.figures import draw_errors, draw_floors
from empnet.studies.question_1c_one_batch.measurement import OneBatch
from empnet.training.optimiser.capacity import NIL

__all__ = ["CLAIMS"]

HELPED = 0.5
"""A penalty has helped if it leaves less than this share of the loss: starts alone move a floor by some tens of per
cent, the loss of a batch that is being learned falls by powers of ten."""

UNDERFITTED = 2.0
"""Training error over the noise's variance from which a network misses what can be learned. The error of the teacher
itself on 1000 points scatters by sqrt(2 / 1000), five per cent, so twice is no chance."""

OVERFITTED = 2.0
"""Test error over training error from which a network has overfitted: half of what is still wrong on new points has
been learned by heart. The report of a training run draws the line at the same place."""


def _penalty_helps(e: OneBatch) -> Verdict:
    return verdict(e.floor > NIL and e.best_penalised[0] < HELPED * e.floor)


def _too_small(e: OneBatch) -> Verdict:
    if e.floor <= NIL:
        return "false"
    return verdict(True if e.large_enough is not None and e.large_enough > e.width else None)


def _optimiser_to_blame(e: OneBatch) -> Verdict:
    return verdict(e.first > NIL >= e.floor)


def _overfitted(e: OneBatch) -> bool:
    train, test = e.errors[e.width]
    return test > OVERFITTED * train


def _underfits(e: OneBatch) -> Verdict:
    return verdict(e.errors[e.width][0] > UNDERFITTED * e.noise + NIL and not _overfitted(e))


def _overfits(e: OneBatch) -> Verdict:
    return verdict(_overfitted(e))


def _penalties_told(e: OneBatch) -> Evidence:
    return {
        "width": e.width,
        "loss of the batch without a penalty": e.floor,
        **{f"loss with a penalty of {s:g}": loss for (w, s), loss in e.penalised.items() if w == e.width},
    }


def _floors_told(e: OneBatch) -> Evidence:
    told: dict[str, float | int | str] = {"loss of the first attempt": e.first}
    told |= {f"lowest loss, width {width}": floor for width, floor in e.floors.items()}
    return {**told, "least width that reaches nil": e.large_enough or "none of these"}


def _errors_told(e: OneBatch) -> Evidence:
    train, test = e.errors[e.width]
    return {
        "width": e.width,
        "training error": train,
        "test error": test,
        "test error / training error": test / train,
        "variance of the noise": e.noise,
    }


CLAIMS: tuple[Claim[OneBatch], ...] = (
    Claim(
        id="I.C.1",
        statement="A penalty on the squared weights helps the loss of the batch to go to zero.",
        rule=(
            "True if the lowest loss without a penalty is above nil (1e-6), and with a penalty of some strength "
            "less than half of it is left; otherwise false. The penalty itself is not counted as loss."
        ),
        decide=_penalty_helps,
        evidence=_penalties_told,
        why=(
            "The minimum of the loss is, by definition, not above the loss at the minimum of loss and penalty. A "
            "penalty can only help an optimiser that does not get to the minimum: saturated units have no "
            "gradient, and the penalty draws their weights back to where they have one."
        ),
        textbook="false",
        counter=Counter(
            "16 units start with weights a thousand times as large, so that all of them are saturated",
            {"width": 16, "weight_scale": 1000.0},
        ),
        draw=draw_floors,
    ),
    Claim(
        id="I.C.2",
        statement="The network has too few units to represent the predictor.",
        rule=(
            "False if any attempt (several starts, AdamW and L-BFGS, no penalty) gets the loss to nil (1e-6). "
            "Otherwise true if a wider network gets it there in the same way, and undecided if none does."
        ),
        decide=_too_small,
        evidence=_floors_told,
        why=(
            "A network with more weights than there are samples can in general pass through all of them, and the "
            "optimiser finds such weights; one that cannot even do this lacks units. Two units have 15 weights."
        ),
        textbook="true",
        counter=Counter("the network has 8 hidden units", {"width": 8}),
    ),
    Claim(
        id="I.C.3",
        statement="Trained on all the data, the network underfits.",
        rule=(
            "True if its training error on all points is more than twice the variance of the noise, and the test "
            "error is not more than twice the training error; otherwise false."
        ),
        decide=_underfits,
        evidence=_errors_told,
        why="What is too small for 32 points is too small for 1000: every further point is one more condition.",
        textbook="true",
        counter=Counter("the network has 8 hidden units", {"width": 8}),
        draw=draw_errors,
    ),
    Claim(
        id="I.C.4",
        statement="Trained on all the data, the network overfits.",
        rule="True if the test error is more than twice the training error; otherwise false.",
        decide=_overfits,
        evidence=_errors_told,
        why="What cannot learn 32 points by heart cannot do so with 1000: it has nothing to overfit with.",
        textbook="false",
        counter=Counter("the network has 64 hidden units, with 449 weights", {"width": 64}),
    ),
    Claim(
        id="I.C.a",
        statement="The optimiser is to blame: another start or another optimiser gets the loss to nil.",
        rule="True if the first attempt (one start, AdamW) stays above nil (1e-6) and another one gets there.",
        decide=_optimiser_to_blame,
        evidence=_floors_told,
        why=(
            "Each attempt may end on a plateau; that all of them end above nil points to the network. A learning "
            "curve that stagnates does not tell the two apart: the probe has to be made."
        ),
        textbook="false",
        counter=Counter("the network has 8 hidden units", {"width": 8}),
    ),
)
