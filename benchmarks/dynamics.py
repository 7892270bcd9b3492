"""How well energy is kept: dynamics at constant energy with a trained run, through ASE.

    python benchmarks/dynamics.py RUN STRUCTURE [--frame 0] [--time 2] [--step 0.5] [--temperature 300]

STRUCTURE is a file with a periodic system, RUN a run folder with an energy. Velocities are drawn at the temperature;
the drift is the slope of a straight line through the total energy, per atom and picosecond, after the first tenth, in
which potential and kinetic energy share what was drawn. Writes docs/dynamics.json.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import date
from pathlib import Path

import ase.io
import numpy as np
import torch
from ase import Atoms, units
from ase.md.velocitydistribution import Stationary, thermalize_momenta
from ase.md.verlet import VelocityVerlet

from empnet.prediction.calculator import EMPNetCalculator

DOCS = Path(__file__).parents[1] / "docs"


def trajectory(atoms: Atoms, steps: int, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Total energies in eV and temperatures in K after each step of so many fs."""
    energies, temperatures = np.empty(steps + 1), np.empty(steps + 1)
    dynamics = VelocityVerlet(atoms, timestep=step * units.fs)
    for n, _ in enumerate(dynamics.irun(steps)):
        energies[n], temperatures[n] = atoms.get_total_energy(), atoms.get_temperature()
    return energies, temperatures


def drift(energies: np.ndarray, n_atoms: int, step: float) -> tuple[float, float]:
    """Slope in eV per atom and ps, and how far single energies are from the line, in eV per atom (rms)."""
    kept = energies[len(energies) // 10 :] / n_atoms
    t = np.arange(len(kept)) * step / 1000
    line = np.polyfit(t, kept, 1)
    return float(line[0]), float(np.std(kept - np.polyval(line, t)))


def main() -> None:
    """Run the dynamics and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("structure", type=Path)
    parser.add_argument("--frame", type=int, default=0)
    parser.add_argument("--time", type=float, default=2.0, help="in ps")
    parser.add_argument("--step", type=float, default=0.5, help="in fs")
    parser.add_argument("--temperature", type=float, default=300.0, help="in K")
    given = parser.parse_args()
    atoms = ase.io.read(given.structure, given.frame)
    assert isinstance(atoms, Atoms)
    atoms.calc = EMPNetCalculator(given.run)
    random = np.random.default_rng(0)
    thermalize_momenta(atoms, given.temperature, rng=random)
    Stationary(atoms)
    steps, began = round(1000 * given.time / given.step), time.perf_counter()
    energies, temperatures = trajectory(atoms, steps, given.step)
    slope, scatter = drift(energies, len(atoms), given.step)
    found = {
        "atoms": len(atoms),
        "formula": str(atoms.symbols),
        "time [ps]": given.time,
        "step [fs]": given.step,
        "drift [eV/atom/ps]": slope,
        "scatter [eV/atom]": scatter,
        "mean temperature [K]": float(temperatures[steps // 2 :].mean()),
        "ms per step": 1000 * (time.perf_counter() - began) / steps,
        "threads": torch.get_num_threads(),
        "date": str(date.today()),
    }
    (DOCS / "dynamics.json").write_text(json.dumps(found, indent=1) + "\n")
    for name, value in found.items():
        print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
