"""Check that libempnet, which predictions use, gives what the reference in torch gives."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float64

from empnet.audit.derivatives import has_forces
from empnet.audit.record import AuditLine, skipped, verdict_of
from empnet.audit.subject import SHARP, Base, Subject, batches, origin_of, relative_to
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
    own, exact = (np.abs(np.subtract(*_values(each, base))) for each in (subject.predictor, subject.exact))
    lines = [subject.judged("engine", done, base, own, exact)]
    return [*lines, _forces_line(subject, base)] if has_forces(subject.predictor.card) else lines


def _values(predictor: Predictor, base: Base) -> list[Float64[np.ndarray, "B F_prime"]]:
    """Return predictions by libempnet and by torch."""
    found = _both(predictor, base, forces=False)
    return [np.concatenate([each.values.numpy() for each in column]) for column in found]


def _both(predictor: Predictor, base: Base, forces: bool):  # noqa: ANN202 (two lists of predictions)
    plain = Evaluator(predictor.model, "torch")
    with torch.no_grad():
        parts = batches(predictor, base.systems)
        return [[of(batch, forces=forces) for batch in parts] for of in (predictor.evaluator, plain)]


def _forces_line(subject: Subject, base: Base) -> AuditLine:
    """Compare forces in both precisions, relative to the size of each system's forces."""
    columns: list[np.ndarray] = []
    for predictor in (subject.predictor, subject.exact):
        ends = np.cumsum([len(system) for system in base.systems])[:-1]
        both = (np.concatenate([part.forces.numpy() for part in each]) for each in _both(predictor, base, forces=True))
        native, plain = (np.split(F, ends) for F in both)
        columns.append(np.array([np.abs(a - b).max() for a, b in zip(native, plain, strict=True)]))
        columns.append(np.array([np.abs(F).max() for F in plain]) + float(predictor.model.scale[0].abs()))
    deviation, size, exact, _ = columns
    bound, sharp = ROUNDINGS * subject.eps * size, ROUNDINGS * SHARP * size
    own, other = relative_to(deviation, bound), relative_to(exact, sharp)
    s, s_exact = int(own.argmax()), int(other.argmax())
    return AuditLine(
        "engine's forces",
        "Forces by libempnet agree with torch's.",
        float(deviation[s]),
        float(bound[s]),
        subject.predictor.card.units[0] + "/angstrom",
        verdict_of(max(own[s], other[s_exact]) <= 1),
        where=origin_of(base.systems, s if own[s] >= other[s_exact] else s_exact),
        exact=float(exact[s_exact]),
        exact_threshold=float(sharp[s_exact]),
    )
