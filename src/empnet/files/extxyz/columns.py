"""Check the rows of an extended XYZ frame against ``Properties``, and return their columns as arrays."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from empnet.errors import EmpnetError, nearest
from empnet.files.extxyz.comment import number, parse_logical

__all__ = ["PLAIN_COLUMNS", "Column", "Fault", "declared_columns", "read_columns", "short", "species_of_columns"]

PLAIN_COLUMNS = "species:S:1:pos:R:3"  # columns of a file without Properties
NAMES = {"pos": "pos", "positions": "pos", "species": "species", "symbols": "species", "z": "Z", "numbers": "Z"}
"""Standard names of columns, by their names in lower case."""
SECOND_NAMES = {"element": "species", "elements": "species", "symbol": "species"} | dict.fromkeys(
    ("atomic_number", "atomic_numbers", "atomicnumber", "atomicnumbers"), "Z"
)
"""Names that are used only if no other column has the same meaning."""
LABELS = ("type", "types", "atom", "atom_type", "atom_types", "name", "label", "kind")
"""Text columns that become the species if all their words are symbols and no other column gives the species."""
RESULTS = frozenset({"force", "forces", "vel", "velo", "mass", "charge"})
"""Documented names of columns. They may be in any case if the name of positions or species has capital letters."""
KIND_NAMES = {"R": "a number", "I": "a whole number", "L": "T or F", "S": "a word"}
LARGEST_INTEGER = 2**63 - 1
MOST_DIGITS = 18  # digits of a number of columns


class Fault(Exception):
    """Error in the row of a particle."""

    def __init__(self, particle: int, found: str, wanted: str = "", remedy: str = "") -> None:
        super().__init__(found)
        self.particle, self.found, self.wanted, self.remedy = particle, found, wanted, remedy


@dataclass(frozen=True, slots=True)
class Column:
    """One or more columns with one name.

    Arguments:
        name: Name, in the standard spelling if the format defines its meaning.
        kind: R (number), I (whole number), S (word) or L (T or F).
        size: Number of columns.
    """

    name: str
    kind: str
    size: int


@lru_cache(maxsize=64)
def declared_columns(text: str) -> tuple[Column, ...]:
    """Return the columns that ``Properties`` declares; standard names may be in any case.

    Arguments:
        text: Text such as ``species:S:1:pos:R:3``.

    Raises:
        EmpnetError: If the text is invalid, names a column twice, or has no positions.

    Example:
        >>> declared_columns("SPECIES:s:1:Pos:r:3")[1]
        Column(name='pos', kind='R', size=3)
    """
    wanted = "triples NAME:R, I, S or L:COLUMNS, such as species:S:1:pos:R:3"
    parts = text.strip().split(":")
    columns = []
    if len(parts) % 3:
        raise EmpnetError(f"Properties={short(text)} is invalid", wanted=wanted)
    for name, kind, size in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        sensible = size.isascii() and size.isdigit() and len(size.lstrip("0")) <= MOST_DIGITS and int(size) > 0
        if kind.upper() not in KIND_NAMES or not sensible or not name:
            raise EmpnetError(f"Properties has {short(f'{name}:{kind}:{size}')}", wanted=wanted)
        columns.append(Column(name, kind.upper(), int(size)))
    columns = [Column(_meaning(column, columns), column.kind, column.size) for column in columns]
    if any(name != name.lower() and NAMES.get(name.lower()) in ("pos", "species") for name in parts[::3]):
        columns = [
            Column(column.name.lower(), column.kind, column.size) if column.name.lower() in RESULTS else column
            for column in columns
        ]
    names = [column.name for column in columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise EmpnetError(f"Properties has column '{twice}' twice", remedy="rename one of them")
    if not any((column.name, column.kind, column.size) == ("pos", "R", 3) for column in columns):
        raise EmpnetError(f"Properties={short(text)} has no positions", wanted="pos:R:3")
    return tuple(columns)


def _meaning(column: Column, columns: Sequence[Column]) -> str:
    """Return the standard name of a column; ``z`` is the atomic number only if no other column gives the species."""
    name = NAMES.get(column.name.lower(), column.name)
    second = SECOND_NAMES.get(column.name.lower())
    if second and not any(NAMES.get(other.name.lower()) in ("species", "Z") for other in columns):
        name = second
    fits = {"pos": ("R", 3), "species": ("S", 1), "Z": ("I", 1)}.get(name) == (column.kind, column.size)
    named = any(NAMES.get(other.name.lower()) == "species" for other in columns)
    if not fits or (name == "Z" and column.name == "z" and named):
        return column.name
    return name


def read_columns(rows: Sequence[str], columns: Sequence[Column]) -> dict[str, np.ndarray]:
    """Return the rows of a frame as one array for each name.

    Arguments:
        rows: Lines of the particles.
        columns: Declared columns; further columns are ignored.

    Returns:
        Arrays of shape (N,) or (N, size): float64, int64, booleans or strings.

    Raises:
        Fault: If a row has fewer columns or a value of the wrong type.
    """
    width = sum(column.size for column in columns)
    cells = [row.split(None, width) for row in rows]
    for particle, row in enumerate(cells):
        if len(row) < width:
            raise Fault(particle, f"{len(row)} columns", wanted=f"{width}: {names_of(columns)}")
    texts = list(zip(*cells, strict=False))
    strict = any("_" in row for row in rows)  # float() accepts 1_000
    arrays, first = {}, 0
    for column in columns:
        values = [_values(texts[first + k], column, strict) for k in range(column.size)] if rows else []
        first += column.size
        arrays[column.name] = values[0] if column.size == 1 and rows else _side_by_side(values, column)
    return arrays


def _side_by_side(values: list[np.ndarray], column: Column) -> np.ndarray:
    return np.stack(values, axis=1) if values else np.zeros((0, column.size)[: 1 + (column.size > 1)])


def _values(texts: tuple[str, ...], column: Column, strict: bool) -> np.ndarray:
    try:
        if column.kind == "R":
            return np.array(list(map(number if strict else float, texts)))
        if column.kind == "I":
            return np.array(list(map(_whole, texts)), dtype=np.int64)
        if column.kind == "L":
            return np.array(list(map(parse_logical, texts)))
        return np.array(texts, dtype=str)
    except ValueError:
        return _values_one_by_one(texts, column)


def _values_one_by_one(texts: tuple[str, ...], column: Column) -> np.ndarray:
    """Return values converted one by one, with Fortran's exponents; float() is faster and is tried first."""
    convert: Callable[[str], Any] = {"R": number, "I": _whole, "L": parse_logical}[column.kind]
    values = []
    for particle, text in enumerate(texts):
        try:
            values.append(convert(text))
        except ValueError:
            raise Fault(particle, f"{short(text)} in column '{column.name}'", KIND_NAMES[column.kind]) from None
    return np.array(values)


def _whole(text: str) -> int:
    value = int(text) if "_" not in text else None
    if value is None or abs(value) > LARGEST_INTEGER:
        raise ValueError(text)
    return value


def species_of_columns(arrays: dict[str, np.ndarray]) -> np.ndarray | None:
    """Return atomic numbers from the columns ``species`` and ``Z``; None if both are absent.

    Arguments:
        arrays: Columns by name; ``species`` and ``Z`` are removed.

    Raises:
        Fault: If a symbol is unknown, or if the two columns disagree.
    """
    symbols, numbers = arrays.pop("species", None), arrays.pop("Z", None)
    if symbols is None and numbers is None and (label := _label_of_symbols(arrays)):
        warnings.warn(f"column '{label}' is read as the species: all its words are chemical symbols", stacklevel=2)
        symbols = arrays.pop(label)
    if symbols is None or not len(symbols):
        return numbers
    kinds, places = np.unique(symbols, return_inverse=True)
    try:
        species = np.array([atomic_numbers[kind.capitalize()] for kind in kinds.tolist()], dtype=np.int64)[places]
    except KeyError:
        for particle, symbol in enumerate(symbols.tolist()):
            if symbol.capitalize() not in atomic_numbers:
                raise _no_symbol(particle, symbol) from None
        raise
    if numbers is not None and (differ := species != numbers).any():
        particle = int(np.argmax(differ))
        found = f"species is {symbols[particle]}, but Z is {numbers[particle]}"
        raise Fault(particle, found, remedy="remove the wrong column")
    return species


def _label_of_symbols(arrays: dict[str, np.ndarray]) -> str:
    """Return the name of a text column with chemical symbols; empty if there is none."""
    texts = {name: array for name, array in arrays.items() if array.dtype.kind == "U" and array.ndim == 1}
    named = (name for name in texts if name.lower() in LABELS)
    return next((name for name in named if all(word.capitalize() in atomic_numbers for word in texts[name])), "")


def _no_symbol(particle: int, symbol: str) -> Fault:
    found = f"{short(symbol)} is not a chemical symbol"
    if symbol.upper() in ("D", "T"):
        return Fault(particle, found, remedy="write H: all isotopes of an element have the same potential")
    if symbol.isdigit():
        remedy = "if it is the atomic number, declare the column as Z:I:1 (Properties=Z:I:1:pos:R:3)"
        return Fault(particle, found, remedy=remedy)
    try:
        number(symbol)
    except ValueError:
        return Fault(particle, found, remedy=_meant(symbol))
    return Fault(particle, found, remedy="Properties declares a symbol here: check the order of the columns")


def _meant(symbol: str) -> str:
    """Return advice on an unknown symbol; an atom label (C1, OW) begins with its element."""
    letters = re.match("[A-Za-z]*", symbol.lstrip("0123456789"))[0].capitalize()  # type: ignore[index]
    if letters in atomic_numbers and letters != "X":
        return f"did you mean '{letters}'?"
    if symbol.startswith(("Gh", "gh", "Bq", "bq", "X")):
        return "ghost atoms are not particles: remove them"
    known = nearest(symbol, chemical_symbols) if letters == symbol and symbol.istitle() else ""
    if not known and letters[:1] in atomic_numbers:
        known = f"if it is an atom label, write the element, perhaps '{letters[0]}'"
    return known or "check the order of the columns"


def names_of(columns: Sequence[Column]) -> str:
    """Return the declaration of columns for a message, shortened."""
    return short(":".join(f"{column.name}:{column.kind}:{column.size}" for column in columns)).strip("'")


def short(text: str) -> str:
    """Return a text for a message, quoted and shortened."""
    text = text.strip()
    return repr(text if len(text) <= 60 else text[:57] + "...")
