"""Find the layout of numpy archives: the meaning of each array from its name and its shape."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.outputs import all_outputs

from empnet.errors import EmpnetError
from empnet.system.atoms import PER_PARTICLE

__all__ = [
    "NAMES",
    "QUANTISED",
    "ROLES",
    "STEP",
    "Array",
    "Layout",
    "check_shapes",
    "layout_of",
    "roles_of",
    "without_odd_box",
]

# Usual names of arrays for each meaning.
NAMES = {
    "positions": ("R", "coords", "coordinates", "positions", "pos", "xyz", "quantised", "quantized"),
    "species": ("z", "Z", "nuclear_charges", "atomic_numbers", "numbers", "species", "symbols", "elements"),
    "energy": ("E", "energy", "energies"),
    "forces": ("F", "forces"),
    "cell": ("cell", "cells", "lattice", "Lattice", "box", "unit_cell"),
    "pbc": ("pbc",),
    "counts": ("N", "num_atoms", "n_atoms", "natoms"),
    "offsets": ("offsets", "ptr"),
    "mask": ("mask", "atom_mask", "node_mask"),
}
SECOND_NAMES = frozenset({"num_atoms", "n_atoms", "natoms", "symbols", "elements", "Lattice", "atom_mask", "node_mask"})
SECOND_NAMES |= {"box", "unit_cell", "ptr", "quantised", "quantized"}
"""Names that are used only if no other array has the same meaning."""
ROLES = {name: role for role, names in NAMES.items() for name in names}  # meaning of each name
QUANTISED = ("quantised", "quantized")  # names of positions in whole numbers, to be multiplied by STEP
STEP = "step"
OF_SYSTEM = frozenset({name for name in all_outputs if name not in PER_PARTICLE} | {"virial", "virials"})
"""Values of the whole system; their shape can be that of values of particles, as for dipoles (frames, 3)."""
PER_FRAME_AXES = {"energy": 0, "pbc": 1}  # number of axes of a value in one frame, without the axis of frames


@dataclass(slots=True)
class Array:
    """Array in an archive; its rows are read on demand.

    Arguments:
        name: Name in the archive.
        shape: Shape of the array.
        dtype: Type of the values.
        stream: Stream with the bytes of the values.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    stream: Any  # at the first value

    def take(self, rows: int) -> np.ndarray:
        """Return the next rows of the array.

        Arguments:
            rows: Number of rows to read.

        Raises:
            EmpnetError: If the archive ends before these rows.
        """
        shape = (rows, *self.shape[1:])
        size = math.prod(shape) * self.dtype.itemsize
        data = self.stream.read(size)
        if len(data) < size:
            raise EmpnetError(f"array '{self.name}' is cut short", remedy="download or create the file again")
        return np.frombuffer(data, dtype=self.dtype).reshape(shape)

    def skip(self, rows: int) -> None:
        """Skip the next rows of the array.

        Arguments:
            rows: Number of rows to skip.
        """
        self.stream.seek(rows * math.prod(self.shape[1:]) * self.dtype.itemsize, io.SEEK_CUR)

    def whole(self) -> np.ndarray:
        """Return the whole array."""
        return self.take(self.shape[0]) if self.shape else self.take(1).reshape(())


@dataclass(frozen=True, slots=True)
class Layout:
    """Layout of the frames in an archive.

    In a padded layout, R has the shape (frames, width, 3), and species 0 at the end of a frame is padding. In a flat
    layout, R has the shape (width, 3) and contains the particles of all frames. There, ``N`` or ``offsets`` separates
    the frames; without them, the archive has one frame.

    Arguments:
        frames: Number of frames.
        width: Number of rows of positions: in each frame or, in a flat layout, in all frames together.
        flat: Whether the layout is flat.
        counts: Numbers of particles, shape (frames,). None: the width, or the number of particles before the padding.
    """

    frames: int
    width: int
    flat: bool
    counts: np.ndarray | None

    def rows_before(self, frame: int, place: str) -> int:
        """Return the number of rows before a frame in an array with rows for frames or particles."""
        return (
            int(self.counts[:frame].sum()) if self.flat and place == "particle" and self.counts is not None else frame
        )

    def place(self, name: str, shape: tuple[int, ...], role: str | None, *, numeric: bool) -> str:
        """Return the meaning of an array's rows from its name or, if the name is unknown, from its shape.

        Returns:
            ``"frame"``: one row for each frame; ``"particle"``: rows for the particles of each frame; ``"fixed"``: one
            row for each particle, the same in all frames; ``"file"``: any other shape.
        """
        rows = shape[:1]
        if role in ("positions", "forces"):
            return "particle"
        if role in ("species", "mask"):
            return "fixed" if len(shape) == 1 and not self.flat else "particle"
        if role == STEP:
            return "frame" if rows == (self.frames,) else "file"
        if role == "cell":
            return "file" if len(shape) == 1 or shape == (3, 3) else "frame"
        if role in PER_FRAME_AXES:
            return "frame" if len(shape) > PER_FRAME_AXES[role] else "file"
        of_system = name in OF_SYSTEM
        if self.flat:
            if rows == (self.width,) and not of_system and not (self.width == self.frames and len(shape) == 1):
                return "particle"
            return "frame" if rows == (self.frames,) else "file"
        if rows == (self.frames,):
            deep = len(shape) > 2 or (len(shape) == 2 and self.width > 1)
            return "particle" if deep and shape[1] == self.width and not of_system else "frame"
        return "fixed" if rows == (self.width,) and numeric and not of_system else "file"


def layout_of(roles: dict[str, Array], file: str) -> Layout:
    """Return the layout of an archive.

    Arguments:
        roles: Arrays with known names, by their meaning.
        file: The path as the user wrote it, for messages.

    Raises:
        EmpnetError: If positions have a wrong shape, or the numbers of particles do not match them.
    """
    positions = roles["positions"]
    if len(positions.shape) not in (2, 3) or positions.shape[-1] != 3:
        raise EmpnetError(
            f"positions {positions.name} have shape {positions.shape}",
            where=file,
            wanted="shape (frames, particles, 3)",
        )
    if len(positions.shape) == 3:
        frames, width = positions.shape[:2]
        given = roles.get("counts")
        counts = given.whole() if given and given.shape == (frames,) and given.dtype.kind in "iu" else None
        if counts is not None and ((counts < 0) | (counts > width)).any():
            found = f"{given.name} has values below 0 or above {width}, the number of rows"  # type: ignore[union-attr]
            raise EmpnetError(found, where=file)
        return Layout(frames, width, False, counts)
    width = positions.shape[0]
    counts = np.array([width])
    if "offsets" in roles:
        offsets = roles["offsets"].whole().astype(np.int64)
        counts = np.diff(offsets) if offsets[:1].tolist() == [0] else offsets[:0] - 1
    elif "counts" in roles and roles["counts"].shape:
        counts = roles["counts"].whole()
    if counts.ndim != 1 or counts.dtype.kind not in "iu" or (counts < 0).any() or int(counts.sum()) != width:
        raise EmpnetError(
            f"N or offsets do not divide the {width} rows of {positions.name} into frames",
            where=file,
            wanted="the number of particles of each frame",
        )
    return Layout(len(counts), width, True, counts)


def roles_of(arrays: Mapping[str, Array], file: str) -> dict[str, Array]:
    """Return the arrays with known names, by their meaning.

    Arguments:
        arrays: All arrays by name.
        file: The path as the user wrote it, for messages.

    Raises:
        EmpnetError: If two arrays have the same meaning, or there are no positions.
    """
    roles = {}
    for role, names in NAMES.items():
        found = [name for name in names if name in arrays]
        if len(found) > 1:
            found = [name for name in found if name not in SECOND_NAMES] or found[:1]
        if len(found) > 1:
            raise EmpnetError(f"arrays {' and '.join(found)} have the same meaning", where=file, wanted="one of them")
        if found:
            roles[role] = arrays[found[0]]
    if "positions" not in roles:
        there = ", ".join(f"{array.name} {array.shape}" for array in arrays.values()) or "none"
        wanted = "an array R of shape (frames, particles, 3)"
        raise EmpnetError(f"no array of positions; arrays found: {there}", where=file, wanted=wanted)
    if (positions := roles["positions"]).name in QUANTISED:
        if STEP not in arrays:
            missing = f"there is no array '{STEP}' for the whole numbers of '{positions.name}'"
            raise EmpnetError(missing, where=file, wanted="one number, or one for each cloud")
        roles[STEP] = arrays[STEP]
    return roles


CELL_SIZES = (3, 6, 9)
"""Numbers of values of a cell: three edges, edges with angles, or three vectors."""


def without_odd_box(roles: dict[str, Array], layout: Layout) -> str:
    """Return a warning about an array ``box`` or ``unit_cell``; remove the array if its shape does not fit a cell.

    Arguments:
        roles: Arrays with known names, by their meaning; modified in place.
        layout: Layout of the archive.

    Returns:
        The warning; empty if there is no such array.
    """
    cell = roles.get("cell")
    if cell is None or cell.name not in ("box", "unit_cell"):
        return ""
    if cell.shape[-1:] in ((3,), (6,), (9,)) and cell.shape[:-1] in ((), (3,), (layout.frames,), (layout.frames, 3)):
        return f"'{cell.name}' is read as the cell, because there is no 'cell' or 'lattice'"
    del roles["cell"]
    return f"'{cell.name}' {cell.shape} is not read as a cell; a cell needs an array 'cell' of shape (frames, 3, 3)"


def check_shapes(roles: Mapping[str, Array], layout: Layout, file: str) -> None:
    """Raise an error if the shape of an array with a known meaning does not match the positions.

    Arguments:
        roles: Arrays with known names, by their meaning.
        layout: Layout of the archive.
        file: The path as the user wrote it, for messages.

    Raises:
        EmpnetError: If the shape of an array does not match.
    """
    n, width = layout.frames, layout.width
    side_by_side = {
        "species": ((width,), (n, width)), "energy": ((n,), (n, 1)), "forces": ((n, width, 3),),
        "cell": ((n, 3, 3), (3, 3), *((*of, k) for of in ((n,), ()) for k in CELL_SIZES)), "pbc": ((n, 3), (3,), ()),
        STEP: ((n,), (1,), ()),
    }  # fmt: skip
    wanted = side_by_side | ({"species": ((width,),), "forces": ((width, 3),)} if layout.flat else {})
    if n == 1:  # arrays of a single frame often have no axis for frames
        wanted = wanted | {"energy": ((1,), (1, 1), ())}
    for role, shapes in wanted.items():
        if role in roles and roles[role].shape not in shapes:
            raise EmpnetError(
                f"array '{roles[role].name}' ({role}) has shape {roles[role].shape}",
                where=file,
                wanted=f"shape {' or '.join(map(str, shapes))}, because {roles['positions'].name} has {n} frames",
            )
