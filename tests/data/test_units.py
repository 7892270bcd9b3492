"""Units: names, products and powers against ase.units and textbook values."""

import math

import numpy as np
import pytest
from ase import units
from hypothesis import given
from hypothesis import strategies as st

from empnet.data.errors import EmpnetError
from empnet.data.units import NAMES, convert, default_unit, parse_unit


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
    [("kcal/mole", "did you mean 'kcal/mol'?"), ("electronvolt", ""), ("MeV", "did you mean 'meV'?"), ("mpa", "'MPa'")]
    + [(text, "") for text in ("", "eV/", "/eV", "eV//A", "eV A", "(eV", "eV)", "eV^", "eV^x", "eV^99", "2 eV", "eV+A")]
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
