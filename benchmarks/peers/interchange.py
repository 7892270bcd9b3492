"""The systems that everybody measures on, as npz files that need no empnet to be read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from empnet.dataset.neighbours import neighbour_list
from empnet.files.read import read
from empnet.files.write import write
from empnet.system.system import System

__all__ = ["CUTOFF", "droplet", "largest_molecules", "pairs_of", "random_molecules", "write_work", "write_xyz"]

CUTOFF = 5.0
WATER = np.array([[0.0, 0.0, 0.0], [0.9572, 0.0, 0.0], [-0.24, 0.9266, 0.0]])
DENSITY = 0.0334  # molecules per cubic angstrom


def largest_molecules(count: int) -> list[System]:
    """The molecules of QM7 with most atoms; of equal ones those that come first in the file."""
    return sorted(read("qm7"), key=len, reverse=True)[:count]


def random_molecules(count: int) -> list[System]:
    """Molecules of QM7 drawn at random, the same ones each time."""
    systems = read("qm7")
    return [systems[i] for i in np.random.default_rng(0).permutation(len(systems))[:count]]


def droplet(n_atoms: int) -> System:
    """A ball of water in vacuum: rigid molecules turned at random on a jittered lattice of water's density.

    Arguments:
        n_atoms: Number of atoms; three make a molecule, and what is left over is dropped.
    """
    count, spacing = n_atoms // 3, DENSITY ** (-1 / 3)
    reach = math.ceil((count / 4.0) ** (1 / 3)) + 3
    axis = np.arange(-reach, reach + 1) * spacing
    sites = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)
    sites = sites[np.argsort((sites**2).sum(1), kind="stable")[:count]]
    rng = np.random.default_rng(0)
    centres = sites + rng.uniform(-0.15, 0.15, (count, 3))
    turns = np.linalg.qr(rng.normal(size=(count, 3, 3)))[0]
    return System((centres[:, None] + WATER @ turns).reshape(-1, 3), species=[8, 1, 1] * count)


def write_work(systems: Sequence[System], path: Path) -> Path:
    """Positions, species and neighbour lists of some systems as one file of flat arrays.

    Arguments:
        systems: The systems; those without an energy get the energy 0.
        path: Path of the npz file.
    """
    lists = [neighbour_list(system, CUTOFF) for system in systems]
    sizes = np.array([len(system) for system in systems], dtype=np.int64)
    n_pairs = np.array([len(pairs) for pairs in lists], dtype=np.int64)
    offsets = np.repeat(np.cumsum(sizes) - sizes, n_pairs)
    np.savez(
        path,
        positions=np.concatenate([system.positions for system in systems]),
        species=np.concatenate([np.asarray(system.species, dtype=np.int64) for system in systems]),
        n_particles=sizes,
        receivers=np.concatenate([pairs.receivers for pairs in lists]) + offsets,
        senders=np.concatenate([pairs.senders for pairs in lists]) + offsets,
        n_pairs=n_pairs,
        energies=np.array([system.properties.get("energy", 0.0) for system in systems]) / 1000,
    )
    return path


def pairs_of(path: Path) -> dict[str, int]:
    """How many systems, particles and pairs a file holds."""
    with np.load(path) as stored:
        return {
            "systems": len(stored["n_particles"]),
            "particles": len(stored["species"]),
            "pairs": len(stored["receivers"]),
        }


def write_xyz(systems: Sequence[System], path: Path) -> Path:
    """The systems as extended XYZ, for ``empnet train``."""
    write(path, systems)
    return path
