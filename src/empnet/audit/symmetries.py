"""Check the symmetries of a prediction: rotate, reflect, translate or reorder a system, or predict it again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from empnet.audit.record import AuditLine, skipped, verdict_of
from empnet.audit.subject import Base, Subject, values
from empnet.audit.variants import mapped, moved, on_grid, reordered
from empnet.prediction.load import load

__all__ = ["batch_line", "determinism_line", "symmetry_lines"]

FAR = 1e6
"""Length of the translation, in angstrom."""


def symmetry_lines(subject: Subject, base: Base, rng: np.random.Generator) -> list[AuditLine]:
    """Test rotation, reflection, translation and permutation.

    Arguments:
        subject: The model under audit.
        base: The systems of the sample.
        rng: Random generator for rotations, directions and orders.
    """
    turned = [mapped(system, Rotation.random(random_state=rng).as_matrix()) for system in base.systems]
    mirror = np.diag([-1.0, 1.0, 1.0])  # changes only signs, so nothing is rounded
    shuffled = [reordered(system, rng.permutation(len(system))) for system in base.systems]
    return [
        subject.compare("rotation", "Each system is rotated at random, together with its cell.", base, turned),
        subject.compare(
            "reflection",
            "Each system is replaced by its mirror image.",
            base,
            [mapped(system, mirror) for system in base.systems],
        ),
        _translation(subject, base, rng),
        subject.compare("permutation", "The particles of each system are listed in another order.", base, shuffled),
    ]


def _translation(subject: Subject, base: Base, rng: np.random.Generator) -> AuditLine:
    """Test a translation by 1e6 angstrom, where float64 has steps of 1e-10; positions on a grid move there exactly."""
    near = [on_grid(system) for system in base.systems]
    directions = rng.normal(size=(len(near), 3))
    shifts = FAR * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    far = [moved(system, shift) for system, shift in zip(near, shifts, strict=True)]
    done = "Each system is moved by 1,000,000 angstrom in some direction."
    return subject.compare("translation", done, subject.base(near), far)


def batch_line(subject: Subject, base: Base) -> AuditLine:
    """Test that each prediction is the same for a system alone and in a batch.

    Arguments:
        subject: The model under audit.
        base: The systems of the sample.
    """
    done = "Each system is predicted alone and together with the others."
    if len(base.systems) < 2:
        return skipped("batch", done, "there is only one system")
    own, exact = (
        np.concatenate([values(predictor, [system]) for system in base.systems])
        for predictor in (subject.predictor, subject.exact)
    )
    return subject.judged("batch", done, base, np.abs(own - base.own), np.abs(exact - base.exact))


def determinism_line(subject: Subject, base: Base) -> AuditLine:
    """Test that a second prediction gives the same bits, also after the model is loaded again.

    Arguments:
        subject: The model under audit.
        base: The systems of the sample.
    """
    again = values(subject.predictor, base.systems)
    deviation, loaded = np.abs(again - base.own), ""
    run = subject.predictor.run
    if run and (Path(run) / "model.safetensors").exists():
        deviation = np.fmax(deviation, np.abs(values(load(run), base.systems) - base.own))
        loaded = ", the second time with the model loaded again"
    done = f"The sample is predicted twice{loaded}: the results must have the same bits."
    unequal = np.isnan(deviation) | (deviation > 0)
    s, k = np.unravel_index(np.argmax(np.where(np.isnan(deviation), np.inf, deviation)), deviation.shape)
    return AuditLine(
        "determinism",
        done,
        float(deviation[s, k]),
        0.0,
        subject.predictor.card.units[k],
        verdict_of(not unequal.any()),
    )
