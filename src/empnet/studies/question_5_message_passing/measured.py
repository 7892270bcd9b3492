"""All that the study measures, and how verdicts are read from it."""

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
"""An error that grows by less than this share counts as kept."""

DOUBT = 2.0
"""Standard errors by which a growth must be above nil to count as one."""


@dataclass(frozen=True)
class Measured:
    """What was measured, by what it was measured on.

    Arguments:
        layers: The two layers, against their formulas.
        far: Distances and predictions far from the origin.
        symmetries: Predictions of systems that were turned, moved, reordered, mirrored.
        contest: Errors of trained networks on molecules.
        blind: Predictions of different clouds that look alike.
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
        effort: Only the trained networks depend on it.
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
    """True if no network's prediction changed by more than rounding, false otherwise.

    Arguments:
        changes: Largest relative change, by network.
        bound: What rounding may do.
    """
    return verdict(max(changes.values()) <= bound)


def all_changes(e: Measured, how: str) -> dict[str, float]:
    """Relative changes of predictions by network, the message passing model trained on QM7 among them.

    Arguments:
        e: What was measured.
        how: ``"turned"``, ``"moved"``, ``"equals"``, ``"reordered"`` or ``"mirrored"``.
    """
    changes: dict[str, float] = dict(getattr(e.symmetries, how))
    return {**changes, "model trained on QM7, its test side": e.contest.passing.changes[how]}


def changes_evidence(e: Measured, how: str) -> Evidence:
    """Return the changes of predictions and the bound on rounding, as evidence.

    Arguments:
        e: All measurements.
        how: As in :func:`all_changes`.
    """
    changes = {f"largest change, {name}, relative": value for name, value in all_changes(e, how).items()}
    return {**changes, "bound on rounding, relative": e.symmetries.bound}


def kept(trial: Trial, how: str) -> Verdict:
    """Whether a network's mean absolute error is what it was, on the same molecules after something was done to them.

    True if it grew by at most 5 %, false if it grew by more than that and by more than two standard errors of the
    difference; else it cannot be told.

    Arguments:
        trial: The network's errors.
        how: ``"turned"`` or ``"reordered"``.
    """
    growth = getattr(trial, how) - trial.error
    if growth <= MORE * trial.error:
        return verdict(True)
    return verdict(False if growth > DOUBT * getattr(trial, f"{how}_doubt") else None)
