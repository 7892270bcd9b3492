"""Order in time: if frames follow each other in time, a random split tests on neighbours of training frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from empnet.inspection.frames import Frames
from empnet.inspection.geometry import shortest_vectors, whole_cells
from empnet.inspection.record import Finding

__all__ = ["LARGEST_GROUP", "Correlation", "internal_distances", "order_findings", "time_order"]

N_DISTANCES = 64
"""Number of distances for comparing frames of one molecule or crystal."""

LEAST = 10
"""Minimum number of neighbouring frames for a result."""

N_SHUFFLES = 99
"""Number of random orders; if none is as smooth as the data, the probability of chance is 1 %."""

CORRELATED = 0.25
"""Lag-one autocorrelation above which blocks are recommended; below, neighbours differ almost like any two frames."""

LARGEST_GROUP = 4000
"""Maximum number of frames of one kind to compare: the first ones, because they must follow each other."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """Similarity of frames that follow each other.

    Arguments:
        pairs: Number of neighbouring frames with the same species in the same order.
        rho: Lag-one autocorrelation of internal distances, 1 - <|x_t+1 - x_t|^2> / <|x_s - x_t|^2> (von Neumann's
            ratio): 0 for a random order, 1 if neighbours are equal.
        by_chance: Largest autocorrelation in 99 random orders.
    """

    pairs: int
    rho: float
    by_chance: float


def internal_distances(frames: Frames, members: np.ndarray) -> np.ndarray:
    """Return distances between up to 64 fixed pairs of particles, which rotations do not change.

    Arguments:
        frames: The data.
        members: Indices of frames with the same species in the same order.

    Returns:
        Distances, shape (members, pairs), in angstrom.
    """
    size = int(frames.sizes[members[0]])
    one, two = np.triu_indices(size, 1) if size <= 64 else np.random.default_rng(0).integers(size, size=(2, 4096))
    differ = np.flatnonzero(one != two)
    kept = np.random.default_rng(0).permutation(differ)[:N_DISTANCES]
    rows = frames.rows(members)
    vectors = frames.positions[rows[:, one[kept]]] - frames.positions[rows[:, two[kept]]]
    wraps = frames.wraps[members]
    if wraps.any():
        vectors[wraps] = shortest_vectors(vectors[wraps], whole_cells(frames, members[wraps]))
    distances: np.ndarray = np.linalg.norm(vectors, axis=2)
    return distances


def time_order(frames: Frames) -> Correlation | None:
    """Compare frames that follow each other in the file with frames drawn at random.

    The method is that of J. von Neumann, Ann. Math. Stat. 12, 367 (1941), for vectors.

    Arguments:
        frames: The data.

    Returns:
        The correlation; None if fewer than half of the frames have a neighbour of the same kind.
    """
    rng = np.random.default_rng(0)
    observed, shuffled, pairs = 0.0, np.zeros(N_SHUFFLES), 0
    for members in frames.repeated(LEAST):
        x = internal_distances(frames, members[:LARGEST_GROUP])
        x -= x.mean(axis=0)
        adjacent = np.flatnonzero(np.diff(members[:LARGEST_GROUP]) == 1)
        total = np.square(x).sum() / max(len(x) - 1, 1)
        if not len(adjacent) or total <= 0:
            continue
        x /= np.sqrt(2 * total)
        pairs += len(adjacent)
        observed += float(np.square(x[adjacent + 1] - x[adjacent]).sum())
        for k in range(N_SHUFFLES):
            order = rng.permutation(len(x))
            shuffled[k] += float(np.square(x[order[adjacent + 1]] - x[order[adjacent]]).sum())
    if pairs < max(LEAST, len(frames) / 2):  # in a mixture, a few equal formulas are chance
        return None
    return Correlation(pairs, 1 - observed / pairs, float(1 - shuffled.min() / pairs))


def order_findings(frames: Frames) -> list[Finding]:
    """Report frames in order of time, or sorted by size.

    Arguments:
        frames: The data.
    """
    found = time_order(frames)
    if found and found.rho > max(CORRELATED, found.by_chance):
        text = (
            f"frames that follow each other are alike: autocorrelation {found.rho:.2f} of internal distances over "
            f"{found.pairs} neighbours (random orders reach {found.by_chance:.2f}); suspected: a trajectory, frames "
            "each made from the previous one, or frames sorted by kind"
        )
        remedy = "if they are in time order, use --split blocks: a random split tests on neighbours of training data"
        return [Finding("advice", "order", text, remedy)]
    rank = _rank_correlation(frames.sizes)
    if abs(rank) > 0.5:
        text = f"frames are sorted by size (rank correlation of size and order {rank:.2f})"
        return [Finding("advice", "order", text, "keep --split random: blocks would test on other sizes")]
    return []


def _rank_correlation(values: np.ndarray) -> float:
    """Return Spearman's rank correlation of values with their order."""
    if len(values) < LEAST or np.ptp(values) == 0:
        return 0.0
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float(np.corrcoef(rank, np.arange(len(values)))[0, 1])
