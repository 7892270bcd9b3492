"""Read the published files of QM9: XYZ files with a special comment line and three lines after the atoms.

Ramakrishnan, Dral, Rupp, von Lilienfeld, Scientific Data 1, 140022 (2014), table 2, describe the format. The comment
contains a tag, an index and 15 properties. The fifth column contains Mulliken charges. Three lines with frequencies,
SMILES and InChI follow the atoms. Some exponents have the form ``*^``, as in ``1.0*^-6``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from empnet.files.extxyz.comment import number

__all__ = ["TRAILING", "is_comment", "statements"]

TRAILING = 3  # lines after the particles
PROPERTIES = ("A", "B", "C", "mu", "alpha", "homo", "lumo", "gap", "r2", "zpve", "U0", "U", "H", "G", "Cv")
COMMENT = re.compile(rf"\s*gdb\s+[0-9]{{1,9}}(?:\s+[-+.0-9eE*^]+){{{len(PROPERTIES)}}}\s*")


def is_comment(comment: str) -> bool:
    """Return whether a comment line has QM9's format.

    Arguments:
        comment: Comment line.

    Example:
        >>> is_comment("gdb 1 157.7 157.7 157.7 0. 13.2 -0.38 0.11 0.50 35.3 0.04 -40.4 -40.4 -40.4 -40.4 6.4")
        True
    """
    return comment.lstrip().startswith("gdb") and COMMENT.fullmatch(comment) is not None


def statements(
    comment: str, rows: Sequence[str], trailing: Sequence[str]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the values of a molecule and of its atoms in a QM9 file.

    Energies are in hartree, A to C in GHz, mu in debye, alpha in bohr^3, r2 in bohr^2, Cv in cal/mol/K.

    Arguments:
        comment: Comment line.
        rows: Lines of the atoms.
        trailing: Lines after the atoms.

    Returns:
        Properties and texts by name, and arrays by name.
    """
    _, index, *texts = comment.split()
    info: dict[str, Any] = {"index": int(index)}
    for name, text in zip(PROPERTIES, texts, strict=True):
        try:
            info[name] = number(text)
        except ValueError:
            info[name] = text  # an error is raised only if this value is used
    columns = [row.split() for row in rows]
    arrays = {}
    try:
        arrays["mulliken"] = np.array([number(values[4]) for values in columns])
        info["frequencies"] = np.array([number(text) for text in trailing[0].split()])
    except (ValueError, IndexError):
        pass
    for name, line in zip(("smiles", "inchi"), trailing[1:], strict=False):
        if line.strip():
            info[name] = line.split()[0]
    return info, arrays
