"""Read SDF and MOL files (versions V2000 and V3000): all molecules with their data fields.

ASE reads only the first molecule of an SDF file, without data fields. RDKit reads everything, but an installation
needs hundreds of megabytes. Bonds are ignored, because this package finds neighbours by distance.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_numbers

from empnet.errors import EmpnetError
from empnet.files.extxyz.columns import short
from empnet.files.extxyz.comment import number
from empnet.system.atoms import split_values
from empnet.system.system import Origin, System

__all__ = ["iread_sdf"]

END_OF_MOLECULE = "$$$$"
HEADER = 3  # lines before the counts: name, program, comment
FIELD = re.compile(r">.*?<([^>]*)>")
OLD_CHARGES = {0: 0, 1: 3, 2: 2, 3: 1, 4: 0, 5: -1, 6: -2, 7: -3}  # charge for each code in an atom line
V3000 = "M  V30 "
COUNTS = re.compile(r"^[ 0-9]{6}.*\bV[23]000\s*$")
ISOTOPES = {"D": "H", "T": "H"}  # symbols of hydrogen isotopes in the documentation of the format


ISOTOPES_TOLD = "isotopes are read as their elements, which have the same potential; masses are ignored"


@dataclass(frozen=True, slots=True)
class Record:
    """Lines of one molecule.

    Arguments:
        origin: File and number of the molecule.
        line: Number of the first line in the file, from 1.
        lines: Lines without line breaks.
        closed: Whether the end-of-molecule line follows the molecule.
    """

    origin: Origin
    line: int
    lines: list[str]
    closed: bool

    def fault(self, row: int, found: str, wanted: str = "", remedy: str = "") -> EmpnetError:
        """Return an error about one line of the molecule.

        Arguments:
            row: Number of the line in the molecule, from 0.
            found: Description of the error.
            wanted: Expected content.
            remedy: Advice for the user.
        """
        return EmpnetError(f"line {self.line + row}: {found}", where=self.origin, wanted=wanted, remedy=remedy)

    def at(self, row: int) -> str:
        """Return a line of the molecule.

        Arguments:
            row: Number of the line in the molecule, from 0.

        Raises:
            EmpnetError: If the molecule ends before this line.
        """
        if row >= len(self.lines):
            raise self.fault(
                len(self.lines),
                "the molecule ends here",
                "a whole molecule",
                "download the file again or remove its end",
            )
        return self.lines[row]


def iread_sdf(path: Path, file: str, first: int = 0) -> Iterator[System]:
    """Read the molecules of an SDF or MOL file one at a time.

    Numbers in data fields (``> <U0>``) become properties, and other fields become texts. The name of the molecule
    becomes ``info["name"]``. Atomic charges other than zero become the array ``formal_charges``.

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
        for record in _records(stream, file):
            if (record.origin.frame or 0) >= first:
                yield _system(record)


def _records(stream: Iterable[str], file: str) -> Iterator[Record]:
    lines: list[str] = []
    begin, count = 1, 0
    for place, line in enumerate(stream, start=1):
        if line.startswith(END_OF_MOLECULE):
            yield Record(Origin(file, count), begin, lines, closed=True)
            lines, begin, count = [], place + 1, count + 1
        else:
            lines.append(line.rstrip("\r\n"))
    if any(line.strip() for line in lines):
        yield Record(Origin(file, count), begin, lines, closed=False)


def _system(record: Record) -> System:
    counts = record.at(HEADER)
    if "V3000" in counts:
        symbols, positions, charges, end = _atoms_v3000(record)
    else:
        symbols, positions, charges, end = _atoms_v2000(record, counts)
    if not record.closed and count_fields(record.lines[end:]):
        found, remedy = (
            "the file ends within a molecule",
            f"download it again; if its fields are complete, add {END_OF_MOLECULE}",
        )
        raise record.fault(len(record.lines), found, f"{END_OF_MOLECULE} after its fields", remedy)
    _refuse_another(record, end)
    if len(positions) > 1 and not positions[:, 2].any():
        warnings.warn("z is 0 for all atoms: the coordinates are a drawing, or the molecule is flat", stacklevel=2)
    values: dict[str, Any] = {"name": record.lines[0].strip()} if record.lines[0].strip() else {}
    properties, info = split_values(values | _fields(record, end))
    return System(
        positions=positions,
        species=_species(symbols, record),
        properties=properties,
        info=info,
        arrays={"formal_charges": charges} if charges.any() else {},
        origin=record.origin,
    )


def _atoms_v2000(record: Record, counts: str) -> tuple[list[tuple[str, int]], np.ndarray, np.ndarray, int]:
    """Return symbols with their row numbers, positions, charges, and the number of the row after the table."""
    try:
        n, bonds = int(counts[:3]), int(counts[3:6].strip() or 0)
    except ValueError:
        n, bonds = -1, 0
    if n < 0 or bonds < 0:
        raise record.fault(
            HEADER,
            f"{short(counts)} does not begin with the numbers of atoms and bonds",
            "a molecule in V2000 or V3000",
        )
    symbols, positions, charges = [], np.zeros((n, 3)), np.zeros(n, dtype=np.int64)
    for k in range(n):
        row = HEADER + 1 + k
        line = record.at(row)
        symbol, numbers, charge = _atom_line(line)
        if numbers is None:
            raise record.fault(
                row,
                f"{short(line)} is not an atom",
                "x, y, z and a symbol",
                f"check the counts in line {record.line + HEADER}",
            )
        symbols.append((symbol, row))
        positions[k], charges[k] = numbers, charge
    row = HEADER + 1 + n + bonds
    stated = False
    while row < len(record.lines) and not record.lines[row].startswith("M  END"):
        line = record.lines[row]
        if line.startswith(">"):
            break
        if line.startswith("M  CHG"):
            charges = charges if stated else np.zeros_like(charges)  # CHG lines replace the charges of the atom lines
            stated = True
            _put_charges(charges, line, record, row)
        elif line.startswith("M  ISO"):
            warnings.warn(ISOTOPES_TOLD, stacklevel=2)
        row += 1
    if row >= len(record.lines):
        record.at(row)
    return symbols, positions, charges, row


def _atom_line(line: str) -> tuple[str, list[float] | None, int]:
    """Return symbol, position and charge from fixed columns, or else from columns separated by blanks."""
    fixed = (line[31:34].strip(), [line[:10], line[10:20], line[20:30]], line[36:39])
    words = line.split()
    loose = (words[3], words[:3], words[5] if len(words) > 5 else "0") if len(words) > 3 else ("", [""], "")
    for symbol, texts, charge in (fixed, loose):
        try:
            numbers = [number(text.strip()) for text in texts]
        except ValueError:
            continue
        if symbol[:1].isalpha():
            code = int(charge) if charge.strip().isdigit() else 0
            return symbol, numbers, OLD_CHARGES.get(code, 0)
    return "", None, 0


def _put_charges(charges: np.ndarray, line: str, record: Record, row: int) -> None:
    words = line[6:].split()
    try:
        pairs = list(zip(map(int, words[1::2]), map(int, words[2::2]), strict=True))
        if len(pairs) != int(words[0]) or not all(1 <= atom <= len(charges) for atom, _ in pairs):
            raise ValueError
    except (ValueError, IndexError):
        raise record.fault(
            row, f"{short(line)} is not a list of charges", "M  CHG n, then n pairs of atom and charge"
        ) from None
    for atom, charge in pairs:
        charges[atom - 1] = charge


def _refuse_another(record: Record, row: int) -> None:
    """Raise an error if another molecule begins within the lines of this molecule."""
    for place in range(row, len(record.lines)):
        if COUNTS.search(record.lines[place]):
            found = "another molecule begins within this molecule"
            raise record.fault(place, found, f"{END_OF_MOLECULE} between molecules", "add it, and name the file .sdf")


def _atoms_v3000(record: Record) -> tuple[list[tuple[str, int]], np.ndarray, np.ndarray, int]:
    symbols: list[tuple[str, int]] = []
    positions, charges = [], []
    inside, row, promised = False, HEADER + 1, ""
    while not record.at(row).startswith("M  END"):
        begin = row
        line = record.at(row)
        text = line.removeprefix(V3000) if line.startswith(V3000) else ""
        while text.endswith("-"):  # the next line continues this line
            row += 1
            text = text[:-1] + record.at(row).removeprefix(V3000)
        row += 1
        if text.strip() in ("BEGIN ATOM", "END ATOM"):
            inside = text.strip() == "BEGIN ATOM"
        elif text.startswith("COUNTS "):
            promised = text.split()[1] if len(text.split()) > 1 else ""
        elif inside:
            words = text.split()
            try:
                numbers = [number(word) for word in words[2:5]]
                if any(word.startswith("MASS=") for word in words):
                    warnings.warn(ISOTOPES_TOLD, stacklevel=2)
                charge = sum(int(word[4:]) for word in words if word.startswith("CHG="))
                symbols.append((words[1], begin))
                positions.append([numbers[0], numbers[1], numbers[2]])
                charges.append(charge)
            except (ValueError, IndexError):
                raise record.fault(begin, f"{short(line)} is not an atom", "index, symbol, x, y, z") from None
    if promised and promised != str(len(symbols)):
        raise record.fault(row, f"{len(symbols)} atoms", f"{promised}, according to COUNTS", "download the file again")
    return (
        symbols,
        np.array(positions).reshape(-1, 3),
        np.clip(np.array(charges, dtype=float), -1e6, 1e6).astype(int),
        row,
    )


def _species(symbols: Sequence[tuple[str, int]], record: Record) -> np.ndarray:
    species = np.zeros(len(symbols), dtype=np.int64)
    for k, (symbol, row) in enumerate(symbols):
        name = ISOTOPES.get(symbol, symbol).capitalize()
        if name not in atomic_numbers:
            raise record.fault(row, f"atom {k}: {short(symbol)} is not a chemical symbol", "an element")
        species[k] = atomic_numbers[name]
    if any(symbol in ISOTOPES for symbol, _ in symbols):
        warnings.warn("D and T are read as hydrogen", stacklevel=2)
    return species


def count_fields(lines: Sequence[str]) -> int:
    """Return the number of data fields.

    Arguments:
        lines: Lines after the table of atoms.

    Example:
        >>> count_fields(["M  END", "> <U0>", "-1.5", ""])
        1
    """
    return sum(line.startswith(">") for line in lines)


def _fields(record: Record, row: int) -> dict[str, Any]:
    """Return the data fields; each has a line with its name, lines with its value, and an empty line."""
    values: dict[str, Any] = {}
    while row < len(record.lines):
        begin, line = row, record.lines[row]
        row += 1
        if not line.startswith(">"):
            continue
        match = FIELD.match(line)
        name = match[1].strip() if match else line[1:].strip()
        texts = []
        while row < len(record.lines) and record.lines[row].strip() and not FIELD.match(record.lines[row]):
            texts.append(record.lines[row].strip())
            row += 1
        if name in values:
            raise record.fault(begin, f"field {short(name)} occurs twice", remedy="keep one of them")
        values[name or "field"] = _value("\n".join(texts))
    return values


def _value(text: str) -> Any:
    """Return a text as a number or an array of numbers if possible, else as it is."""
    try:
        numbers = [number(word) for word in text.split()]
    except ValueError:
        return text
    return text if not numbers else numbers[0] if len(numbers) == 1 else np.array(numbers)
