"""Many systems as flat arrays: read once, neighbours found once, cached on disk, mapped into memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Int64

from empnet.data.batch import Batch, Pairs
from empnet.data.neighbours import NeighbourList, neighbour_list
from empnet.data.one_hot import OneHot
from empnet.data.system import Origin, System

__all__ = ["MAX_PAIRS", "Dataset", "collate", "species_of", "system_arrays"]

MAX_PAIRS = 50_000
"""Pairs and particles in a batch of predictions: enough to be fast, few enough for any machine's memory."""


def species_of(system: System) -> Int64[np.ndarray, " N"]:
    """The species of each particle; particles of one unnamed kind have species 0.

    Example:
        >>> species_of(System([[0, 0, 0]]))
        array([0])
    """
    return np.zeros(len(system), dtype=np.int64) if system.species is None else np.asarray(system.species)


def fingerprint(system: System) -> bytes:
    """A hash of what a network sees of a system: equal for exact duplicates, whatever their targets."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (species_of(system), system.positions, system.features, system.cell, np.array(system.pbc)):
        digest.update(b"-" if part is None else np.ascontiguousarray(part).tobytes())
    return digest.digest()


def system_arrays(system: System, pairs: NeighbourList) -> dict[str, np.ndarray]:
    """One system's rows of the flat arrays that a :class:`Dataset` holds.

    Arguments:
        system: The system.
        pairs: Its neighbour list.

    Returns:
        Arrays by name. ``n_particles`` and ``n_pairs`` have one row, the others one a particle or a pair;
        ``shifts`` and ``cells`` are empty for open systems.
    """
    periodic = any(system.pbc)
    features = np.zeros((len(system), 0)) if system.features is None else system.features
    return {
        "n_particles": np.array([len(system)], dtype=np.int64),
        "n_pairs": np.array([len(pairs)], dtype=np.int64),
        "positions": np.asarray(system.positions),
        "species": species_of(system),
        "features": np.asarray(features),
        "receivers": pairs.receivers,
        "senders": pairs.senders,
        "transposed": pairs.transposed,
        "shifts": pairs.shifts if periodic else np.zeros((len(pairs), 3), dtype=np.int32),
        "cells": (np.asarray(system.cell) if periodic else np.zeros((3, 3)))[None],
        "frames": np.array([-1 if system.origin.frame is None else system.origin.frame], dtype=np.int64),
    }


def _ranges(first: np.ndarray, count: np.ndarray) -> np.ndarray:
    """The whole numbers from first[s] to first[s] + count[s] - 1, for one s after the other."""
    ends = np.cumsum(count)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - (ends - count), count)


def _pointers(particles: np.ndarray, n: int) -> np.ndarray:
    """Where each particle's pairs begin if pairs are sorted by ``particles``, and their number at the end."""
    return np.concatenate([[0], np.cumsum(np.bincount(particles, minlength=n))])


class Dataset:
    """Systems as flat arrays, with their neighbour lists and targets, of which batches are slices.

    Arguments:
        arrays: The arrays of :func:`system_arrays`, joined over the systems; ``targets`` of shape (S, F'), the
            properties to be learned; ``groups`` of shape (S,), equal for exact duplicates.
        file: Path that the systems were read from, for messages.
        data_hash: Hash of the data.

    Example:
        >>> pair = System([[0, 0, 0], [0, 0, 1.0]], species=[1, 8])
        >>> dataset = Dataset.from_systems([pair, pair], cutoff=5.0)
        >>> batch = dataset.batch(np.array([0, 1]), OneHot([1, 8]))
        >>> batch.features.tolist(), batch.pairs.receivers.tolist()
        ([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], [0, 1, 2, 3])
    """

    def __init__(self, arrays: dict[str, np.ndarray], *, file: str = "", data_hash: str = "") -> None:
        self.arrays = arrays
        self.file = file
        self.data_hash = data_hash
        self._first_particle = np.cumsum(arrays["n_particles"]) - arrays["n_particles"]
        self._first_pair = np.cumsum(arrays["n_pairs"]) - arrays["n_pairs"]
        self._periodic = bool(np.any(arrays["cells"]))

    @classmethod
    def from_systems(cls, systems: Sequence[System], cutoff: float) -> Dataset:
        """A data set in memory, without targets: for prediction.

        Arguments:
            systems: One system or more.
            cutoff: Range of the neighbour lists in angstrom.
        """
        rows = [system_arrays(system, neighbour_list(system, cutoff)) for system in systems]
        return cls({name: np.concatenate([row[name] for row in rows]) for name in rows[0]})

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
        """The properties to be learned, shape (S, F'), float64, in the file's unit."""
        return self.arrays["targets"]

    @property
    def species(self) -> list[int]:
        """The species that occur, ascending."""
        return [int(kind) for kind in np.unique(self.arrays["species"])]

    def origin(self, index: int) -> Origin:
        """Where the system of this index came from."""
        return Origin(self.file, int(self.arrays["frames"][index]))

    def composition(self, encoder: OneHot) -> np.ndarray:
        """How many particles of each species each system has, shape (S, species), float64.

        Arguments:
            encoder: The species and their order.
        """
        counts = np.zeros((len(self), len(encoder.alphabet)))
        system_of = np.repeat(np.arange(len(self)), self.sizes)
        np.add.at(counts, (system_of, encoder.indices(self.arrays["species"])), 1.0)
        return counts

    def chunks(self, indices: Int64[np.ndarray, " n"], max_pairs: int = MAX_PAIRS) -> Iterator[np.ndarray]:
        """The indices in pieces whose batches stay below a number of pairs (or hold a single system).

        Arguments:
            indices: Which systems, in order.
            max_pairs: The bound, which bounds memory.
        """
        first, load = 0, 0
        for position, index in enumerate(indices):
            more = int(self.arrays["n_pairs"][index] + self.sizes[index])
            if load and load + more > max_pairs:
                yield indices[first:position]
                first, load = position, 0
            load += more
        if load:
            yield indices[first:]

    def batch(self, indices: Int64[np.ndarray, " B"], encoder: OneHot, dtype: torch.dtype = torch.float32) -> Batch:
        """The systems of these indices as one batch: a handful of slices and additions.

        Arguments:
            indices: The systems, in the order in which they are wanted.
            encoder: One-hot encoder of the species; its columns come first in the features.
            dtype: Of the features.
        """
        n_particles, n_pairs = self.arrays["n_particles"][indices], self.arrays["n_pairs"][indices]
        particles = _ranges(self._first_particle[indices], n_particles)
        rows = _ranges(self._first_pair[indices], n_pairs)
        system_of = np.repeat(np.arange(len(indices)), n_particles)
        cells = self.arrays["cells"][indices] if self._periodic else None
        targets = self.arrays["targets"][indices] if "targets" in self.arrays else None
        one_hot = encoder.encode(self.arrays["species"][particles])
        features = np.concatenate([one_hot, self.arrays["features"][particles]], axis=1)
        return Batch(
            positions=torch.from_numpy(self.arrays["positions"][particles]),
            features=torch.from_numpy(features).to(dtype),
            system_of=torch.from_numpy(system_of),
            n_systems=len(indices),
            pairs=self._pairs(rows, n_particles, n_pairs),
            cells=None if cells is None else torch.from_numpy(cells),
            targets=None if targets is None else torch.from_numpy(targets),
        )

    def _pairs(self, rows: np.ndarray, n_particles: np.ndarray, n_pairs: np.ndarray) -> Pairs:
        particle_offset = np.repeat(np.cumsum(n_particles) - n_particles, n_pairs)
        pair_offset = np.repeat(np.cumsum(n_pairs) - n_pairs, n_pairs)
        receivers = self.arrays["receivers"][rows] + particle_offset
        senders = self.arrays["senders"][rows] + particle_offset
        n = int(n_particles.sum())
        shifts = torch.from_numpy(self.arrays["shifts"][rows].astype(np.float64)) if self._periodic else None
        return Pairs(
            receivers=torch.from_numpy(receivers),
            senders=torch.from_numpy(senders),
            row_pointers=torch.from_numpy(_pointers(receivers, n)),
            transposed=torch.from_numpy(self.arrays["transposed"][rows] + pair_offset),
            column_pointers=torch.from_numpy(_pointers(senders, n)),
            shifts=shifts,
        )


def collate(systems: Sequence[System], cutoff: float, encoder: OneHot, dtype: torch.dtype = torch.float32) -> Batch:
    """A batch of systems that are at hand, for prediction.

    Arguments:
        systems: One system or more.
        cutoff: Range of the neighbour lists in angstrom.
        encoder: One-hot encoder of the species.
        dtype: Of the features.

    Example:
        >>> collate([System([[0, 0, 0]], species=[1])], 5.0, OneHot([1])).n_systems
        1
    """
    dataset = Dataset.from_systems(systems, cutoff)
    return dataset.batch(np.arange(len(dataset)), encoder, dtype)
