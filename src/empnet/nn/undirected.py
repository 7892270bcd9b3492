"""Pairs that hear each other through the same filter, each of them listed once: half the work of ordered pairs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from empnet.nn import kernels
from empnet.nn.pairs import distances, sum_over_neighbours
from empnet.nn.spline import CubicSpline

__all__ = [
    "UndirectedPairs",
    "exchanged",
    "undirected_distances",
    "undirected_pairs",
    "undirected_sums",
    "undirected_weights",
]

KEPT = 2**20
"""Lists of up to so many slots squared are kept for the next batch of the same shape: at most 8 MiB each."""


@dataclass(frozen=True, slots=True, eq=False)
class UndirectedPairs:
    """Pairs of different particles in the same system, each of them once.

    Arguments:
        first: Index j of the particle that comes first, shape (P,), int64.
        second: Index i > j of the other one, shape (P,), int64.
        bounds: First pair of each system, and P at the end, shape (B + 1,), int64.
    """

    first: Int64[Tensor, " P"]
    second: Int64[Tensor, " P"]
    bounds: Int64[Tensor, " B_1"]

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, which: Int64[Tensor, " Q"]) -> UndirectedPairs:
        """Some of the pairs; ``which`` is ascending."""
        first, second = self.first.index_select(0, which), self.second.index_select(0, which)
        return UndirectedPairs(first, second, torch.searchsorted(which, self.bounds))


def undirected_pairs(
    mask: Bool[Tensor, "B N"] | None, shape: tuple[int, int], device: torch.device | None = None
) -> UndirectedPairs:
    """All pairs of different particles in the same system, each of them once, without any cutoff.

    Arguments:
        mask: Which of the N slots of each system hold a particle, shape (B, N), bool; None: all of them.
        shape: B and N.
        device: Where the pairs are wanted if there is no mask.

    Returns:
        The pairs, with particles counted through all systems, empty slots left out.

    Example:
        >>> pairs = undirected_pairs(None, (1, 3))
        >>> pairs.first.tolist(), pairs.second.tolist(), pairs.bounds.tolist()
        ([0, 0, 1], [1, 2, 2], [0, 3])
    """
    if mask is None:
        B, N = shape
        full_list = _kept_list if B * N * N <= KEPT else _full_list
        return full_list(B, N, torch.device(device or "cpu"))
    particle = mask.flatten().cumsum(0) - 1
    joined = (mask[:, :, None] & mask[:, None, :]).triu(1)
    system, j, i = joined.nonzero(as_tuple=True)
    first_slot = system * mask.shape[1]
    bounds = torch.nn.functional.pad(joined.sum((1, 2)).cumsum(0), (1, 0))
    return UndirectedPairs(particle.index_select(0, first_slot + j), particle.index_select(0, first_slot + i), bounds)


def _full_list(B: int, N: int, device: torch.device) -> UndirectedPairs:
    """The pairs of B systems of N particles: their numbers say all."""
    with torch.inference_mode(False):  # what that mode makes could not be kept for training
        j, i = torch.triu_indices(N, N, 1, device=device)
        first_slot = N * torch.arange(B, device=device)[:, None]
        bounds = len(j) * torch.arange(B + 1, device=device)
        return UndirectedPairs((first_slot + j).flatten(), (first_slot + i).flatten(), bounds)


_kept_list = lru_cache(maxsize=4)(_full_list)  # an epoch has full batches and the rest, and so has validation


def undirected_distances(positions: Float64[Tensor, "n 3"], pairs: UndirectedPairs) -> Float64[Tensor, " P"]:
    """The distance of each pair; see :func:`~empnet.nn.pairs.distances`.

    Arguments:
        positions: Positions r in angstrom, shape (n, 3), float64.
        pairs: The pairs.

    Returns:
        Distances in angstrom, shape (P,), float64.

    Example:
        >>> positions = torch.tensor([[0.0, 0, 0], [0, 3, 4]]).double()
        >>> undirected_distances(positions, undirected_pairs(None, (1, 2))).tolist()
        [5.0]
    """
    return distances(positions.index_select(0, pairs.second) - positions.index_select(0, pairs.first))


def exchanged(phi: Float[Tensor, "P F"], f: Float[Tensor, "n F"], pairs: UndirectedPairs) -> Float[Tensor, "n F"]:
    r"""What each particle receives when the two of each pair hear each other through the same filter.

    .. math:: A_{j,k} = \sum_i \phi_{ji,k} \, f_{i,k}

    Arguments:
        phi: The filter of each pair, shape (P, F).
        f: Features of the particles, shape (n, F).
        pairs: The pairs.

    Returns:
        A, shape (n, F), in f's dtype; memory is O(P F).

    Example:
        >>> exchanged(torch.tensor([[10.0]]), torch.tensor([[1.0], [2.0]]), undirected_pairs(None, (1, 2))).tolist()
        [[20.0], [10.0]]
    """
    senders, receivers = torch.cat([pairs.second, pairs.first]), torch.cat([pairs.first, pairs.second])
    return sum_over_neighbours(phi.repeat(2, 1) * f.index_select(0, senders), receivers, len(f))


def undirected_weights(
    positions: Float64[Tensor, "n 3"], pairs: UndirectedPairs, spline: CubicSpline, dtype: torch.dtype
) -> tuple[Float[Tensor, "P 4"], Int64[Tensor, " P"], Float64[Tensor, " P"]]:
    """Where in a table each pair reads, and what the four coefficients there count: nothing beyond the last knot.

    Arguments:
        positions: Positions r in angstrom, shape (n, 3), float64.
        pairs: The pairs.
        spline: The spline; see :meth:`~empnet.nn.spline.CubicSpline.weights`.
        dtype: Of the weights, which are computed in float64.

    Returns:
        w, shape (P, 4), differentiable in the positions to any order; q, shape (P,), int64; and the distances d in
        angstrom, shape (P,), float64, through which no gradient flows.

    Example:
        >>> positions = torch.tensor([[0.0, 0, 0], [0, 0, 1]]).double()
        >>> pairs = undirected_pairs(None, (1, 2))
        >>> w, q, d = undirected_weights(positions, pairs, CubicSpline(5, 4.0), torch.float64)
        >>> (6 * w).round().tolist(), q.tolist(), d.tolist()
        ([[1.0, 4.0, 1.0, 0.0]], [1], [1.0])
    """
    if kernels.choose(positions.device, dtype) is not kernels.reference:
        from empnet.nn.kernels import undirected

        return undirected.undirected_weights(positions, pairs, spline, dtype)
    d = undirected_distances(positions, pairs)
    q = spline.locate(d)
    w = spline.weights(d, q).masked_fill(~(d <= spline.r_max)[:, None], 0)
    return w.to(dtype), q, d.detach()


def undirected_sums(
    w: Float[Tensor, "P 4"],
    T: Float[Tensor, "K_2 F"],
    f: Float[Tensor, "n F"],
    q: Int64[Tensor, " P"],
    pairs: UndirectedPairs,
) -> Float[Tensor, "n F"]:
    r"""What each particle receives from the others through a filter that is a spline.

    .. math:: A_{j,k} = \sum_i \sum_{b=0}^{3} w_{ji,b} \, T_{q_{ji} + b,\, k} \, f_{i,k}

    Arguments:
        w: Four spline weights of each pair, shape (P, 4).
        T: The filter's spline coefficients, shape (K + 2, F).
        f: Features of the particles, shape (n, F).
        q: The first of each pair's four coefficients, shape (P,), int64.
        pairs: The pairs.

    Returns:
        A, shape (n, F), in the common dtype; differentiable in w, T and f to any order.

    Example:
        >>> w, q = torch.tensor([[1.0, 4.0, 1.0, 0.0]]) / 6, torch.tensor([1])
        >>> f, pairs = torch.tensor([[1.0], [2.0]]), undirected_pairs(None, (1, 2))
        >>> undirected_sums(w, torch.full((7, 1), 10.0), f, q, pairs).round().tolist()
        [[20.0], [10.0]]
    """
    if kernels.choose(f.device, f.dtype) is not kernels.reference:
        from empnet.nn.kernels import undirected

        return undirected.undirected_sums(w, T, f, q, pairs)
    phi = w[:, [0]] * T.index_select(0, q)
    for b in range(1, 4):
        phi = torch.addcmul(phi, w[:, [b]], T.index_select(0, q + b))
    return exchanged(phi, f, pairs)
