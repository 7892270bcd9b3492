"""Reading data once into flat arrays on disk: by one process at a time, and restartable after an interruption."""

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
from empnet.dataset.class_reader import ClassReader
from empnet.dataset.dataset import NARROW
from empnet.dataset.label_reader import LabelReader
from empnet.dataset.recipe import Recipe
from empnet.dataset.rows import rows_of
from empnet.errors import EmpnetError
from empnet.files.clouds.members import members
from empnet.files.read import is_several
from empnet.runtime.cache_entries import ABOUT, discard, move_in
from empnet.runtime.checked_json import DAMAGED, write_checked
from empnet.runtime.progress import print_line, track
from empnet.system.checks import target_of, targets_of
from empnet.system.label_spec import RIVALS
from empnet.system.system import System

__all__ = ["ingest"]

SAVE_SECONDS = 10.0
"""Seconds between two saves: an interruption loses at most this much reading."""

OLD = 7 * 24 * 3600.0
"""Age in seconds after which unfinished data are removed."""


def ingest(
    systems: Callable[[int], Iterable[System]],
    recipe: Recipe,
    folder: Path,
    *,
    name: str,
    about: dict[str, Any] | None = None,
    quiet: bool = False,
) -> tuple[dict[str, np.ndarray], bool]:
    """Return the arrays of a data set from a folder; build the folder first if it is missing or damaged.

    The folder appears only when it is complete. After an interruption, the data read so far stay beside it, and the
    next call continues from there. If another process is building the same folder, this one waits for it. A folder
    with missing or changed data is replaced.

    Arguments:
        systems: Function that returns the systems from a given frame on.
        recipe: Recipe of the data set.
        folder: Folder for the arrays.
        name: Name of the data, for messages.
        about: Description of the data set, written to the folder for users who look at the cache.
        quiet: Whether to hide messages and the progress bar.

    Returns:
        The arrays, mapped into memory, and whether this call built them.

    Raises:
        EmpnetError: If the data cannot be read, or do not match the recipe.
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
        del arrays  # Windows cannot rename a folder with a mapped file
        move_in(unfinished, folder)
        return map_arrays(folder), True


def _mapped(folder: Path) -> tuple[dict[str, np.ndarray] | None, str]:
    """Return the arrays, or None and a description of the fault, which is empty if there is no such folder."""
    try:
        return map_arrays(folder), ""
    except DAMAGED as error:
        there = folder.exists() or folder.is_symlink()
        return None, (error.strerror or str(error) if isinstance(error, OSError) else str(error)) if there else ""


def _make_folder(path: Path) -> Path:
    """Create the folder if it does not exist, and return its path; a file of this name is removed."""
    if not path.is_dir():
        discard(path)
        path.mkdir(exist_ok=True)
    return path


def _build(
    systems: Callable[[int], Iterable[System]], recipe: Recipe, unfinished: Path, name: str, quiet: bool
) -> dict[str, np.ndarray]:
    """Read the rest of the data into an unfinished folder, and return the arrays, with fingerprints or groups."""
    arrays, _ = _mapped(unfinished)
    if arrays is not None:
        return arrays
    try:
        _read(systems, recipe, unfinished, name, quiet)
    except EmpnetError:  # the data are wrong: corrected data get another hash
        shutil.rmtree(unfinished)
        raise
    return map_arrays(unfinished)


@contextmanager
def _alone(unfinished: Path, message: str, quiet: bool) -> Iterator[None]:
    """Hold the lock of an unfinished folder; the lock is released even if the process is killed."""
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
    """Remove unfinished folders of other data that are older than a week."""
    for folder in [*mine.parent.glob("*/"), *mine.parent.parent.glob("unfinished-*/")]:  # the second: version 1
        if folder == mine or time.time() - _last_change(folder) < OLD:
            continue
        try:
            with FileLock(f"{mine.parent / folder.name}.lock").acquire(timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
                print_line(f"removed {folder}: unfinished data, more than a week old", quiet=quiet)
        except Timeout:  # another process is working on it
            continue


def _last_change(folder: Path) -> float:
    try:
        return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
    except FileNotFoundError:  # another process has just finished it
        return time.time()


def _read(systems: Callable[[int], Iterable[System]], recipe: Recipe, folder: Path, name: str, quiet: bool) -> None:
    """Read the systems into the folder, from the first frame or from the last save."""
    with ArrayWriter(folder, NARROW) as writer:
        targets = _reader_of(recipe, writer.saved.get("targets", {}))
        labels = LabelReader(recipe.derivatives, **writer.saved.get("labels", {}))
        if targets.count:
            print_line(f"{name}: continuing at frame {targets.count}", quiet=quiet)
        places = {member.file: k for k, member in enumerate(members(name))} if is_several(name) else {}
        rival = RIVALS.get(next(iter(recipe.properties), ""))
        saved = time.monotonic()
        for system in track(systems(targets.count), f"reading {name}", quiet=quiet):
            target = targets.of(system)
            if isinstance(targets, _Targets) and targets.missing:
                continue  # an error is certain; read on only to count the frames without the property
            rows = rows_of(system, recipe)
            labels.check_width(rows["features"].shape[1], system)
            if rival and recipe.derivatives:
                rows["rival"] = np.array([system.properties.get(rival, np.nan)])
            if places:  # the file of each system, for messages
                rows["members"] = np.array([places.get(system.origin.file, -1)])
            rows["labels" if recipe.classes else "targets"] = target
            writer.append(**rows, **labels.of(system))
            if time.monotonic() - saved > SAVE_SECONDS:
                writer.save(targets=targets.state(), labels=labels.state())
                saved = time.monotonic()
        targets.refuse_unlearnable()
        labels.refuse_absent()


def _reader_of(recipe: Recipe, saved: dict[str, Any]) -> _Targets | ClassReader:
    """Return the reader of the properties, or of the classes."""
    if recipe.classes:
        return ClassReader(recipe.properties[0], **saved)
    return _Targets(recipe.properties, recipe.baseline_keys, **saved)


@dataclass
class _Targets:
    """Reads the target properties, and collects their faults."""

    properties: tuple[str, ...]
    baseline_keys: tuple[str, ...] = ()
    count: int = 0
    lowest: list[float] = field(default_factory=list)
    highest: list[float] = field(default_factory=list)
    file: str = ""
    missing: int = 0
    first_missing: tuple[System, str] | None = None

    def state(self) -> dict[str, Any]:
        """Return the state; another build can continue from it if nothing is missing."""
        return {name: getattr(self, name) for name in ("count", "lowest", "highest", "file")}

    def of(self, system: System) -> np.ndarray:
        """Return the values of a system, shape (1, F')."""
        self.count += 1
        self.file = system.origin.file
        absent = [name for name in (*self.properties, *self.baseline_keys) if not _has(system, name)]
        if absent:
            self.missing += 1
            self.first_missing = self.first_missing or (system, absent[0])
            return np.zeros((1, len(self.properties)))
        values = targets_of(system, self.properties, self.baseline_keys)
        lines: list[float] = values.tolist()
        self.lowest = list(map(min, self.lowest or lines, lines))
        self.highest = list(map(max, self.highest or lines, lines))
        return values[None]

    def refuse_unlearnable(self) -> None:
        """Raise an error if a property is missing in any frame, or has the same value in all."""
        self.refuse_missing()
        self.refuse_constant()

    def refuse_missing(self) -> None:
        """Raise an error if a property is missing in any frame."""
        if self.count == 0:
            raise EmpnetError("no systems", wanted="at least one frame")
        if self.first_missing is None:
            return
        system, name = self.first_missing
        if self.missing == self.count:
            target_of(system, name)  # raises an error with a list of the existing keys
        raise EmpnetError(
            f"property '{name}' is missing in {self.missing} of {self.count} frames, first here",
            where=system.origin,
            wanted="the property in every frame",
            remedy="remove those frames or add the value",
        )

    def refuse_constant(self) -> None:
        """Raise an error if a property has the same value in all frames."""
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
    """Return whether the system has a value of this name: a number, a text or an array."""
    return any(name in values for values in (system.properties, system.info, system.arrays))
