"""Units by name, parsed from the user's text, with factors from :mod:`ase.units`."""

from __future__ import annotations

import difflib
import re
import unicodedata
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from ase import units

from empnet.errors import EmpnetError

__all__ = ["Unit", "convert", "default_unit", "parse_unit", "per_particle"]

Number = TypeVar("Number", float, np.ndarray)

# Dimensions as powers of (energy, length, mass, charge, temperature, particle), ASE's own base: eV, angstrom, amu, e,
# kelvin. Time is length (mass / energy)^(1/2), so powers may be halves. Substance counts as a number: kcal/mol is an
# energy. Particles do not: eV/atom is not an energy until it is multiplied by the number of atoms.
Dimension = tuple[float, float, float, float, float, float]
ENERGY: Dimension = (1, 0, 0, 0, 0, 0)
LENGTH: Dimension = (0, 1, 0, 0, 0, 0)
MASS: Dimension = (0, 0, 1, 0, 0, 0)
CHARGE: Dimension = (0, 0, 0, 1, 0, 0)
TEMPERATURE: Dimension = (0, 0, 0, 0, 1, 0)
PARTICLE: Dimension = (0, 0, 0, 0, 0, 1)
NUMBER: Dimension = (0, 0, 0, 0, 0, 0)
TIME: Dimension = (-0.5, 1, 0.5, 0, 0, 0)
FREQUENCY: Dimension = (0.5, -1, -0.5, 0, 0, 0)
FORCE: Dimension = (1, -1, 0, 0, 0, 0)
PRESSURE: Dimension = (1, -3, 0, 0, 0, 0)
DIPOLE: Dimension = (0, 1, 0, 1, 0, 0)
VOLTAGE: Dimension = (1, 0, 0, -1, 0, 0)

KINDS = {
    NUMBER: "a plain number", ENERGY: "an energy", LENGTH: "a length", MASS: "a mass", CHARGE: "a charge",
    TEMPERATURE: "a temperature", TIME: "a time", PRESSURE: "a pressure", DIPOLE: "a dipole moment",
    FREQUENCY: "a frequency", VOLTAGE: "a voltage", FORCE: "a force", (1, 0, 0, 0, -1, 0): "an entropy",
    (0, 2, 0, 0, 0, 0): "an area", (0, 3, 0, 0, 0, 0): "a volume", (1, -2, 0, 0, 0, 0): "a force constant",
    (-1, 0, 0, 0, 0, 0): "a reciprocal energy", (0, -1, 0, 0, 0, 0): "a reciprocal length",
}  # fmt: skip

PLANCK = units._hplanck * units.J * units.second  # ratio of a quantum's energy to its frequency

NAMES: dict[str, tuple[float, Dimension]] = {
    "eV": (units.eV, ENERGY), "meV": (1e-3 * units.eV, ENERGY), "ueV": (1e-6 * units.eV, ENERGY),
    "µeV": (1e-6 * units.eV, ENERGY), "Eh": (units.Hartree, ENERGY), "mEh": (1e-3 * units.Hartree, ENERGY),
    "mRy": (1e-3 * units.Rydberg, ENERGY), "cm-1": (units.invcm, ENERGY),  # a wavenumber, as in spectroscopy
    "invcm": (units.invcm, ENERGY), "erg": (1e-7 * units.J, ENERGY),
    "Hartree": (units.Hartree, ENERGY), "Ha": (units.Hartree, ENERGY), "mHa": (1e-3 * units.Hartree, ENERGY),
    "Ry": (units.Rydberg, ENERGY), "Rydberg": (units.Rydberg, ENERGY),
    "kcal": (units.kcal, ENERGY), "cal": (1e-3 * units.kcal, ENERGY),
    "kJ": (units.kJ, ENERGY), "J": (units.J, ENERGY), "mol": (units.mol, NUMBER),
    "angstrom": (units.Angstrom, LENGTH), "ang": (units.Angstrom, LENGTH), "A": (units.Angstrom, LENGTH),
    "Å": (units.Angstrom, LENGTH), "bohr": (units.Bohr, LENGTH), "a0": (units.Bohr, LENGTH),
    "nm": (units.nm, LENGTH), "pm": (1e-3 * units.nm, LENGTH), "m": (units.m, LENGTH),
    "cm": (1e-2 * units.m, LENGTH), "mm": (1e-3 * units.m, LENGTH), "um": (1e-6 * units.m, LENGTH),
    "km": (1e3 * units.m, LENGTH), "ft": (0.3048 * units.m, LENGTH), "foot": (0.3048 * units.m, LENGTH),
    "N": (units.J / units.m, FORCE), "mN": (1e-3 * units.J / units.m, FORCE), "nN": (1e-9 * units.J / units.m, FORCE),
    "V": (1.0, VOLTAGE), "mV": (1e-3, VOLTAGE), "eA": (1.0, DIPOLE), "eÅ": (1.0, DIPOLE),
    "debye": (units.Debye, DIPOLE), "D": (units.Debye, DIPOLE), "e": (1.0, CHARGE), "C": (units.C, CHARGE),
    "K": (1.0, TEMPERATURE), "kelvin": (1.0, TEMPERATURE),
    "GPa": (units.GPa, PRESSURE), "MPa": (1e-3 * units.GPa, PRESSURE), "Pa": (units.Pascal, PRESSURE),
    "kB": (1e3 * units.bar, PRESSURE),  # kilobar, as VASP prints it, not Boltzmann's constant
    "kbar": (1e3 * units.bar, PRESSURE), "bar": (units.bar, PRESSURE), "atm": (101325 * units.Pascal, PRESSURE),
    "TPa": (1e3 * units.GPa, PRESSURE), "kPa": (1e3 * units.Pascal, PRESSURE), "Mbar": (1e6 * units.bar, PRESSURE),
    "mbar": (1e-3 * units.bar, PRESSURE),
    "electronvolt": (units.eV, ENERGY), "electronvolts": (units.eV, ENERGY), "hartrees": (units.Hartree, ENERGY),
    "joule": (units.J, ENERGY), "kilojoule": (units.kJ, ENERGY), "kilocalorie": (units.kcal, ENERGY),
    "mole": (units.mol, NUMBER), "wavenumber": (units.invcm, ENERGY), "wavenumbers": (units.invcm, ENERGY),
    "angstroms": (units.Angstrom, LENGTH), "ångström": (units.Angstrom, LENGTH), "ångstrom": (units.Angstrom, LENGTH),
    "bohrs": (units.Bohr, LENGTH), "bohr_radius": (units.Bohr, LENGTH), "nanometer": (units.nm, LENGTH),
    "nanometers": (units.nm, LENGTH), "kilobar": (1e3 * units.bar, PRESSURE),
    "amu": (1.0, MASS), "u": (1.0, MASS), "g": (1e-3 * units.kg, MASS), "Da": (1.0, MASS), "kg": (units.kg, MASS),
    "fs": (units.fs, TIME), "ps": (1e3 * units.fs, TIME), "ns": (1e6 * units.fs, TIME), "s": (units.second, TIME),
    "Hz": (1 / units.second, FREQUENCY), "MHz": (1e6 / units.second, FREQUENCY),
    "GHz": (1e9 / units.second, FREQUENCY), "THz": (1e12 / units.second, FREQUENCY),
    "atom": (1.0, PARTICLE), "atoms": (1.0, PARTICLE), "particle": (1.0, PARTICLE), "particles": (1.0, PARTICLE),
    "rad": (1.0, NUMBER), "degree": (np.pi / 180, NUMBER), "deg": (np.pi / 180, NUMBER),
    "1": (1.0, NUMBER), "dimensionless": (1.0, NUMBER), "percent": (1e-2, NUMBER), "%": (1e-2, NUMBER),
}  # fmt: skip

_FORGIVEN = {name.casefold(): name for name in NAMES}
EXAMPLES = "eV, kcal/mol, Hartree, eV/angstrom, debye, bohr^3, cal/mol/K"
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
RAISED = re.compile(f"[{''.join(map(chr, SUPERSCRIPTS))}]+")
# Only at the beginning: elsewhere cm^-1 is a reciprocal length.
WAVENUMBER = re.compile(r"^\s*(?:cm\s*\^?\s*-1|1\s*/\s*cm)(?=\s*(?:$|[*/]))")
SIGNS = str.maketrans({"·": "*", "⋅": "*", "∙": "*", "×": "*", "−": "-", "–": "-", "μ": "µ"})
"""Replacements for signs that look alike in print."""
PER = re.compile(r"(?<=[\w)])\s+per\s+(?=\w)", re.IGNORECASE)
BRACED_POWER = re.compile(r"\^\s*[({]\s*([+-]?[0-9])\s*[)}]")
ATOMIC = re.compile(r"a\.?\s?u\.?|atomic units?", re.IGNORECASE)
ATOMIC_UNITS = "a single unit: Hartree (energy), bohr (length), Hartree/bohr (force), e*bohr (dipole), bohr^3"
TOKEN = re.compile(r"\s*(cm-1(?!\d)|[()*/^]|[+-]?\d+|%|[^\W\d_]\w*)\s*")


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of measurement.

    Arguments:
        name: The unit as the user wrote it.
        factor: Size in ASE's units (eV, angstrom, amu, e, kelvin and their combinations).
        dimension: Powers of energy, length, mass, charge, temperature and particle.

    Example:
        >>> parse_unit("kcal/mol").kind
        'an energy'
    """

    name: str
    factor: float
    dimension: Dimension

    def __str__(self) -> str:
        return self.name

    @property
    def kind(self) -> str:
        """The measured quantity, with its article, for messages."""
        bases = zip(("energy", "length", "mass", "charge", "temperature", "particle"), self.dimension, strict=True)
        whole = KINDS.get((*self.dimension[:5], 0))
        if whole and self.is_per_particle:
            return f"{whole} per particle"
        return KINDS.get(self.dimension) or " ".join(f"{base}^{power:g}" for base, power in bases if power)

    @property
    def is_per_particle(self) -> bool:
        """True if the unit measures a system's quantity over its number of particles, such as eV/atom."""
        return self.dimension[5] == -1


def parse_unit(text: str) -> Unit:
    """Parse a unit: names, joined by ``*``, a blank and ``/`` from left to right, with whole powers.

    Arguments:
        text: Unit, such as ``"kcal/mol"``, ``"eV/angstrom^3"``, ``"e*angstrom"``, ``"cal/(mol*K)"``, ``"kJ mol-1"`` or
            ``"eV per atom"``. After a ``/`` a blank joins only units with a power: ``kcal/mol A`` would be ambiguous.
            ``kB`` is the kilobar. ``cm-1`` at the front, also written ``cm^-1`` and ``1/cm``, is a wavenumber: an
            energy. ``atom`` and ``particle`` are the same: ``eV/atom`` is an energy per particle, which is not an
            energy of a whole system. Upper and lower case are interchangeable where only one unit fits (not ``MeV`` for
            ``meV``).

    Returns:
        The unit.

    Raises:
        EmpnetError: If a name is unknown or the text is not a unit.

    Example:
        >>> parse_unit("hartree").factor == parse_unit("Ha").factor
        True
    """
    plain = unicodedata.normalize("NFC", text).replace("**", "^").translate(SIGNS)
    plain = PER.sub("/", plain)
    plain = RAISED.sub(lambda raised: "^" + raised[0].translate(SUPERSCRIPTS), plain)
    plain = WAVENUMBER.sub("cm-1", BRACED_POWER.sub(r"^\1", plain))
    if ATOMIC.fullmatch(plain.strip()):
        raise EmpnetError(f"'{text}' is a system of units, not a unit", wanted=ATOMIC_UNITS)
    tokens = TOKEN.findall(plain)
    if "".join(tokens) != "".join(plain.split()) or not tokens:
        raise _unknown(text)
    factor, dimension = _product(tokens, text)
    if tokens:
        raise _unknown(text)
    return Unit(text, factor, tuple(dimension.tolist()))


def _product(tokens: list[str], text: str) -> tuple[float, np.ndarray]:
    """Take ``a * b / c ...`` from the front of the tokens: its factor and its dimension."""
    factor, dimension = _power(tokens, text)
    divided = False
    while tokens and tokens[0] not in (")", "^"):
        joined = tokens.pop(0) if tokens[0] in ("*", "/") else ""
        divided |= joined == "/"
        sign = -1 if joined == "/" else 1
        if divided and not joined and "-" not in "".join(tokens[1:3]):
            raise _unclear(text)
        value, powers = _power(tokens, text)
        factor, dimension = factor * value**sign, dimension + sign * powers
    return factor, dimension


def _power(tokens: list[str], text: str) -> tuple[float, np.ndarray]:
    """Take a name or a bracket, perhaps with a whole power, from the front of the tokens."""
    if not tokens:
        raise _unknown(text)
    token, power = tokens.pop(0), 1
    if token == "(":
        value, powers = _product(tokens, text)
        if not tokens or tokens.pop(0) != ")":
            raise _unknown(text)
    else:
        value, powers, power = _named(token, text)
    if tokens and re.fullmatch(r"-[0-9]", tokens[0]) and token != "1":  # mol-1
        power *= int(tokens.pop(0))
    elif tokens[:1] == ["^"]:
        if len(tokens) < 2 or not re.fullmatch(r"[+-]?[0-9]", tokens[1]):
            raise _unknown(text)
        power *= int(tokens[1])
        del tokens[:2]
    return value**power, np.multiply(powers, power)


def _named(token: str, text: str) -> tuple[float, np.ndarray, int]:
    """Return factor, dimension and power of one name: ``bohr`` and ``bohr3``, but ``a0`` is a name of its own."""
    for name, power in ((token, 1), (token.rstrip("0123456789"), token[-1])):
        exact = name if name in NAMES else _FORGIVEN.get(name.casefold())
        # A single letter, and milli and mega, differ by case alone.
        if exact and (exact == name or (len(name) > 1 and not (name[0] + exact[0] in ("Mm", "mM") and exact != "mol"))):
            value, powers = NAMES[exact]
            return value, np.array(powers), int(power)
    raise _unknown(text, token)


def _unclear(text: str) -> EmpnetError:
    found = f"unit '{text}' is ambiguous: the part after the blank may belong above or below the /"
    return EmpnetError(found, wanted="brackets or signs, such as kcal/(mol*angstrom) or kcal/mol/angstrom")


def _unknown(text: str, token: str = "") -> EmpnetError:
    found = f"unknown unit '{text}'" + (f" ('{token}')" if token not in ("", text) else "")
    near = difflib.get_close_matches(token.casefold(), _FORGIVEN, n=1, cutoff=0.75) if len(token) > 2 else []
    suggestion = f"did you mean '{text.replace(token, _FORGIVEN[near[0]])}'?" if near else ""
    return EmpnetError(found, wanted=f"a unit such as {EXAMPLES}", remedy=suggestion)


def convert(value: Number, from_unit: Unit | str, to_unit: Unit | str) -> Number:
    """Convert numbers from one unit to another; a frequency nu becomes an energy h nu if an energy is wanted.

    Arguments:
        value: A number or an array of any shape, in ``from_unit``.
        from_unit: Its unit.
        to_unit: The new unit.

    Returns:
        The same quantity in ``to_unit``.

    Raises:
        EmpnetError: If a unit is unknown, or the units measure different quantities.

    Example:
        >>> round(convert(1.0, "eV", "kcal/mol"), 3)
        23.061
    """
    source, target = (parse_unit(unit) if isinstance(unit, str) else unit for unit in (from_unit, to_unit))
    if source.dimension == target.dimension:
        return value * (source.factor / target.factor)
    if (source.dimension, target.dimension) == (FREQUENCY, ENERGY):
        return value * (source.factor * PLANCK / target.factor)
    if (source.dimension, target.dimension) == (ENERGY, FREQUENCY):
        return value * (source.factor / (PLANCK * target.factor))
    one_per_particle = source.is_per_particle != target.is_per_particle and source.dimension[:5] == target.dimension[:5]
    remedy = "multiply or divide by each system's number of particles in the data" if one_per_particle else ""
    found = f"cannot convert {source} to {target}: {source} is {source.kind}, {target} {target.kind}"
    raise EmpnetError(found, remedy=remedy)


def per_particle(unit: str) -> bool:
    """Return whether a unit is per particle, such as eV/atom; False for unknown units.

    Arguments:
        unit: Name of the unit, or the placeholder of an unknown unit.

    Example:
        >>> per_particle("meV/atom"), per_particle("eV"), per_particle("file units")
        (True, False, False)
    """
    try:
        return parse_unit(unit).is_per_particle
    except EmpnetError:
        return False


def default_unit(name: str) -> Unit | None:
    """Return ASE's unit of a property with this name; None if ASE has none.

    Arguments:
        name: Name of a property, such as ``"energy"``.

    Example:
        >>> str(default_unit("forces")), default_unit("gap")
        ('eV/angstrom', None)
    """
    known = {"energy": "eV", "free_energy": "eV", "energies": "eV", "forces": "eV/angstrom"}
    known |= {"stress": "eV/angstrom^3", "stresses": "eV/angstrom^3"}
    return parse_unit(known[name]) if name in known else None
