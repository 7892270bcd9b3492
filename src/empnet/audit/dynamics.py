"""Does the energy stay when a model drives particles? A short run of molecular dynamics at constant energy."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from empnet.audit.derivatives import has_forces
from empnet.audit.record import AuditLine, skipped, verdict_of
from empnet.audit.subject import Subject, origin_of
from empnet.prediction.calculator import EMPNetCalculator
from empnet.prediction.predictor import Predictor
from empnet.system.system import System

__all__ = ["drift", "drift_lines"]

STEPS, STEP, KELVIN = 200, 0.5, 300.0
"""Length of the run; its time step in femtoseconds, a twentieth of the period of the fastest bonds; temperature."""

MOST = 1e-3
"""eV per atom per picosecond: so much drift heats by 8 kelvin in a picosecond."""


def drift_lines(subject: Subject, systems: Sequence[System], rng: np.random.Generator) -> list[AuditLine]:
    """The drift of the total energy in a short run, from the smallest system that can move; none without forces.

    Arguments:
        subject: The model under audit, in its own precision.
        systems: The sample.
        rng: For velocities.
    """
    card = subject.predictor.card
    if not (card.derivatives.forces and has_forces(card)):
        return []
    done = f"The energy does not drift in {STEPS} steps of {STEP} fs at constant energy, begun at {KELVIN:.0f} K."
    movable = [s for s, system in enumerate(systems) if _can_move(system)]
    if card.baseline_keys or not movable:
        why = "the model predicts a difference only" if card.baseline_keys else "no system of two atoms or more"
        return [skipped("energy drift", done, why)]
    s = min(movable, key=lambda s: len(systems[s]))
    found = abs(drift(subject.predictor, systems[s], rng))
    where = origin_of(systems, s)
    return [AuditLine("energy drift", done, found, MOST, "eV/atom/ps", verdict_of(found <= MOST), where=where)]


def _can_move(system: System) -> bool:
    """Two particles or more, all of them atoms, which have a mass."""
    return len(system) > 1 and system.species is not None and bool((system.species > 0).all())


def drift(predictor: Predictor, system: System, rng: np.random.Generator) -> float:
    """Return the drift of the total energy in a short run, by ASE's velocity Verlet.

    Arguments:
        predictor: The model.
        system: Where it begins.
        rng: For velocities.

    Returns:
        eV per atom per picosecond.
    """
    from ase import Atoms, units
    from ase.md.verlet import VelocityVerlet

    atoms = Atoms(numbers=system.species, positions=system.positions, cell=system.cell, pbc=system.pbc)
    for name in predictor.card.features:
        atoms.set_array(name, np.asarray(system.arrays[name]))
    momenta = rng.normal(size=(len(atoms), 3)) * np.sqrt(atoms.get_masses() * units.kB * KELVIN)[:, None]
    atoms.set_momenta(momenta - momenta.mean(axis=0))
    atoms.calc = EMPNetCalculator(predictor)
    energies: list[float] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of distances that training never had: another line's business
        run = VelocityVerlet(atoms, timestep=STEP * units.fs)
        run.attach(lambda: energies.append(atoms.get_total_energy()))
        run.run(STEPS)
    return _slope(np.array(energies)) / (len(atoms) * STEP * 1e-3)


def _slope(energies: Float64[np.ndarray, " n"]) -> float:
    """Rise per step; a window that fades at both ends takes out the integrator's own oscillations."""
    if not np.isfinite(energies).all():
        return float("inf")
    n = len(energies)
    window = np.sin(np.pi * (np.arange(n) + 0.5) / n)
    return float(np.polyfit(np.arange(n), energies - energies.mean(), 1, w=window)[0])
