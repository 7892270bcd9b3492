"""A system of particles: the frozen record that every reader makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64, Int64

from empnet.errors import EmpnetError, nearest

if TYPE_CHECKING:
    import ase

__all__ = ["Origin", "System"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Origin of a system, for messages.

    Arguments:
        file: Path of the file as the user wrote it, or empty for systems made in Python.
        frame: Number of the frame in the file, counted from 0 as ASE does.

    Example:
        >>> print(Origin("water.xyz", 3))
        water.xyz, frame 3
    """

    file: str = ""
    frame: int | None = None

    def __str__(self) -> str:
        frame = "" if self.frame is None else f"frame {self.frame}"
        return ", ".join(part for part in (self.file, frame) if part)


def _frozen(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(mapping))


def _array(value: Any, dtype: type, shape: tuple[int | None, ...], name: str, origin: Origin) -> np.ndarray:
    """Return a read-only copy of ``value`` with a dtype and shape (None: any length)."""
    same = isinstance(value, np.ndarray) and value.dtype == dtype  # arrays from readers need no checks
    try:
        with nullcontext() if same else np.errstate(invalid="ignore"):  # nan as int64: found by the comparison below
            array: np.ndarray = np.array(value, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise EmpnetError(f"{name} are not numbers ({error})", where=origin) from error
    if dtype is np.int64 and not same and not np.array_equal(array, value):
        raise EmpnetError(f"{name} are not whole numbers", where=origin)
    fits = array.ndim == len(shape) and all(want in (None, got) for want, got in zip(shape, array.shape, strict=True))
    if not fits:
        wanted = tuple("any" if size is None else size for size in shape)
        raise EmpnetError(f"{name} have shape {array.shape}", where=origin, wanted=f"shape {wanted}")
    array.flags.writeable = False
    return array


def _row_per_particle(value: Any, n: int, name: str, origin: Origin) -> np.ndarray:
    """Return a read-only copy of a per-particle array."""
    try:
        array = np.array(value)
    except ValueError as error:
        raise EmpnetError(f"array '{name}' has rows of different lengths", where=origin) from error
    if array.ndim == 0 or len(array) != n:
        wanted = f"{n} rows, one for each particle"
        raise EmpnetError(f"array '{name}' has shape {array.shape}", where=origin, wanted=wanted)
    array.flags.writeable = False
    return array


def _number(value: Any, name: str, origin: Origin) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise EmpnetError(f"property '{name}' is not a number ({value!r})", where=origin) from error


@dataclass(frozen=True, slots=True, eq=False)
class System:
    """N particles with positions and features, perhaps in a periodic cell, and their properties.

    Arrays are copied and read-only; a System never changes (see :func:`dataclasses.replace`).

    Arguments:
        positions: Positions r in angstrom, shape (N, 3), float64.
        species: Kind of each particle, shape (N,), int64: the atomic number for atoms. None: all alike.
        features: Further features of each particle, shape (N, F), float64. None: no features.
        cell: Lattice vectors as rows in angstrom, shape (3, 3), float64. None: no cell.
        pbc: Whether the system repeats along each lattice vector.
        properties: Named scalars of the whole system, such as its energy, in the file's units.
        info: Other values of the whole system: strings, vectors, tensors.
        arrays: Further values for each particle, such as forces; the first axis has length N.
        origin: Origin of the system.

    Raises:
        EmpnetError: If an array has the wrong shape or is not numeric, or a property is not a number.

    Example:
        >>> hydrogen = System([[0, 0, 0], [0, 0, 0.74]], species=[1, 1], properties={"energy": -31.7})
        >>> len(hydrogen), hydrogen.formula, hydrogen.properties["energy"]
        (2, 'H2', -31.7)
    """

    positions: Float64[np.ndarray, "N 3"]
    species: Int64[np.ndarray, " N"] | None = None
    features: Float64[np.ndarray, "N F"] | None = None
    cell: Float64[np.ndarray, "3 3"] | None = None
    pbc: tuple[bool, bool, bool] = (False, False, False)
    properties: Mapping[str, float] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    origin: Origin = Origin()

    def __post_init__(self) -> None:
        def put(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        put("positions", _array(self.positions, np.float64, (None, 3), "positions", self.origin))
        n = len(self.positions)
        if self.species is not None:
            put("species", _array(self.species, np.int64, (n,), "species", self.origin))
        if self.features is not None:
            put("features", _array(self.features, np.float64, (n, None), "features", self.origin))
        if self.cell is not None:
            put("cell", _array(self.cell, np.float64, (3, 3), "lattice vectors", self.origin))
        pbc = self.pbc if np.ndim(self.pbc) else (self.pbc,) * 3
        if len(pbc) != 3:
            raise EmpnetError(f"pbc has {len(pbc)} entries", where=self.origin, wanted="one, or one for each axis")
        put("pbc", tuple(map(bool, pbc)))
        put("properties", _frozen({key: _number(item, key, self.origin) for key, item in self.properties.items()}))
        put("info", _frozen(self.info))
        arrays = {key: _row_per_particle(item, n, key, self.origin) for key, item in self.arrays.items()}
        put("arrays", _frozen(arrays))

    def __reduce__(self) -> tuple:
        """Pickle and copy through the arguments, because a read-only view of a dict cannot be pickled."""
        values = (getattr(self, item.name) for item in fields(self))
        return System, tuple(dict(value) if isinstance(value, MappingProxyType) else value for value in values)

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def formula(self) -> str:
        """Chemical formula in Hill order, or the number of points if they have no species."""
        if self.species is None:
            return f"{len(self)} points"
        from ase.formula import Formula
        from ase.symbols import Symbols

        return format(Formula(str(Symbols(self.species))), "hill")

    def join_features(self, names: Sequence[str]) -> System:
        """Return a copy with the named per-particle arrays, joined, as its features.

        Arguments:
            names: Keys of :attr:`arrays`; a one-dimensional array gives one column.

        Raises:
            EmpnetError: If an array is missing, not finite, or does not have one row for each particle.

        Example:
            >>> ion = System([[0, 0, 0]], arrays={"charge": np.array([1.0])})
            >>> ion.join_features(["charge"]).features
            array([[1.]])
        """
        if not names:
            return self
        columns = []
        for name in names:
            if name not in self.arrays:
                there = ", ".join(sorted(self.arrays)) or "none"
                raise EmpnetError(
                    f"no per-particle array '{name}'; arrays found: {there}",
                    where=self.origin,
                    remedy=nearest(name, self.arrays),
                )
            column = np.asarray(self.arrays[name]).reshape(len(self), -1)
            if column.dtype.kind not in "buif" or not np.isfinite(column).all():
                raise EmpnetError(f"feature '{name}' has values that are not finite numbers", where=self.origin)
            columns.append(column.astype(np.float64))
        return replace(self, features=np.concatenate(columns, axis=1))

    def to_atoms(self) -> ase.Atoms:
        """Return the system as an :class:`ase.Atoms`: properties and info in ``info``, arrays in ``arrays``."""
        from ase import Atoms

        species = np.zeros(len(self), int) if self.species is None else self.species
        atoms = Atoms(numbers=species, positions=self.positions, cell=self.cell, pbc=self.pbc)
        atoms.info.update(self.properties)
        atoms.info.update(self.info)
        for key, value in self.arrays.items():
            atoms.set_array(key, np.asarray(value))
        return atoms
