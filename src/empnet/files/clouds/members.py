"""List the files of a folder or of a pattern such as ``scans/*.laz``, with the class that their folder names."""

from __future__ import annotations

import csv
import glob
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from empnet.errors import EmpnetError
from empnet.files.clouds.table import TABLES, is_table
from empnet.files.compression import inner_name

__all__ = ["FILE_COLUMNS", "SINGLE", "Member", "is_listing", "is_many", "is_pattern", "members", "members_root"]

SINGLE = (".las", ".laz", ".ply", ".off", ".stl", ".obj", ".pcd", ".pts", ".txt", ".csv", ".tsv", ".asc")
"""Suffixes of files with one cloud each, within folders."""
KNOWN = (
    *SINGLE,
    *(".h5", ".hdf5", ".npz", ".xyz", ".extxyz", ".cif", ".db", ".traj", ".pdb", ".sdf", ".sd", ".mol", ".mol2"),
    *(".gen", ".res", ".xsf", ".gro", ".vasp", ".lmp", ".data"),
)
"""Suffixes of files that are read from folders; all others are skipped, such as README.md and pictures."""
KNOWN_NAMES = ("outcar", "poscar", "contcar", "xdatcar", "vasprun.xml")  # how names begin that are read, too
NO_DATA = ("thumbs.db",)  # written by desktops
SIDES = frozenset({"train", "training", "test", "testing", "val", "valid", "validation"})
"""Names of folders for the sides of a split; such a folder is not a class."""
FILE_COLUMNS = ("file", "filename", "name", "path")
"""Headers of a table's first column that names files."""
WILDCARD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a folder or a pattern.

    Arguments:
        path: Path of the file.
        file: The path as the user would write it.
        inner: The path within the folder, with slashes.
        label: Name of the class from the name of a folder; empty if folders are not classes.
    """

    path: Path
    file: str
    inner: str
    label: str = ""


def is_pattern(name: str) -> bool:
    """Return whether a name is a pattern such as ``scans/*.laz``, rather than the name of a file or folder.

    Arguments:
        name: The user's data argument.

    Example:
        >>> is_pattern("scans/*.laz"), is_pattern("water.xyz")
        (True, False)
    """
    if not WILDCARD.search(name) or "\x00" in name:
        return False
    with suppress(OSError):
        return not Path(name).exists()
    return False


def is_listing(name: str) -> bool:
    """Return whether a name is a table (CSV or TSV) whose first column names files that are there.

    Arguments:
        name: The user's data argument.

    Example:
        >>> is_listing("water.xyz")
        False
    """
    path = Path(name)
    if path.suffix.lower() not in (".csv", ".tsv") or not path.is_file():
        return False
    with suppress(OSError, UnicodeDecodeError), path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, delimiter=_delimiter(path))
        header, first = next(rows, []), next(rows, [])
        named = bool(header and first) and header[0].strip().lower() in FILE_COLUMNS
        return named and (path.parent / first[0].strip()).is_file()
    return False


def _delimiter(path: Path) -> str:
    with path.open(encoding="utf-8-sig") as file:
        head = file.readline(10_000)
    return max((",", ";", "\t"), key=head.count)


def is_many(name: str) -> bool:
    """Return whether a name is a folder, a pattern, or a table that lists files.

    Arguments:
        name: The user's data argument.

    Example:
        >>> is_many("scans/*.laz"), is_many("water.xyz")
        (True, False)
    """
    with suppress(OSError, ValueError):
        return bool(name) and (Path(name).is_dir() or is_pattern(name) or is_listing(name))
    return False


def members_root(name: str) -> Path:
    """Return the folder of a pattern's fixed part, or the folder itself.

    Arguments:
        name: A folder or a pattern.

    Example:
        >>> members_root("scans/2024/*/*.laz").as_posix()
        'scans/2024'
    """
    if not is_pattern(name):
        return Path(name)
    parts = Path(name).parts
    fixed = next(place for place, part in enumerate(parts) if WILDCARD.search(part))
    return Path(*parts[:fixed])


def members(name: str) -> list[Member]:
    """Return the files of a folder, with all folders in it, or of a pattern, in the order of their paths.

    The files of a table that lists them are in the order of its rows; their paths begin at the table's folder.

    Hidden files and files of unknown kinds are skipped. If each file lies in a sub-folder, the first sub-folder is the
    class of its files; folders named train, test and the like are passed over.

    Arguments:
        name: A folder, a pattern, or a table whose first column names files.

    Raises:
        EmpnetError: If there are no files to read, or a listed file is missing or listed twice.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for kind in ("chair", "table"):
        ...     (folder / kind).mkdir()
        ...     _ = (folder / kind / "a.xyz").write_text("0 0 0")
        >>> [(member.inner, member.label) for member in members(str(folder))]
        [('chair/a.xyz', 'chair'), ('table/a.xyz', 'table')]
    """
    if is_listing(name):
        return _listed(Path(name))
    root, pattern = members_root(name), is_pattern(name)
    try:
        found = set(_matched(name)) if pattern else {path for path in _walk(root) if _is_known(path)}
    except OSError as error:
        raise EmpnetError(f"cannot be listed ({error.strerror})", where=name) from error
    paths = sorted(found, key=lambda path: path.parts)
    if not paths:
        wanted = "files such as .las, .ply, .off, .xyz or .npz"
        found_text = "no files match the pattern" if pattern else "is a folder without files that can be read"
        raise EmpnetError(found_text, where=name, wanted=wanted)
    inner = [path.relative_to(root) for path in paths]
    labels = _labels(inner)
    rows = zip(paths, inner, labels, strict=True)
    return [Member(path, str(path), within.as_posix(), label) for path, within, label in rows]


def _listed(table: Path) -> list[Member]:
    """Return the files that a table lists."""
    found: list[Member] = []
    seen: set[str] = set()
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, delimiter=_delimiter(table))
        next(rows)
        for number, row in enumerate(rows, start=2):
            if not row or not row[0].strip():
                continue
            inner = row[0].strip()
            path = table.parent / inner
            if inner in seen or not path.is_file():
                text = f"'{inner}' is listed twice" if inner in seen else f"there is no file '{inner}'"
                raise EmpnetError(text, where=f"{table}, line {number}", wanted="one row for each file")
            seen.add(inner)
            found.append(Member(path, str(path), Path(inner).as_posix()))
    return found


def _labels(inner: list[Path]) -> list[str]:
    """Return the class of each file from the folder that it lies in; empty texts if folders are not classes."""
    depth = 0
    while all(len(path.parts) > depth + 1 for path in inner):
        if not {path.parts[depth].lower() for path in inner} <= SIDES:
            return [path.parts[depth] for path in inner]
        depth += 1
    return [""] * len(inner)


def _walk(folder: Path) -> Iterator[Path]:
    """Yield all files of a folder and of the folders in it, each folder once, without hidden ones."""
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True, onerror=_refuse):
        real = os.path.realpath(place)
        if real in seen:  # a link that leads back
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(inner for inner in folders if not inner.startswith("."))
        yield from (path for file in files if not file.startswith(".") and (path := Path(place, file)).is_file())


def _refuse(error: OSError) -> None:
    raise error


def _matched(pattern: str) -> Iterator[Path]:
    """Yield the files that match a pattern, and those of the folders that match it."""
    any_kind = bool(re.search(r"\.\w+$", pattern))  # the user names the suffix
    for match in glob.iglob(pattern, recursive=True):  # noqa: PTH207 (Path.glob gives hidden files, too)
        path = Path(match)
        if path.is_dir():
            if "**" not in pattern:
                yield from (inner for inner in _walk(path) if _is_known(inner))
        elif path.is_file() and (any_kind or _is_known(path)):
            yield path


def _is_known(path: Path) -> bool:
    """Return whether a file is of a kind that is read from folders."""
    name = inner_name(path).lower()
    if name.startswith(KNOWN_NAMES):
        return True
    if not name.endswith(KNOWN) or name in NO_DATA:
        return False
    may_be_other = name.endswith(TABLES) and not name.endswith(".xyz")  # remarks and targets are no clouds
    return is_table(path) if may_be_other else True
