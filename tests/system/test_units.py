"""Units: names, products and powers against ase.units and textbook values."""

import math

import numpy as np
import pytest
from ase import units
from hypothesis import given
from hypothesis import strategies as st

from empnet.errors import EmpnetError
from empnet.system.units import NAMES, convert, default_unit, parse_unit


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("eV", 1.0),
        ("meV", 1e-3),
        ("Hartree", units.Hartree),
        ("Ha", units.Hartree),
        ("Ry", units.Rydberg),
        ("kcal/mol", units.kcal / units.mol),
        ("kJ/mol", units.kJ / units.mol),
        ("cal/mol/K", units.kcal / 1000 / units.mol),
        ("cal/(mol*K)", units.kcal / 1000 / units.mol),
        ("J", units.J),
        ("angstrom", 1.0),
        ("Å", 1.0),
        ("\u212b", 1.0),  # the angstrom sign, another character than the letter
        ("bohr", units.Bohr),
        ("bohr^3", units.Bohr**3),
        ("bohr**3", units.Bohr**3),
        ("bohr3", units.Bohr**3),
        ("a0^3", units.Bohr**3),
        ("nm", 10.0),
        ("pm", 0.01),
        ("debye", units.Debye),
        ("e*angstrom", 1.0),
        ("e·Å", 1.0),
        ("GPa", units.GPa),
        ("kB", 0.1 * units.GPa),
        ("kbar", 0.1 * units.GPa),
        ("bar", units.bar),
        ("atm", 1.01325 * units.bar),
        ("amu", 1.0),
        ("fs", units.fs),
        ("ps", 1000 * units.fs),
        ("eV/angstrom", 1.0),
        ("eV/Å³", 1.0),
        ("eV Å⁻¹".replace(" ", "*"), 1.0),
        ("Hartree/bohr", units.Hartree / units.Bohr),
        ("1/angstrom", 1.0),
        ("dimensionless", 1.0),
        ("percent", 0.01),
        ("%", 0.01),
        (" kcal / mol ", units.kcal / units.mol),
        ("KCAL/MOL", units.kcal / units.mol),
        ("ev", 1.0),
        ("hartree", units.Hartree),
    ],
)
def test_factors(text, factor):
    unit = parse_unit(text)
    assert unit.factor == pytest.approx(factor, rel=1e-12)  # a few roundings
    assert str(unit) == text


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [  # textbook values, to the digits given; ASE's constants are CODATA 2014
        (1.0, "Hartree", "eV", 27.21139),
        (1.0, "Hartree", "kcal/mol", 627.5095),
        (1.0, "eV", "kJ/mol", 96.48533),
        (1.0, "bohr", "angstrom", 0.5291772),
        (1.0, "eV/angstrom^3", "GPa", 160.21766),
        (1.0, "e*angstrom", "debye", 4.803205),
        (1.0, "kbar", "GPa", 0.1),
        (1.0, "Ry", "Hartree", 0.5),
        (50.0, "percent", "1", 0.5),
        (1.0, "amu*angstrom^2/fs^2", "eV", 103.6427),
    ],
)
def test_conversions(value, source, target, expected):
    assert convert(value, source, target) == pytest.approx(expected, rel=2e-7)


def test_arrays_convert_entry_by_entry():
    np.testing.assert_allclose(convert(np.array([[1.0, 2.0]]), "nm", "angstrom"), [[10.0, 20.0]], rtol=1e-15)


@given(st.sampled_from(sorted(NAMES)), st.sampled_from(sorted(NAMES)), st.floats(-1e6, 1e6))
def test_there_and_back(first, second, value):
    product, swapped = parse_unit(f"{first}*{second}"), parse_unit(f"{second}*{first}")
    assert product.dimension == swapped.dimension
    assert convert(convert(value, product, swapped), swapped, product) == pytest.approx(value, rel=1e-14)
    assert parse_unit(f"{first}/{second}*{second}").dimension == parse_unit(first).dimension


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("kcall/mol", "did you mean 'kcal/mol'?"),
        ("electrovoltage", ""),
        ("MeV", "did you mean 'meV'?"),
        ("mpa", "'MPa'"),
    ]
    + [(text, "") for text in ("", "eV/", "/eV", "eV//A", "(eV", "eV)", "eV^", "eV^x", "eV^99", "2 eV", "eV+A")]
    + [(text, "") for text in ("k", "j", "E", "()", "^2", "eV^2^", "eV\n", "°", "eV^1.5")],
)
def test_unknown_units_are_refused_with_examples(text, hint):
    if text == "eV\n":  # space around a unit is forgiven
        assert parse_unit(text).factor == 1.0
        return
    with pytest.raises(EmpnetError, match="unknown unit") as caught:
        parse_unit(text)
    assert "wanted a unit such as eV, kcal/mol" in str(caught.value)
    assert hint in str(caught.value)


@given(st.text(max_size=12))
def test_any_text_is_a_unit_or_one_error(text):
    try:
        assert math.isfinite(parse_unit(text).factor)
    except EmpnetError as error:
        assert "\n" not in str(error)


def test_dimensions_must_agree():
    with pytest.raises(EmpnetError, match="kcal/mol is an energy, angstrom a length"):
        convert(1.0, "kcal/mol", "angstrom")


def test_units_that_ase_gives():
    assert str(default_unit("energy")) == "eV"
    assert str(default_unit("free_energy")) == "eV"
    assert str(default_unit("forces")) == "eV/angstrom"
    assert str(default_unit("stress")) == "eV/angstrom^3"
    assert default_unit("gap") is None


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_unit_that_is_printed_parses_back(name):
    """Errors, reports and results carry a property's unit, and it over angstrom, angstrom^3, particle."""
    own = parse_unit(name)
    for printed in (name, f"{name}/angstrom", f"{name}/angstrom^3", f"{name}/particle"):
        unit = parse_unit(printed)
        assert unit.factor == pytest.approx(own.factor)
    assert parse_unit(f"{name}/particle").dimension == parse_unit(f"{name}/atom").dimension != own.dimension


@pytest.mark.parametrize(
    ("text", "factor", "kind"),
    [
        ("eV/atom", 1.0, "an energy per particle"),
        ("meV/atoms", 1e-3, "an energy per particle"),
        ("eV/particle", 1.0, "an energy per particle"),
        ("kcal/mol/atom", units.kcal / units.mol, "an energy per particle"),
        ("Eh", units.Hartree, "an energy"),
        ("cm-1", units.invcm, "an energy"),
        ("cm^-1", units.invcm, "an energy"),
        ("cm⁻¹", units.invcm, "an energy"),
        ("1/cm", units.invcm, "an energy"),
        ("cm-1/angstrom", units.invcm, "a force"),
        ("THz", 1e12 / units.second, "a frequency"),
        ("N/m", units.J / units.m**2, "a force constant"),
        ("J/m^2", units.J / units.m**2, "a force constant"),
        ("kJ*mol-1", units.kJ / units.mol, "an energy"),
        ("cm^2", (0.01 * units.m) ** 2, "an area"),
        ("mbar", 1e-3 * units.bar, "a pressure"),
    ],
)
def test_further_units(text, factor, kind):
    assert parse_unit(text).factor == pytest.approx(factor, rel=1e-12)
    assert parse_unit(text).kind == kind


def test_energies_per_particle_are_no_energies():
    assert convert(1.0, "eV/atom", "meV/particle") == pytest.approx(1000)
    with pytest.raises(EmpnetError, match="an energy per particle, eV an energy; multiply or divide by each system's"):
        convert(1.0, "eV/atom", "eV")


def test_frequencies_are_energies_of_their_quanta():
    assert convert(1.0, "THz", "meV") == pytest.approx(4.135667, rel=1e-6)
    assert convert(1.0, "cm-1", "GHz") == pytest.approx(29.9792458, rel=1e-6)


@pytest.mark.parametrize(("text", "never"), [("eV/cell", "atm"), ("eV/fu", "did you mean"), ("xbar", "Mbar")])
def test_no_other_quantity_is_suggested(text, never):
    with pytest.raises(EmpnetError) as caught:
        parse_unit(text)
    assert never not in str(caught.value)


def test_atomic_units_are_to_be_named():
    with pytest.raises(EmpnetError, match="Hartree "):
        parse_unit("a.u.")


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("kJ mol-1", "kJ/mol"),
        ("kcal mol^-1 Å^-1", "kcal/mol/angstrom"),
        ("kcal/mol A-1", "kcal/mol/angstrom"),
        ("kcal/(mol A)", "kcal/mol/angstrom"),
        ("eV Å⁻¹", "eV/angstrom"),
        ("eV A^{-1}", "eV/angstrom"),
        ("eV Å−3", "eV/angstrom^3"),
        ("cal mol-1 K-1", "cal/mol/K"),
        ("e Å", "e*angstrom"),
        ("eV per atom", "eV/atom"),
        ("kilocalorie per mole", "kcal/mol"),
        ("Hartree/Bohr", "Ha/bohr"),
        ("1/cm", "cm-1"),
        ("μeV", "µeV"),
    ],
)
def test_usual_spellings(text, same):
    assert convert(1.0, text, same) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("text", ["kcal/mol A", "eV/A atom", "eV 2", "eV)", "eV // A", "eV A^", "per atom"])
def test_what_can_mean_two_things_or_nothing_is_refused(text):
    with pytest.raises(EmpnetError, match=r"is ambiguous|unknown unit"):
        parse_unit(text)
