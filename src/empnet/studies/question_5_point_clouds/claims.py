"""Claims V.0: which networks classify clouds of points whatever their orientation and the order of their points."""

from __future__ import annotations

from collections.abc import Callable

from empnet.studies.claim import Claim, Counter, Evidence, Verdict, verdict
from empnet.studies.question_5_point_clouds.figures import draw_accuracies
from empnet.studies.question_5_point_clouds.measurement import PARTS, PointCloudTrials, Trial, fall
from empnet.training.uncertainty.bootstrap import Interval

__all__ = ["CLAIMS", "LOST", "MOVED", "kept", "unmoved"]

LOST = 0.05
"""A balanced accuracy that falls by at most this is kept."""

AS_GOOD = 0.01
"""Two networks whose balanced accuracies differ by at most this are equally good."""

MOVED = 1e-5
"""Largest change of a logit that is rounding, for a network that computes in float32."""

KEPT = (
    f"True if the balanced accuracy falls by at most {LOST:g}; false if the whole 95 % interval of the fall, over test "
    f"clouds of each class, is above {LOST:g}; else undecided."
)
ALIKE = f"True if every cloud has the same class as before and no logit changes by more than {MOVED:g}; else false."
PASSING = Counter("message passing stands in its place", {"network": "message-passing"})
HEIGHTS = Counter("heights are among its features (vertical symmetry)", {"symmetry": "vertical"})


def kept(lost: Interval, most: float) -> Verdict:
    """Decide whether an accuracy is kept.

    Arguments:
        lost: By how much it falls, with its interval.
        most: Largest fall that does not count.

    Example:
        >>> falls = Interval(0.2, 0.1, 0.3), Interval(0.2, 0.0, 0.4), Interval(0.0, 0.0, 0.0)
        >>> [kept(each, 0.05) for each in falls]
        ['false', 'undecided', 'true']
    """
    if lost.value <= most:
        return verdict(True)
    return verdict(False if lost.low > most else None)


def unmoved(trial: Trial, case: str) -> Verdict:
    """Decide whether a change of the clouds leaves every class and all logits as they are.

    Arguments:
        trial: Answers of the network.
        case: The change.

    Example:
        >>> same = Trial((0,), {"upright": (1.0,)}, same={"tilted": 1.0}, moved={"tilted": 2e-6}, seconds=1.0)
        >>> unmoved(same, "tilted")
        'true'
    """
    return verdict(trial.same[case] == 1.0 and trial.moved[case] <= MOVED)


def _words(interval: Interval) -> str:
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def _accuracies(e: PointCloudTrials, trial: Trial, *cases: str) -> Evidence:
    words = {f"balanced accuracy, {case}": _words(trial.accuracy(case)) for case in ("upright", *cases)}
    return {**words, "chance": 1 / len(e.classes), "clouds for training": e.train, "for the test": len(trial.labels)}


def _changes(trial: Trial, case: str) -> Evidence:
    return {
        f"share of clouds with the same class, {case}": trial.same[case],
        f"largest change of a logit, {case}": trial.moved[case],
        f"balanced accuracy, {case}": _words(trial.accuracy(case)),
    }


def _table(e: PointCloudTrials) -> Evidence:
    """Return the accuracies of all classifiers: upright, turned about z, tilted."""
    cases = ("upright", "turned", "tilted")
    return {
        f"{name}: upright; turned about z; tilted": "; ".join(_words(e.trials[part].accuracy(case)) for case in cases)
        for part, name in PARTS.items()
    }


def _falls(id_: str, what: str, part: str, why: str) -> Claim[PointCloudTrials]:
    """Return the claim that a network keeps its accuracy when clouds are tilted."""
    return Claim(
        id=id_,
        statement=f"{what}, trained on upright clouds, keeps its balanced accuracy when the test clouds are tilted.",
        rule=KEPT,
        decide=lambda e: kept(fall(e.trials[part], e.trials[part], "tilted"), LOST),
        evidence=lambda e: {
            **_accuracies(e, e.trials[part], "turned", "tilted"),
            "fall when tilted": _words(fall(e.trials[part], e.trials[part], "tilted")),
        },
        why=why,
        textbook="false",
        counter=PASSING,
        draw=draw_accuracies if id_ == "V.0.a" else None,
    )


def _costs(id_: str, what: str, part: str) -> Claim[PointCloudTrials]:
    """Return the claim that training in all orientations costs nothing."""

    def lost(e: PointCloudTrials) -> Interval:
        return fall(e.trials[part], e.trials[f"{part}_all"], "tilted")

    return Claim(
        id=id_,
        statement=f"{what}, trained as long on clouds in all orientations, is as accurate on tilted clouds as the one "
        "trained on upright clouds is on upright ones.",
        rule=f"True if its balanced accuracy is less by at most {AS_GOOD:g}; false if the whole 95 % interval of the "
        f"difference is above {AS_GOOD:g}; else undecided.",
        decide=lambda e: kept(lost(e), AS_GOOD),
        evidence=lambda e: {
            "balanced accuracy, upright, trained upright": _words(e.trials[part].accuracy("upright")),
            "balanced accuracy, tilted, trained in all orientations": _words(
                e.trials[f"{part}_all"].accuracy("tilted")
            ),
            "difference": _words(lost(e)),
            "share of tilted clouds with the class of the upright ones": e.trials[f"{part}_all"].same["tilted"],
            "processor time of a training, s": e.trials[f"{part}_all"].seconds,
        },
        why="It must learn each class in every orientation, with the same weights and steps; what is up, it no longer "
        "knows. Its answers become alike on average, not equal.",
        textbook="false",
        counter=PASSING,
    )


def _exact(
    id_: str,
    statement: str,
    part: str,
    case: Callable[[PointCloudTrials], str],
    why: str,
    counter: Counter,
    more: Callable[[PointCloudTrials], Evidence] = lambda e: {},
) -> Claim[PointCloudTrials]:
    """Return the claim that a change leaves every answer as it is."""
    return Claim(
        id=id_,
        statement=statement,
        rule=ALIKE,
        decide=lambda e: unmoved(e.trials[part], case(e)),
        evidence=lambda e: {**_accuracies(e, e.trials[part]), **_changes(e.trials[part], case(e)), **more(e)},
        why=why,
        textbook="false" if part == "dense" else "true",
        counter=counter,
    )


CLAIMS: tuple[Claim[PointCloudTrials], ...] = (
    _falls(
        "V.0.a",
        "PointNet (one perceptron for all points, then the maximum)",
        "point_net",
        "The order of points does not matter to it, but a tilted cloud has other coordinates, which it has not seen.",
    ),
    _falls(
        "V.0.b",
        "A classic convolutional network on three pictures of each cloud",
        "pictures",
        "A convolution shares its weights among translations of a picture. A rotation in space is none of these.",
    ),
    _exact(
        "V.0.c",
        "Message passing with full symmetry, trained on upright clouds, gives each tilted cloud the same class and the "
        "same logits.",
        "full",
        lambda e: "tilted",
        "Which points are kept, their features and messages are functions of distances and scalar products. The "
        "symmetry is built in: it is not learned and cannot be lost.",
        HEIGHTS,
        _table,
    ),
    _exact(
        "V.0.d",
        "Message passing with vertical symmetry gives each cloud that is turned about the vertical the same class and "
        "the same logits.",
        "vertical",
        lambda e: "turned" if e.axis == "vertical" else "tilted",
        "Beside distances it has heights, which rotations about the vertical do not change.",
        Counter("clouds are turned about any axis", {"axis": "any"}),
    ),
    _exact(
        "V.0.e",
        "The forest on invariant descriptors gives each tilted cloud the same class and the same probabilities.",
        "forest_full",
        lambda e: "tilted",
        "A classifier of any kind is invariant if its input is. The descriptors sum up the same features of points.",
        HEIGHTS,
    ),
    _exact(
        "V.0.f",
        "Message passing gives each cloud whose points are listed in another order the same class and the same logits.",
        "full",
        lambda e: "reordered",
        "Points are chosen by distances; messages and the readout are sums and maxima, which have no order.",
        Counter("a dense network on the list of coordinates stands in its place", {"network": "dense"}),
    ),
    _exact(
        "V.0.g",
        "A dense network on the list of coordinates gives each cloud whose points are listed in another order the same "
        "class and the same logits.",
        "dense",
        lambda e: "reordered",
        "Each place in the list has weights of its own. It learned from the order of the scan.",
        PASSING,
    ),
    _costs("V.0.h", "PointNet", "point_net"),
    _costs("V.0.i", "The network on pictures", "pictures"),
)
