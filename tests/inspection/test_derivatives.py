"""A wrong sign, unit, kind or order of forces and stress is found before training, with the option that mends it."""

import time

import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.calculators.emt import EMT

from empnet import System
from empnet.dataset.cache import Recipe, open_dataset
from empnet.dataset.dataset import Dataset
from empnet.inspection import inspect_data, quick_findings
from empnet.system.label_spec import LabelSpec

ASE = {"forces": "f", "forces_unit": "eV/angstrom", "energy_unit": "eV"}
STRESSED = {**ASE, "stress": "s", "stress_unit": "eV/angstrom^3"}
VASP = [0, 1, 2, 5, 3, 4]  # XX YY ZZ XY YZ ZX of xx yy zz yz xz xy


@pytest.fixture(scope="module")
def crystals():
    """Rattled copper under strain along the axes and under shear: atoms, energy, forces, stress."""
    rng = np.random.default_rng(0)
    found = []
    for k in range(48):
        strain = np.diag(0.02 * rng.normal(size=3)) if k < 24 else 0.02 * np.triu(rng.normal(size=(3, 3)), 1)
        atoms = bulk("Cu", cubic=True)
        atoms.set_cell(atoms.cell @ (np.eye(3) + strain + strain.T), scale_atoms=True)
        atoms.rattle(0.02, rng=rng)
        atoms.calc = EMT()
        found.append((atoms, atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()))
    return found


@pytest.fixture(scope="module")
def vibrating():
    """Rattled copper in one cell."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(60):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.05, rng=rng)
        atoms.calc = EMT()
        found.append((atoms, atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()))
    return found


def found_in(frames, given, *, energy=1.0, forces=1.0, stress=lambda s, volume: s, unit="eV", named=False):
    systems = [
        System(
            atoms.positions, atoms.numbers, cell=atoms.cell.array, pbc=atoms.pbc, properties={"energy": energy * e},
            info={"s": stress(s, atoms.get_volume())}, arrays={"f": forces * f},
        )
        for atoms, e, f, s in frames
    ]  # fmt: skip
    derivatives = LabelSpec(**given)
    dataset = open_dataset(systems, Recipe(("energy",), 3.0, derivatives=derivatives), quiet=True)
    return quick_findings(dataset, ["energy"], [unit], derivatives=derivatives, named=named)


def about(topic, findings):
    return [(finding.level, str(finding)) for finding in findings if finding.topic == topic]


def test_what_is_right_is_said_to_be(crystals, vibrating):
    ((level, text),) = about("forces", found_in(vibrating, ASE))
    assert (level, "they fit 'energy' in sign and unit" in text) == ("note", True)
    findings = found_in(crystals, STRESSED)
    assert not [finding for finding in findings if finding.level == "error"]
    ((level, text),) = about("stress", findings)
    assert (level, "fits 'energy' in sign and unit" in text) == ("note", True)


KCAL = units.kcal / units.mol
WRONG_FORCES = {
    "gradients": (ASE, {"forces": -1.0}, ["sign is reversed", "say --forces-unit -eV/angstrom"]),
    "said to be gradients": (
        {**ASE, "forces_unit": "-eV/angstrom"},
        {},
        ["sign is reversed", "say --forces-unit eV/angstrom"],
    ),
    "kcal/mol/angstrom": (ASE, {"forces": 1 / KCAL}, ["by a factor of 0.043", "--forces-unit kcal/mol/angstrom"]),
    "Hartree/bohr": (ASE, {"forces": units.Bohr / units.Hartree}, ["unit is wrong", "--forces-unit Hartree/bohr"]),
    "both in kcal/mol, told of forces only": (
        {**ASE, "forces_unit": "kcal/mol/angstrom"},
        {"forces": 1 / KCAL, "energy": 1 / KCAL},
        ["by a factor of 23", "or --unit kcal/mol"],
    ),
    "both atomic": (
        ASE,
        {"forces": units.Bohr / units.Hartree, "energy": 1 / units.Hartree},
        ["by a factor of 1.8", "--unit Hartree --forces-unit Hartree/bohr"],
    ),
    "gradients in kcal/mol/angstrom": (
        ASE,
        {"forces": -1 / KCAL},
        ["sign is reversed", "unit is wrong", "--forces-unit -kcal/mol/angstrom"],
    ),
}


@pytest.mark.parametrize(("given", "change", "words"), WRONG_FORCES.values(), ids=WRONG_FORCES)
def test_wrong_forces_are_an_error_that_names_the_option(vibrating, given, change, words):
    (level, text), *_ = about("forces", found_in(vibrating, given, **change))
    assert level == "error"
    for word in words:
        assert word in text


def test_a_factor_that_no_unit_explains_is_odd_only(vibrating):
    (level, text), *_ = about("forces", found_in(vibrating, ASE, forces=0.7))
    assert level == "warning"
    assert "energy differences are 1.4" in text


def test_energies_divided_by_the_number_of_particles_stop(vibrating):
    ((level, text),) = about("forces", found_in(vibrating, ASE, energy=0.25))
    assert level == "error"
    assert "'energy' seems to be divided by the number of particles (4)" in text
    assert text.endswith("multiply 'energy' by 4 in the data")


def test_forces_of_something_else_are_told(vibrating):
    others = [f for _, _, f, _ in vibrating[7:] + vibrating[:7]]
    shuffled = [(a, e, f, s) for (a, e, _, s), f in zip(vibrating, others, strict=True)]
    ((level, text),) = about("forces", found_in(shuffled, ASE))
    assert (level, "forces do not belong to the energies" in text) == ("note", True)


def test_a_net_force_is_told(vibrating):
    drift = [(a, e, f + 0.5, s) for a, e, f, s in vibrating]
    warnings = [text for level, text in about("forces", found_in(drift, ASE)) if level == "warning"]
    assert any("do not sum to zero" in text for text in warnings)


def as_virial(stress, volume):
    return -stress * volume


WRONG_STRESS = {
    "positive under pressure": (STRESSED, lambda s, v: -s, "--stress s --stress-unit -eV/angstrom^3"),
    "VASP's": (STRESSED, lambda s, v: -s / (1e3 * units.bar), "--stress s --stress-unit -kB"),
    "GPa": (STRESSED, lambda s, v: s / units.GPa, "--stress s --stress-unit GPa"),
    "said to be GPa": ({**STRESSED, "stress_unit": "GPa"}, lambda s, v: s, "--stress s --stress-unit eV/angstrom^3"),
    "a virial": (STRESSED, as_virial, "--virial s --virial-unit eV"),
    "said to be a virial": (
        {**STRESSED, "virial": True, "stress_unit": "eV"},
        lambda s, v: s,
        "--stress s --stress-unit eV/angstrom^3",
    ),
    "virial of the other sign": (
        {**STRESSED, "virial": True, "stress_unit": "eV"},
        lambda s, v: s * v,
        "--virial s --virial-unit -eV",
    ),
    "VASP's order": (STRESSED, lambda s, v: s[VASP], '--stress-order "xx yy zz xy yz xz"'),
}


@pytest.mark.parametrize(("given", "change", "option"), WRONG_STRESS.values(), ids=WRONG_STRESS)
def test_a_wrong_stress_is_an_error_that_names_the_option(crystals, given, change, option):
    topic = "virial" if given.get("virial") else "stress"
    (level, text), *_ = about(topic, found_in(crystals, given, stress=change))
    assert level == "error"
    assert option in text


RIGHT_STRESS = {
    "VASP": (
        {"stress_unit": "-kB", "stress_order": "xx yy zz xy yz zx"},
        lambda s, v: -s[VASP] / (1e3 * units.bar),
    ),
    "virial": ({"virial": True, "stress_unit": "eV"}, as_virial),
    "virial in Hartree": ({"virial": True, "stress_unit": "Hartree"}, lambda s, v: -s * v / units.Hartree),
}


@pytest.mark.parametrize(("given", "change"), RIGHT_STRESS.values(), ids=RIGHT_STRESS)
def test_what_the_options_say_is_believed(crystals, given, change):
    findings = found_in(crystals, {**STRESSED, **given}, stress=change)
    ((level, text),) = about("virial" if given.get("virial") else "stress", findings)
    assert (level, "fits 'energy' in sign and unit" in text) == ("note", True)


def test_a_stress_is_judged_without_forces_too(crystals):
    still = []
    for atoms, *_ in crystals:
        copy = atoms.copy()
        copy.set_scaled_positions(bulk("Cu", cubic=True).get_scaled_positions())
        copy.calc = EMT()
        still.append((copy, copy.get_potential_energy(), copy.get_forces(), copy.get_stress()))
    given = {"stress": "s", "stress_unit": "eV/angstrom^3", "energy_unit": "eV"}
    assert about("stress", found_in(still, given))[0][0] == "note"
    assert "-eV/angstrom^3" in about("stress", found_in(still, given, stress=lambda s, v: -s))[0][1]


def test_where_nothing_is_strained_the_size_speaks(vibrating):
    ((level, text),) = about("stress", found_in(vibrating, STRESSED, stress=lambda s, v: s / (1e3 * units.bar)))
    assert (level, "more than 1 is rare" in text) == ("error", True)
    assert "--stress-unit -kB or --stress-unit kB" in text
    ((level, text),) = about("stress", found_in(vibrating, STRESSED))
    assert (level, "no similar frames in different cells" in text) == ("note", True)


def test_five_thousand_frames_of_a_hundred_atoms_take_seconds():
    rng = np.random.default_rng(0)
    S, N = 6000, 100
    cells = np.eye(3) * 10 * (1 + 0.01 * rng.normal(size=(S, 1, 1)))
    arrays = {
        "n_particles": np.full(S, N), "n_pairs": np.zeros(S, dtype=int), "periodic": np.ones(S, dtype=bool),
        "positions": rng.normal(size=(1, N, 3)).repeat(S, axis=0).reshape(-1, 3) + 0.05 * rng.normal(size=(S * N, 3)),
        "species": np.zeros(S * N, dtype=np.int16), "features": np.zeros((S * N, 0)),
        "neighbours": np.zeros(S * N, dtype=np.int16), "senders": np.zeros(0, dtype=np.int16),
        "shifts": np.zeros((0, 3), dtype=np.int16), "cells": cells, "frames": np.arange(S), "groups": np.arange(S),
        "targets": rng.normal(size=(S, 1)), "forces": rng.normal(size=(S * N, 3)), "stress": rng.normal(size=(S, 6)),
        "constrained": np.zeros(S, dtype=bool),
    }  # fmt: skip
    from empnet.inspection.derivatives import derivative_findings
    from empnet.inspection.frames import from_dataset

    frames = from_dataset(Dataset(arrays), ("energy",))
    begun = time.process_time()
    assert derivative_findings(frames, "energy", LabelSpec(**STRESSED))
    # Some 2 s of one core; twice that is the bound of what a person waits for without a word.
    assert time.process_time() - begun < 5


def test_an_inspection_tells_the_order_and_the_options(crystals):
    systems = [
        System(
            atoms.positions, atoms.numbers, cell=atoms.cell.array, pbc=atoms.pbc, properties={"energy": energy},
            info={"stress": -stress[VASP] / units.GPa}, arrays={"forces": forces},
        )
        for atoms, energy, forces, stress in crystals
    ]  # fmt: skip
    told = [str(finding) for finding in inspect_data(systems, quiet=True).findings if finding.topic == "stress"]
    assert "train with --stress stress --stress-unit -GPa" in told[0]
    assert 'train with --stress-order "xx yy zz xy yz xz"' in told[1]


def test_a_virial_of_impossible_size_is_an_error_that_names_units(vibrating):
    given = {"stress": "s", "virial": True, "stress_unit": "eV", "energy_unit": "eV"}
    findings = found_in(vibrating, given, stress=lambda s, v: -s * v * 2306)
    ((level, text),) = about("virial", findings)
    assert level == "error"
    assert "--virial-unit kcal/mol" in text
    assert "--stress s --stress-unit -kB" in text


def test_a_named_unit_of_very_high_pressure_is_believed(vibrating):
    """Two megabar and more are real in planets: whoever has named the unit knows."""
    given = {**STRESSED, "stress_unit": "GPa"}
    high = found_in(vibrating, given, stress=lambda s, v: s / units.GPa * 300, named=True)
    assert [level for level, _ in about("stress", high)] == ["warning"]
    ours = found_in(vibrating, STRESSED, stress=lambda s, v: s * 300, named=True)
    assert [level for level, _ in about("stress", ours)] == ["warning"]  # named all the same
    absurd = found_in(vibrating, given, stress=lambda s, v: s / units.GPa * 1e5, named=True)
    assert [level for level, _ in about("stress", absurd)] == ["error"]


@pytest.mark.parametrize("factor", [3e3, 1e6])
def test_forces_that_no_atoms_have_stop(vibrating, factor):
    (level, text), *_ = about("forces", found_in(vibrating, ASE, forces=factor, energy=factor))
    assert level == "error"
    assert "above 1000 is impossible" in text
    assert ("--forces-unit meV/angstrom" in text) == (factor == 3e3)


@pytest.mark.parametrize("share", [0.01, 0.05])
@pytest.mark.parametrize(("force_times", "energy_more"), [(1e6, 3e4), (1e6, 0), (1, 3e4), (-1e3, -1e6)])
def test_failed_frames_are_named_and_decide_nothing(vibrating, share, force_times, energy_more):
    """Two failed calculations of a hundred once had the unit of all forces declared wrong by 0.117."""
    n = max(1, round(share * len(vibrating)))
    bad = set(np.random.default_rng(0).choice(len(vibrating), n, replace=False).tolist())
    frames = [
        (atoms, e + (energy_more if k in bad else 0), f * (force_times if k in bad else 1), s)
        for k, (atoms, e, f, s) in enumerate(vibrating)
    ]
    findings = found_in(frames, ASE)
    assert not [finding for finding in findings if finding.level == "error"]
    levels = about("forces", findings)
    assert any("they fit 'energy' in sign and unit" in text for _, text in levels)
    named = [text for _, text in levels if "stand out by their largest force" in text]
    assert bool(named) == (force_times != 1)
    assert not any("sum to zero" in text for _, text in levels)
    if energy_more and n <= 3:
        ((level, text),) = about("energy", findings)
        assert level == "warning"
        assert f"frame {min(bad)}" in text


@pytest.mark.parametrize("used", ["energy", "free_energy"])
def test_of_two_energies_the_one_that_the_forces_belong_to_is_named(vibrating, used):
    """As VASP has them: the energy for sigma to zero differs from the one whose slope the forces are."""
    rng = np.random.default_rng(0)
    entropy = 0.1 + 0.02 * rng.normal(size=len(vibrating))
    systems = [
        System(
            atoms.positions, atoms.numbers, cell=atoms.cell.array, pbc=atoms.pbc, arrays={"f": forces},
            properties={"energy": e + s, "free_energy": e},
        )
        for (atoms, e, forces, _), s in zip(vibrating, entropy, strict=True)
    ]  # fmt: skip
    derivatives = LabelSpec(**ASE)
    dataset = open_dataset(systems, Recipe((used,), 3.0, derivatives=derivatives), quiet=True)
    findings = quick_findings(dataset, [used], ["eV"], derivatives=derivatives)
    told = [(finding.level, str(finding)) for finding in findings if "the data also have" in finding.text]
    ((level, text),) = told
    if used == "energy":
        assert (level, "the forces belong to 'free_energy'" in text) == ("warning", True)
        assert "--property free_energy" in text
    else:
        assert (level, "the forces belong to 'free_energy'" in text) == ("note", True)
