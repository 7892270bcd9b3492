"""Audit a trained model: one call, one record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from empnet.apply.audit.additivity import additivity_lines
from empnet.apply.audit.coverage import coverage_lines
from empnet.apply.audit.dead_units import dead_units_line
from empnet.apply.audit.derivatives import derivative_lines
from empnet.apply.audit.dynamics import drift_lines
from empnet.apply.audit.material import drawn, material, sample_of
from empnet.apply.audit.record import Audit, AuditLine
from empnet.apply.audit.smoothness import smoothness_lines
from empnet.apply.audit.subject import Subject
from empnet.apply.audit.symmetries import batch_line, determinism_line, symmetry_lines
from empnet.apply.predictor import Predictor
from empnet.data.compilation import compiling
from empnet.data.progress import track
from empnet.data.system import System

__all__ = ["audit"]

PATHS = 3
"""Systems through which paths lead in the test of smoothness."""


def audit(
    predictor: Predictor, data: str | Path | Sequence[System] | None = None, *, quiet: bool = False, seed: int = 0
) -> Audit:
    """Test a trained model for what every prediction must have, and data for what its training never had.

    Rotation, reflection, translation, permutation, batches, two copies, a supercell: judged against bounds on
    rounding, in the network's own precision and in float64 (:meth:`~empnet.apply.audit.subject.Subject.compare`).
    Smoothness: jumps along paths (:func:`~empnet.apply.audit.smoothness.smoothness_lines`). Determinism: the same
    bits. Of energies: forces and stress against finite differences, net force and torque
    (:func:`~empnet.apply.audit.derivatives.derivative_lines`); if forces were learned, the drift of the energy in a
    short run of dynamics (:func:`~empnet.apply.audit.dynamics.drift_lines`). Dead units
    (:func:`~empnet.apply.audit.dead_units.dead_units_line`) and coverage
    (:func:`~empnet.apply.audit.coverage.coverage_lines`). With delta learning it is the learned difference that is
    tested: what the data say beforehand is added to it as it is.

    Arguments:
        predictor: The model.
        data: A path, the name of bundled data, or systems, of which up to 1,000 are looked at, and up to 32 (of 500
            particles in all) for the symmetries; None: the run's own test side, else its validation side.
        quiet: No progress bar.
        seed: Of the draw, and of rotations, directions and orders.

    Returns:
        One line for each test; those that cannot be made are skipped, with the reason.

    Raises:
        EmpnetError: If the data cannot be read, or hold a species that the model does not know.

    Example:
        >>> from empnet.learn.model_file import ModelCard
        >>> from empnet.nn.model import Architecture
        >>> card = ModelCard(Architecture(n_species=2, pooling=("sum",)), (1, 8), ("energy",), ("eV",))
        >>> water = System([[0, 0, 0.12], [0, 0.76, -0.48], [0, -0.76, -0.48]], [8, 1, 1])
        >>> audit(Predictor(card.build(), card), [water], quiet=True).passed
        True
    """
    rng = np.random.default_rng(seed)
    given, called = material(predictor, data)
    systems = drawn(track(given, f"reading {called}", quiet=quiet), rng)
    sample = sample_of(systems, rng)
    tests = _tests(Subject(predictor), systems, sample, rng, own=data is None)
    with compiling():
        lines = [line for piece in track(tests, "auditing", quiet=quiet) for line in piece]
    return Audit(predictor.run, called, len(systems), len(sample), tuple(lines))


def _tests(
    subject: Subject, systems: Sequence[System], sample: Sequence[System], rng: np.random.Generator, own: bool
) -> Iterator[list[AuditLine]]:
    base = subject.base(sample)
    yield symmetry_lines(subject, base, rng)
    yield additivity_lines(subject, base)
    yield [batch_line(subject, base), determinism_line(subject, base)]
    yield smoothness_lines(subject, sample[:PATHS], rng)
    yield derivative_lines(subject, base, rng)
    yield drift_lines(subject, sample, rng)
    dataset = subject.predictor.dataset(systems)
    coverage = coverage_lines(subject.predictor.card.seen, dataset, systems, own=own)
    yield [dead_units_line(subject, dataset), *coverage]
