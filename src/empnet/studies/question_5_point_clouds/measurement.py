"""Accuracies of trained networks on test clouds, upright, turned, tilted and reordered; and how far logits move."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from jaxtyping import Float64, Int64

from empnet.runtime.progress import track
from empnet.studies.claim import Effort
from empnet.studies.question_5_point_clouds.cases import CASES, changed, clouds_for
from empnet.studies.question_5_point_clouds.contenders import KINDS, OnDistances, contender, plan_for
from empnet.studies.question_5_point_clouds.premises import PointClouds
from empnet.training.uncertainty.bootstrap import Interval

__all__ = ["PARTS", "PointCloudTrials", "Trial", "balanced", "fall", "measure"]

PARTS = {
    "full": "message passing, full",
    "vertical": "message passing, vertical",
    "forest_full": "forest, full",
    "forest_vertical": "forest, vertical",
    "point_net": "PointNet",
    "point_net_all": "PointNet, all orientations",
    "pictures": "pictures",
    "pictures_all": "pictures, all orientations",
    "dense": "dense",
}
"""Contenders, by their names in :class:`PointCloudTrials`."""

RESAMPLES = 2000
ENDS = (2.5, 97.5)


@dataclass(frozen=True)
class Trial:
    """Predictions of one classifier for the test clouds.

    Arguments:
        labels: Number of each cloud's true class.
        right: Share of the trainings whose prediction is right, for each cloud, by case.
        same: Share of the clouds, over all trainings, whose predicted class is that of the upright cloud, by case.
        moved: Largest change of a logit from the upright cloud, by case.
        seconds: Processor time of a training, the mean over the seeds.
    """

    labels: tuple[int, ...]
    right: dict[str, tuple[float, ...]]
    same: dict[str, float]
    moved: dict[str, float]
    seconds: float = field(compare=False)

    def accuracy(self, case: str) -> Interval:
        """Return the balanced accuracy.

        Arguments:
            case: One of :data:`~empnet.studies.question_5_point_clouds.cases.CASES`.
        """
        return balanced(np.array(self.right[case]), np.array(self.labels))


@dataclass(frozen=True)
class PointCloudTrials:
    """Trials of all classifiers, on the same clouds.

    Arguments:
        trials: By part, the keys of :data:`PARTS`.
        axis: Axis of the rotations of the network with vertical symmetry.
        classes: Names of the classes.
        train: Number of clouds for training and validation.
        points: Points of each cloud that networks see.
        seeds: Trainings of each network.
    """

    trials: dict[str, Trial]
    axis: str
    classes: tuple[str, ...]
    train: int
    points: int
    seeds: int


def balanced(values: Float64[np.ndarray, " n"], labels: Int64[np.ndarray, " n"]) -> Interval:
    """Return the mean over the classes of the mean value, with a 95 % interval over test clouds of each class.

    Arguments:
        values: A value for each cloud: whether its class was found, or the difference of two such values.
        labels: Number of each cloud's true class.

    Example:
        >>> balanced(np.array([1.0, 1.0, 1.0, 0.0]), np.array([0, 0, 0, 1]))
        Interval(value=0.5, low=0.5, high=0.5)
    """
    rng = np.random.default_rng(0)
    kinds = np.unique(labels)
    value, drawn = 0.0, np.zeros(RESAMPLES)
    for kind in kinds:
        own = values[labels == kind]
        value += float(own.mean()) / len(kinds)
        drawn += own[rng.integers(len(own), size=(RESAMPLES, len(own)))].mean(axis=1) / len(kinds)
    low, high = np.percentile(drawn, ENDS)
    return Interval(value, float(low), float(high))


def fall(before: Trial, after: Trial, case: str) -> Interval:
    """Return how far the balanced accuracy falls, from upright clouds to changed ones; a network may be another.

    Arguments:
        before: Trial whose upright clouds are taken.
        after: Trial whose changed clouds are taken.
        case: The change.

    Example:
        >>> right = {"upright": (1.0, 1.0), "tilted": (1.0, 0.0)}
        >>> trial = Trial((0, 1), right, same={"tilted": 0.5}, moved={"tilted": 3.0}, seconds=1.0)
        >>> fall(trial, trial, "tilted").value
        0.5
    """
    lost = np.subtract(before.right["upright"], after.right[case])
    return balanced(lost, np.array(before.labels))


def measure(premises: PointClouds, effort: Effort) -> PointCloudTrials:
    """Train all networks and test them.

    Arguments:
        premises: Clouds, and which network stands where.
        effort: Quick: seconds in place of minutes.
    """
    p, quick = premises, effort.quick
    kinds = track(KINDS, "networks on clouds", total=len(KINDS), quiet=effort.quiet)
    own: dict[str, Trial] = {}
    for kind in kinds:
        own |= _trials(kind, p.data, p.property, p.points, quick)
    trials = {part: own[_kind(part, p)] for part in PARTS}
    clouds, plan = clouds_for(p.data, p.property, quick), plan_for(quick)
    points = min(p.points, plan.most_points)
    return PointCloudTrials(trials, p.axis, clouds.classes, len(clouds.train), points, plan.seeds)


def _kind(part: str, p: PointClouds) -> str:
    """Return the classifier that stands at a place."""
    own = PARTS[part]
    if part in ("full", "forest_full"):
        own = own.replace("full", p.symmetry)
    passing, forest = own.startswith("message passing"), own.startswith("forest")
    if p.network == "dense" and passing:
        return "dense"
    if p.network == "message-passing" and not passing and not forest:
        return f"message passing, {p.symmetry}"
    return own


@cache
def _trials(kind: str, data: str, property_: str, points: int, quick: bool) -> Mapping[str, Trial]:
    """Train one kind of network with all seeds and test it; and the forest beside it, if it has one."""
    clouds, plan = clouds_for(data, property_, quick), plan_for(quick)
    points = min(points, plan.most_points)
    systems = {case: changed(clouds.test, case) for case in CASES}
    labels = clouds.numbers(clouds.test)
    logits: dict[str, dict[str, list[np.ndarray]]] = {}
    seconds = []
    for seed, case in itertools.product(range(plan.seeds), CASES):
        if case == CASES[0]:
            made = contender(kind, clouds, points, plan, seed)
            seconds.append(made.seconds)
        if isinstance(made, OnDistances):
            found = dict(zip((kind, kind.replace("message passing", "forest")), made.both(systems[case]), strict=True))
        else:
            found = {kind: made.logits(systems[case])}
        for name, values in found.items():
            logits.setdefault(name, {}).setdefault(case, []).append(values)
    mean = float(np.mean(seconds))
    return {name: _trial(labels, by_case, mean) for name, by_case in logits.items()}


def _trial(labels: Int64[np.ndarray, " n"], logits: Mapping[str, Sequence[np.ndarray]], seconds: float) -> Trial:
    """Return what logits of all seeds, by case, say."""
    of = {case: np.stack(values) for case, values in logits.items()}  # (seeds, n, K)
    chosen = {case: values.argmax(axis=2) for case, values in of.items()}
    return Trial(
        labels=tuple(labels.tolist()),
        right={case: tuple((values == labels).mean(axis=0).tolist()) for case, values in chosen.items()},
        same={case: float((values == chosen["upright"]).mean()) for case, values in chosen.items()},
        moved={case: float(np.abs(values - of["upright"]).max()) for case, values in of.items()},
        seconds=seconds,
    )
