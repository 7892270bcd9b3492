"""Distances of inspections, against a neighbour list that searches all images."""

import numpy as np
import pytest
from ase.build import bulk, fcc111, make_supercell
from ase.neighborlist import neighbor_list

from empnet.inspection.gather import gather
from empnet.inspection.geometry import measure
from empnet.system.atoms import from_atoms


def cells():
    """Crystals, slabs and wires; cubic, primitive, skewed, one atom, many."""
    hexagonal = bulk("Mg").repeat((2, 2, 1))
    skewed = make_supercell(bulk("Si"), [[1, 3, 0], [0, 1, -4], [0, 0, 1]], wrap=True)
    slab = fcc111("Al", (2, 3, 3), vacuum=6.0)
    wire = bulk("Cu", cubic=True)
    wire.pbc = (False, True, False)
    large = bulk("W", cubic=True).repeat(6)
    partly = bulk("W", cubic=True).repeat(6)
    partly.pbc = (True, True, False)
    return [bulk("Cu"), bulk("Fe"), bulk("Si"), hexagonal, skewed, slab, wire, large, partly]


@pytest.mark.parametrize("atoms", cells(), ids=lambda atoms: f"{atoms.symbols} {atoms.pbc}")
def test_the_nearest_particle(atoms):
    atoms.positions += np.random.default_rng(0).normal(scale=0.05, size=atoms.positions.shape)
    i, d = neighbor_list("id", atoms, 6.0)
    wanted = [d[i == k].min() for k in range(len(atoms))]
    frames = gather([from_atoms(atoms)], "angstrom", True).frames("")
    np.testing.assert_allclose(measure(frames).nearest, wanted, rtol=1e-12)


def test_no_motion_changes_a_fingerprint():
    atoms = bulk("Si", cubic=True)
    atoms.symbols[3] = "Ge"
    atoms.rattle(0.1, seed=0)
    moved = atoms[np.random.default_rng(0).permutation(len(atoms))]
    moved.positions += [1.0, -2.0, 0.3]
    moved.rotate(30, (1, 2, 3), rotate_cell=True)
    moved.wrap()
    found = measure(gather([from_atoms(atoms), from_atoms(moved)], "angstrom", True).frames("")).fingerprints
    np.testing.assert_allclose(found[0], found[1], atol=1e-9)
    moved.positions[2] += 0.1
    other = measure(gather([from_atoms(moved)], "angstrom", True).frames("")).fingerprints
    assert np.abs(found[0] - other[0]).max() > 0.01
