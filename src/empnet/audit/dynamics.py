"""Check that a model conserves the energy in a short run of molecular dynamics at constant energy."""

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
"""Number of steps; time step in femtoseconds, a twentieth of the period of the fastest bonds; temperature."""

MOST = 1e-3
"""Largest accepted drift in eV per atom per picosecond: it heats the system by 8 kelvin in a picosecond."""


def drift_lines(subject: Subject, systems: Sequence[System], rng: np.random.Generator) -> list[AuditLine]:
    """Measure the drift of the total energy in a short run that starts at the smallest suitable system.

    Arguments:
        subject: The model under audit; its own precision is used.
        systems: The systems of the sample.
        rng: Random generator for velocities.

    Returns:
        One line; an empty list if the model was not trained on forces.
    """
    card = subject.predictor.card
    if not (card.derivatives.forces and has_forces(card)):
        return []
    done = f"The energy does not drift in {STEPS} steps of {STEP} fs at constant energy, starting at {KELVIN:.0f} K."
    movable = [s for s, system in enumerate(systems) if _can_move(system)]
    if card.baseline_keys or not movable:
        why = "the model predicts only a difference" if card.baseline_keys else "no system has two atoms or more"
        return [skipped("energy drift", done, why)]
    s = min(movable, key=lambda s: len(systems[s]))
    found = abs(drift(subject.predictor, systems[s], rng))
    where = origin_of(systems, s)
    return [AuditLine("energy drift", done, found, MOST, "eV/atom/ps", verdict_of(found <= MOST), where=where)]


def _can_move(system: System) -> bool:
    """Return whether the system has at least two particles and all of them are atoms, which have masses."""
    return len(system) > 1 and system.species is not None and bool((system.species > 0).all())


def drift(predictor: Predictor, system: System, rng: np.random.Generator) -> float:
    """Return the drift of the total energy in a short run, by ASE's velocity Verlet.

    Arguments:
        predictor: The model.
        system: The system at the start of the run.
        rng: Random generator for velocities.

    Returns:
        The drift in eV per atom per picosecond.
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
        warnings.simplefilter("ignore")  # warnings of distances outside training: coverage.py reports them
        run = VelocityVerlet(atoms, timestep=STEP * units.fs)
        run.attach(lambda: energies.append(atoms.get_total_energy()))
        run.run(STEPS)
    return _slope(np.array(energies)) / (len(atoms) * STEP * 1e-3)


def _slope(energies: Float64[np.ndarray, " n"]) -> float:
    """Return the rise per step; a window that fades at both ends removes the integrator's own oscillations."""
    if not np.isfinite(energies).all():
        return float("inf")
    n = len(energies)
    window = np.sin(np.pi * (np.arange(n) + 0.5) / n)
    return float(np.polyfit(np.arange(n), energies - energies.mean(), 1, w=window)[0])
