"""Datasets are built once: read, checked, neighbours found, and kept on disk under a hash of all that matters."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from empnet.data.arrays import ArrayWriter, map_arrays
from empnet.data.bundled import resolve
from empnet.data.cache_folder import cache_folder
from empnet.data.checks import check_geometry, target_of, targets_of
from empnet.data.dataset import Dataset, fingerprint, system_arrays
from empnet.data.errors import EmpnetError
from empnet.data.neighbours import neighbour_list
from empnet.data.progress import track
from empnet.data.read import iread
from empnet.data.system import System

__all__ = ["Recipe", "data_hash", "open_dataset"]

FORMAT = 1
"""Of the cached folder; a change makes all older ones unused."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a dataset is made with, apart from the data.

    Arguments:
        properties: Names of the scalars to be learned; none for data without labels.
        baseline_keys: For each property a scalar of the data that is subtracted from it (delta learning); or none.
        cutoff: Range of the neighbour lists in angstrom.
        features: Names of the per-particle arrays that join the one-hot species.
        length_unit: Unit of lengths in the data.
    """

    properties: tuple[str, ...]
    cutoff: float
    features: tuple[str, ...] = ()
    length_unit: str = "angstrom"
    baseline_keys: tuple[str, ...] = ()


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
    return digest.hexdigest()


def open_dataset(source: str | Path | Sequence[System], recipe: Recipe, *, quiet: bool = False) -> Dataset:
    """The data as flat arrays; from the cache if they were built before, else built with progress.

    The cache is the folder that the environment variable ``EMPNET_CACHE`` names, else the user's cache folder.

    Arguments:
        source: A path, the name of bundled data, or systems.
        recipe: Properties, cutoff and features.
        quiet: No progress bar.

    Raises:
        EmpnetError: If the data cannot be read, are not what the recipe asks for, or cannot be meant.

    Example:
        >>> points = [System([[0, 0, 0], [0, 0, d]], properties={"energy": 1 / d}) for d in (1.0, 2.0)]
        >>> open_dataset(points, Recipe(("energy",), cutoff=5.0)).targets.tolist()
        [[1.0], [0.5]]
    """
    file = str(source) if isinstance(source, str | Path) else ""
    fingerprint_of_data = data_hash(source)
    key = hashlib.sha256(json.dumps([FORMAT, fingerprint_of_data, asdict(recipe)]).encode()).hexdigest()[:32]
    folder = cache_folder() / key
    if not (folder / "arrays.json").exists():
        systems: Iterable[System]
        if isinstance(source, str | Path):
            systems = iread(source, length_unit=recipe.length_unit)
        else:
            systems = map(check_geometry, source)  # a reader has done so already
        _build_atomically(track(systems, f"reading {file or 'systems'}", quiet=quiet), recipe, folder)
    return Dataset(map_arrays(folder), file=file, data_hash=fingerprint_of_data)


def _build_atomically(systems: Iterable[System], recipe: Recipe, folder: Path) -> None:
    """Build in a folder beside the final one and rename it: a build that is interrupted leaves nothing to be read."""
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix="unfinished-"))
    try:
        _build(systems, recipe, unfinished)
        if not folder.exists():
            os.replace(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _build(systems: Iterable[System], recipe: Recipe, folder: Path) -> None:
    targets, groups, width = _Targets(recipe.properties, recipe.baseline_keys), _Groups(), None
    with ArrayWriter(folder) as writer:
        for system in systems:
            target = targets.of(system)
            if targets.missing:
                continue  # the error is certain; read on only to say how many frames lack what
            system = system.join_features(recipe.features)
            rows = system_arrays(system, neighbour_list(system, recipe.cutoff))
            width = _same_width(width, rows["features"], system)
            writer.append(**rows, targets=target[None], groups=groups.of(system)[None])
        targets.refuse_missing()
        targets.refuse_constant()


def _same_width(width: int | None, features: np.ndarray, system: System) -> int:
    if width not in (None, features.shape[1]):
        raise EmpnetError(
            f"{features.shape[1]} feature columns", where=system.origin, wanted=f"{width} as in the frames before"
        )
    return features.shape[1]


class _Groups:
    """Numbers exact duplicates alike, in the order of their first appearance."""

    def __init__(self) -> None:
        self._number: dict[bytes, int] = {}

    def of(self, system: System) -> np.ndarray:
        """The number of the system's group."""
        return np.array(self._number.setdefault(fingerprint(system), len(self._number)), dtype=np.int64)


@dataclass
class _Targets:
    """Collects the properties to be learned and what is wrong with them."""

    properties: tuple[str, ...]
    baseline_keys: tuple[str, ...] = ()
    count: int = 0
    file: str = ""
    missing: list[tuple[System, str]] = field(default_factory=list)
    lowest: np.ndarray | None = None
    highest: np.ndarray | None = None

    def of(self, system: System) -> np.ndarray:
        """The system's values, shape (F',)."""
        self.count += 1
        self.file = system.origin.file
        absent = [name for name in (*self.properties, *self.baseline_keys) if not _has(system, name)]
        if absent:
            self.missing.append((system, absent[0]))
            return np.zeros(len(self.properties))
        values = targets_of(system, self.properties, self.baseline_keys)
        self.lowest = values if self.lowest is None else np.minimum(self.lowest, values)
        self.highest = values if self.highest is None else np.maximum(self.highest, values)
        return values

    def refuse_missing(self) -> None:
        """Raise if a property is missing in a frame."""
        if self.count == 0:
            raise EmpnetError("no systems at all", wanted="at least one frame")
        if not self.missing:
            return
        system, name = self.missing[0]
        if len(self.missing) == self.count:
            target_of(system, name)  # raises: lists the keys that are there
        raise EmpnetError(
            f"property '{name}' is missing in {len(self.missing)} of {self.count} frames, first here",
            where=system.origin,
            wanted="the property in every frame",
            remedy="remove those frames or add the value",
        )

    def refuse_constant(self) -> None:
        """Raise if a property is the same in all frames."""
        if self.count < 2 or self.lowest is None or self.highest is None:
            return
        for k, (name, low, high) in enumerate(zip(self.properties, self.lowest, self.highest, strict=True)):
            if low == high:
                less = f" minus '{self.baseline_keys[k]}'" if self.baseline_keys else ""
                raise EmpnetError(
                    f"property '{name}'{less} is {low:g} in all {self.count} frames",
                    where=self.file,
                    wanted="a property that varies",
                    remedy="is this the right key? there is nothing to learn",
                )


def _has(system: System, name: str) -> bool:
    """Whether the file says anything of this name, be it a number, a text or an array."""
    return any(name in values for values in (system.properties, system.info, system.arrays))
