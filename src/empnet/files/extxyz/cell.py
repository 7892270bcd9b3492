"""Read the cell of an extended XYZ frame from its comment or from separate lines."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from ase.geometry import cellpar_to_cell

from empnet.errors import EmpnetError
from empnet.files.extxyz.columns import short
from empnet.files.extxyz.comment import number
from empnet.system.system import Origin

__all__ = ["CELL_KEYS", "VECTOR", "cell_of_comment", "cell_of_vectors", "components", "names_cell"]

VECTOR = re.compile(r"\s*VEC([1-3])\b")
"""Pattern of the beginning of a line with a lattice vector."""
OTHER_CELLS = frozenset({"box", "unitcell", "unit_cell", "cell_lengths", "cellpar", "abc"})
"""Keys for a cell in files of other programs; the value is edges, edges with angles, or vectors."""
CELL_KEYS = OTHER_CELLS | {"cell"}
"""Keys whose values can be a cell, in lower case, beside Lattice."""
AXES = {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False}
"""Periodicity of one axis, by its text in lower case."""


def cell_of_comment(
    info: dict[str, Any], line: int, origin: Origin
) -> tuple[np.ndarray | None, tuple[bool, bool, bool]]:
    """Return lattice vectors and periodicity from the comment; a cell without pbc is periodic.

    Arguments:
        info: Values of the comment by key; the keys of the cell are removed.
        line: Line number of the comment in the file.
        origin: File and number of the frame.

    Returns:
        Lattice vectors as rows, shape (3, 3), in the unit of the file, or None; and the periodicity of each axis.

    Raises:
        EmpnetError: If the vectors or the periodicity are invalid.
    """
    key = next((key for key in info if key == "Lattice" or (key.lower() == "cell" and "Lattice" not in info)), None)
    other = next((key for key in info if key.lower() in OTHER_CELLS), None)
    if key is None or not (key == "Lattice" or _is_cell(info[key])):
        key = other if other is not None and _is_cell(info[other]) else None
    cell = None
    if key is not None:
        cell = _lattice(info.pop(key) if key == "Lattice" else _as_vectors(info.pop(key)), key, line, origin)
    if key is not None and key == other:
        warnings.warn(f"'{key}' is read as the cell, because there is no Lattice", stacklevel=2)
    stray = next((key for key in info if key.lower() in CELL_KEYS), None)
    if stray and cell is None:
        warnings.warn(f"'{stray}' is not read as a cell; the key for a cell is Lattice (nine numbers)", stacklevel=2)
    pbc = info.pop("pbc", None)
    return cell, _periodicity(cell is not None if pbc is None else pbc, line, origin)


def names_cell(info: dict[str, Any]) -> bool:
    """Return whether :func:`cell_of_comment` would read a value as the cell.

    Arguments:
        info: Values of a comment by key.

    Example:
        >>> names_cell({"box": np.array([9.0, 9.0, 9.0])}), names_cell({"box": "cardboard"})
        (True, False)
    """
    return any(key.lower() in CELL_KEYS and _is_cell(value) for key, value in info.items())


def _is_cell(value: Any) -> bool:
    """Return whether a value is three edges, edges with angles, or three vectors."""
    if not isinstance(value, np.ndarray) or value.shape not in ((3,), (6,)):
        return _is_lattice(value)
    return bool(((value[3:] > 0) & (value[3:] < 180)).all())


def _as_vectors(value: Any) -> Any:
    """Return edges with angles as lattice vectors; other values unchanged."""
    return np.asarray(cellpar_to_cell(value)).reshape(9) if value.shape == (6,) else value


def _is_lattice(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.shape in ((9,), (3, 3))


def _lattice(value: Any, key: str, line: int, origin: Origin) -> np.ndarray | None:
    """Return lattice vectors as rows; None if all are zero.

    A matrix must be symmetric. In the specification of the format, its rows are the vectors, but the reference package
    writes and reads the vectors as columns.
    """
    where = f"line {line}: {key}"
    if isinstance(value, np.ndarray) and value.shape == (3,):
        value = np.diag(value)
    if not _is_lattice(value):
        size = f"{np.size(value)} numbers" if isinstance(value, np.ndarray | np.number) else short(str(value))
        wanted = "nine numbers, the three lattice vectors one after another"
        remedy = "put the numbers into quotes" if np.size(value) == 1 else ""
        raise EmpnetError(f"{where} has {size}", where=origin, wanted=wanted, remedy=remedy)
    cell = value.reshape(3, 3).astype(np.float64)
    if value.ndim == 2 and not np.array_equal(cell, cell.T):
        raise EmpnetError(
            f"{where} is a matrix, which is ambiguous: the lattice vectors are its rows in the specification of the "
            "format, but its columns in the reference package",
            where=origin,
            remedy=f'write nine numbers, vector after vector: {key}="ax ay az bx by bz cx cy cz"',
        )
    return cell if cell.any() else None


def _periodicity(value: Any, line: int, origin: Origin) -> tuple[bool, bool, bool]:
    axes = value if isinstance(value, list) else np.atleast_1d(value).tolist()
    if isinstance(value, str):
        words = value.lower().replace(",", " ").split()
        axes = [AXES.get(word) for word in (words if len(words) > 1 else "".join(words))]
    whole = all(isinstance(axis, bool) or axis in (0, 1) for axis in axes)
    if not whole or len(axes) not in (1, 3):
        raise EmpnetError(
            f"line {line}: pbc is {short(str(value))}",
            where=origin,
            wanted='three of T and F: pbc="T T F"',
        )
    x, y, z = axes * 3 if len(axes) == 1 else axes
    return bool(x), bool(y), bool(z)


def cell_of_vectors(lines: Sequence[str], origin: Origin) -> tuple[np.ndarray | None, tuple[bool, bool, bool]]:
    """Return the cell from lines VEC1 to VEC3 (SCM's syntax); the system is periodic along these vectors.

    Arguments:
        lines: Lines with one vector each.
        origin: File and number of the frame.

    Raises:
        EmpnetError: If a line is not a vector.
    """
    cell = np.zeros((3, 3))
    for k, text in enumerate(lines):
        match = VECTOR.match(text)
        try:
            row = [number(word) for word in text.split()[1:]]
        except ValueError:
            row = []
        if match is None or int(match[1]) != k + 1 or len(row) != 3:
            raise EmpnetError(f"{short(text)} is not a lattice vector", where=origin, wanted=f"VEC{k + 1} x y z")
        cell[k] = row
    return cell, (True, len(lines) > 1, len(lines) > 2)


def components(stress: Any) -> Any:
    """Return a symmetric matrix as six components in ASE's order (xx yy zz yz xz xy); other values unchanged.

    Arguments:
        stress: Value of the key ``stress``.
    """
    if not isinstance(stress, np.ndarray) or stress.shape != (3, 3):
        return stress
    symmetric = np.array_equal(stress, stress.T, equal_nan=True)
    return stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]] if symmetric else stress
