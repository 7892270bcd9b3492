"""Systems as flat arrays: read once, neighbours searched once, cached on disk, mapped into memory."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int64

from empnet.dataset.arrays import drop_pages, narrowest
from empnet.dataset.joining import pair_joiner, ranges
from empnet.dataset.neighbours import neighbour_list
from empnet.dataset.rows import system_arrays
from empnet.files.clouds.members import members
from empnet.system.batch import Batch, Pairs
from empnet.system.classes import class_names, numbered
from empnet.system.composition import count_kinds
from empnet.system.free_atoms import freed
from empnet.system.one_hot import OneHot
from empnet.system.system import Origin, System

__all__ = ["MAX_PAIRS", "NARROW", "Block", "Dataset", "collate"]

MAX_PAIRS = 50_000
"""Number of pairs and particles in a batch of predictions: large enough to be fast, small enough for any memory."""

NARROW = ("species", "neighbours", "senders", "shifts")
"""Integer arrays, stored in the smallest type that holds their values."""

BULK = ("positions", "features", "forces", *NARROW)  # arrays with more than one row per system
BLOCK = 1_000_000  # number of pairs and particles in one block
KEPT = 256 * 2**20  # size in bytes up to which data may stay in memory after they were read
SYSTEMS_KEPT = 1000  # limit for larger data: reading one system maps about 64 kB of each array


class Block(NamedTuple):
    """Consecutive systems, and the slices of the arrays with their particles and pairs."""

    systems: slice
    particles: slice
    pairs: slice


class Dataset:
    """Systems as flat arrays with neighbour lists and targets; batches are slices of these arrays.

    Arguments:
        arrays: Arrays of :func:`~empnet.dataset.rows.system_arrays`, joined over the systems; ``targets`` of (S, F');
            ``groups`` of shape (S,), equal for exact duplicates; for training on forces, ``forces`` (one row
            per particle, nan if missing) and ``constrained`` (S,); for training on stress, ``stress`` (S, 6); for
            prepared clouds, ``clouds`` (S, G); for classes, ``labels`` (S, 64), their names as bytes.
        file: Path of the file with the systems, for messages.
        data_hash: Hash of the data.

    Example:
        >>> pair = System([[0, 0, 0], [0, 0, 1.0]], species=[1, 8])
        >>> dataset = Dataset.from_systems([pair, pair], cutoff=5.0)
        >>> batch = dataset.batch(np.array([0, 1]), OneHot([1, 8]))
        >>> batch.features.tolist(), batch.pairs.first.tolist()
        ([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], [0, 2])
    """

    def __init__(self, arrays: dict[str, np.ndarray], *, file: str = "", data_hash: str = "") -> None:
        self.arrays = {name: _read_only(array) for name, array in arrays.items()}
        self.classes = class_names(arrays["labels"]) if "labels" in arrays else ()
        if self.classes:
            numbers = numbered(arrays["labels"], self.classes)
            self.arrays["targets"] = _read_only(numbers.astype(np.float64)[:, None])
        self.file = file
        self.data_hash = data_hash
        n_pairs, periodic = arrays["n_pairs"], arrays["periodic"]
        self._first_particle = np.cumsum(arrays["n_particles"]) - arrays["n_particles"]
        self._first_pair = np.cumsum(n_pairs) - n_pairs
        self._periodic = bool(periodic.any())
        if self._periodic:
            self._cell_of = np.cumsum(periodic) - 1
            self._first_shift = np.cumsum(n_pairs * periodic) - n_pairs * periodic
        self._bulk = [array for name, array in self.arrays.items() if name in BULK]
        self._large = sum(array.nbytes for array in self._bulk) > KEPT
        self._read = 0  # number of systems read since pages were last dropped
        self._compositions: dict[tuple[Hashable, ...], np.ndarray] = {}

    @classmethod
    def from_systems(cls, systems: Sequence[System], cutoff: float) -> Dataset:
        """Return a data set in memory without targets, for prediction.

        Arguments:
            systems: One or more systems.
            cutoff: Cutoff of the neighbour lists in angstrom.
        """
        return cls.from_rows([system_arrays(system, neighbour_list(system, cutoff)) for system in map(freed, systems)])

    @classmethod
    def from_rows(cls, rows: Sequence[dict[str, np.ndarray]]) -> Dataset:
        """Return a data set in memory from the arrays of each system.

        Arguments:
            rows: Arrays of :func:`~empnet.dataset.rows.system_arrays`, one or more.
        """
        arrays = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
        return cls(arrays | {name: arrays[name].astype(narrowest(arrays[name])) for name in NARROW})

    def __len__(self) -> int:
        return len(self.arrays["n_particles"])

    def __repr__(self) -> str:
        n, sizes, pairs = len(self), self.sizes, self.arrays["n_pairs"]
        return f"Dataset({n} systems of {sizes.min()} to {sizes.max()} particles, {pairs.sum()} pairs)"

    @property
    def sizes(self) -> Int64[np.ndarray, " S"]:
        """Number of particles of each system."""
        return self.arrays["n_particles"]

    @property
    def targets(self) -> np.ndarray:
        """Target properties in the unit of the file, shape (S, F'), float64; for classes their numbers, (S, 1)."""
        return self.arrays["targets"]

    @property
    def has_forces(self) -> bool:
        """True if the data contain forces; some systems may have none."""
        return "forces" in self.arrays

    @property
    def has_stress(self) -> bool:
        """True if the data contain stress; some systems may have none."""
        return "stress" in self.arrays

    @property
    def with_forces(self) -> np.ndarray:
        """Mask of systems with forces, shape (S,), bool."""
        first = self.arrays["forces"][self._first_particle, 0] if self.has_forces else np.full(len(self), np.nan)
        return ~np.isnan(first)

    @property
    def with_stress(self) -> np.ndarray:
        """Mask of systems with a stress, shape (S,), bool."""
        return ~np.isnan(self.arrays["stress"][:, 0]) if self.has_stress else np.zeros(len(self), dtype=bool)

    @cached_property
    def isolated(self) -> np.ndarray:
        """Mask of free atoms, shape (S,): systems of one particle without neighbours.

        All False if at least half of the systems are single particles: they are then the subject of the data.
        """
        alone: np.ndarray = (self.sizes == 1) & (np.asarray(self.arrays["n_pairs"]) == 0)
        return alone if 2 * alone.sum() < len(alone) else np.zeros_like(alone)

    def kinds_of(self, systems: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        """Return the species of the first particle of the chosen systems, shape (n,).

        Arguments:
            systems: Indices of the systems, shape (n,).
        """
        return np.asarray(self.arrays["species"])[self._first_particle[systems]].astype(np.int64)

    @cached_property
    def species(self) -> list[int]:
        """Species of all systems in ascending order."""
        found = [np.unique(self.arrays["species"][block.particles]) for block in self.blocks()]
        return [int(kind) for kind in np.unique(np.concatenate(found))]

    def origin(self, index: int) -> Origin:
        """Return the file and the frame of a system."""
        frame = int(self.arrays["frames"][index])
        member = int(self.arrays["members"][index]) if "members" in self.arrays else -1
        file = self._member_files[member] if member >= 0 else self.file
        return Origin(file, None if member >= 0 and frame < 0 else frame)

    @cached_property
    def _member_files(self) -> list[str]:
        """Files of the folder or pattern that the data came from, in order."""
        return [member.file for member in members(self.file)]

    def composition(self, encoder: OneHot) -> np.ndarray:
        """Return the number of particles of each species in each system, shape (S, species), float64.

        Arguments:
            encoder: One-hot encoder with the species and their order.
        """
        if encoder.alphabet not in self._compositions:
            counts = np.empty((len(self), len(encoder)))
            for block in self.blocks():
                columns = encoder.indices(self.arrays["species"][block.particles])
                counts[block.systems] = count_kinds(columns, self.sizes[block.systems], len(encoder))
            self._compositions = {encoder.alphabet: _read_only(counts)}  # only the latest, which is needed again
        return self._compositions[encoder.alphabet]

    def cells(self, indices: Int64[np.ndarray, " n"] | slice) -> np.ndarray:
        """Return the lattice vectors of the chosen systems as rows, in angstrom, (n, 3, 3); zeros for open systems.

        Arguments:
            indices: Indices of the systems, shape (n,).
        """
        periodic = self.arrays["periodic"][indices]
        cells = np.zeros((len(periodic), 3, 3))
        if periodic.any():
            cells[periodic] = self.arrays["cells"][self._cell_of[indices][periodic]]
        return cells

    def shifts(self, indices: Int64[np.ndarray, " n"] | slice) -> np.ndarray:
        """Return the shifts of all pairs of the chosen systems in lattice vectors, (P, 3); zeros for open systems.

        Arguments:
            indices: Indices of the systems, shape (n,).
        """
        periodic, n_pairs = self.arrays["periodic"][indices], self.arrays["n_pairs"][indices]
        shifts = np.zeros((int(n_pairs.sum()), 3))
        if periodic.any():
            rows = ranges(self._first_shift[indices][periodic], n_pairs[periodic])
            shifts[np.repeat(periodic, n_pairs)] = self.arrays["shifts"][rows]
        return shifts

    def blocks(self) -> Iterator[Block]:
        """Yield all systems in order, in blocks of bounded size; the memory of each block is freed after use."""
        load = np.cumsum(self.arrays["n_pairs"] + self.sizes)
        begin = 0
        while begin < len(self):
            before = int(load[begin - 1]) if begin else 0
            end = max(begin + 1, int(np.searchsorted(load, before + BLOCK, side="right")))
            last = end - 1
            yield Block(
                slice(begin, end),
                slice(int(self._first_particle[begin]), int(self._first_particle[last] + self.sizes[last])),
                slice(int(self._first_pair[begin]), int(self._first_pair[last] + self.arrays["n_pairs"][last])),
            )
            self._drop_pages()
            begin = end

    def chunks(self, indices: Int64[np.ndarray, " n"], max_pairs: int = MAX_PAIRS) -> Iterator[np.ndarray]:
        """Yield the indices in pieces; each piece is one system or stays within a number of pairs and particles.

        Arguments:
            indices: Indices of the systems, in order, shape (n,).
            max_pairs: Maximum number of pairs and particles of a piece; limits the memory of a batch.
        """
        load = np.cumsum(self.arrays["n_pairs"][indices] + self.sizes[indices])
        first = 0
        while first < len(indices):
            before = int(load[first - 1]) if first else 0
            end = max(first + 1, int(np.searchsorted(load, before + max_pairs, side="right")))
            yield indices[first:end]
            first = end

    def batch(self, indices: Int64[np.ndarray, " B"], encoder: OneHot, dtype: torch.dtype = torch.float32) -> Batch:
        """Return the chosen systems as one batch; this takes only a few slices and additions.

        Arguments:
            indices: Indices of the systems in the order of the batch, shape (B,).
            encoder: One-hot encoder of the species; its columns come first in the features.
            dtype: Type of the features.
        """
        arrays, n_particles = self.arrays, self.sizes[indices]
        particles = ranges(self._first_particle[indices], n_particles)
        columns = torch.from_numpy(encoder.indices(arrays["species"][particles]))
        further = torch.from_numpy(arrays["features"][particles])
        K = len(encoder)
        features = torch.zeros(len(particles), K + further.shape[1], dtype=dtype)
        features.scatter_(1, columns[:, None], 1.0)
        features[:, K:] = further
        batch = Batch(
            positions=torch.from_numpy(arrays["positions"][particles]),
            features=features,
            system_of=torch.from_numpy(np.repeat(np.arange(len(indices)), n_particles)),
            n_systems=len(indices),
            pairs=self._pairs(indices, n_particles),
            cells=torch.from_numpy(self.cells(indices)) if self._periodic else None,
            targets=torch.from_numpy(arrays["targets"][indices]) if "targets" in arrays else None,
            forces=torch.from_numpy(arrays["forces"][particles]) if self.has_forces else None,
            stress=torch.from_numpy(arrays["stress"][indices]) if self.has_stress else None,
            clouds=torch.from_numpy(arrays["clouds"][indices]) if "clouds" in arrays else None,
        )
        self._read += len(indices)
        if self._read > SYSTEMS_KEPT:
            self._drop_pages()
        return batch

    def _pairs(self, indices: np.ndarray, n_particles: np.ndarray) -> Pairs:
        joined = pair_joiner()(
            self._first_particle[indices],
            n_particles,
            self._first_pair[indices],
            self.arrays["n_pairs"][indices],
            self.arrays["neighbours"],
            self.arrays["senders"],
        )
        *lists, kept = joined
        shifts = torch.from_numpy(self.shifts(indices)[kept]) if self._periodic else None
        first, second, rows, transposed, columns = map(torch.from_numpy, lists)
        return Pairs(first, second, rows, transposed, columns, shifts)

    def _drop_pages(self) -> None:
        """Free the memory of the arrays if the data are large: otherwise all data would accumulate in memory."""
        self._read = 0
        if self._large:
            for array in self._bulk:
                drop_pages(array)


def _read_only(array: np.ndarray) -> np.ndarray:
    """Return a read-only view, as mapped arrays are."""
    view = array.view()
    view.flags.writeable = False
    return view


def collate(systems: Sequence[System], cutoff: float, encoder: OneHot, dtype: torch.dtype = torch.float32) -> Batch:
    """Return a batch of systems in memory, for prediction.

    Arguments:
        systems: One or more systems.
        cutoff: Cutoff of the neighbour lists in angstrom.
        encoder: One-hot encoder of the species.
        dtype: Type of the features.

    Example:
        >>> collate([System([[0, 0, 0]], species=[1])], 5.0, OneHot([1])).n_systems
        1
    """
    dataset = Dataset.from_systems(systems, cutoff)
    return dataset.batch(np.arange(len(dataset)), encoder, dtype)
