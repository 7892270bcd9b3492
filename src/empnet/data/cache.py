"""Datasets are built once: read, checked, neighbours found, and kept on disk under a hash of all that matters."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import numpy as np

from empnet.data.arrays import is_whole, map_arrays
from empnet.data.bundled import resolve
from empnet.data.cache_folder import cache_folder
from empnet.data.checks import check_geometry
from empnet.data.dataset import Dataset, fingerprint
from empnet.data.ingest import ingest
from empnet.data.pipes import keeping_pipes
from empnet.data.read import iread, refuse_length_unit
from empnet.data.recipe import Recipe
from empnet.data.system import System

__all__ = ["Recipe", "cached_dataset", "data_hash", "open_dataset"]

FORMAT = 3
"""Of the cached folder; a change makes all older ones unused."""


def data_hash(source: str | Path | Sequence[System]) -> str:
    """SHA-256 of a file's bytes, or of what systems in memory hold.

    Arguments:
        source: A path, the name of bundled data, or systems.

    Raises:
        EmpnetError: If there is no such file.

    Example:
        >>> data_hash([System([[0, 0, 0]])])[:6] == data_hash([System([[0, 0, 1]])])[:6]
        False
    """
    if isinstance(source, str | Path):
        with resolve(source).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for system in source:
        digest.update(fingerprint(system))
        digest.update(json.dumps(sorted(system.properties.items())).encode())
        for name in sorted(system.arrays):
            digest.update(name.encode() + np.ascontiguousarray(system.arrays[name]).tobytes())
        for name in sorted(system.info):
            if (value := np.asarray(system.info[name])).dtype.kind in "iuf":  # a stress
                digest.update(name.encode() + np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()


@keeping_pipes
def open_dataset(source: str | Path | Sequence[System], recipe: Recipe, *, quiet: bool = False) -> Dataset:
    """The data as flat arrays; from the cache if they were built before, else built with progress.

    An interrupted build goes on where it was, and only one process builds at a time (see :mod:`empnet.data.ingest`).
    The cache is the folder that the environment variable ``EMPNET_CACHE`` names, else the user's cache folder.

    Arguments:
        source: A path, the name of bundled data, or systems.
        recipe: Properties, cutoff, features, forces and stress.
        quiet: No progress bar.

    Raises:
        EmpnetError: If the data cannot be read, are not what the recipe asks for, or cannot be meant.

    Example:
        >>> points = [System([[0, 0, 0], [0, 0, d]], properties={"energy": 1 / d}) for d in (1.0, 2.0)]
        >>> open_dataset(points, Recipe(("energy",), cutoff=5.0)).targets.tolist()
        [[1.0], [0.5]]
    """
    file = str(source) if isinstance(source, str | Path) else ""
    if not file:
        refuse_length_unit(recipe.length_unit)
    fingerprint_of_data = data_hash(source)
    folder = _folder(fingerprint_of_data, recipe)

    def systems(first: int) -> Iterable[System]:
        if isinstance(source, str | Path):
            return iread(source, length_unit=recipe.length_unit, first=first)
        return map(check_geometry, islice(source, first, None))  # a reader has done so already

    ingest(systems, recipe, folder, name=file or "systems", quiet=quiet)
    return Dataset(map_arrays(folder), file=file, data_hash=fingerprint_of_data)


def cached_dataset(fingerprint_of_data: str, recipe: Recipe) -> Dataset | None:
    """Data that were opened before, without their source: it may have moved, or have been in memory.

    Arguments:
        fingerprint_of_data: What :func:`data_hash` said of them.
        recipe: What the data set was made with.

    Returns:
        None if the cache no longer has them.
    """
    folder = _folder(fingerprint_of_data, recipe)
    return Dataset(map_arrays(folder), data_hash=fingerprint_of_data) if is_whole(folder) else None


def _folder(fingerprint_of_data: str, recipe: Recipe) -> Path:
    """Where the cache keeps a data set."""
    key = hashlib.sha256(json.dumps([FORMAT, fingerprint_of_data, asdict(recipe)]).encode()).hexdigest()[:32]
    return cache_folder() / key
