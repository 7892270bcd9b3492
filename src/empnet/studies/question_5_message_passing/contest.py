"""Errors of trained networks on original, rotated and reordered molecules."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float64

from empnet.audit.variants import reordered
from empnet.runtime.progress import track
from empnet.studies.claim import Effort
from empnet.studies.question_5_message_passing.clouds import among_equals, mirrored, turned
from empnet.studies.question_5_message_passing.contenders import contender, data_for, plan_for
from empnet.studies.question_5_message_passing.far import moved_all
from empnet.studies.question_5_message_passing.premises import MessagePassing

__all__ = ["Contest", "Trial", "measure_contest"]

SHIFT = 100.0
"""Translation of molecules in angstrom."""

SAMPLE = 50
"""Number of molecules that are translated, mirrored, or have equal atoms exchanged."""


@dataclass(frozen=True)
class Trial:
    """Mean absolute errors of one network on the test molecules, in kcal/mol.

    Arguments:
        error: Error on the original molecules.
        turned: Error on the molecules, rotated at random.
        reordered: Error on the molecules, with their atoms in another order.
        turned_doubt: Standard error of the difference of ``turned`` and ``error``, over the molecules.
        reordered_doubt: Standard error of the difference of ``reordered`` and ``error``.
        changes: Largest change of a prediction relative to the largest prediction, in float64, by operation:
            ``turned``, ``moved``, ``equals``, ``reordered``, ``mirrored``.
    """

    error: float
    turned: float
    reordered: float
    turned_doubt: float
    reordered_doubt: float
    changes: dict[str, float]


@dataclass(frozen=True)
class Contest:
    """Trials of all networks, on the same split of QM7.

    Arguments:
        dense: A dense network on coordinates, or its replacement.
        convolutional: A convolutional network on coordinates, or its replacement.
        augmented: A dense network trained on rotated copies, or its replacement.
        passing: The message passing network.
        composition: Mean absolute error of the composition alone, kcal/mol.
        train: Molecules for training.
        test: Molecules for the errors.
        steps: Training steps of the networks on coordinates.
        steps_passing: Training steps of message passing.
    """

    dense: Trial
    convolutional: Trial
    augmented: Trial
    passing: Trial
    composition: float
    train: int
    test: int
    steps: int
    steps_passing: int


def _kinds(p: MessagePassing) -> dict[str, str]:
    """Return the kind of network for each part."""
    passing = "message passing, coordinates" if p.coordinates else "message passing"
    if p.network == "message-passing":
        return dict.fromkeys(("dense", "convolutional", "augmented", "passing"), passing)
    augmented = "dense, turned copies" if p.augmentation else "dense"
    return {"dense": "dense", "convolutional": "convolutional", "augmented": augmented, "passing": passing}


def measure_contest(premises: MessagePassing, effort: Effort) -> Contest:
    """Train the networks, once each, and test them.

    Arguments:
        premises: Premises of the study; ``network``, ``augmentation`` and ``coordinates`` are relevant.
        effort: Quick: seconds in place of minutes.
    """
    parts = track(_kinds(premises).items(), "networks on molecules", total=4, quiet=effort.quiet)
    trials = {part: trial(kind, effort.quick) for part, kind in parts}
    data, plan = data_for(effort.quick), plan_for(effort.quick)
    wrong = np.abs(data.by_composition(data.test) - data.energies[data.split.test])
    steps = math.ceil(len(data.split.train) / plan.batch)
    return Contest(
        **trials,
        composition=float(wrong.mean()),
        train=len(data.split.train),
        test=len(data.split.test),
        steps=plan.epochs * steps,
        steps_passing=plan.epochs_passing * steps,
    )


@cache
def trial(kind: str, quick: bool) -> Trial:
    """Test one network.

    Arguments:
        kind: One of :data:`~empnet.studies.question_5_message_passing.contenders.KINDS`.
        quick: Train for seconds only.
    """
    made, data, rng = contender(kind, quick), data_for(quick), np.random.default_rng(8)
    few, wanted = data.test[:SAMPLE], data.energies[data.split.test]
    cases = {
        "as they are": data.test,
        "turned": turned(data.test, seed=9),
        "reordered": [reordered(system, rng.permutation(len(system))) for system in data.test],
        "moved": moved_all(few, SHIFT),
        "equals": [among_equals(system, rng) for system in few],
        "mirrored": mirrored(few),
    }
    with torch.no_grad():
        y = {name: made.predict(systems)[:, 0].numpy() for name, systems in cases.items()}
    own = y.pop("as they are")
    wrong = np.abs(own - wanted)
    more = {name: np.abs(y[name] - wanted) - wrong for name in ("turned", "reordered")}
    return Trial(
        error=float(wrong.mean()),
        turned=float((wrong + more["turned"]).mean()),
        reordered=float((wrong + more["reordered"]).mean()),
        turned_doubt=_standard_error(more["turned"]),
        reordered_doubt=_standard_error(more["reordered"]),
        changes={name: float(np.abs(v - own[: len(v)]).max() / np.abs(own).max()) for name, v in y.items()},
    )


def _standard_error(values: Float64[np.ndarray, " n"]) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))
