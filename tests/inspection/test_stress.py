"""Stress of strained crystals, whose unit and sign the energy tells."""

import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.calculators.emt import EMT

from empnet import System
from empnet.inspection import inspect_data


@pytest.fixture(scope="module")
def crystals():
    """Rattled copper under strain: energies, forces, and stress in eV/angstrom^3 with ASE's sign and order."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(24):
        atoms = bulk("Cu", cubic=True)
        atoms.set_cell(atoms.cell * (1 + 0.02 * rng.normal(size=3)), scale_atoms=True)
        atoms.rattle(0.02, rng=rng)
        atoms.calc = EMT()
        found.append((atoms, atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()))
    return found


def told(crystals, name, change):
    systems = [
        System(
            atoms.positions, atoms.numbers, cell=atoms.cell.array, pbc=atoms.pbc,
            properties={"energy": energy}, info={name: change(stress, atoms.get_volume())}, arrays={"forces": forces},
        )
        for atoms, energy, forces, stress in crystals
    ]  # fmt: skip
    (finding,) = [finding for finding in inspect_data(systems, quiet=True).findings if finding.topic == name]
    return finding.level, finding.text + finding.remedy


def as_tensor(stress, volume):
    return stress[[0, 5, 4, 5, 1, 3, 4, 3, 2]].reshape(3, 3)


CASES = {
    "ASE": (lambda stress, volume: stress, "note", "a stress in eV/angstrom^3, positive under tension"),
    "tensor": (as_tensor, "note", "a stress in eV/angstrom^3, positive under tension"),
    "VASP": (lambda stress, volume: -stress / (1e3 * units.bar), "warning", "a stress in kB, positive under pressure"),
    "GPa": (lambda stress, volume: stress / units.GPa, "warning", "a stress in GPa, positive under tension"),
    "sign": (lambda stress, volume: -stress, "warning", "a stress in eV/angstrom^3, positive under pressure"),
    "virial": (lambda stress, volume: -stress * volume, "note", "a virial in eV, positive under pressure"),
}


@pytest.mark.parametrize(("change", "level", "words"), CASES.values(), ids=CASES)
def test_the_unit_and_the_sign(crystals, change, level, words):
    found, text = told(crystals, "stress", change)
    assert words in text
    assert found == level


def test_the_factor_to_a_stress_of_ase_is_given(crystals):
    _, text = told(crystals, "virial_raw", lambda stress, volume: -stress / (1e3 * units.bar))
    assert f"multiplied by {-1e3 * units.bar:.4g}, it is ASE's stress" in text


def test_without_strain_the_size_speaks(crystals):
    level, text = told(crystals[:3], "stress", lambda stress, volume: stress / units.GPa * 100)
    assert level == "warning"
    assert "too large for a stress in eV/angstrom^3" in text
    assert told(crystals[:3], "stress", lambda stress, volume: stress)[0] == "note"
