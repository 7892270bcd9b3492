"""Reading data once into flat arrays on disk: by one process at a time, and on from where it was stopped."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from empnet.dataset.alike import group_ids
from empnet.dataset.arrays import ArrayWriter, map_arrays, replace_array
from empnet.dataset.dataset import NARROW, fingerprint, system_arrays
from empnet.dataset.label_reader import LabelReader
from empnet.dataset.neighbours import neighbour_list
from empnet.dataset.recipe import Recipe
from empnet.errors import EmpnetError
from empnet.runtime.cache_entries import ABOUT, discard, move_in
from empnet.runtime.checked_json import DAMAGED, write_checked
from empnet.runtime.progress import print_line, track
from empnet.system.checks import target_of, targets_of
from empnet.system.free_atoms import freed
from empnet.system.label_spec import RIVALS
from empnet.system.system import System

__all__ = ["ingest"]

SAVE_SECONDS = 10.0
"""So much reading may be lost at most."""

OLD = 7 * 24 * 3600.0
"""Seconds after which what was left unfinished is removed."""


def ingest(
    systems: Callable[[int], Iterable[System]],
    recipe: Recipe,
    folder: Path,
    *,
    name: str,
    about: dict[str, Any] | None = None,
    quiet: bool = False,
) -> tuple[dict[str, np.ndarray], bool]:
    """The arrays of a data set, built in a folder unless they are there unharmed; it appears whole or not at all.

    What was read before an interruption is kept beside it, so that the next call goes on from there. A process that
    comes while another one builds the same folder waits for it. A folder of which a part is missing or differs from
    what was written is replaced.

    Arguments:
        systems: Gives the systems from a frame on.
        recipe: What the data set is made with.
        folder: Where it is to be.
        name: What the data are called.
        about: What is written about it for people who look at the cache.
        quiet: Tell nothing, show no progress.

    Returns:
        The arrays, mapped into memory, and whether they were built now.

    Raises:
        EmpnetError: If the data cannot be read, or are not what the recipe asks for.
    """
    arrays, _ = _mapped(folder)
    if arrays is not None:
        return arrays, False
    unfinished = _make_folder(folder.parent / "unfinished") / folder.name
    with _alone(unfinished, f"{name}: another process is reading these data; waiting for it", quiet):
        arrays, fault = _mapped(folder)
        if arrays is not None:
            return arrays, False
        if fault:
            print_line(f"{name}: the cache is damaged ({fault}); reading the data again", quiet=quiet)
            discard(folder)
        _remove_old(unfinished, quiet)
        arrays = _build(systems, recipe, _make_folder(unfinished), name, quiet)
        if "fingerprints" in arrays:
            replace_array(unfinished, "fingerprints", groups=group_ids(arrays["fingerprints"]))
        write_checked(unfinished / ABOUT, about or {})
        del arrays  # Windows renames no folder of which a file is mapped
        move_in(unfinished, folder)
        return map_arrays(folder), True


def _mapped(folder: Path) -> tuple[dict[str, np.ndarray] | None, str]:
    """The arrays if they are there and unharmed; else why not: nothing if there is no such folder."""
    try:
        return map_arrays(folder), ""
    except DAMAGED as error:
        there = folder.exists() or folder.is_symlink()
        return None, (error.strerror or str(error) if isinstance(error, OSError) else str(error)) if there else ""


def _make_folder(path: Path) -> Path:
    """A folder, made if need be, also where a file has its name."""
    if not path.is_dir():
        discard(path)
        path.mkdir(exist_ok=True)
    return path


def _build(
    systems: Callable[[int], Iterable[System]], recipe: Recipe, unfinished: Path, name: str, quiet: bool
) -> dict[str, np.ndarray]:
    """The arrays with fingerprints or groups, in a folder whose beginning may be there."""
    arrays, _ = _mapped(unfinished)
    if arrays is not None:
        return arrays
    try:
        _read(systems, recipe, unfinished, name, quiet)
    except EmpnetError:  # the data are at fault: mended ones have another hash
        shutil.rmtree(unfinished)
        raise
    return map_arrays(unfinished)


@contextmanager
def _alone(unfinished: Path, message: str, quiet: bool) -> Iterator[None]:
    """While nobody else works in that folder; the lock goes with the process that holds it, however that ends."""
    path = Path(f"{unfinished}.lock")
    if path.is_dir():
        discard(path)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print_line(message, quiet=quiet)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _remove_old(mine: Path, quiet: bool) -> None:
    """Remove what has been left unfinished for a week, of other data."""
    for folder in [*mine.parent.glob("*/"), *mine.parent.parent.glob("unfinished-*/")]:  # the latter of version 1
        if folder == mine or time.time() - _last_change(folder) < OLD:
            continue
        try:
            with FileLock(f"{mine.parent / folder.name}.lock").acquire(timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
                print_line(f"removed {folder}: data whose reading was not finished, older than a week", quiet=quiet)
        except Timeout:  # somebody is going on with it
            continue


def _last_change(folder: Path) -> float:
    try:
        return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
    except FileNotFoundError:  # somebody has just come to an end with it
        return time.time()


def _read(systems: Callable[[int], Iterable[System]], recipe: Recipe, folder: Path, name: str, quiet: bool) -> None:
    """Fill the folder, from the beginning or from the last safe point."""
    with ArrayWriter(folder, NARROW) as writer:
        targets = _Targets(recipe.properties, recipe.baseline_keys, **writer.saved.get("targets", {}))
        labels = LabelReader(recipe.derivatives, **writer.saved.get("labels", {}))
        if targets.count:
            print_line(f"{name}: going on at frame {targets.count}", quiet=quiet)
        rival = RIVALS.get(next(iter(recipe.properties), ""))
        saved = time.monotonic()
        for system in track(systems(targets.count), f"reading {name}", quiet=quiet):
            target = targets.of(system)
            if targets.missing:
                continue  # the error is certain; read on only to say how many frames lack what
            system = freed(system.join_features(recipe.features))
            rows = system_arrays(system, neighbour_list(system, recipe.cutoff))
            targets.check_width(rows["features"].shape[1], system)
            key = np.frombuffer(fingerprint(system), dtype=np.int64)
            if rival and recipe.derivatives:
                rows["rival"] = np.array([system.properties.get(rival, np.nan)])
            writer.append(**rows, **labels.of(system), targets=target[None], fingerprints=key[None])
            if time.monotonic() - saved > SAVE_SECONDS:
                writer.save(targets=targets.state(), labels=labels.state())
                saved = time.monotonic()
        targets.refuse_missing()
        targets.refuse_constant()
        labels.refuse_absent()


@dataclass
class _Targets:
    """Watches the properties to be learned and what is wrong with them."""

    properties: tuple[str, ...]
    baseline_keys: tuple[str, ...] = ()
    count: int = 0
    width: int | None = None
    lowest: list[float] = field(default_factory=list)
    highest: list[float] = field(default_factory=list)
    file: str = ""
    missing: int = 0
    first_missing: tuple[System, str] | None = None

    def state(self) -> dict[str, Any]:
        """State from which another builder goes on, as long as nothing is missing."""
        return {name: getattr(self, name) for name in ("count", "width", "lowest", "highest", "file")}

    def of(self, system: System) -> np.ndarray:
        """The system's values, shape (F',)."""
        self.count += 1
        self.file = system.origin.file
        absent = [name for name in (*self.properties, *self.baseline_keys) if not _has(system, name)]
        if absent:
            self.missing += 1
            self.first_missing = self.first_missing or (system, absent[0])
            return np.zeros(len(self.properties))
        values = targets_of(system, self.properties, self.baseline_keys)
        lines: list[float] = values.tolist()
        self.lowest = list(map(min, self.lowest or lines, lines))
        self.highest = list(map(max, self.highest or lines, lines))
        return values

    def check_width(self, width: int, system: System) -> None:
        """Raise if a system has another number of feature columns than those before."""
        if self.width not in (None, width):
            raise EmpnetError(
                f"{width} feature columns", where=system.origin, wanted=f"{self.width} as in the frames before"
            )
        self.width = width

    def refuse_missing(self) -> None:
        """Raise if a property is missing in a frame."""
        if self.count == 0:
            raise EmpnetError("no systems at all", wanted="at least one frame")
        if self.first_missing is None:
            return
        system, name = self.first_missing
        if self.missing == self.count:
            target_of(system, name)  # raises: lists the keys that are there
        raise EmpnetError(
            f"property '{name}' is missing in {self.missing} of {self.count} frames, first here",
            where=system.origin,
            wanted="the property in every frame",
            remedy="remove those frames or add the value",
        )

    def refuse_constant(self) -> None:
        """Raise if a property is the same in all frames."""
        if self.count < 2:
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
    """Return whether the file has a value of this name, be it a number, a text or an array."""
    return any(name in values for values in (system.properties, system.info, system.arrays))
