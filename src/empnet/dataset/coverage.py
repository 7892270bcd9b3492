"""Coverage of the training data: species, distances and sizes, for comparison with other data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from empnet.dataset.dataset import Block, Dataset
from empnet.native.library import is_built, native

__all__ = ["BIN", "DataCoverage"]

BIN = 0.05
"""Width of the bins of distances, in angstrom; the vibration of a bond covers a few bins."""

BINS = 1 << 32
"""Maximum number of bins per pair of species; a code is (pair of species) * BINS + bin."""

Kind = tuple[int, int]


@dataclass(frozen=True, slots=True)
class DataCoverage:
    """Species, sizes and distances that occur in a set of systems.

    Arguments:
        species: Species in ascending order.
        sizes: Smallest and largest number of particles in a system.
        shortest: Shortest distance of all pairs in angstrom; infinite if there are no pairs within the cutoff.
        ranges: Distances that occur for each pair of species (a <= b) within the cutoff, as ranges (from, to) in
            angstrom; both ends are multiples of :data:`BIN`.

    Example:
        >>> from empnet.system.system import System
        >>> pairs = [System([[0, 0, 0], [0, 0, d]], [8, 1]) for d in (0.96, 0.98, 1.02, 1.57)]
        >>> seen = DataCoverage.of(Dataset.from_systems(pairs, cutoff=5.0))
        >>> seen.ranges, seen.shortest
        ({(1, 8): ((0.95, 1.05), (1.55, 1.6))}, 0.96)
    """

    species: tuple[int, ...]
    sizes: tuple[int, int]
    shortest: float
    ranges: dict[Kind, tuple[tuple[float, float], ...]]

    @classmethod
    def of(cls, dataset: Dataset, indices: Int64[np.ndarray, " n"] | None = None) -> DataCoverage:
        """Return the coverage of the chosen systems of a data set.

        Arguments:
            dataset: Data set; distances up to the cutoff of its neighbour lists are counted.
            indices: Indices of the systems, shape (n,), at least one; None for all systems.
        """
        chosen = np.zeros(len(dataset), dtype=bool)
        chosen[slice(None) if indices is None else indices] = True
        names = np.array(dataset.species)
        codes, shortest = [np.zeros(0, dtype=np.int64)], np.inf
        for _, kinds, d in _pairs(dataset, chosen, names, one_way=True):
            shortest = min(shortest, float(d.min(initial=np.inf)))
            n_bins = int(d.max(initial=0) / BIN) + 1
            occupied = np.flatnonzero(np.bincount(kinds * n_bins + (d / BIN).astype(np.int64)))  # faster than unique
            codes.append(occupied // n_bins * BINS + occupied % n_bins)
        sizes = dataset.sizes[chosen]
        ranges = _ranges_of(np.unique(np.concatenate(codes)), names)
        return cls(tuple(_species(dataset, chosen)), (int(sizes.min()), int(sizes.max())), shortest, ranges)

    def joined(self, other: DataCoverage) -> DataCoverage:
        """Return the union of two coverages: a fine-tuned model has seen both sets of data.

        Arguments:
            other: Coverage of other systems.

        Example:
            >>> one = DataCoverage((1, 8), (2, 2), 0.95, {(1, 8): ((0.95, 1.05), (1.55, 1.6))})
            >>> both = one.joined(DataCoverage((1, 6), (5, 9), 1.05, {(1, 6): ((1.05, 1.2),), (1, 8): ((1.05, 1.1),)}))
            >>> both.species, both.sizes, both.ranges[1, 8]
            ((1, 6, 8), (2, 9), ((0.95, 1.1), (1.55, 1.6)))
        """
        kinds = sorted({*self.ranges, *other.ranges})
        return DataCoverage(
            tuple(sorted({*self.species, *other.species})),
            (min(self.sizes[0], other.sizes[0]), max(self.sizes[1], other.sizes[1])),
            min(self.shortest, other.shortest),
            {kind: _union(self.ranges.get(kind, ()), other.ranges.get(kind, ())) for kind in kinds},
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values for JSON; a pair of species is written as "1,8"."""
        return {
            "species": list(self.species),
            "sizes": list(self.sizes),
            "shortest": self.shortest if np.isfinite(self.shortest) else None,
            "ranges": {f"{a},{b}": [list(ends) for ends in ranges] for (a, b), ranges in self.ranges.items()},
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> DataCoverage:
        """Return the coverage from the values that :meth:`to_json` returned."""
        smallest, largest = record["sizes"]
        ranges = {}
        for names, ends in dict(record["ranges"]).items():
            a, b = map(int, names.split(","))
            ranges[a, b] = tuple((float(first), float(last)) for first, last in ends)
        shortest = np.inf if record["shortest"] is None else float(record["shortest"])
        return cls(tuple(record["species"]), (smallest, largest), shortest, ranges)

    def distance_to(self, kind: Kind, d: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """Return how far each distance lies outside the covered ranges of its pair of species.

        Arguments:
            kind: The two species, in any order.
            d: Distances in angstrom, shape (n,).

        Returns:
            Gap to the nearest range in angstrom, shape (n,): 0 within a range, infinite if the pair has no ranges.

        Example:
            >>> seen = DataCoverage((1, 8), (2, 2), 0.96, {(1, 8): ((0.95, 1.05), (1.55, 1.6))})
            >>> seen.distance_to((8, 1), np.array([1.0, 1.25, 2.6])).round(6)
            array([0. , 0.2, 1. ])
        """
        ranges = self.ranges.get((min(kind), max(kind)), ())
        if not ranges:
            return np.full(len(d), np.inf)
        first, last = np.array(ranges).T
        below = np.searchsorted(first, d, side="right") - 1  # last range that begins below d; -1 for none
        after = np.where(below >= 0, np.maximum(0, d - last[below]), np.inf)
        before = np.where(below + 1 < len(first), first[np.minimum(below + 1, len(first) - 1)] - d, np.inf)
        return np.minimum(after, before)

    def unseen(
        self, dataset: Dataset
    ) -> Iterator[tuple[Int64[np.ndarray, " n"], Float64[np.ndarray, " n"], np.ndarray]]:
        """Yield the pairs of other data with their distances and the gaps to the covered ranges.

        Arguments:
            dataset: The other data.

        Yields:
            Three arrays of shape (n,) for one part of the data at a time: the receiving particle of each pair
            (numbered over the whole data set), its distance in angstrom, and its gap from :meth:`distance_to` in
            angstrom. Each pair occurs in both directions.
        """
        names = np.array(dataset.species)
        for receivers, kinds, d in _pairs(dataset, np.ones(len(dataset), dtype=bool), names):
            away = np.empty(len(d))
            for code in np.unique(kinds):
                same = kinds == code
                away[same] = self.distance_to(_kind(int(code), names), d[same])
            yield receivers, d, away

    def too_near(self, dataset: Dataset, margin: float = 0.0) -> dict[int, tuple[Kind, float]]:
        """Find systems of other data with two particles closer than the shortest covered distance of their species.

        Arguments:
            dataset: The other data.
            margin: Tolerance in angstrom: a distance may be shorter by this much.

        Returns:
            The two species and their distance in angstrom for each system found, by its index. If a system has several
            such pairs, the pair furthest below its limit is returned. Two species without covered distances are too
            close at any distance.

        Example:
            >>> from empnet.system.system import System
            >>> seen = DataCoverage((1, 8), (2, 2), 0.96, {(1, 8): ((0.95, 1.05),)})
            >>> others = [System([[0, 0, 0], [0, 0, d]], [8, 1]) for d in (0.7, 0.96, 1.3)]
            >>> seen.too_near(Dataset.from_systems(others, cutoff=5.0))
            {0: ((1, 8), 0.7)}
        """
        names, found, worst = np.array(dataset.species), {}, np.zeros(len(dataset))
        system_of = np.repeat(np.arange(len(dataset)), dataset.sizes)
        for receivers, kinds, d in _pairs(dataset, np.ones(len(dataset), dtype=bool), names, one_way=True):
            for code in np.unique(kinds):
                kind = _kind(int(code), names)
                shortest = self.ranges[kind][0][0] - margin if kind in self.ranges else np.inf
                low = np.flatnonzero((kinds == code) & (d < shortest))
                low = low[np.lexsort((d[low], system_of[receivers[low]]))]
                systems, first = np.unique(system_of[receivers[low]], return_index=True)
                for system, k in zip(systems.tolist(), low[first].tolist(), strict=True):
                    below = shortest - float(d[k])
                    if below >= worst[system]:
                        worst[system], found[system] = below, (kind, float(d[k]))
        return found


def _union(*several: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """Return the union of several sets of ranges, in ascending order and without overlaps."""
    joined: list[tuple[float, float]] = []
    for low, high in sorted(ends for ranges in several for ends in ranges):
        if joined and low <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(high, joined[-1][1])
        else:
            joined.append((low, high))
    return tuple(joined)


def _kind(code: int, names: np.ndarray) -> Kind:
    return int(names[code // len(names)]), int(names[code % len(names)])


def _ranges_of(codes: np.ndarray, names: np.ndarray) -> dict[Kind, tuple[tuple[float, float], ...]]:
    """Return ranges of joined neighbouring bins from the sorted codes of occupied bins."""
    ends = np.flatnonzero(np.diff(codes) != 1)  # a gap, or another pair of species
    first = codes[np.concatenate([[0], ends + 1])] if len(codes) else codes
    last = codes[np.concatenate([ends, [len(codes) - 1]])] if len(codes) else codes
    ranges: dict[Kind, list[tuple[float, float]]] = {}
    for begin, end in zip(first.tolist(), last.tolist(), strict=True):
        low, high = (round(edge * BIN, 6) for edge in (begin % BINS, end % BINS + 1))
        ranges.setdefault(_kind(begin // BINS, names), []).append((low, high))
    return {kind: tuple(those) for kind, those in ranges.items()}


def _pairs(
    dataset: Dataset, chosen: np.ndarray, names: np.ndarray, one_way: bool = False
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield receiver, code of the two species and distance of each pair of the chosen systems, block by block."""
    for block in dataset.blocks():
        periodic = dataset.arrays["periodic"][block.systems].any()
        of_block = _of_open_block if is_built() and not periodic else _of_block
        receivers, kinds, d = of_block(dataset, block, chosen[block.systems], names, one_way)
        yield receivers + block.particles.start, kinds, d


def _of_open_block(
    dataset: Dataset, block: Block, chosen: np.ndarray, names: np.ndarray, one_way: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the result of :func:`_of_block` for open systems, computed by a compiled loop."""
    arrays = dataset.arrays
    place = np.searchsorted(names, arrays["species"][block.particles])
    neighbours, senders = arrays["neighbours"][block.particles], arrays["senders"][block.pairs]
    positions = np.ascontiguousarray(arrays["positions"][block.particles], dtype=np.float64)
    stored = neighbours, neighbours.itemsize, senders, senders.itemsize
    sizes, n = dataset.sizes[block.systems], len(senders)
    receivers, codes, d = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n)
    given = len(sizes), sizes, *stored, positions, place, len(names), chosen
    P = native("pair_distances")(*given, one_way, receivers, codes, d)
    return receivers[:P], codes[:P], d[:P]


def _of_block(
    dataset: Dataset, block: Block, chosen: np.ndarray, names: np.ndarray, one_way: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    arrays = dataset.arrays
    n_pairs, n_particles = arrays["n_pairs"][block.systems], dataset.sizes[block.systems]
    neighbours = arrays["neighbours"][block.particles]
    receivers = np.repeat(np.arange(len(neighbours)), neighbours)
    senders = arrays["senders"][block.pairs] + np.repeat(np.cumsum(n_particles) - n_particles, n_pairs)
    keep = np.repeat(chosen, n_pairs)
    if one_way:
        keep &= receivers <= senders
    receivers, senders = receivers[keep], senders[keep]
    positions = arrays["positions"][block.particles]
    vectors = positions[senders] - positions[receivers]
    if arrays["periodic"][block.systems].any():
        cells = dataset.cells(block.systems)[np.repeat(np.arange(len(n_pairs)), n_pairs)[keep]]
        vectors += np.einsum("pi,pij->pj", dataset.shifts(block.systems)[keep], cells)
    place = np.searchsorted(names, arrays["species"][block.particles])
    a, b = place[receivers], place[senders]
    return receivers, np.minimum(a, b) * len(names) + np.maximum(a, b), np.sqrt(np.square(vectors).sum(axis=1))


def _species(dataset: Dataset, chosen: np.ndarray) -> list[int]:
    """Return the species of the chosen systems in ascending order."""
    found = [
        np.unique(dataset.arrays["species"][block.particles][np.repeat(chosen[block.systems], sizes)])
        for block in dataset.blocks()
        if len(sizes := dataset.sizes[block.systems])
    ]
    return [int(kind) for kind in np.unique(np.concatenate(found))]
