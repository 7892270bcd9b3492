"""Tests of a model that reads whole clouds: its symmetries, from the points of a file to the prediction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float64
from scipy.spatial.transform import Rotation

from empnet.audit.record import AuditLine, skipped, verdict_of
from empnet.audit.subject import batches, origin_of
from empnet.audit.variants import mapped, reordered
from empnet.errors import EmpnetError
from empnet.model.pooled_model import PooledModel
from empnet.prediction.class_evaluation import evaluate_classes
from empnet.prediction.predictor import Predictor
from empnet.preparation.preparation import Preparation, prepare
from empnet.system.system import System

__all__ = ["MOST", "class_accuracy_lines", "pooled_lines"]

MOST = 1e-5
"""Largest accepted deviation of an output, a logit or a property in its standard deviation: a hundred roundings of
float32, and far below anything that changes a class."""

LOGIT, DEVIATION = "logit units", "standard deviations"
"""Units of the outputs: of classes, and of properties."""

FAR = 1000.0
"""Length of the translation in extents of the cloud."""

ALIKE = 1e-6
"""Relative difference up to which distances from the centroid are equal."""

Change = Callable[[System, np.random.Generator], System]


def pooled_lines(predictor: Predictor, systems: Sequence[System], rng: np.random.Generator) -> list[AuditLine]:
    """Test rotation, translation, order, duplicates, batches, repetition, and the choice of points.

    Arguments:
        predictor: A model for clouds or classes.
        systems: The systems of the sample.
        rng: Random generator for rotations, directions and orders.
    """
    base, about = _outputs(predictor, systems), _about(predictor)
    unit = LOGIT if predictor.card.classes else DEVIATION
    changes: dict[str, tuple[str, Change]] = {
        "rotation": (f"Each system is rotated {about}.", lambda s, r: _turned(s, r, predictor)),
        "translation": ("Each system is moved by a thousand times its extent.", _moved),
        "permutation": (
            "The points of each system are listed in another order.",
            lambda s, r: reordered(s, r.permutation(len(s))),
        ),
    }
    if predictor.card.preparation is not None:
        changes["duplicates"] = ("A tenth of the points of each cloud are there twice.", _doubled)
    lines = [
        _line(name, done, base, _outputs(predictor, [change(system, rng) for system in systems]), systems, unit)
        for name, (done, change) in changes.items()
    ]
    lines.append(_batch(predictor, systems, base, unit))
    done = "The sample is predicted twice: the results must have the same bits."
    deviation = float(np.abs(_outputs(predictor, systems) - base).max())
    lines.append(AuditLine("determinism", done, deviation, 0.0, unit, verdict_of(deviation == 0.0)))
    if predictor.card.preparation is not None:
        lines.append(_same_points(predictor.card.preparation, systems, rng, predictor))
    return lines


@torch.no_grad()
def _outputs(predictor: Predictor, systems: Sequence[System]) -> Float64[np.ndarray, "B F_prime"]:
    """Return the outputs of the network in units of its scale: logits, or properties in standard deviations."""
    model = predictor.model
    assert isinstance(model, PooledModel)  # own invariant: the driver chooses these tests for such models
    return np.concatenate([(model.outputs(batch) / model.scale).numpy() for batch in batches(predictor, systems)])


def _about(predictor: Predictor) -> str:
    return "at random about z" if _is_vertical(predictor) else "at random"


def _is_vertical(predictor: Predictor) -> bool:
    preparation = predictor.card.preparation
    return preparation is not None and preparation.symmetry == "vertical"


def _rotation(predictor: Predictor, rng: np.random.Generator) -> Float64[np.ndarray, "3 3"]:
    if _is_vertical(predictor):
        return Rotation.from_euler("z", rng.uniform(0, 2 * np.pi)).as_matrix()  # type: ignore[no-any-return]
    return Rotation.random(random_state=rng).as_matrix()  # type: ignore[no-any-return]


def _turned(system: System, rng: np.random.Generator, predictor: Predictor) -> System:
    return mapped(system, _rotation(predictor, rng))


def _moved(system: System, rng: np.random.Generator) -> System:
    direction = rng.normal(size=3)
    extent = float(np.ptp(system.positions, axis=0).max())
    shift = FAR * extent * direction / np.linalg.norm(direction)
    return replace(system, positions=system.positions + shift)


def _doubled(system: System, rng: np.random.Generator) -> System:
    """Return the cloud with copies of some of its points at the end."""
    again = np.concatenate([np.arange(len(system)), rng.permutation(len(system))[: max(1, len(system) // 10)]])
    features = None if system.features is None else system.features[again]
    arrays = {name: values[again] for name, values in system.arrays.items()}
    return replace(system, positions=system.positions[again], features=features, arrays=arrays)


def _line(name: str, done: str, base: np.ndarray, other: np.ndarray, systems: Sequence[System], unit: str) -> AuditLine:
    apart = np.abs(other - base).max(axis=1)
    apart = np.where(np.isnan(apart), np.inf, apart)
    worst = int(apart.argmax())
    good = verdict_of(apart[worst] <= MOST)
    return AuditLine(name, done, float(apart[worst]), MOST, unit, good, where=origin_of(systems, worst))


def _batch(predictor: Predictor, systems: Sequence[System], base: np.ndarray, unit: str) -> AuditLine:
    done = "Each system is predicted alone and together with the others."
    if len(systems) < 2:
        return skipped("batch", done, "there is only one system")
    alone = np.concatenate([_outputs(predictor, [system]) for system in systems])
    return _line("batch", done, base, alone, systems, unit)


def _same_points(
    preparation: Preparation, systems: Sequence[System], rng: np.random.Generator, predictor: Predictor
) -> AuditLine:
    """Count the clouds that keep other points after a rotation."""
    done = f"Each cloud is rotated {_about(predictor)}: the same points must be kept."
    other = [not _keeps_points(system, preparation, _turned(system, rng, predictor)) for system in systems]
    text = f"{len(other) - sum(other)} of {len(other)} clouds keep the same points"
    where = origin_of(systems, other.index(True)) if any(other) else ""
    return AuditLine("kept points", done, float(np.mean(other)), 0.0, "", verdict_of(not any(other)), text, where)


def _keeps_points(system: System, preparation: Preparation, turned: System) -> bool:
    here, there = (
        np.sort(np.linalg.norm(prepare(each, preparation).system.positions, axis=1)) for each in (system, turned)
    )
    return len(here) == len(there) and bool(np.allclose(here, there, rtol=ALIKE, atol=ALIKE))


def class_accuracy_lines(predictor: Predictor, systems: Sequence[System]) -> list[AuditLine]:
    """Compare the accuracy of a classifier on the audited systems with that of naming always the same class.

    Arguments:
        predictor: The classifier.
        systems: The audited systems.
    """
    name = f"error of {predictor.card.properties[0]}"
    done = "The share of wrong classes is divided by that of naming always the same class, class by class."
    try:
        (found,) = evaluate_classes(predictor, systems, predictor.card.properties[0])
    except EmpnetError as error:
        return [skipped(name, done, str(error))]
    chance = found.errors.majority_balanced_accuracy
    if chance == 1:
        return [skipped(name, done, "these systems have one class only")]
    share = (1 - found.errors.balanced_accuracy.value) / (1 - chance)
    text = f"balanced accuracy {found.errors.balanced_accuracy.value:.3f} on {len(systems)} systems"
    return [AuditLine(name, done, share, 1.0, "", verdict_of(share < 1), text)]
