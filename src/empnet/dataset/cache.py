"""Cache of data sets: each is read, checked and given neighbour lists once, then kept under a hash of its inputs."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import numpy as np

from empnet.dataset.arrays import map_arrays
from empnet.dataset.dataset import Dataset
from empnet.dataset.hashing import hash_of_files, hash_of_system, reader_version
from empnet.dataset.ingest import ingest
from empnet.dataset.recipe import Recipe
from empnet.dataset.rows import fingerprint
from empnet.files.bundled import resolve
from empnet.files.data_files import data_files
from empnet.files.read import iread, refuse_length_unit
from empnet.runtime.cache_entries import ABOUT, LIMIT, cache_entries, hold, keep_within_limit
from empnet.runtime.cache_folder import cache_folder
from empnet.runtime.checked_json import DAMAGED, read_checked
from empnet.runtime.pipes import keeping_pipes
from empnet.runtime.progress import print_line
from empnet.system.checks import check_geometry
from empnet.system.system import System
from empnet.system.values import array_of

__all__ = ["Recipe", "cached_dataset", "data_hash", "open_dataset"]


def data_hash(
    source: str | Path | Sequence[System], before: str = "", *, table: str | os.PathLike[str] | None = None
) -> str:
    """Return the SHA-256 of a file's bytes, of all files of a folder or pattern, or of systems in memory.

    The names of files within a folder count, because they may be classes or join values, but not the name of the
    folder. So do a table of values and a file with names of classes.

    Arguments:
        source: A path, a folder, a pattern, the name of bundled data, or systems.
        before: Hash of data in memory from an earlier run. Old runs used a rule that ignored texts, shapes and types.
            If ``before`` is the hash of the systems by this old rule, it is returned.
        table: Path of a CSV file with values for each file.

    Raises:
        EmpnetError: If there is no such file.

    Example:
        >>> data_hash([System([[0, 0, 0]])])[:6] == data_hash([System([[0, 0, 1]])])[:6]
        False
    """
    if isinstance(source, str | Path):
        return hash_of_files(data_files(source, table))
    if before and before == _former_hash(source):
        return before
    digest = hashlib.sha256()
    for system in source:
        digest.update(hash_of_system(system))
    return digest.hexdigest()


def _former_hash(systems: Sequence[System]) -> str:
    """Return the hash of data in memory by the rule of old runs."""
    digest = hashlib.sha256()
    for system in systems:
        digest.update(fingerprint(system))
        digest.update(json.dumps(sorted(system.properties.items())).encode())
        for name in sorted(system.arrays):
            digest.update(name.encode() + np.ascontiguousarray(system.arrays[name]).tobytes())
        for name in sorted(system.info):
            value = array_of(system.info[name])
            if value is not None and value.dtype.kind in "iuf":
                digest.update(name.encode() + np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()


@keeping_pipes
def open_dataset(
    source: str | Path | Sequence[System], recipe: Recipe, *, quiet: bool = False, known_hash: str = ""
) -> Dataset:
    """Return the data as flat arrays, from the cache if possible; otherwise build them and show the progress.

    An interrupted build continues where it stopped, and only one process builds at a time (see
    :mod:`empnet.dataset.ingest`). The environment variable ``EMPNET_CACHE`` sets the folder of the cache; the default
    is the user's cache folder. Entries are checked when they are opened, and damaged entries are rebuilt. If the cache
    is larger than ``EMPNET_CACHE_LIMIT`` (20 GB), the least recently used entries are removed.

    Arguments:
        source: A path, the name of bundled data, or systems.
        recipe: Properties, cutoff, features, forces and stress.
        quiet: Whether to hide the progress bar.
        known_hash: Hash of the data from :func:`data_hash`, if it is at hand; else all data are read for it.

    Raises:
        EmpnetError: If the data cannot be read, do not match the recipe, or are not valid.

    Example:
        >>> points = [System([[0, 0, 0], [0, 0, d]], properties={"energy": 1 / d}) for d in (1.0, 2.0)]
        >>> open_dataset(points, Recipe(("energy",), cutoff=5.0)).targets.tolist()
        [[1.0], [0.5]]
    """
    file = str(source) if isinstance(source, str | Path) else ""
    if not file:
        refuse_length_unit(recipe.length_unit)
    fingerprint_of_data = known_hash or data_hash(source)
    folder = cache_folder() / _key(source, fingerprint_of_data, recipe)

    def systems(first: int) -> Iterable[System]:
        if isinstance(source, str | Path):
            return iread(source, length_unit=recipe.length_unit, first=first)
        return map(check_geometry, islice(source, first, None))  # files are checked by their reader

    called = str(resolve(source).resolve()) if isinstance(source, str | Path) else "systems in memory"
    about = {"source": called, **_identity(fingerprint_of_data, recipe)}
    arrays, built = ingest(systems, recipe, folder, name=file or "systems", about=about, quiet=quiet)
    dataset = Dataset(arrays, file=file, data_hash=fingerprint_of_data)
    hold(folder, dataset)
    if built and (removed := keep_within_limit()):
        size = sum(entry.size for entry in removed) / 1e9
        print_line(f"removed {len(removed)} old cache entries ({size:.1f} GB); {LIMIT} sets the limit", quiet=quiet)
    return dataset


def cached_dataset(fingerprint_of_data: str, recipe: Recipe) -> Dataset | None:
    """Return data from the cache without reading their source, which may have moved or may have been in memory.

    Arguments:
        fingerprint_of_data: Hash of the data from :func:`data_hash`.
        recipe: Recipe of the data set.

    Returns:
        The data set; None if the cache no longer has it.
    """
    wanted = _identity(fingerprint_of_data, recipe)
    for entry in cache_entries():
        if entry.kind != "data":
            continue
        try:
            about = read_checked(entry.path / ABOUT)
            if all(about.get(name) == value for name, value in wanted.items()):
                return Dataset(map_arrays(entry.path), data_hash=fingerprint_of_data)
        except DAMAGED:  # a damaged entry counts as missing
            continue
    return None


def _identity(fingerprint_of_data: str, recipe: Recipe) -> dict[str, str]:
    """Return the identity of a data set, independent of the location of its source."""
    return {"data": fingerprint_of_data, "recipe": json.dumps(asdict(recipe)), "reader": reader_version()}


def _key(source: str | Path | Sequence[System], fingerprint_of_data: str, recipe: Recipe) -> str:
    """Return the name of the cache entry: a hash of all its inputs.

    For a file, the inputs include its name, because the name decides the format. For systems in memory, they include
    the frame numbers of their origins.
    """
    if isinstance(source, str | Path):
        origin = resolve(source).name
    else:
        frames = [-1 if system.origin.frame is None else system.origin.frame for system in source]
        origin = hashlib.sha256(np.array(frames, dtype=np.int64).tobytes()).hexdigest()
    shape = [reader_version(), fingerprint_of_data, origin, asdict(recipe)]
    return hashlib.sha256(json.dumps(shape).encode()).hexdigest()[:32]
