"""Read numpy archives with the arrays R, z, E, F or their other usual names."""

from __future__ import annotations

import io
import math
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from ase.data import atomic_numbers
from ase.geometry import cellpar_to_cell

from empnet.errors import EmpnetError
from empnet.files.npz.classes import LABEL, class_names_of, name_of_class
from empnet.files.npz.layout import STEP, Array, Layout, check_shapes, layout_of, roles_of, without_odd_box
from empnet.system.atoms import split_values
from empnet.system.system import Origin, System

__all__ = ["iread_npz"]

READ_AHEAD = 1 << 16  # bytes in one read; rows are small, and each read from an archive costs as much as 1 kB of data
CHARGES = "charges"
"""Name of atomic numbers in QM9's archives for Cormorant, EGNN and EDM, but of partial charges elsewhere. The values
show the meaning."""
HEAVIEST = 118  # atomic number of the heaviest element
LARGEST_SHARED = 1 << 31  # bytes of an array that all frames share; it is kept in memory


def _open(archive: zipfile.ZipFile, member: zipfile.ZipInfo, streams: ExitStack) -> Array:
    """Read an array's header and check its size in the archive; ``streams`` closes the array's stream."""
    name = member.filename.removesuffix(".npy")
    if name == member.filename:
        raise EmpnetError(f"the archive contains '{name}'", wanted="only arrays, with names in .npy")
    packed = streams.enter_context(archive.open(member))
    stream: BinaryIO = io.BufferedReader(packed, READ_AHEAD)  # type: ignore[type-var, assignment]
    version = np.lib.format.read_magic(stream)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = header(stream)
    if dtype.hasobject or dtype.names:
        raise EmpnetError(f"array '{name}' contains Python objects or records", wanted="an array of numbers or text")
    values = math.prod(shape)
    if values * dtype.itemsize > LARGEST_SHARED and fortran and len(shape) > 1:
        raise EmpnetError(
            f"array '{name}' is in Fortran order, so all its {values} values would have to be kept in memory",
            remedy="save it again with numpy.ascontiguousarray",
        )
    if values * dtype.itemsize != member.file_size - stream.tell():
        raise EmpnetError(f"array '{name}' does not have the {values} values of its header")
    if fortran and len(shape) > 1:  # the rows are not contiguous, so the array is reordered in memory
        turned = np.frombuffer(stream.read(), dtype=dtype).reshape(shape, order="F")
        stream = io.BytesIO(turned.tobytes(order="C"))
    return Array(name, shape, dtype, stream)


def iread_npz(path: Path, file: str, first: int = 0) -> Iterator[System]:
    """Read the frames of a numpy archive one at a time.

    R, z, E, F and their other names (see ``NAMES``) become positions, species, the property ``energy`` and the array
    ``forces``. ``quantised`` times ``step`` (one number, or one for each frame) gives positions, too. If
    ``class_names`` names the classes of whole numbers in ``label``, the name of the class replaces the number. All
    other arrays keep their names. An array with one number for each frame becomes a property. An array with one row for
    each particle goes into ``arrays``. All other values go into ``info``.

    If no array gives the species, and all values of ``charges`` can be atomic numbers, these values become the species;
    zeros at the end of a frame are padding. A cell without ``pbc`` is periodic, as in extended XYZ.

    Arguments:
        path: Path of the archive.
        file: The path as the user wrote it, for messages.
        first: Number of the first frame to read.

    Returns:
        An iterator over systems; memory is needed only for one frame and for arrays that all frames share.

    Raises:
        EmpnetError: If there are no positions, or if arrays do not match each other or contain Python objects.
    """
    with zipfile.ZipFile(path) as archive, ExitStack() as streams:
        arrays = {array.name: array for array in (_open(archive, member, streams) for member in archive.infolist())}
        roles = roles_of(arrays, file)
        if "species" not in roles and CHARGES in arrays and _are_atomic_numbers(archive, arrays[CHARGES], roles):
            roles["species"] = arrays[CHARGES]
            text = f"'{CHARGES}' are taken as atomic numbers, because all of them are whole numbers; zeros are padding"
            warnings.warn(text, stacklevel=2)
        layout = layout_of(roles, file)
        if text := without_odd_box(roles, layout):
            warnings.warn(text, stacklevel=2)
        check_shapes(roles, layout, file)
        _check_columns(roles, arrays, file)
        _without_odd_masks(roles, layout)
        _refuse_indices(archive, roles, layout, file)
        _tell_padding(layout, roles)
        used = {roles[role].name for role in ("counts", "offsets") if role in roles and layout.counts is not None}
        classes = class_names_of(arrays, layout, used)
        meanings = {array.name: role for role, array in roles.items()}
        places = {
            name: layout.place(name, array.shape, meanings.get(name), numeric=array.dtype.kind in "biuf")
            for name, array in arrays.items()
            if name not in used
        }
        common = {name: _shared(arrays[name], file) for name, place in places.items() if place in ("fixed", "file")}
        for name in places.keys() - common.keys():
            arrays[name].skip(layout.rows_before(first, places[name]))
        for number in range(first, layout.frames):
            rows = {name: _row(arrays[name], places[name], layout, number) for name in places if name not in common}
            origin = Origin(file, number)
            if classes and LABEL in rows:
                rows[LABEL] = name_of_class(rows[LABEL], classes, origin)
            yield _system(common | rows, places, meanings, layout, origin)


def _shared(array: Array, file: str) -> np.ndarray:
    """Read an array that all frames share; raise an error if it is too large."""
    size = math.prod(array.shape) * array.dtype.itemsize
    if size > LARGEST_SHARED:
        found = f"array '{array.name}' {array.shape} matches neither frames nor particles, and has {size / 1e9:.0f} GB"
        raise EmpnetError(found, where=file, remedy="remove it from the archive")
    return array.whole()


def _are_atomic_numbers(archive: zipfile.ZipFile, array: Array, roles: Mapping[str, Array]) -> bool:
    """Return whether all values can be atomic numbers rather than partial charges."""
    shape = roles["positions"].shape
    if array.shape not in (shape[:-1], shape[-2:-1]) or array.dtype.kind not in "iuf" or not array.shape:
        return False
    largest = 0.0
    for values in _blocks(archive, array):
        if not ((values >= 0) & (values <= HEAVIEST) & (values == np.round(values))).all():
            return False
        largest = max(largest, float(values.max()))
    return largest > 0


def _blocks(archive: zipfile.ZipFile, array: Array) -> Iterator[np.ndarray]:
    """Yield all rows of an array in blocks."""
    with ExitStack() as streams:
        again = _open(archive, archive.getinfo(f"{array.name}.npy"), streams)
        block = max(1, READ_AHEAD // max(1, math.prod(array.shape[1:])))
        for begin in range(0, array.shape[0], block):
            values = again.take(min(block, array.shape[0] - begin))
            if values.size:
                yield values


def _refuse_indices(archive: zipfile.ZipFile, roles: Mapping[str, Array], layout: Layout, file: str) -> None:
    """Raise an error if species are negative (except padding) or are indices, as in TorchANI (padding -1)."""
    species = roles.get("species")
    if species is None or species.dtype.kind not in "if":
        return
    blocks = [((values < 0).any(), (values == 0).any()) for values in _blocks(archive, species)]
    negative, zero = (any(found) for found in zip(*blocks, strict=True)) if blocks else (False, False)
    padded = len(species.shape) == 2 and not layout.flat
    if negative and (zero or not padded):
        found = "has -1 as padding and 0 as a species, so its numbers are indices" if padded else "has negative numbers"
        raise EmpnetError(
            f"array '{species.name}' {found}",
            where=file,
            wanted="atomic numbers, with 0 or -1 at the end of a frame as padding",
            remedy="write atomic numbers: numpy.array([1, 6, 7, 8])[species], with the elements in your order",
        )


def _tell_padding(layout: Layout, roles: Mapping[str, Array]) -> None:
    """Warn if an array with numbers of particles shows that frames are padded."""
    if layout.counts is not None and not layout.flat and (padded := int((layout.counts < layout.width).sum())):
        text = f"'{roles['counts'].name}' shows that {padded} of {layout.frames} frames are padded to {layout.width} "
        warnings.warn(text + "particles; the padding is left out", stacklevel=2)


def _without_odd_masks(roles: dict[str, Array], layout: Layout) -> None:
    """Remove a mask if its shape is wrong or if another array shows the padding."""
    mask, species = roles.get("mask"), roles.get("species")
    sized = layout.counts is not None or (species is not None and len(species.shape) > 1)
    if mask is not None and (sized or layout.flat or mask.shape != (layout.frames, layout.width)):
        del roles["mask"]


def _check_columns(roles: Mapping[str, Array], arrays: Mapping[str, Array], file: str) -> None:
    """Raise an error for the array ``lattice`` of an sGDML archive; its columns are the lattice vectors."""
    if "code_version" in arrays and "cell" in roles and roles["cell"].name == "lattice" and "pbc" not in arrays:
        raise EmpnetError(
            "this is an sGDML archive, where the columns of 'lattice' are the lattice vectors",
            where=file,
            remedy="save the vectors as rows of an array 'cell' instead of 'lattice'",
        )


def _row(array: Array, place: str, layout: Layout, number: int) -> np.ndarray:
    """Return the values of an array for one frame."""
    if place == "particle" and layout.flat:
        assert layout.counts is not None  # a flat layout always has counts
        return array.take(int(layout.counts[number]))
    return array.take(1)[0]


def _system(
    rows: Mapping[str, np.ndarray],
    places: Mapping[str, str],
    meanings: Mapping[str, str],
    layout: Layout,
    origin: Origin,
) -> System:
    """Return a system from the rows of one frame, without padding."""
    values: dict[str, Any] = {}
    particles: dict[str, Any] = {}
    for name, row in rows.items():
        role = meanings.get(name)
        plain = name if role in (None, "counts", "offsets") else role
        (particles if places[name] in ("particle", "fixed") else values)[plain] = _text(row)
    if layout.counts is not None:
        count = int(layout.counts[origin.frame or 0])
    elif particles.get("mask") is not None and places.get(_named(meanings, "mask")) == "particle":
        count = _unpadded(particles["mask"], origin, "is masked out")
    elif places.get(_named(meanings, "species")) == "particle":
        count = _unpadded(particles["species"], origin, "has species 0")
    else:
        count = layout.width
    particles = {name: array[:count] for name, array in particles.items() if name != "mask"}
    cell = values.pop("cell", None)
    cell = _vectors(cell) if cell is not None and cell.any() else None
    pbc = values.pop("pbc", cell is not None)
    species = particles.pop("species", None)
    positions = particles.pop("positions")
    if (step := values.pop(STEP, None) if STEP in meanings.values() else None) is not None:
        positions = positions * np.float64(np.asarray(step).reshape(()))
    properties, info = split_values(values)
    return System(
        positions=positions,
        species=species if species is None or species.dtype.kind != "U" else _numbers(species, origin),
        cell=cell,
        pbc=pbc,
        properties=properties,
        info=info,
        arrays=particles,
        origin=origin,
    )


def _vectors(cell: np.ndarray) -> np.ndarray:
    """Return lattice vectors, shape (3, 3), from edges, edges with angles, or nine numbers."""
    if cell.size == 6:
        with np.errstate(all="ignore"):
            return np.asarray(cellpar_to_cell(cell))
    return np.diag(cell) if cell.size == 3 else cell.reshape(3, 3)


def _named(meanings: Mapping[str, str], role: str) -> str:
    """Return the name of the array with a meaning; empty if there is none."""
    return next((name for name, other in meanings.items() if other == role), "")


def _numbers(symbols: np.ndarray, origin: Origin) -> np.ndarray:
    """Return the atomic numbers of chemical symbols."""
    numbers = np.zeros(len(symbols), dtype=np.int64)
    for particle, symbol in enumerate(map(str, symbols.tolist())):
        number = atomic_numbers.get(symbol.strip().capitalize())
        if number is None:
            raise EmpnetError(
                f"species of particle {particle} is {symbol[:40]!r}",
                where=origin,
                wanted="an atomic number or a symbol",
            )
        numbers[particle] = number
    return numbers


def _unpadded(species: np.ndarray, origin: Origin, padding: str) -> int:
    """Return the number of particles before the padding; raise an error if particles follow the padding."""
    numbers = species > 0 if species.dtype.kind in "if" else species.astype(bool)  # 0 or -1 is padding
    real = numbers if species.dtype.kind != "U" else np.char.strip(species) != ""
    count = int(real.sum())
    if not real[:count].all():
        raise EmpnetError(
            f"particle {int(np.argmin(real))} {padding}, but is followed by real particles",
            where=origin,
            wanted="padding at the end only",
        )
    return count


def _text(value: np.ndarray) -> np.ndarray:
    """Return bytes as text, and other values unchanged."""
    return np.char.decode(value, "utf-8", "replace") if value.dtype.kind == "S" else value
