"""Join values from a table to systems by the names of their files."""

from __future__ import annotations

import csv
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from empnet.errors import EmpnetError, nearest
from empnet.files.clouds.members import Member, is_listing, is_pattern, members_root
from empnet.system.system import System

__all__ = ["TargetTable", "joined", "own_table", "read_targets"]

FILE_COLUMNS = ("file", "filename", "file_name", "name", "path")
"""Names of the first column of a table that is used without being asked for."""
PREDICTED = "empnet_"
"""How columns of predictions begin; a table with such a column is not one of targets."""
SHOWN = 3  # names in a message
DELIMITERS = ",;\t"


@dataclass(slots=True)
class TargetTable:
    """Rows of a table, by the names of files.

    Arguments:
        path: The path as the user wrote it.
        rows: Values of each row by the name in its first column.
        used: The file that each row belongs to.
    """

    path: str
    rows: dict[str, dict[str, float | str]]
    used: dict[str, str]

    def row_of(self, file: str, inner: str = "") -> dict[str, float | str]:
        """Return the values for a file.

        Arguments:
            file: The path as the user wrote it.
            inner: The path within the folder, with slashes; empty for single files.

        Raises:
            EmpnetError: If no row has the name of the file, or if the row belongs to another file, too.
        """
        found = next((name for name in _names(file, inner) if name in self.rows), None)
        if found is None:
            name = PurePath(file).name
            raise EmpnetError(
                f"has no row in the table {self.path}",
                where=file,
                wanted=f"a row '{name}'",
                remedy=nearest(name, self.rows) or "add the row, or remove the file",
            )
        if (other := self.used.setdefault(found, file)) != file:
            raise EmpnetError(
                f"row '{found}' belongs to {other} and {file}",
                where=self.path,
                wanted="a row for each file",
                remedy="write paths within the folder, such as chair/0001.off",
            )
        return self.rows[found]

    def check(self, files: Sequence[Member]) -> None:
        """Check that each file has its row, and warn about rows without a file.

        Arguments:
            files: Files of a folder or a pattern.

        Raises:
            EmpnetError: If a file has no row, or shares one.
        """
        for member in files:
            self.row_of(member.file, member.inner)
        self.warn_of_unused()

    def warn_of_unused(self) -> None:
        """Warn about rows that belong to no file."""
        unused = [name for name in self.rows if name not in self.used]
        if unused:
            shown = ", ".join(unused[:SHOWN]) + (", ..." if len(unused) > SHOWN else "")
            are = "row has no file and is" if len(unused) == 1 else "rows have no file and are"
            warnings.warn(f"{self.path}: {len(unused):,} {are} left out: {shown}", stacklevel=2)

    def join(self, system: System, inner: str = "") -> System:
        """Return a system with the values of its row: numbers as properties, texts in info.

        Arguments:
            system: The system; its origin names the file.
            inner: The path within the folder, with slashes; empty for single files.

        Raises:
            EmpnetError: If no row has the name of the file.
        """
        row = self.row_of(system.origin.file, inner)
        properties = {name: value for name, value in system.properties.items() if name not in row}
        info = {name: value for name, value in system.info.items() if name not in row}
        properties |= {name: value for name, value in row.items() if not isinstance(value, str)}
        info |= {name: value for name, value in row.items() if isinstance(value, str)}
        return replace(system, properties=properties, info=info)


def _names(file: str, inner: str) -> Iterator[str]:
    """Yield the names under which a table may list a file, the most exact first."""
    for path in (PurePath(file), PurePath(inner), PurePath(PurePath(file).name)):
        if path.name:
            yield path.as_posix()
            yield path.with_suffix("").as_posix()


def joined(
    systems: Iterable[System], table_path: str | os.PathLike[str], *, folder: str | os.PathLike[str] = ""
) -> Iterator[System]:
    """Yield systems with values from a table: numbers become properties, texts go into info.

    The first column of the table names files, with or without suffix, or with their path within the folder. A row
    without a file is named in a warning at the end.

    Arguments:
        systems: Systems from files.
        table_path: Path of a table (CSV or TSV) with a header.
        folder: Folder or pattern that the systems come from; empty for single files.

    Raises:
        EmpnetError: If the table cannot be read, if a file has no row, or if two files share one.

    Example:
        >>> import tempfile
        >>> from empnet.system.system import Origin
        >>> table = Path(tempfile.mkdtemp(), "volumes.csv")
        >>> _ = table.write_text("file,volume\\na.las,2.5\\n")
        >>> next(joined([System([[0, 0, 0]], origin=Origin("scans/a.las"))], table)).properties["volume"]
        2.5
    """
    table = read_targets(table_path)
    root = members_root(os.fspath(folder)) if os.fspath(folder) else None
    for system in systems:
        file = PurePath(system.origin.file)
        within = root is not None and file.is_relative_to(root)
        yield table.join(system, file.relative_to(root).as_posix() if within and root is not None else "")
    table.warn_of_unused()


def read_targets(path: str | os.PathLike[str]) -> TargetTable:
    """Return a table of values by the names of files.

    A column is one of numbers if all its cells are numbers; empty cells are left out.

    Arguments:
        path: Path of a table (CSV or TSV) with a header; its first column names files.

    Raises:
        EmpnetError: If the table cannot be read, has no columns of values, or has two rows of the same name.
    """
    shown = os.fspath(path)
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise EmpnetError(f"cannot be read as a table ({reason})", where=shown) from error
    lines = [line for line in csv.reader(text.splitlines(), delimiter=_delimiter(text)) if any(map(str.strip, line))]
    if not lines or len(lines[0]) < 2:
        raise EmpnetError(
            "has no columns of values", where=shown, wanted="a header 'file,NAME' and a row for each file"
        )
    header = [name.strip() for name in lines[0]]
    if "" in header or len(set(header)) < len(header):
        raise EmpnetError("its columns have no name or the same name", where=shown, wanted="a name for each column")
    for number, line in enumerate(lines[1:], start=1):
        if len(line) != len(header):
            raise EmpnetError(
                f"row {number} has {len(line)} cells", where=shown, wanted=f"{len(header)}, as in the header"
            )
    columns = {name: _values([line[place].strip() for line in lines[1:]]) for place, name in enumerate(header) if place}
    rows: dict[str, dict[str, float | str]] = {}
    for number, line in enumerate(lines[1:]):
        file = PurePath(line[0].strip().replace("\\", "/")).as_posix()
        if file in rows:
            raise EmpnetError(f"two rows have the name '{file}'", where=shown, wanted="one row for each file")
        rows[file] = {name: value for name, values in columns.items() if (value := values[number]) is not None}
    return TargetTable(shown, rows, {})


def _delimiter(text: str) -> str:
    head = text.partition("\n")[0]
    return max(DELIMITERS, key=head.count)


def _values(cells: list[str]) -> Sequence[float | str | None]:
    """Return the values of a column: all numbers or all texts, and None for empty cells."""
    try:
        return [float(cell) if cell else None for cell in cells]
    except ValueError:
        return [cell or None for cell in cells]


def own_table(name: str, files: Sequence[Member]) -> Path | None:
    """Return the table that belongs to a folder: its only CSV file whose first column names files of the folder.

    The header of this column is file, filename, name or path. Tables of predictions do not count.

    Arguments:
        name: A folder, a pattern, which has no table of its own, or a table that lists files.
        files: Files of the folder.
    """
    if is_pattern(name):
        return None
    if is_listing(name):
        return Path(name)
    found = []
    listed = {path.resolve() for path in (member.path for member in files)}
    for path in sorted(Path(name).glob("*.csv")):
        if path.name.startswith(".") or path.resolve() in listed:
            continue
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            head = stream.readline()
        names = [name.strip() for name in next(csv.reader([head], delimiter=_delimiter(head)), [])]
        if any(name.startswith(PREDICTED) for name in names) or (names or [""])[0].lower() not in FILE_COLUMNS:
            continue
        if _names_any(read_targets(path), files):
            found.append(path)
    return found[0] if len(found) == 1 else None


def _names_any(table: TargetTable, files: Sequence[Member]) -> bool:
    return any(name in table.rows for member in files for name in _names(member.file, member.inner))
