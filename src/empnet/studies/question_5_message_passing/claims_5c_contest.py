"""Claims V.C on trained networks: their errors after the test molecules are rotated or reordered."""

from __future__ import annotations

from collections.abc import Callable

from empnet.studies.claim import Claim, Counter, Evidence, verdict
from empnet.studies.question_5_message_passing.contest import Contest, Trial
from empnet.studies.question_5_message_passing.figures import draw_errors
from empnet.studies.question_5_message_passing.measured import Measured, kept

__all__ = ["CLAIMS"]

KEPT = (
    "On the same molecules: true if the mean absolute error grows by at most 5 %, false if by more than that and more "
    "than two standard errors of the growth, else undecided."
)
IN_ITS_PLACE = Counter("a message passing network stands in its place", {"network": "message-passing"})


def _errors(e: Measured, trial: Trial, *hows: str) -> Evidence:
    errors: dict[str, float | int] = {"error, kcal/mol": trial.error}
    for how in hows:
        errors[f"error, molecules {how}, kcal/mol"] = getattr(trial, how)
        errors[f"standard error of the growth, {how}, kcal/mol"] = getattr(trial, f"{how}_doubt")
    return {
        **errors,
        "error of the composition alone, kcal/mol": e.contest.composition,
        "molecules for training": e.contest.train,
        "molecules for test": e.contest.test,
    }


def _claim(id_: str, statement: str, part: Callable[[Contest], Trial], how: str, why: str) -> Claim[Measured]:
    """Return one of four claims that differ in the network and in the change of the molecules."""
    return Claim(
        id=id_,
        statement=statement,
        rule=KEPT,
        decide=lambda e: kept(part(e.contest), how),
        evidence=lambda e: _errors(e, part(e.contest), how),
        why=why,
        textbook="false",
        counter=IN_ITS_PLACE,
        draw=(lambda figure, e: draw_errors(figure, e.contest)) if id_ == "V.C.e" else None,
    )


CLAIMS: tuple[Claim[Measured], ...] = (
    _claim(
        "V.C.e",
        "A dense network that has learned energies of QM7's molecules from coordinates keeps its error when the test "
        "molecules are turned.",
        lambda contest: contest.dense,
        "turned",
        "A turned molecule is another point of its input space, and the file's orientations are not random: the "
        "network relies on them.",
    ),
    _claim(
        "V.C.f",
        "The dense network keeps its error when the atoms of the test molecules are listed in another order.",
        lambda contest: contest.dense,
        "reordered",
        "Each place in the list has weights of its own; QM7 lists heavy atoms along the chain and hydrogens last.",
    ),
    _claim(
        "V.C.g",
        "A convolutional network along the list of atoms keeps its error when the test molecules are turned.",
        lambda contest: contest.convolutional,
        "turned",
        "Sharing weights along the list is a symmetry of the list, not of space: its channels are coordinates.",
    ),
    _claim(
        "V.C.h",
        "The convolutional network keeps its error when the atoms of the test molecules are listed in another order.",
        lambda contest: contest.convolutional,
        "reordered",
        "Its kernel sees atoms that follow each other in the list; after reordering, these are no longer the bonded "
        "ones.",
    ),
    Claim(
        id="V.C.i",
        statement="The message passing network, trained on the same molecules, has the same error to rounding when the "
        "test molecules are turned and when their atoms are reordered.",
        rule="True if no prediction changes by more than rounding, in float64.",
        decide=lambda e: verdict(
            max(e.contest.passing.changes[how] for how in ("turned", "reordered")) <= e.symmetries.bound
        ),
        evidence=lambda e: {
            **_errors(e, e.contest.passing, "turned", "reordered"),
            "largest change, turned, relative": e.contest.passing.changes["turned"],
            "largest change, reordered, relative": e.contest.passing.changes["reordered"],
            "bound on rounding, relative": e.symmetries.bound,
        },
        why="Its symmetry is exact, for any weights: it need not be learned and cannot be lost.",
        textbook="true",
        counter=Counter("positions are among its features", {"coordinates": True}),
    ),
    Claim(
        id="V.C.j",
        statement="A dense network that is trained on molecules turned at random in each pass keeps its error when the "
        "test molecules are turned.",
        rule=KEPT,
        decide=lambda e: kept(e.contest.augmented, "turned"),
        evidence=lambda e: _errors(e, e.contest.augmented, "turned"),
        why="For it, all orientations are equally usual, so that the error is the same on average.",
        textbook="true",
        counter=Counter("it is trained on the molecules as they lie in the file", {"augmentation": False}),
    ),
    Claim(
        id="V.C.k",
        statement="The dense network that is trained on turned copies predicts the same for each molecule, however it "
        "is turned.",
        rule="True if no prediction changes by more than rounding, in float64.",
        decide=lambda e: verdict(e.contest.augmented.changes["turned"] <= e.symmetries.bound),
        evidence=lambda e: {
            "largest change, turned, relative": e.contest.augmented.changes["turned"],
            "bound on rounding, relative": e.symmetries.bound,
            "error, kcal/mol": e.contest.augmented.error,
            "error of the message passing network, kcal/mol": e.contest.passing.error,
        },
        why="Augmentation makes predictions alike on average and by approximation, not equal.",
        textbook="false",
        counter=IN_ITS_PLACE,
    ),
)
