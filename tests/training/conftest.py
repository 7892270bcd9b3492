"""Systems with exact energies, forces and stress: ASE's Lennard-Jones in clusters and small crystals."""

from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.lj import LennardJones

from empnet.system.system import System


def clusters(count: int, sizes: tuple[int, ...] = (3, 4, 5), first: int = 0) -> list[System]:
    """Argon atoms near the corners of a cube; sizes take turns."""
    return [_system(_cluster(sizes[k % len(sizes)], first + k)) for k in range(count)]


def crystals(count: int, first: int = 0) -> list[System]:
    """Cells of one or two atoms, strained and shaken: every neighbour list is full of images."""
    return [_system(_crystal(1 + k % 2, first + k)) for k in range(count)]


def without(system: System, *names: str) -> System:
    """The same without forces, or stress."""
    info = {key: value for key, value in system.info.items() if key not in names}
    arrays = {key: value for key, value in system.arrays.items() if key not in names}
    return System(
        system.positions,
        system.species,
        cell=system.cell,
        pbc=system.pbc,
        properties=dict(system.properties),
        info=info,
        arrays=arrays,
        origin=system.origin,
    )


def _cluster(n: int, seed: int) -> Atoms:
    corners = np.array([[i, j, k] for i in range(2) for j in range(2) for k in range(2)], float)[:n]
    rng = np.random.default_rng(seed)
    return Atoms(n * ["Ar"], positions=1.15 * corners + rng.normal(0, 0.05, (n, 3)))


def _crystal(n: int, seed: int) -> Atoms:
    rng = np.random.default_rng(seed)
    cell = 1.2 * np.diag([n, 1.0, 1.0]) @ (np.eye(3) + rng.normal(0, 0.04, (3, 3)))
    scaled = np.array([[k / n, 0, 0] for k in range(n)])
    atoms = Atoms(n * ["Ar"], scaled_positions=scaled, cell=cell, pbc=True)
    atoms.positions += rng.normal(0, 0.04, (n, 3))
    return atoms


def _system(atoms: Atoms) -> System:
    atoms.calc = LennardJones(rc=2.5, smooth=True, ro=2.0)
    periodic = atoms.pbc.any()
    return System(
        atoms.positions,
        atoms.numbers,
        cell=atoms.cell.array if periodic else None,
        pbc=tuple(atoms.pbc),
        properties={"energy": atoms.get_potential_energy()},
        info={"stress": atoms.get_stress()} if periodic else {},
        arrays={"forces": atoms.get_forces()},
    )


@pytest.fixture(scope="session")
def labelled() -> SimpleNamespace:
    """The makers of such systems."""
    return SimpleNamespace(clusters=clusters, crystals=crystals, without=without)


@pytest.fixture(scope="session")
def mixed() -> list[System]:
    """Sizes 1 to 5, open and periodic; number 3 lacks forces, and only numbers 4, 5 and 6 have a stress."""
    lacking = without(clusters(4)[3], "forces"), without(crystals(4)[3], "stress")
    return [*clusters(3), lacking[0], *crystals(3), lacking[1]]
