"""List all files that data consist of: their own, a table of values, and files with names of classes."""

from __future__ import annotations

import os
from pathlib import Path

from empnet.files.bundled import card, path_text, resolve
from empnet.files.clouds.hdf5 import class_files
from empnet.files.clouds.members import is_many, members
from empnet.files.clouds.targets_table import own_table
from empnet.runtime.pipes import is_pipe

__all__ = ["data_files"]


def data_files(name: str | os.PathLike[str], table: str | os.PathLike[str] | None = None) -> list[tuple[str, Path]]:
    """Return the files of data, each with its name within the data; a single file has an empty name.

    Arguments:
        name: Path of a file or folder, pattern such as ``scans/*.laz``, or name of a bundled data set.
        table: Path of a table of values, as the user gives it; None: a folder may have its own.

    Raises:
        EmpnetError: If there are no such files.

    Example:
        >>> [(name, path.name) for name, path in data_files("qm7")]
        [('', 'qm7-6101.extxyz.gz')]
    """
    text = path_text(name)
    several = not is_pipe(text) and card(text) is None and is_many(text)
    rows: str | os.PathLike[str] | None = table
    if several:
        files = members(text)
        found = [(member.inner, member.path) for member in files]
        rows = own_table(text, files) if table is None else table
    else:
        found = [("", resolve(text))]
    beside = [("names of classes", other) for _, path in found for other in class_files(path)]
    values = [] if rows is None else [("table of values", Path(rows))]
    return found + list(dict.fromkeys(beside)) + values
