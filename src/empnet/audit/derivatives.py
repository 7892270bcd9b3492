"""Check forces and stress of a model of an energy: against finite differences, and for zero net force and torque."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float64

from empnet.audit.record import AuditLine, skipped, verdict_of
from empnet.audit.subject import EPS, OPERATIONS, Base, Subject, batches, origin_of, relative_to, values
from empnet.audit.variants import opened
from empnet.errors import EmpnetError
from empnet.kernels.pairs import sum_per_system
from empnet.model.energy_derivatives import energy_and_derivatives
from empnet.prediction.predictor import Predictor
from empnet.system.system import System
from empnet.system.units import parse_unit
from empnet.training.run.model_file import ModelCard

__all__ = ["derivative_lines", "has_forces"]

H = 1e-5
"""Step of the finite differences: in angstrom for forces, a strain for stress."""

SHARE = 1e-6
"""Accepted deviation of a finite difference, as a share of the derivative's size."""


def has_forces(card: ModelCard) -> bool:
    """Return whether the first property is an energy and a sum over particles: then its negative gradient is a force.

    Arguments:
        card: Card of the model.
    """
    try:
        return card.architecture.pooling[0] == "sum" and parse_unit(card.units[0]).kind == "an energy"
    except EmpnetError:
        return False


def derivative_lines(subject: Subject, base: Base, rng: np.random.Generator) -> list[AuditLine]:
    """Test forces and stress against finite differences, and net force and net torque against zero.

    Arguments:
        subject: The model under audit.
        base: The systems of the sample.
        rng: Random generator for directions and strains.

    Returns:
        One line for each test; an empty list if the model does not predict an energy.
    """
    if not has_forces(subject.predictor.card):
        return []
    return [_forces_line(subject, base, rng), *_net_lines(subject, base), _stress_line(subject, base, rng)]


def _forces_line(subject: Subject, base: Base, rng: np.random.Generator) -> AuditLine:
    """Compare -F u with the slope of the energy along u, a joint direction of all particles."""
    directions = [rng.normal(size=(len(system), 3)) for system in base.systems]
    directions = [u / np.linalg.norm(u) for u in directions]
    forces, _ = _derivatives(subject.exact, base.systems)

    def moved(h: float) -> list[System]:
        each = zip(base.systems, directions, strict=True)
        return [replace(system, positions=system.positions + h * u) for system, u in each]

    found = np.array([-(F * u).sum() for F, u in zip(forces, directions, strict=True)])
    size = np.array([np.linalg.norm(F) for F in forces])
    done = "Forces agree with finite differences of the energy along random directions (float64)."
    return _difference_line(subject, "forces", done, base, moved, found, size, "/angstrom")


def _stress_line(subject: Subject, base: Base, rng: np.random.Generator) -> AuditLine:
    """Compare the stress along a strain with the slope of the energy with that strain, for crystals."""
    done = "Stress agrees with finite differences of the energy under random strains, divided by the volume (float64)."
    rows = [s for s, system in enumerate(base.systems) if all(system.pbc)]
    if not rows:
        return skipped("stress", done, "no system is periodic along all three axes")
    crystals = subject.base([base.systems[s] for s in rows])
    strains = rng.normal(size=(len(rows), 3, 3))
    strains = (strains + strains.transpose(0, 2, 1)) / 2
    strains /= np.linalg.norm(strains, axis=(1, 2), keepdims=True)
    stress = _derivatives(subject.exact, crystals.systems, stress=True)[1]
    V = np.array([abs(np.linalg.det(_cell(system))) for system in crystals.systems])

    def strained(h: float) -> list[System]:
        each = zip(crystals.systems, np.eye(3) + h * strains, strict=True)
        return [replace(s, positions=s.positions @ matrix, cell=_cell(s) @ matrix) for s, matrix in each]

    full = stress[:, [[0, 5, 4], [5, 1, 3], [4, 3, 2]]]
    found = V * (full * strains).sum(axis=(1, 2))
    size = V * np.linalg.norm(full, axis=(1, 2))
    return _difference_line(subject, "stress", done, crystals, strained, found, size, "/angstrom^3", V)


def _difference_line(
    subject: Subject,
    name: str,
    done: str,
    base: Base,
    at: Callable[[float], list[System]],
    found: Float64[np.ndarray, " B"],
    size: Float64[np.ndarray, " B"],
    per: str,
    volume: Float64[np.ndarray, " B"] | float = 1.0,
) -> AuditLine:
    """Compare slopes with central differences; a second difference with twice the step estimates their error."""
    y = [values(subject.exact, at(h))[:, 0] for h in (H, -H, 2 * H, -2 * H)]
    slope, coarse = (y[0] - y[1]) / (2 * H), (y[2] - y[3]) / (4 * H)
    rounding = base.size.rounding(EPS["float64"])[:, 0] / H
    deviation = np.abs(found - slope) / volume
    # the coarse slope has four times the error, unless third derivatives jump, as they can at a spline's knots
    bound = (SHARE * size + 4 * np.abs(slope - coarse) + rounding) / volume
    ratio = relative_to(deviation, bound)
    s = int(ratio.argmax())
    unit = subject.predictor.card.units[0] + per
    good = verdict_of(ratio[s] <= 1)
    return AuditLine(name, done, float(deviation[s]), float(bound[s]), unit, good, where=origin_of(base.systems, s))


def _net_lines(subject: Subject, base: Base) -> list[AuditLine]:
    r"""Compare the sums of forces and torques with the bound on rounding:

    .. math:: 64 \, \epsilon \, \Sigma |c - b| \, / \, \Delta

    (for torques times the system's radius). Here c is a particle's contribution, b is its composition baseline, and
    Delta is the spacing of the filters' knots: a slope is a difference of two filter values, divided by Delta. As for
    the symmetries, the deviation must shrink in float64 as rounding does.
    """
    periodic = any(any(system.pbc) for system in base.systems)
    free = [opened(system) for system in base.systems]
    unit = subject.predictor.card.units[0]
    (own, _, _), (exact, _, size) = (_net(predictor, base.systems) for predictor in (subject.predictor, subject.exact))
    size = OPERATIONS**2 * size / subject.predictor.model.spline.spacing
    force = subject.judged_by_size(
        "net force", "Forces on all particles of a system sum to zero.", base, own, exact, size
    )
    (_, own, _), (_, exact, size) = (_net(predictor, free) for predictor in (subject.predictor, subject.exact))
    radii = np.array([np.linalg.norm(s.positions - s.positions.mean(axis=0), axis=1).max() for s in free])
    size = OPERATIONS**2 * size / subject.predictor.model.spline.spacing * radii
    as_clusters = " (as an open cluster)" if periodic else ""
    done = f"Torques on all particles of a system{as_clusters} sum to zero."
    torque = subject.judged_by_size("net torque", done, base, own, exact, size)
    return [replace(force, unit=f"{unit}/angstrom"), torque]


def _net(predictor: Predictor, systems: Sequence[System]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each system's net force, its net torque about its middle, and the size of its contributions.

    The composition baseline is left out of the contributions: it has no slope.
    """
    nets: list[np.ndarray] = []
    torques: list[np.ndarray] = []
    sizes: list[np.ndarray] = []
    model = predictor.model
    for batch in batches(predictor, systems):
        found = energy_and_derivatives(model, batch)
        forces, c = found.forces, found.contributions
        assert forces is not None and c is not None  # own invariant: requested above
        learned = c[:, 0] - batch.features[:, : model.architecture.n_species].double() @ model.baseline[:, 0]
        numbers = torch.maximum(learned.abs(), model.scale[0].abs())
        sizes.append(sum_per_system(numbers, batch.system_of, batch.n_systems).numpy())
        counts = torch.bincount(batch.system_of, minlength=batch.n_systems)[:, None]
        middle = sum_per_system(batch.positions, batch.system_of, batch.n_systems) / counts
        torque = torch.linalg.cross(batch.positions - middle[batch.system_of], forces)
        for rows, lengths in ((forces, nets), (torque, torques)):
            lengths.append(sum_per_system(rows, batch.system_of, batch.n_systems).norm(dim=1).numpy())
    return np.concatenate(nets), np.concatenate(torques), np.concatenate(sizes)


def _derivatives(
    predictor: Predictor, systems: Sequence[System], stress: bool = False
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the forces of each system, and the stress if requested."""
    forces, stresses = [], [np.zeros((0, 6))]
    for batch in batches(predictor, systems):
        found = energy_and_derivatives(predictor.model, batch, stress=stress)
        assert found.forces is not None  # own invariant: requested above
        ends = torch.bincount(batch.system_of, minlength=batch.n_systems).cumsum(0)[:-1]
        forces += [rows.numpy() for rows in found.forces.tensor_split(ends)]
        if found.stress is not None:
            stresses.append(found.stress.numpy())
    return forces, np.concatenate(stresses)


def _cell(system: System) -> np.ndarray:
    assert system.cell is not None  # own invariant: the system is periodic
    return system.cell
