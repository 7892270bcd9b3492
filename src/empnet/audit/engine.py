"""Check that libempnet, which predictions use, gives what the reference in torch gives."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float64

from empnet.audit.derivatives import has_forces
from empnet.audit.record import AuditLine, skipped
from empnet.audit.subject import Base, Subject, batches
from empnet.model.evaluator import Evaluator
from empnet.prediction.predictor import Predictor

__all__ = ["engine_lines"]

ROUNDINGS = 1_000
"""Largest accepted difference of forces, as a multiple of the rounding of their size: the system's largest force, and
the scale of the network's output per angstrom, since forces of a crystal cancel. Both engines sum up some hundred terms
of that size, in different orders."""


def engine_lines(subject: Subject, base: Base) -> list[AuditLine]:
    """Compare predictions, and forces if there are any, by libempnet with torch's.

    Arguments:
        subject: The model under audit.
        base: The systems of the sample.
    """
    done = "Predictions by libempnet agree with torch's."
    if subject.predictor.evaluator.engine == "torch":
        return [skipped("engine", done, "torch evaluates this model")]
    forces = has_forces(subject.predictor.card)
    (y, F), (y_exact, F_exact) = (_deviations(each, base, forces) for each in (subject.predictor, subject.exact))
    lines = [subject.judged("engine", done, base, y, y_exact)]
    if F is None or F_exact is None:
        return lines
    done = "Forces by libempnet agree with torch's."
    line = subject.judged_by_size("engine's forces", done, base, F.largest, F_exact.largest, ROUNDINGS * F.size)
    return [*lines, replace(line, unit=f"{line.unit}/angstrom")]


@dataclass(frozen=True, slots=True, eq=False)
class _Forces:
    """Differences of forces in each system, and the size of its forces."""

    largest: Float64[np.ndarray, " B"]
    size: Float64[np.ndarray, " B"]


def _deviations(
    predictor: Predictor, base: Base, forces: bool
) -> tuple[Float64[np.ndarray, "B F_prime"], _Forces | None]:
    """Return the differences between libempnet and torch: of predictions, and of forces if these are wanted."""
    plain, parts = Evaluator(predictor.model, "torch"), batches(predictor, base.systems)
    with torch.no_grad():
        both = [[of(batch, forces=forces) for batch in parts] for of in (predictor.evaluator, plain)]
    values = [np.concatenate([part.values.numpy() for part in each]) for each in both]
    if not forces:
        return np.abs(values[0] - values[1]), None
    ends = np.cumsum([len(system) for system in base.systems])[:-1]
    found = [np.split(torch.cat([part.forces for part in each]).numpy(), ends) for each in both]  # type: ignore[misc]
    largest = np.array([np.abs(a - b).max() for a, b in zip(*found, strict=True)])
    size = np.array([np.abs(F).max() for F in found[1]]) + float(predictor.model.scale[0].abs())
    return np.abs(values[0] - values[1]), _Forces(largest, size)
