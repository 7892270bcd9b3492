"""Read MOL2 files (Tripos): all molecules, with atomic charges and the cell."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from ase.data import atomic_numbers
from ase.geometry import cellpar_to_cell

from empnet.errors import EmpnetError
from empnet.files.extxyz.columns import short
from empnet.files.extxyz.comment import number
from empnet.files.molfile import Record
from empnet.system.system import Origin, System

__all__ = ["iread_mol2"]

MOLECULE = "@<TRIPOS>MOLECULE"
NO_ELEMENT = {"LP": "a lone pair", "DU": "a dummy atom", "ANY": "any atom", "HAL": "any halogen", "HET": "a heteroatom"}
CUT = "the file is cut short or damaged: download it again or remove the molecule"
COMMENTED = re.compile(r"#?\s*([A-Za-z_][^:=]*?)\s*[:=]\s*(\S.*)")


def iread_mol2(path: Path, file: str, first: int = 0) -> Iterator[System]:
    """Read the molecules of a MOL2 file one at a time.

    Elements come from the atom types (``C.ar`` is C). Atomic charges become the array ``charges``. Atom names and atom
    types become the arrays ``atom_names`` and ``atom_types``. Comments of the form ``# key: value`` before a molecule,
    such as the scores of docking programs, become properties or texts.

    Arguments:
        path: Path of the plain text file.
        file: The path as the user wrote it, for messages.
        first: Number of the first molecule to read.

    Returns:
        An iterator over systems; memory use depends on the largest molecule, not on the file size.

    Raises:
        EmpnetError: If a molecule cannot be read.
    """
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        for record, comments in _records(stream, file):
            if (record.origin.frame or 0) >= first:
                yield _system(record, comments)


def _records(stream: TextIO, file: str) -> Iterator[tuple[Record, list[str]]]:
    lines: list[str] | None = None
    before: list[str] = []  # comments on the next molecule
    comments: list[str] = []
    begin = count = 0
    for place, line in enumerate(stream, start=1):
        text = line.rstrip("\r\n")
        if text.startswith(MOLECULE):
            if lines is not None:
                yield Record(Origin(file, count), begin, lines, closed=True), comments
                count += 1
            lines, begin, comments, before = [], place + 1, before, []
        elif text.lstrip().startswith("#"):
            before.append(text)
        elif lines is not None:
            lines.append(text)
        elif text.strip():
            raise EmpnetError(
                f"line {place} is {short(text)}", where=file, wanted=MOLECULE, remedy="this is not a MOL2 file"
            )
    if lines is not None:
        yield Record(Origin(file, count), begin, lines, closed=False), comments


def _sections(record: Record) -> dict[str, list[int]]:
    """Return the row numbers of each section; the first section describes the molecule."""
    sections: dict[str, list[int]] = {"MOLECULE": []}
    rows = sections["MOLECULE"]
    for row, line in enumerate(record.lines):
        if line.startswith("@<TRIPOS>"):
            rows = sections.setdefault(line.removeprefix("@<TRIPOS>").strip(), [])
        elif line.strip() or rows is sections["MOLECULE"]:
            rows.append(row)
    return sections


def _system(record: Record, comments: list[str]) -> System:
    sections = _sections(record)
    n = _count(record)
    rows = sections.get("ATOM", [])
    if len(rows) != n:
        raise record.fault(
            len(record.lines),
            f"{len(rows)} atoms",
            f"{n}, according to line {record.line + 1}",
            CUT,
        )
    bonds = record.at(1).split()[1:2]
    if bonds and bonds[0].isdigit() and len(bonds[0]) < 9 and int(bonds[0]) != len(sections.get("BOND", [])):
        found = f"{len(sections.get('BOND', []))} bonds"
        raise record.fault(len(record.lines), found, f"{bonds[0]}, according to line {record.line + 1}", CUT)
    columns = [record.lines[row].split() for row in rows]
    positions, charges = np.zeros((n, 3)), np.zeros(n)
    for k, (row, words) in enumerate(zip(rows, columns, strict=True)):
        try:
            positions[k] = [number(words[2]), number(words[3]), number(words[4])]
            charges[k] = number(words[8]) if len(words) > 8 else 0.0
            words[5]
        except (ValueError, IndexError):
            raise record.fault(row, f"{short(record.lines[row])} is not an atom", "id, name, x, y, z, type") from None
    species = np.array([_element(words[5], words[1], record, row) for row, words in zip(rows, columns, strict=True)])
    arrays: dict[str, Any] = {"atom_names": np.array([words[1] for words in columns], dtype=str)}
    arrays["atom_types"] = np.array([words[5] for words in columns], dtype=str)
    if n and all(len(words) > 8 for words in columns) and "NO_CHARGES" not in record.lines[:5]:
        arrays["charges"] = charges
    properties, info = _said(record, comments + [record.lines[row] for row in sections.get("COMMENT", [])])
    cell = _cell(record, sections.get("CRYSIN", []))
    return System(
        positions=positions,
        species=species.astype(np.int64),
        cell=cell,
        pbc=(cell is not None,) * 3,
        properties=properties,
        info=info,
        arrays=arrays,
        origin=record.origin,
    )


def _count(record: Record) -> int:
    words = record.at(1).split()
    if not words or not words[0].isdigit() or len(words[0]) > 9:
        raise record.fault(1, f"{short(record.at(1))}", "the number of atoms")
    return int(words[0])


def _element(kind: str, name: str, record: Record, row: int) -> int:
    symbol = kind.split(".")[0]
    if symbol.upper() in NO_ELEMENT:
        raise record.fault(row, f"atom '{name}' has type '{kind}' ({NO_ELEMENT[symbol.upper()]})", "an element")
    if symbol.capitalize() not in atomic_numbers:
        wanted = "a type that begins with an element, such as C.ar"
        raise record.fault(row, f"atom '{name}' has type {short(kind)}", wanted)
    return atomic_numbers[symbol.capitalize()]


def _said(record: Record, comments: list[str]) -> tuple[dict[str, float], dict[str, Any]]:
    """Return properties and texts from the name of a molecule and from its comments."""
    properties: dict[str, float] = {}
    info: dict[str, Any] = {"name": record.lines[0].strip()} if record.lines and record.lines[0].strip() else {}
    plain = []
    for comment in comments:
        match = COMMENTED.match(comment.strip())
        if match is None:
            plain.append(comment.strip("# \t"))
            continue
        try:
            properties[match[1]] = number(match[2].strip())
        except ValueError:
            info[match[1]] = match[2].strip()
    if any(plain):
        info["comment"] = "\n".join(text for text in plain if text)
    return properties, info


def _cell(record: Record, rows: list[int]) -> np.ndarray | None:
    """Return the cell of a crystal from three lengths and three angles."""
    if not rows:
        return None
    try:
        parameters = [number(text) for text in record.lines[rows[0]].split()[:6]]
        _tell_symmetry(record.lines[rows[0]].split()[6:7])
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(cellpar_to_cell(parameters))
    except (ValueError, IndexError, AssertionError):
        raise record.fault(rows[0], f"{short(record.lines[rows[0]])}", "a, b, c, alpha, beta, gamma") from None


def _tell_symmetry(group: list[str]) -> None:
    """Warn if a crystal has a space group other than 1, because symmetry is not applied."""
    if group and group[0] != "1":
        warnings.warn(
            f"space group {group[0]}: symmetry is not applied, so the file must list all atoms of the cell; if it "
            "lists an asymmetric unit, give a CIF",
            stacklevel=2,
        )
