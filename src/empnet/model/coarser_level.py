"""The coarser level of clouds: their first points, which are far from each other, as a batch of their own."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from empnet.system.batch import Batch, Pairs

__all__ = ["coarser_level"]


def coarser_level(batch: Batch, M: int, cutoff: float) -> tuple[Int64[Tensor, " n"], Batch]:
    r"""Return the first M points of each cloud, in units of their wider spacing, with pairs of their own.

    .. math:: \tilde r_j = \sqrt{M / N} \; r_j, \quad j < M

    Points of a prepared cloud are in the order in which they were chosen, each time the farthest one. So the first M
    of N are evenly spaced, too. On a surface their spacing is wider by the root of N / M; in units of it they have as
    many neighbours within the cutoff as the N points have. Clouds of at most M points stay as they are.

    Arguments:
        batch: Prepared clouds.
        M: Number of points of each cloud on the coarser level.
        cutoff: Cutoff in units of length.

    Returns:
        The indices of these points in the batch, ascending, and a batch of them, without targets.

    Example:
        >>> from empnet.dataset.dataset import collate
        >>> from empnet.system.one_hot import OneHot
        >>> from empnet.system.system import System
        >>> line = System([[0, 0, 0], [4.0, 0, 0], [2.0, 0, 0], [1.0, 0, 0]])
        >>> kept, coarse = coarser_level(collate([line], 5.0, OneHot([0])), 1, 5.0)
        >>> kept.tolist(), coarse.positions.tolist(), len(coarse.pairs)
        ([0], [[0.0, 0.0, 0.0]], 0)
    """
    counts = torch.bincount(batch.system_of, minlength=batch.n_systems)
    rank = torch.arange(len(batch.system_of), device=counts.device) - _starts(counts)[batch.system_of]
    kept = torch.nonzero(rank < M)[:, 0]
    system_of = batch.system_of[kept]
    shrunk = (M / counts.double()).sqrt().clamp(max=1.0)
    positions = batch.positions[kept] * shrunk[system_of, None]
    pairs = _dense_pairs(positions.detach(), system_of, rank[kept], counts.clamp(max=M), M, cutoff)
    features = batch.features[kept]
    return kept, Batch(positions, features, system_of, batch.n_systems, pairs, clouds=batch.clouds)


def _starts(counts: Int64[Tensor, " B"]) -> Int64[Tensor, " B"]:
    """Return the first particle of each system."""
    return counts.cumsum(0) - counts


def _dense_pairs(
    positions: Float[Tensor, "n 3"],
    system_of: Int64[Tensor, " n"],
    rank: Int64[Tensor, " n"],
    counts: Int64[Tensor, " B"],
    M: int,
    cutoff: float,
) -> Pairs:
    """Return all pairs within the cutoff, from the M x M distances of each cloud: M is small."""
    n = len(system_of)
    table = positions.new_full((len(counts), M, 3), torch.nan)  # nan is in no pair
    table[system_of, rank] = positions
    near = (table[:, :, None] - table[:, None]).square().sum(-1) <= cutoff**2
    of, j, i = torch.nonzero(near.triu(1), as_tuple=True)  # sorted by system, then by j
    before = _starts(counts)[of]
    first, second = before + j, before + i
    transposed = torch.argsort(second, stable=True)
    return Pairs(first, second, _pointers(first, n), transposed, _pointers(second, n))


def _pointers(ends: Int64[Tensor, " P"], n: int) -> Int64[Tensor, " n_1"]:
    """Return where the pairs of each particle begin in a sorted list, and their number at the end."""
    return torch.nn.functional.pad(torch.bincount(ends, minlength=n).cumsum(0), (1, 0))
