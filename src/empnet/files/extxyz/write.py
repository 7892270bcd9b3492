"""Write extended XYZ frames so that reading restores the exact values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from ase.calculators.calculator import all_properties
from ase.data import chemical_symbols
from ase.io.extxyz import key_val_str_to_dict
from ase.stress import voigt_6_to_full_3x3_stress

from empnet.errors import EmpnetError
from empnet.files.extxyz.cell import CELL_KEYS, names_cell
from empnet.files.extxyz.comment import parse_comment
from empnet.system.atoms import atomic_numbers, particle_arrays
from empnet.system.system import System
from empnet.system.values import array_of

__all__ = ["frame_text"]

SYMBOLS = np.array(chemical_symbols)
REMEDY = "rename or remove it, or write .traj, .db or .npz"
OWN_KEYS = frozenset({"Lattice", "Properties", "pbc"})
OWN_COLUMNS = frozenset({"species", "pos", "Z", "positions", "numbers", "symbols", "move_mask"})
COLUMN_NAME = re.compile(r"""[^\s:=,"'{}\[\]\\]+""")
BARE = re.compile(r"""[^\s="'{}\[\]\\]+""")


def frame_text(system: System) -> str:
    """Return a system as a frame of an extended XYZ file.

    Numbers have all their digits, while ASE's writer keeps only 8 decimals of positions and arrays. A text that looks
    like another value, such as a number, has ASE's JSON form. Therefore, reading restores the same values.

    Arguments:
        system: System to write.

    Returns:
        Lines of the frame as one text.

    Raises:
        EmpnetError: If a value cannot be stored in this format.

    Example:
        >>> print(frame_text(System([[0, 0, 0]], species=[1], properties={"energy": -13.6})), end="")
        1
        Properties=species:S:1:pos:R:3 energy=-13.6 pbc="F F F"
        H 0.0 0.0 0.0
    """
    declared, columns = "species:S:1:pos:R:3", [SYMBOLS[atomic_numbers(system)].tolist(), *_reals(system.positions)]
    for name, array in particle_arrays(system).items():
        kind, texts = _columns(name, array, system)
        declared += f":{name}:{kind}:{len(texts)}"
        columns += texts
    header = [] if system.cell is None else [f'Lattice="{_joined(system.cell)}"']
    header.append(f"Properties={declared}")
    try:
        header += [f"{_number_key(key)}={value!r}" for key, value in system.properties.items()]
        header += [_info_pair(key, value, system.cell is not None) for key, value in system.info.items()]
    except EmpnetError as error:
        raise EmpnetError(str(error), where=system.origin, remedy=REMEDY) from error
    header.append('pbc="{}"'.format(" ".join("T" if axis else "F" for axis in system.pbc)))
    return "\n".join([str(len(system)), " ".join(header), *map(" ".join, zip(*columns, strict=True)), ""])


def _reals(array: np.ndarray) -> list[list[str]]:
    return [list(map(repr, column)) for column in array.T.tolist()]


def _joined(array: np.ndarray) -> str:
    return " ".join(map(repr, array.ravel().tolist()))


def _columns(name: str, array: np.ndarray, system: System) -> tuple[str, list[list[str]]]:
    """Return the kind and the texts of the columns for a per-particle array."""

    def refused(found: str) -> EmpnetError:
        message = f"array '{name}' cannot be a column of extended XYZ: {found}"
        return EmpnetError(message, where=system.origin, remedy=REMEDY)

    if not COLUMN_NAME.fullmatch(name) or not name.isprintable() or name in OWN_COLUMNS:
        raise refused("its name is reserved or contains a special character")
    if name == "charge" and "charges" in system.arrays:
        raise refused("'charge' and 'charges' have the same meaning in this format")
    if array.ndim > 2 or (array.ndim == 2 and not array.shape[1]):
        raise refused(f"its shape is {array.shape}")
    columns = array.reshape(len(array), -1)
    if array.dtype.kind == "f":
        return "R", _reals(columns)
    if array.dtype.kind in "iu":
        if np.abs(columns.astype(float)).max() >= 2**31:
            raise refused("its whole numbers need more than 32 bits")
        return "I", [list(map(str, column)) for column in columns.T.tolist()]
    if array.dtype.kind == "b":
        return "L", [["T" if value else "F" for value in column] for column in columns.T.tolist()]
    texts = [list(map(str, column)) for column in columns.T.tolist()]
    if array.dtype.kind != "U" or not all(map(_is_word, columns.ravel().tolist())):
        raise refused("it contains values other than numbers and words")
    if name in all_properties:
        raise refused("its name is reserved for numbers")
    return "S", texts


def _is_word(text: str) -> bool:
    return text.split() == [text] and text.isprintable()


@lru_cache(maxsize=1024)
def _number_key(key: str) -> str:
    """Return the key of a number; raise an error if reading would not restore a number with this key."""
    return _pair(key, 1.5).removesuffix("=1.5")


def _info_pair(key: str, value: Any, has_cell: bool) -> str:
    """Return ``key=value``; raise an error if a reader would use the value as the cell of a system without a cell."""
    pair = _pair(key, value)
    if not has_cell and key.lower() in CELL_KEYS and names_cell(parse_comment(pair)):
        raise EmpnetError(f"{key!r} cannot be stored in extended XYZ: it would be read as the cell")
    return pair


def _pair(key: str, value: Any) -> str:
    """Return ``key=value`` in the first form that both ASE's parser and this package read correctly."""
    numbers = _numbers(value)
    if key == "stress" and numbers is not None and numbers.shape in ((6,), (3, 3)):
        return _stress(value)
    for text in _spellings(key, value):
        pair = f"{_quoted(key)}={_quoted(text)}"
        if pair.isprintable() and _comes_back(pair, key, value):
            return pair
    text = repr(value)
    text = text if len(text) <= 60 else text[:57] + "..."
    raise EmpnetError(f"{key!r} ({text}) cannot be stored in extended XYZ")


def _spellings(key: str, value: Any) -> Iterator[str]:
    array = _numbers(value)
    if key in OWN_KEYS or (key in all_properties and array is None):
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, (bool, np.bool_)):
        yield "T" if value else "F"
    elif array is not None and (array.ndim < 2 or key == "virial"):
        yield " ".join(map(repr, array.ravel(order="F").tolist()))
    try:
        yield "_JSON " + _json(value)
    except (TypeError, ValueError):
        return


def _stress(value: Any) -> str:
    """Return the stress as nine numbers; readers convert them to six in ASE's order (xx yy zz yz xz xy)."""
    full = np.asarray(value, dtype=float)
    full = voigt_6_to_full_3x3_stress(full) if full.shape == (6,) else full
    if not np.array_equal(full, full.T, equal_nan=True):
        raise EmpnetError("'stress' is not symmetric, but extended XYZ needs a symmetric one")
    return f'stress="{_joined(full)}"'


def _numbers(value: Any) -> np.ndarray | None:
    """Return numbers as an array; None for other values."""
    array = array_of(value)
    return array if array is not None and array.dtype.kind in "iuf" else None


def _quoted(text: str) -> str:
    if BARE.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _comes_back(pair: str, key: str, value: Any) -> bool:
    readers = (key_val_str_to_dict, parse_comment)
    return all(_is_read_by(reader, pair, key, value) for reader in readers)


def _is_read_by(parser: Callable[[str], dict[str, Any]], pair: str, key: str, value: Any) -> bool:
    try:
        back = parser(pair)
        if list(back) != [key]:
            return False
        numbers, wanted = _numbers(back[key]), _numbers(value)
        if numbers is not None and wanted is not None:
            return np.array_equal(numbers, wanted, equal_nan=True)
        return _json(back[key]) == _json(value)
    except (TypeError, ValueError):
        return False


def _json(value: Any) -> str:
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufU":
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not plain data")
