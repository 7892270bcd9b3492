"""Write many frames of the same particles as a numpy archive with the arrays R, z, E, F."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from empnet.errors import EmpnetError
from empnet.files.npz.layout import ROLES, Layout
from empnet.system.atoms import particle_arrays
from empnet.system.system import System
from empnet.system.values import array_of

__all__ = ["write_npz"]

WRITTEN_AS = {"energy": "E", "forces": "F"}  # names in the archive


def write_npz(path: Path, systems: Iterable[System]) -> None:
    """Write systems as one archive; all systems must have the same species in the same order.

    The arrays are R (positions, shape (frames, particles, 3)), z (species, shape (particles,)), E (energies, shape
    (frames,)) and F (forces, shape (frames, particles, 3)). Other values keep their names. All data are kept in memory
    until the archive is written.

    Arguments:
        path: Path of the archive.
        systems: At least one system.

    Raises:
        EmpnetError: If species differ, if a value is missing in some frames, or if a value cannot be stored.
    """
    frames = list(systems)
    first = frames[0]
    layout = Layout(len(frames), len(first), False, None)
    arrays = {"z": first.species} if first.species is not None else {}
    intended = {name: place for name, (place, _) in _values(first).items()}
    rows: dict[str, list[Any]] = {name: [] for name in intended}
    for number, system in enumerate(frames):
        _check_species(system, first, number)
        values = _values(system)
        for name in intended.keys() ^ values.keys():
            raise _refused(name, f"only one of frame {number} and frame 0 has it", system)
        for name, (_, value) in values.items():
            rows[name].append(value)
    for name, place in intended.items():
        arrays[name] = _stacked(name, rows[name], place, layout, first)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.ascontiguousarray(array), allow_pickle=False)


def _values(system: System) -> dict[str, tuple[str, Any]]:
    """Return all values except species, with the meaning of their rows, by name in the archive."""
    values: dict[str, tuple[str, Any]] = {"R": ("particle", system.positions)}
    if system.cell is not None:
        values["cell"] = ("frame", system.cell)
    if any(system.pbc):
        values["pbc"] = ("frame", system.pbc)
    mine = {name: ("frame", value) for name, value in {**system.properties, **system.info}.items()}
    mine |= {name: ("particle", value) for name, value in particle_arrays(system).items()}
    for name, value in mine.items():
        written = WRITTEN_AS.get(name, name)
        if written == name and name in ROLES:
            raise _refused(name, f"in .npz this name means {ROLES[name]}", system)
        values[written] = value
    return values


def _check_species(system: System, first: System, number: int) -> None:
    if system.species is None or first.species is None:
        alike = len(system) == len(first) and system.species is first.species
    else:
        alike = np.array_equal(system.species, first.species)
    if not alike:
        raise EmpnetError(
            f"the species of frame {number} ({system.formula}) differ from frame 0 ({first.formula})",
            where=system.origin,
            wanted="the same species in the same order for .npz",
            remedy="write .extxyz, .traj or .db",
        )


def _stacked(name: str, values: list[Any], place: str, layout: Layout, first: System) -> np.ndarray:
    """Return one array with the values of all frames; raise an error if reading would not restore them."""
    each = [array for value in values if (array := array_of(value)) is not None]
    if len(each) < len(values):
        raise _refused(name, "it contains values other than numbers and texts", first)
    try:
        array = np.stack(each)
    except ValueError:
        raise _refused(name, "its shape differs from frame to frame", first) from None
    if array.dtype.kind not in "biufcU":
        raise _refused(name, "it contains values other than numbers and texts", first)
    known = {"E": (layout.frames,), "F": (layout.frames, layout.width, 3)}
    if name in known and array.shape != known[name]:
        raise _refused(name, f"its shape is {array.shape[1:]}", first)
    if layout.place(name, array.shape, ROLES.get(name), numeric=array.dtype.kind in "biuf") != place:
        raise _refused(name, f"rows of shape {array.shape[1:]} would be read with another meaning", first)
    return array


def _refused(name: str, why: str, system: System) -> EmpnetError:
    return EmpnetError(
        f"'{name}' cannot be stored in .npz: {why}", where=system.origin, remedy="write .extxyz, .traj or .db"
    )
