"""Units and zeros of energies are recognised by their size, against energies from outside."""

import warnings

import numpy as np
import pytest
from ase.data import covalent_radii
from ase.data.g2 import data as g2
from ase.data.g2 import molecule_names

from empnet import System
from empnet.inspection import inspect_data
from empnet.inspection.atomic_energies import all_electron_energy, cohesive_energy, valence_energy
from empnet.system.units import convert

# Exact non-relativistic energies of atoms in Hartree: S. J. Chakravorty et al., Phys. Rev. A 47, 3649 (1993).
EXACT = {1: -0.5, 6: -37.8450, 7: -54.5892, 8: -75.0673, 9: -99.7339, 14: -289.359, 16: -398.110, 17: -460.148}
UNITS = ["eV", "Hartree", "Ry", "kcal/mol", "kJ/mol"]


def atomisation(name):
    """Energy in kcal/mol against free atoms, from measured heats of formation."""
    from ase.symbols import string2symbols

    atoms = string2symbols(g2[name]["symbols"])
    return atoms, g2[name]["enthalpy"] - sum(g2[atom]["enthalpy"] for atom in atoms)


def molecules(energy):
    """Molecules of the G2 set with H, C, N, O, F, Si, S, Cl and the energy that ``energy(numbers, bound)`` gives."""
    from ase.data import atomic_numbers

    found = []
    for name in molecule_names:
        atoms, bound = atomisation(name)
        numbers = [atomic_numbers[atom] for atom in atoms]
        if set(numbers) <= set(EXACT):
            value = energy(numbers, convert(bound, "kcal/mol", "eV"))
            found.append(System(g2[name]["positions"], numbers, properties={"energy": value}))
    assert len(found) > 100
    return found


def all_electrons(numbers, bound):
    return bound + sum(convert(EXACT[z], "Hartree", "eV") for z in numbers)


def told(systems, unit):
    findings = inspect_data(systems, properties=["energy"], unit=[unit], quiet=True).findings
    return [f for f in findings if f.topic == "energy" and ("look like" in f.text or "zero" in f.text)]


@pytest.mark.parametrize("kind", ["all electrons", "relative to free atoms"])
@pytest.mark.parametrize("stated", ["eV", "kcal/mol"])
@pytest.mark.parametrize("unit", UNITS)
def test_the_unit_is_recognised(kind, stated, unit):
    value = all_electrons if kind == "all electrons" else lambda numbers, bound: bound
    systems = molecules(lambda numbers, bound: convert(value(numbers, bound), "eV", unit))
    (finding,) = told(systems, stated)
    assert kind in finding.text
    if unit == stated:
        assert finding.level == "note"
    elif {unit, stated} <= {"kcal/mol", "kJ/mol"} and kind != "all electrons":
        assert finding.level in ("note", "warning")  # binding varies by more than these units differ
    else:
        small = kind != "all electrons" and convert(1.0, unit, "eV") > convert(1.0, stated, "eV")
        assert finding.level == ("advice" if small else "warning")
        assert ("energies of formation" in finding.text) == small  # which are as small
        assert f"probably in {unit}" in finding.text
        assert " for each C" in finding.text  # the fit's numbers are shown, for people to judge by


def test_differences_are_not_judged_by_size():
    from empnet.dataset.cache import Recipe, open_dataset
    from empnet.inspection import quick_findings

    systems = molecules(lambda numbers, bound: convert(bound, "eV", "kcal/mol"))
    dataset = open_dataset(systems, Recipe(("energy",), cutoff=5.0), quiet=True)
    (finding,) = [f for f in quick_findings(dataset, ["energy"], ["eV"]) if "probably in" in f.text]
    assert "kcal/mol, not eV" in finding.text
    assert not [f for f in quick_findings(dataset, ["energy"], ["eV"], differences=True) if "probably in" in f.text]


def test_a_zero_of_ones_own_is_called_unknown():
    rng = np.random.default_rng(0)
    (finding,) = told(molecules(lambda numbers, bound: rng.normal()), "eV")
    assert finding.level == "note"
    assert "zero of energy is unknown" in finding.text


def test_a_unit_that_nobody_named_is_suggested():
    systems = [
        System(s.positions, s.species, properties={"U0": s.properties["energy"]}) for s in molecules(all_electrons)
    ]
    (finding,) = [f for f in inspect_data(systems, quiet=True).findings if "the unit is not stated" in f.text]
    assert (finding.topic, finding.level) == ("U0", "note")
    assert "eV is likely" in finding.text


@pytest.mark.parametrize("z", [z for z in EXACT if z > 1])
def test_the_formula_against_exact_energies(z):
    assert all_electron_energy(z) / convert(EXACT[z], "Hartree", "eV") == pytest.approx(1, abs=0.01)  # as it says


def test_binding_and_valence_energies_are_those_of_bound_atoms():
    assert all_electron_energy(1) == pytest.approx(convert(-0.5, "Hartree", "eV"))
    assert valence_energy(6) == pytest.approx(-(11.26 + 24.38 + 47.89 + 64.49), abs=0.1)  # ionisation energies
    assert cohesive_energy(1) == pytest.approx(-4.478 / 2, abs=0.01)
    assert np.isnan([cohesive_energy(118), valence_energy(74)]).all()


@pytest.mark.parametrize(("unit", "per_angstrom"), [("bohr", 1.8897), ("nm", 0.1), ("pm", 100.0)])
def test_lengths_in_another_unit(unit, per_angstrom):
    systems = molecules(lambda numbers, bound: bound)
    scaled = [System(s.positions * per_angstrom, s.species, properties=s.properties) for s in systems]
    found = [f for f in inspect_data(scaled, quiet=True).findings if f.topic == "distances"]
    assert any(f"lengths are in {unit}" in f.text and f.level == "warning" for f in found)
    assert not [f for f in inspect_data(systems, quiet=True).findings if f.topic == "distances"]


def test_fused_atoms():
    systems = molecules(lambda numbers, bound: bound)
    at = 0.2 * covalent_radii[6]
    fused = System([[0, 0, 0], [at, 0, 0]], [6, 6], properties={"energy": -1.0})
    (finding,) = [f for f in inspect_data([*systems, fused], quiet=True).findings if f.topic == "distances"]
    assert "closer to another atom than half the sum" in finding.text


def test_warnings_of_numpy_are_not_raised_by_a_single_atom():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        inspection = inspect_data([System([[0, 0, 0]], [1], properties={"energy": -13.6})], quiet=True)
    assert inspection.shortest is None


def test_energies_that_scatter_far_more_than_binding_does_have_no_reversed_sign():
    """EMT's zero is the bulk metal: 0.5 to 5.5 eV of strained copper were called binding energies in Rydberg."""
    from ase.build import bulk
    from ase.calculators.emt import EMT

    rng, systems = np.random.default_rng(0), []
    for seed in range(40):
        atoms = bulk("Cu", cubic=True) * (2, 1, 1)
        atoms.set_cell(atoms.cell @ (np.eye(3) + 0.03 * rng.normal(size=(3, 3))), scale_atoms=True)
        atoms.rattle(0.12, seed=seed)
        atoms.calc = EMT()
        energy = atoms.get_potential_energy()
        systems.append(
            System(atoms.positions, atoms.numbers, cell=atoms.cell.array, pbc=True, properties={"energy": energy})
        )
    (finding,) = told(systems, "eV")
    assert "zero of energy is unknown" in finding.text
    assert "reversed" not in finding.text
