"""Units by name: parsed from what users write, with factors from :mod:`ase.units`."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from ase import units

from empnet.data.errors import EmpnetError, nearest

__all__ = ["Unit", "convert", "default_unit", "parse_unit"]

Number = TypeVar("Number", float, np.ndarray)

# Dimensions as powers of (energy, length, mass, charge, temperature), ASE's own base: eV, angstrom, amu, e, kelvin.
# Time is length (mass / energy)^(1/2), so powers may be halves. Substance counts as a number: kcal/mol is an energy.
Dimension = tuple[float, float, float, float, float]
ENERGY: Dimension = (1, 0, 0, 0, 0)
LENGTH: Dimension = (0, 1, 0, 0, 0)
MASS: Dimension = (0, 0, 1, 0, 0)
CHARGE: Dimension = (0, 0, 0, 1, 0)
TEMPERATURE: Dimension = (0, 0, 0, 0, 1)
NUMBER: Dimension = (0, 0, 0, 0, 0)
TIME: Dimension = (-0.5, 1, 0.5, 0, 0)
PRESSURE: Dimension = (1, -3, 0, 0, 0)
DIPOLE: Dimension = (0, 1, 0, 1, 0)

KINDS = {
    NUMBER: "a plain number", ENERGY: "an energy", LENGTH: "a length", MASS: "a mass", CHARGE: "a charge",
    TEMPERATURE: "a temperature", TIME: "a time", PRESSURE: "a pressure", DIPOLE: "a dipole moment",
    (1, -1, 0, 0, 0): "a force", (1, 0, 0, 0, -1): "an entropy", (0, 2, 0, 0, 0): "an area",
    (0, 3, 0, 0, 0): "a volume", (-1, 0, 0, 0, 0): "a reciprocal energy", (0, -1, 0, 0, 0): "a reciprocal length",
}  # fmt: skip

NAMES: dict[str, tuple[float, Dimension]] = {
    "eV": (units.eV, ENERGY), "meV": (1e-3 * units.eV, ENERGY),
    "Hartree": (units.Hartree, ENERGY), "Ha": (units.Hartree, ENERGY), "mHa": (1e-3 * units.Hartree, ENERGY),
    "Ry": (units.Rydberg, ENERGY), "Rydberg": (units.Rydberg, ENERGY),
    "kcal": (units.kcal, ENERGY), "cal": (1e-3 * units.kcal, ENERGY),
    "kJ": (units.kJ, ENERGY), "J": (units.J, ENERGY), "mol": (units.mol, NUMBER),
    "angstrom": (units.Angstrom, LENGTH), "ang": (units.Angstrom, LENGTH), "A": (units.Angstrom, LENGTH),
    "Å": (units.Angstrom, LENGTH), "bohr": (units.Bohr, LENGTH), "a0": (units.Bohr, LENGTH),
    "nm": (units.nm, LENGTH), "pm": (1e-3 * units.nm, LENGTH), "m": (units.m, LENGTH),
    "debye": (units.Debye, DIPOLE), "D": (units.Debye, DIPOLE), "e": (1.0, CHARGE), "C": (units.C, CHARGE),
    "K": (1.0, TEMPERATURE), "kelvin": (1.0, TEMPERATURE),
    "GPa": (units.GPa, PRESSURE), "MPa": (1e-3 * units.GPa, PRESSURE), "Pa": (units.Pascal, PRESSURE),
    "kB": (1e3 * units.bar, PRESSURE),  # kilobar, as VASP prints it, not Boltzmann's constant
    "kbar": (1e3 * units.bar, PRESSURE), "bar": (units.bar, PRESSURE), "atm": (101325 * units.Pascal, PRESSURE),
    "amu": (1.0, MASS), "Da": (1.0, MASS), "kg": (units.kg, MASS),
    "fs": (units.fs, TIME), "ps": (1e3 * units.fs, TIME), "ns": (1e6 * units.fs, TIME), "s": (units.second, TIME),
    "rad": (1.0, NUMBER), "degree": (np.pi / 180, NUMBER), "deg": (np.pi / 180, NUMBER),
    "1": (1.0, NUMBER), "dimensionless": (1.0, NUMBER), "percent": (1e-2, NUMBER), "%": (1e-2, NUMBER),
}  # fmt: skip

_FORGIVEN = {name.casefold(): name for name in NAMES}
EXAMPLES = "eV, kcal/mol, Hartree, eV/angstrom, debye, bohr^3, cal/mol/K"
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
RAISED = re.compile(f"[{''.join(map(chr, SUPERSCRIPTS))}]+")
TOKEN = re.compile(r"\s*([()*/^]|[+-]?\d+|%|[^\W\d_]\w*)\s*")


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of measurement.

    Arguments:
        name: The unit as the user wrote it.
        factor: How many of ASE's units (eV, angstrom, amu, e, kelvin and what follows from them) it is.
        dimension: Powers of energy, length, mass, charge and temperature.

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
        """What the unit measures, with its article, for messages."""
        bases = zip(("energy", "length", "mass", "charge", "temperature"), self.dimension, strict=True)
        return KINDS.get(self.dimension) or " ".join(f"{base}^{power:g}" for base, power in bases if power)


def parse_unit(text: str) -> Unit:
    """Parse a unit: names, joined by ``*`` and ``/`` from left to right, with whole powers.

    Arguments:
        text: Such as ``"kcal/mol"``, ``"eV/angstrom^3"``, ``"e*angstrom"`` or ``"cal/(mol*K)"``. ``kB`` is the kilobar.
            Small and capital letters are forgiven where only one unit can be meant (not ``MeV`` for ``meV``).

    Returns:
        The unit.

    Raises:
        EmpnetError: If a name is unknown or the text makes no sense.

    Example:
        >>> parse_unit("hartree").factor == parse_unit("Ha").factor
        True
    """
    plain = unicodedata.normalize("NFC", text).replace("**", "^").replace("·", "*")
    plain = RAISED.sub(lambda raised: "^" + raised[0].translate(SUPERSCRIPTS), plain)
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
    while tokens and tokens[0] in "*/":
        sign = 1 if tokens.pop(0) == "*" else -1
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
    if tokens[:1] == ["^"]:
        if len(tokens) < 2 or not re.fullmatch(r"[+-]?[0-9]", tokens[1]):
            raise _unknown(text)
        power *= int(tokens[1])
        del tokens[:2]
    return value**power, np.multiply(powers, power)


def _named(token: str, text: str) -> tuple[float, np.ndarray, int]:
    """Factor, dimension and power of one name: ``bohr`` and ``bohr3``, but ``a0`` is a name of its own."""
    for name, power in ((token, 1), (token.rstrip("0123456789"), token[-1])):
        exact = name if name in NAMES else _FORGIVEN.get(name.casefold())
        # A lone letter, and milli against mega, are told apart by case alone.
        if exact and (exact == name or (len(name) > 1 and not (name[0] + exact[0] in ("Mm", "mM") and exact != "mol"))):
            value, powers = NAMES[exact]
            return value, np.array(powers), int(power)
    raise _unknown(text, token)


def _unknown(text: str, token: str = "") -> EmpnetError:
    found = f"unknown unit '{text}'" + (f" ('{token}')" if token not in ("", text) else "")
    suggestion = nearest(token, NAMES) and nearest(text, [text.replace(token, name) for name in NAMES])
    return EmpnetError(found, wanted=f"a unit such as {EXAMPLES}", remedy=suggestion)


def convert(value: Number, from_unit: Unit | str, to_unit: Unit | str) -> Number:
    """Convert numbers from one unit to another.

    Arguments:
        value: A number or an array of any shape, in ``from_unit``.
        from_unit: The unit that it has.
        to_unit: The unit wanted.

    Returns:
        The same quantity in ``to_unit``.

    Raises:
        EmpnetError: If a unit is unknown or they do not measure the same thing.

    Example:
        >>> round(convert(1.0, "eV", "kcal/mol"), 3)
        23.061
    """
    source, target = (parse_unit(unit) if isinstance(unit, str) else unit for unit in (from_unit, to_unit))
    if source.dimension != target.dimension:
        raise EmpnetError(f"cannot convert {source} to {target}: {source} is {source.kind}, {target} {target.kind}")
    return value * (source.factor / target.factor)


def default_unit(name: str) -> Unit | None:
    """The unit that ASE gives to a property of this name; None if it gives none.

    Arguments:
        name: Name of a property, such as ``"energy"``.

    Example:
        >>> str(default_unit("forces")), default_unit("gap")
        ('eV/angstrom', None)
    """
    known = {"energy": "eV", "free_energy": "eV", "energies": "eV", "forces": "eV/angstrom"}
    known |= {"stress": "eV/angstrom^3", "stresses": "eV/angstrom^3"}
    return parse_unit(known[name]) if name in known else None
