"""Frames as flat arrays from a file or a built data set: the input of all inspections."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from empnet.dataset.alike import group_ids
from empnet.dataset.dataset import Dataset
from empnet.dataset.joining import ranges
from empnet.system.composition import count_kinds
from empnet.system.label_spec import RIVALS
from empnet.system.system import Origin

__all__ = ["Frames", "from_dataset", "numbered"]

BOX = 5.0  # angstrom, the usual cutoff
BLOCK = 10_000  # frames in one block
RUN = 100  # number of consecutive frames in a sample; consecutive frames are probably similar
TENSOR = [0, 5, 4, 5, 1, 3, 4, 3, 2]  # places of xx xy xz yx ... in the order xx yy zz yz xz xy


@dataclass(frozen=True, eq=False)  # without slots, for cached properties
class Frames:
    """Systems as flat arrays, particle after particle.

    Arguments:
        file: The user's name for the data.
        numbers: Number of each frame in the file, shape (S,).
        sizes: Number of particles of each frame, shape (S,).
        positions: Positions of all particles, shape (P, 3), in angstrom.
        species: Species of all particles, shape (P,); zeros if particles have no species.
        named: Whether particles have species.
        cells: Lattice vectors as rows, shape (S, 3, 3), in angstrom; zeros for open systems.
        periodic: Whether a frame is periodic along each lattice vector, shape (S, 3).
        groups: A number for each frame, equal for exact duplicates, shape (S,).
        properties: Scalars of each frame by name, shape (S,); nan where a frame has none.
        vectors: Vectors of each particle by name, shape (P, 3); nan where a frame has none.
        stresses: Stress or virial of each frame by name, shape (S, 3, 3), symmetric; nan where a frame has none.
    """

    file: str
    numbers: np.ndarray
    sizes: np.ndarray
    positions: np.ndarray
    species: np.ndarray
    named: bool
    cells: np.ndarray
    periodic: np.ndarray
    groups: np.ndarray
    properties: Mapping[str, np.ndarray]
    vectors: Mapping[str, np.ndarray]
    stresses: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.sizes)

    @cached_property
    def first(self) -> np.ndarray:
        """Index of the first particle of each frame, shape (S,)."""
        return np.cumsum(self.sizes) - self.sizes

    @cached_property
    def wraps(self) -> np.ndarray:
        """Mask of frames that are periodic along any axis, shape (S,)."""
        return np.any(self.periodic, axis=1)

    @cached_property
    def isolated(self) -> np.ndarray:
        """Mask of free atoms, shape (S,): one particle, open or in a box of 5 angstrom or more.

        All False if at least half of the frames are free atoms: they are then the subject of the data.
        """
        lengths = np.where(self.periodic, np.linalg.norm(self.cells, axis=2), np.inf).min(axis=1)
        alone: np.ndarray = (self.sizes == 1) & (lengths >= BOX)
        return alone if 2 * alone.sum() < len(self) else np.zeros_like(alone)

    @cached_property
    def frame_of(self) -> np.ndarray:
        """Index of the frame of each particle, shape (P,)."""
        return np.repeat(np.arange(len(self)), self.sizes)

    def where(self, frame: int) -> str:
        """Return the name of a frame for messages."""
        return str(Origin(frame=int(self.numbers[frame])))

    @cached_property
    def composition(self) -> tuple[np.ndarray, list[int]]:
        """Number of particles of each species in each frame, shape (S, species), and the species."""
        alphabet = np.unique(np.concatenate([np.unique(self.species[particles]) for _, particles in self._blocks()]))
        counts = np.empty((len(self), len(alphabet)))
        for frames, particles in self._blocks():
            columns = np.searchsorted(alphabet, self.species[particles])
            counts[frames] = count_kinds(columns, self.sizes[frames], len(alphabet))
        return counts, alphabet.tolist()

    @cached_property
    def sequences(self) -> np.ndarray:
        """A number for each frame, shape (S,), equal for frames with the same species in the same order."""
        keys = np.empty((len(self), 2), dtype=np.int64)
        for frames, particles in self._blocks():
            species = np.ascontiguousarray(self.species[particles], dtype=np.int64)
            ends = np.cumsum(self.sizes[frames])
            keys[frames, 1] = [zlib.crc32(part.data) for part in np.split(species, ends[:-1])]
        keys[:, 0] = self.sizes
        return group_ids(keys)

    def _blocks(self) -> Iterator[tuple[slice, slice]]:
        """Yield blocks of frames and their particles, so that memory does not grow with the data."""
        for begin in range(0, len(self), BLOCK):
            end = min(begin + BLOCK, len(self))
            yield slice(begin, end), slice(int(self.first[begin]), int(self.first[end - 1] + self.sizes[end - 1]))

    def sample(self, most: int) -> Frames:
        """Return a sample of the frames in runs of a hundred consecutive frames.

        Arguments:
            most: Approximate maximum number of particles; smaller data are returned whole.
        """
        n = int(self.sizes.sum())
        if n <= most:
            return self
        runs = np.arange(0, len(self), RUN)
        taken = runs[np.linspace(0, len(runs) - 1, max(1, len(runs) * most // n)).astype(int)]
        members = (taken[:, None] + np.arange(RUN)).ravel()
        members = members[members < len(self)]
        particles = ranges(self.first[members], self.sizes[members])
        frames, each = ("numbers", "sizes", "cells", "periodic", "groups"), ("positions", "species")
        return replace(
            self,
            **{name: getattr(self, name)[members] for name in frames},
            **{name: getattr(self, name)[particles] for name in each},
            properties={name: values[members] for name, values in self.properties.items()},
            vectors={name: values[particles] for name, values in self.vectors.items()},
            stresses={name: values[members] for name, values in self.stresses.items()},
        )

    def rows(self, members: np.ndarray) -> np.ndarray:
        """Return the indices of the particles of frames of one size, shape (members, N)."""
        return self.first[members][:, None] + np.arange(self.sizes[members[0]])

    def repeated(self, least: int) -> Iterator[np.ndarray]:
        """Yield sets of frames with the same species in the same order, such as the steps of a trajectory.

        Arguments:
            least: Minimum number of frames in a set.

        Yields:
            Indices of the frames of one set in ascending order.
        """
        sequences = self.sequences
        order = np.argsort(sequences, kind="stable")
        for members in np.split(order, np.flatnonzero(np.diff(sequences[order])) + 1):
            if len(members) >= least and self.sizes[members[0]] > 1:
                yield members


def numbered(items: Iterator[object]) -> np.ndarray:
    """Return a number for each item: equal for equal items, counted in the order of first appearance.

    Example:
        >>> numbered(iter("aba")).tolist()
        [0, 1, 0]
    """
    number: dict[object, int] = {}
    return np.array([number.setdefault(item, len(number)) for item in items], dtype=np.int64)


def from_dataset(dataset: Dataset, properties: tuple[str, ...]) -> Frames:
    """Return the frames of a training data set, with "forces" and "stress" if they are targets.

    Arguments:
        dataset: The data.
        properties: Names of its targets.
    """
    arrays = dataset.arrays
    periodic = np.zeros((len(dataset), 3), dtype=bool)
    periodic[arrays["periodic"]] = np.any(arrays["cells"], axis=2)
    return Frames(
        file=dataset.file,
        numbers=np.where(arrays["frames"] < 0, np.arange(len(dataset)), arrays["frames"]),
        sizes=arrays["n_particles"],
        positions=arrays["positions"],
        species=arrays["species"],
        named=dataset.species != [0],
        cells=dataset.cells(slice(None)),
        periodic=periodic,
        groups=arrays["groups"],
        properties={name: dataset.targets[:, k] for k, name in enumerate(properties)}
        | ({RIVALS[properties[0]]: arrays["rival"]} if "rival" in arrays and properties[0] in RIVALS else {}),
        vectors={"forces": arrays["forces"]} if dataset.has_forces else {},
        stresses={"stress": arrays["stress"][:, TENSOR].reshape(-1, 3, 3)} if dataset.has_stress else {},
    )
