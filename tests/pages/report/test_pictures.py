"""What is drawn of a system is the system."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from ase.build import bulk, molecule
from scipy.spatial.distance import pdist

from empnet.pages.report.scene import MOST, scene_of
from empnet.pages.report.still import STILL, still
from empnet.pages.report.viewer import script, view
from empnet.system.atoms import from_atoms
from empnet.system.system import System


@pytest.mark.parametrize(
    ("name", "bonds"), [("H2O", 2), ("CH4", 4), ("C6H6", 12), ("CH3CH2OH", 8), ("C2H2", 3), ("SO2", 2), ("CH3Cl", 4)]
)
def test_bonds_are_those_of_chemistry(name, bonds):
    assert len(scene_of(from_atoms(molecule(name))).bonds) == bonds


def test_turning_keeps_distances_and_handedness():
    positions = np.random.default_rng(0).normal(size=(9, 3))
    scene = scene_of(System(positions, [6] * 9))
    assert np.allclose(pdist(scene.positions), pdist(positions))  # rounding of a rotation
    volume = [np.linalg.det(r[1:4] - r[0]) for r in (positions, scene.positions)]
    assert volume[1] == pytest.approx(volume[0])


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_particles(n):
    scene = scene_of(System(np.arange(3.0 * n).reshape(n, 3), [6] * n))
    assert scene.positions.shape == (n, 3)
    assert np.isfinite(scene.positions).all()


def test_a_crystal_lies_within_its_cell():
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    atoms.positions += 7.3
    scene = scene_of(from_atoms(atoms))
    lengths = np.linalg.norm(scene.cell[:, 1] - scene.cell[:, 0], axis=1)
    assert np.allclose(lengths, [5.64] * 12)
    corners = scene.cell.reshape(-1, 3)
    assert np.linalg.norm(scene.positions, axis=1).max() <= np.linalg.norm(corners, axis=1).max() + 1e-9
    # neighbours across the cell's faces are not joined through it
    ends = scene.positions[scene.bonds]
    assert np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1).max() < 3.5


def test_particles_that_are_no_atoms_are_spheres_without_bonds():
    grid = 100 * np.stack(np.meshgrid(*[np.arange(4)] * 3), axis=-1).reshape(-1, 3)
    scene = scene_of(System(grid, np.arange(64) % 3 - 1))
    assert len(scene.bonds) == 0
    assert [look.name for look in scene.looks] == ["species -1", "species 0", "H"]
    assert len({look.colour for look in scene.looks}) == 3
    assert all(look.radius == pytest.approx(35) for look in scene.looks)  # they can be seen, and do not touch


def test_of_a_large_cloud_a_part_is_drawn_and_that_is_said():
    scene = scene_of(System(np.random.default_rng(0).normal(size=(2 * MOST, 3))))
    assert len(scene.positions) == MOST
    assert scene.particles == 2 * MOST
    told = view(scene, 0, "a cloud", "A cloud.")
    assert f"{MOST:,} of its {2 * MOST:,} particles are drawn" in told
    assert f"shows {STILL:,}" in told
    assert told.count("<circle") == STILL


def test_the_still_picture_shows_every_atom_within_its_frame():
    scene = scene_of(from_atoms(molecule("C6H6")))
    root = ElementTree.fromstring(still(scene, 'ben"zene <'))
    assert root.get("aria-label") == 'ben"zene <'
    circles = [element.attrib for element in root if element.tag == "circle"]
    assert len(circles) == 12
    assert all(abs(float(circle[axis])) + float(circle["r"]) <= 100 for circle in circles for axis in ("cx", "cy"))


def test_nothing_in_the_script_ends_it():
    text = script([scene_of(from_atoms(molecule("H2O")))])
    assert not any(mark in text for mark in ("</script", "<script", "<!--"))
    assert script([]) == ""
