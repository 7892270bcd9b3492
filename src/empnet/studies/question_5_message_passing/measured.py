"""All measurements of the study, and rules that several claims share."""

from __future__ import annotations

from dataclasses import dataclass

from empnet.studies.claim import Effort, Evidence, Verdict, verdict
from empnet.studies.question_5_message_passing.blind_spots import BlindSpots, measure_blind_spots
from empnet.studies.question_5_message_passing.contest import Contest, Trial, measure_contest
from empnet.studies.question_5_message_passing.far import Far, measure_far
from empnet.studies.question_5_message_passing.layers import Layers, measure_layers
from empnet.studies.question_5_message_passing.premises import MessagePassing
from empnet.studies.question_5_message_passing.symmetries import Symmetries, measure_symmetries

__all__ = [
    "DOUBT",
    "MORE",
    "Measured",
    "all_changes",
    "changes_evidence",
    "kept",
    "measure",
    "parameters_by_size",
    "unchanged",
]

MORE = 0.05
"""An error that grows by at most this share counts as unchanged."""

DOUBT = 2.0
"""A growth counts if it exceeds this number of its standard errors."""


@dataclass(frozen=True)
class Measured:
    """All measurements, by subject.

    Arguments:
        layers: The two layers, against their formulas.
        far: Distances and predictions far from the origin.
        symmetries: Predictions of rotated, translated, reordered and mirrored systems.
        contest: Errors of trained networks on molecules.
        blind: Predictions of different clouds with the same distances.
    """

    layers: Layers
    far: Far
    symmetries: Symmetries
    contest: Contest
    blind: BlindSpots


def measure(premises: MessagePassing, effort: Effort) -> Measured:
    """Measure everything; parts that do not depend on a changed premise are measured once.

    Arguments:
        premises: The question's, or others.
        effort: Determines the size of the trained networks only.
    """
    return Measured(
        layers=measure_layers(premises),
        far=measure_far(premises),
        symmetries=measure_symmetries(premises),
        contest=measure_contest(premises, effort),
        blind=measure_blind_spots(premises),
    )


def parameters_by_size(parameters: dict[int, int]) -> Evidence:
    """Return the number of parameters for each number of particles, as evidence.

    Arguments:
        parameters: Number of parameters, by number of particles.
    """
    return {f"parameters, {N} particles": count for N, count in parameters.items()}


def unchanged(changes: dict[str, float], bound: float) -> Verdict:
    """Return true if no network's prediction changed by more than rounding, false otherwise.

    Arguments:
        changes: Largest relative change, by network.
        bound: Bound on the effect of rounding.
    """
    return verdict(max(changes.values()) <= bound)


def all_changes(e: Measured, how: str) -> dict[str, float]:
    """Return relative changes of predictions by network, including the message passing model trained on QM7.

    Arguments:
        e: All measurements.
        how: ``"turned"``, ``"moved"``, ``"equals"``, ``"reordered"`` or ``"mirrored"``.
    """
    changes: dict[str, float] = dict(getattr(e.symmetries, how))
    return {**changes, "model trained on QM7, its test set": e.contest.passing.changes[how]}


def changes_evidence(e: Measured, how: str) -> Evidence:
    """Return the changes of predictions and the bound on rounding, as evidence.

    Arguments:
        e: All measurements.
        how: As in :func:`all_changes`.
    """
    changes = {f"largest change, {name}, relative": value for name, value in all_changes(e, how).items()}
    return {**changes, "bound on rounding, relative": e.symmetries.bound}


def kept(trial: Trial, how: str) -> Verdict:
    """Decide whether a network keeps its mean absolute error when the same molecules are rotated or reordered.

    True if the error grew by at most 5 %, false if it grew by more and by more than two standard errors of the
    difference; otherwise undecided.

    Arguments:
        trial: The network's errors.
        how: ``"turned"`` or ``"reordered"``.
    """
    growth = getattr(trial, how) - trial.error
    if growth <= MORE * trial.error:
        return verdict(True)
    return verdict(False if growth > DOUBT * getattr(trial, f"{how}_doubt") else None)
