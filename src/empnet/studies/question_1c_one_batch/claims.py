"""Claims I.C: a network that cannot memorise a single batch."""

from __future__ import annotations

from empnet.studies.claim import Claim, Counter, Evidence, Verdict, verdict
from empnet.studies.question_1c_one_batch.figures import draw_errors, draw_floors
from empnet.studies.question_1c_one_batch.measurement import OneBatch
from empnet.training.optimiser.capacity import NIL

__all__ = ["CLAIMS"]

HELPED = 0.5
"""A penalty helps if less than this share of the loss is left. Different starts change a floor by some tens of per
cent; the loss of a batch that is being memorised falls by powers of ten."""

UNDERFITTED = 2.0
"""A network underfits from this ratio of training error to the noise's variance. The error of the true function itself
on 1000 points scatters by sqrt(2 / 1000), five per cent, so a ratio of two is not chance."""

OVERFITTED = 2.0
"""A network overfits from this ratio of test error to training error: half of its error on new points has been
memorised. The report of a training run uses the same ratio."""


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


def _penalties(e: OneBatch) -> Evidence:
    return {
        "width": e.width,
        "loss of the batch without a penalty": e.floor,
        **{f"loss with a penalty of {s:g}": loss for (w, s), loss in e.penalised.items() if w == e.width},
    }


def _floors(e: OneBatch) -> Evidence:
    losses: dict[str, float | int | str] = {"loss of the first attempt": e.first}
    losses |= {f"lowest loss, width {width}": floor for width, floor in e.floors.items()}
    return {**losses, "smallest width that reaches 1e-6": e.large_enough or "none of these"}


def _errors(e: OneBatch) -> Evidence:
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
            "True if the lowest loss without a penalty is above 1e-6, and with a penalty of some strength "
            "less than half of it is left; otherwise false. The penalty itself is not counted as loss."
        ),
        decide=_penalty_helps,
        evidence=_penalties,
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
            "False if any attempt (several starts, AdamW and L-BFGS, no penalty) gets the loss down to 1e-6. "
            "Otherwise true if a wider network gets it there in the same way, and undecided if none does."
        ),
        decide=_too_small,
        evidence=_floors,
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
        evidence=_errors,
        why="A network too small for 32 points is too small for 1000: every further point is one more condition.",
        textbook="true",
        counter=Counter("the network has 8 hidden units", {"width": 8}),
        draw=draw_errors,
    ),
    Claim(
        id="I.C.4",
        statement="Trained on all the data, the network overfits.",
        rule="True if the test error is more than twice the training error; otherwise false.",
        decide=_overfits,
        evidence=_errors,
        why="A network that cannot memorise 32 points cannot memorise 1000: it lacks the capacity to overfit.",
        textbook="false",
        counter=Counter("the network has 64 hidden units, with 449 weights", {"width": 64}),
    ),
    Claim(
        id="I.C.a",
        statement="The optimiser is to blame: another start or another optimiser gets the loss down to zero.",
        rule="True if the first attempt (one start, AdamW) stays above 1e-6 and another one gets down to it.",
        decide=_optimiser_to_blame,
        evidence=_floors,
        why=(
            "Each attempt may end on a plateau; that all of them end above zero points to the network. A stagnating "
            "learning curve does not distinguish the two; further attempts do."
        ),
        textbook="false",
        counter=Counter("the network has 8 hidden units", {"width": 8}),
    ),
)
