"""Audit a trained model: one call, one record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from empnet.audit.accuracy import accuracies, accuracy_lines, words_of
from empnet.audit.additivity import additivity_lines
from empnet.audit.coverage import coverage_lines
from empnet.audit.dead_units import dead_units_line
from empnet.audit.derivatives import derivative_lines
from empnet.audit.dynamics import drift_lines
from empnet.audit.engine import engine_lines
from empnet.audit.material import CLOUD_POINTS, drawn, material, sample_of
from empnet.audit.pooled import class_accuracy_lines, pooled_lines
from empnet.audit.record import Audit, AuditLine
from empnet.audit.smoothness import smoothness_lines
from empnet.audit.subject import Subject
from empnet.audit.symmetries import batch_line, determinism_line, symmetry_lines
from empnet.files.source import Data
from empnet.prediction.accuracy import Accuracy
from empnet.prediction.evaluate import measured_side
from empnet.prediction.last_words import verdict_of_run
from empnet.prediction.load import as_predictor
from empnet.prediction.predictor import Predictor
from empnet.prediction.reading import Reading
from empnet.prediction.verdict import Verdict
from empnet.runtime.pipes import keeping_pipes
from empnet.runtime.progress import track
from empnet.system.system import System
from empnet.training.run.run_folder import RunFolder

__all__ = ["audit"]

PATHS = 3
"""Number of systems in the test of smoothness."""


@keeping_pipes
def audit(
    predictor: Predictor | str | Path,
    data: Data | None = None,
    *,
    errors: Sequence[Accuracy] | None = None,
    quiet: bool = False,
    seed: int = 0,
    **reading: Any,
) -> Audit:
    """Test a trained model: symmetries, smoothness and derivatives of its predictions, its errors, and its coverage.

    Rotation, reflection, translation, permutation, batches, two copies and a supercell are judged against bounds on
    rounding, in the network's own precision and in float64 (:meth:`~empnet.audit.subject.Subject.compare`).
    Smoothness means no jumps along paths (:func:`~empnet.audit.smoothness.smoothness_lines`). Determinism means the
    same bits. Where libempnet evaluates the network, it is compared with torch
    (:func:`~empnet.audit.engine.engine_lines`). For an energy, forces and stress are compared with finite
    differences, and net force and torque with zero (:func:`~empnet.audit.derivatives.derivative_lines`); if the model
    was trained on forces, the energy drift is measured in a short run of dynamics
    (:func:`~empnet.audit.dynamics.drift_lines`). Dead units are counted
    (:func:`~empnet.audit.dead_units.dead_units_line`), and the data are compared with the range of the training set
    (:func:`~empnet.audit.coverage.coverage_lines`). If the data have the property, the errors are compared with the
    baseline's (:func:`~empnet.audit.accuracy.accuracy_lines`). With delta learning, the tests apply to the learned
    difference, without the known value in the data.

    Arguments:
        predictor: The model, or its run folder.
        data: A path, the name of bundled data, systems or ase.Atoms; None: the run's own test set, else its validation
            set. Up to 1,000 systems are used, and up to 32 systems (500 particles in all) for the symmetries.
        errors: Errors to judge, if they are known; None: the errors recorded in training for the run's own set, else
            the errors on the systems used.
        quiet: No progress bar.
        seed: Seed of the draw of systems and of rotations, directions and orders.
        **reading: Names and units in the data, if they differ from the run's: any argument of
            :class:`~empnet.prediction.reading.Reading`, such as ``length_unit="bohr"``.

    Returns:
        One line for each test; a test that cannot be made is skipped, with the reason.

    Raises:
        EmpnetError: If the data cannot be read, or contain a species that the model does not know.

    Example:
        >>> from empnet.training.run.model_file import ModelCard
        >>> from empnet.model.architecture import Architecture
        >>> card = ModelCard(Architecture(n_species=2, pooling=("sum",)), (1, 8), ("energy",), ("eV",))
        >>> water = System([[0, 0, 0.12], [0, 0.76, -0.48], [0, -0.76, -0.48]], [8, 1, 1])
        >>> audit(Predictor(card.build(), card), [water], quiet=True).passed
        True
    """
    rng, predictor = np.random.default_rng(seed), as_predictor(predictor)
    given, called = material(predictor, data, Reading.of(reading))
    systems = drawn(track(given, f"reading {called}", quiet=quiet), rng)
    clouds = predictor.card.preparation is not None
    sample = sample_of(systems, rng, CLOUD_POINTS) if clouds else sample_of(systems, rng)
    if predictor.card.architecture.readout == "pooled":
        return _audit_pooled(predictor, systems, sample, called, errors, rng, _side(predictor, data))
    tests = _tests(Subject(predictor), systems, sample, rng, own=data is None)
    lines = [line for piece in track(tests, "auditing", quiet=quiet) for line in piece]
    found = accuracies(predictor, systems, _side(predictor, data)) if errors is None else list(errors)
    lines = [*accuracy_lines(predictor, found), *lines]
    return Audit(predictor.run, called, len(systems), len(sample), tuple(lines), words_of(predictor, found))


def _audit_pooled(
    predictor: Predictor,
    systems: Sequence[System],
    sample: Sequence[System],
    called: str,
    errors: Sequence[Accuracy] | None,
    rng: np.random.Generator,
    side: str,
) -> Audit:
    """Test a model for clouds or classes: its symmetries from file to prediction, its errors, its dead units."""
    lines = pooled_lines(predictor, sample, rng)
    dead = dead_units_line(Subject(predictor), predictor.dataset(sample))
    if predictor.card.classes:
        lines = [*class_accuracy_lines(predictor, systems), *lines, dead]
        words = Verdict() if side == "given" else verdict_of_run(predictor.run)
    else:
        found = accuracies(predictor, systems, side) if errors is None else list(errors)
        lines, words = [*accuracy_lines(predictor, found), *lines, dead], words_of(predictor, found)
    return Audit(predictor.run, called, len(systems), len(sample), tuple(lines), words)


def _side(predictor: Predictor, data: Data | None) -> str:
    return "given" if data is not None else measured_side(RunFolder(predictor.run))


def _tests(
    subject: Subject, systems: Sequence[System], sample: Sequence[System], rng: np.random.Generator, own: bool
) -> Iterator[list[AuditLine]]:
    base = subject.base(sample)
    yield symmetry_lines(subject, base, rng)
    yield additivity_lines(subject, base)
    yield [batch_line(subject, base), determinism_line(subject, base)]
    yield engine_lines(subject, base)
    yield smoothness_lines(subject, sample[:PATHS], rng)
    yield derivative_lines(subject, base, rng)
    yield drift_lines(subject, sample, rng)
    dataset = subject.predictor.dataset(systems)
    coverage = coverage_lines(subject.predictor.card.seen, dataset, systems, own=own)
    yield [dead_units_line(subject, dataset), *coverage]
