"""One pass over the data: frames as flat arrays, counts of keys, and refused frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from empnet.dataset.rows import fingerprint, species_of
from empnet.errors import EmpnetError
from empnet.files.read import iread_unchecked, refuse_length_unit
from empnet.inspection.frames import Frames, numbered
from empnet.inspection.keys import Tally
from empnet.inspection.record import Finding
from empnet.inspection.stress import symmetric
from empnet.runtime.progress import track
from empnet.system.checks import check_geometry
from empnet.system.free_atoms import freed
from empnet.system.system import System

__all__ = ["MAX_PARTICLES", "Gathered", "gather"]

MAX_PARTICLES = 5_000_000
"""Maximum number of particles to keep in memory (about a gigabyte); frames beyond it are only counted."""


@dataclass(slots=True)
class Gathered:
    """Results of one pass over the data.

    Arguments:
        tally: Keys of the usable frames.
        refused: Error messages of the refused frames.
        stopped: Error message if reading stopped before the end; otherwise empty.
        left_out: Number of usable frames that were only counted, because the data are too large.
        rows: Arrays of each usable frame in memory.
        particles: Number of particles in memory.
    """

    tally: Tally = field(default_factory=Tally)
    refused: list[str] = field(default_factory=list)
    stopped: str = ""
    left_out: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    particles: int = 0

    def findings(self) -> list[Finding]:
        """Return errors for frames that training would refuse to read."""
        found = []
        if self.refused:
            more = f" ({len(self.refused)} frames are refused)" if len(self.refused) > 1 else ""
            found.append(Finding("error", "frames", f"{self.refused[0]}{more}"))
        if self.stopped:
            text = f"reading stopped after {len(self.rows) + len(self.refused) + self.left_out} frames: {self.stopped}"
            found.append(Finding("error", "frames", text))
        return found

    def frames(self, file: str) -> Frames:
        """Return the usable frames as flat arrays.

        Arguments:
            file: The user's name for the data.
        """
        rows = self.rows
        sizes = np.array([len(row["positions"]) for row in rows])
        return Frames(
            file=file,
            numbers=np.array([row["number"] for row in rows]),
            sizes=sizes,
            positions=np.concatenate([row["positions"] for row in rows]),
            species=np.concatenate([row["species"] for row in rows]),
            named=any(row["named"] for row in rows),
            cells=np.array([row["cell"] for row in rows]),
            periodic=np.array([row["pbc"] for row in rows], dtype=bool),
            groups=numbered(row["fingerprint"] for row in rows),
            properties={name: _scalars(rows, name) for name in _names(rows, "properties")},
            vectors={name: _vectors(rows, name, sizes) for name in _names(rows, "vectors")},
            stresses={name: _tensors(rows, name) for name in _names(rows, "stresses")},
        )


def gather(source: str | Path | Sequence[System], length_unit: str | None, quiet: bool) -> Gathered:
    """Read the data once.

    Arguments:
        source: A path, the name of bundled data, or systems.
        length_unit: Unit of lengths in the data; None for the unit stated in the data, or angstrom if none is stated.
        quiet: Whether to hide the progress bar.

    Raises:
        EmpnetError: If no frame can be used.
    """
    if not isinstance(source, str | Path):
        refuse_length_unit(length_unit)
    gathered = Gathered()
    systems: Iterable[System] = (
        source if not isinstance(source, str | Path) else iread_unchecked(source, length_unit=length_unit)
    )
    shown = source if isinstance(source, str | Path) else "systems"
    for number, system in enumerate(_until_broken(track(systems, f"inspecting {shown}", quiet=quiet), gathered)):
        try:
            system = freed(check_geometry(system))
        except EmpnetError as error:
            gathered.refused.append(str(error))
            continue
        gathered.tally.add(system)
        if gathered.particles + len(system) > MAX_PARTICLES:
            gathered.left_out += 1
        else:
            gathered.particles += len(system)
            gathered.rows.append(_row(system, number))
    if not gathered.rows:
        raise EmpnetError(gathered.stopped or (gathered.refused or ["there are no systems"])[0])
    return gathered


def _until_broken(systems: Iterator[System], gathered: Gathered) -> Iterator[System]:
    """Yield frames up to the first unreadable frame; the start of the next frame is then unknown."""
    try:
        yield from systems
    except EmpnetError as error:
        gathered.stopped = str(error)


def _row(system: System, number: int) -> dict[str, Any]:
    periodic = any(system.pbc)
    stresses = {name: symmetric(item) for name, item in system.info.items() if _is_stress(name)}
    return {
        "number": number if system.origin.frame is None else system.origin.frame,
        "positions": system.positions,
        "species": species_of(system),
        "named": system.species is not None,
        "cell": np.asarray(system.cell) if periodic else np.zeros((3, 3)),
        "pbc": system.pbc,
        "fingerprint": fingerprint(system),
        "properties": system.properties,
        "vectors": {k: v for k, v in system.arrays.items() if v.ndim == 2 and v.shape[1] == 3 and v.dtype.kind == "f"},
        "stresses": {name: tensor for name, tensor in stresses.items() if tensor is not None},
    }


def _is_stress(name: str) -> bool:
    return "stress" in name.lower() or "virial" in name.lower()


def _names(rows: list[dict[str, Any]], kind: str) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row[kind]))


def _scalars(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    return np.array([row["properties"].get(name, np.nan) for row in rows], dtype=np.float64)


def _vectors(rows: list[dict[str, Any]], name: str, sizes: np.ndarray) -> np.ndarray:
    absent = (np.full((size, 3), np.nan) for size in sizes)
    parts = [row["vectors"].get(name, nothing) for row, nothing in zip(rows, absent, strict=True)]
    return np.concatenate(parts).astype(np.float64)


def _tensors(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    return np.array([row["stresses"].get(name, np.full((3, 3), np.nan)) for row in rows])
