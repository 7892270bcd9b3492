"""Pairs of particles: their distances, and sums over neighbours and over systems, in plain torch."""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from empnet.system.batch import Batch, Pairs

__all__ = [
    "POOLINGS",
    "all_pairs",
    "displacements",
    "distances",
    "exchanged",
    "full_pairs",
    "mean_per_system",
    "pair_distances",
    "sum_over_neighbours",
    "sum_per_system",
]


KEPT = 2**20
"""Lists of up to this many pairs of slots are cached for the next batch of equal shape: at most some 16 MiB each."""


def all_pairs(mask: Bool[Tensor, "B N"]) -> Pairs:
    """Return all pairs of different particles in the same system, without a cutoff.

    Arguments:
        mask: Which of the N slots of each system hold a particle, shape (B, N), bool.

    Returns:
        The pairs, with particles numbered through all systems and without empty slots.

    Example:
        >>> pairs = all_pairs(torch.tensor([[True, False], [True, True]]))
        >>> pairs.first.tolist(), pairs.second.tolist()
        ([1], [2])
    """
    particle = mask.flatten().cumsum(0).view(mask.shape) - 1
    joined = (mask[:, :, None] & mask[:, None, :]).triu(1)
    system, j, i = joined.nonzero(as_tuple=True)
    rows, columns = (torch.nn.functional.pad(joined.sum(axis)[mask].cumsum(0), (1, 0)) for axis in (2, 1))
    second = particle[system, i]
    return Pairs(particle[system, j], second, rows, second.argsort(stable=True), columns)


def full_pairs(B: int, N: int, device: torch.device) -> Pairs:
    """Return :func:`all_pairs` of full slots; the lists of the last few shapes are cached.

    Arguments:
        B: Number of systems.
        N: Number of particles in each.
        device: The pairs' device.

    Example:
        >>> full_pairs(1, 3, torch.device("cpu")).second.tolist()
        [1, 2, 2]
    """
    full = _cached if B * N * N <= KEPT else _full
    return full(B, N, device)


def _full(B: int, N: int, device: torch.device) -> Pairs:
    with torch.inference_mode(False):  # tensors of that mode could not be used in training later
        return all_pairs(torch.ones(B, N, dtype=torch.bool, device=device))


_cached = lru_cache(maxsize=4)(_full)  # an epoch has full batches and a last one, and so has validation


def exchanged(
    phi: Float[Tensor, "P F"], f: Float[Tensor, "n F"], first: Int64[Tensor, " P"], second: Int64[Tensor, " P"]
) -> Float[Tensor, "n F"]:
    r"""Sum the messages of pairs in both directions through one filter.

    .. math:: A_{j,k} = \sum_i \phi_{ji,k} \, f_{i,k}

    Arguments:
        phi: The filter of each pair, shape (P, F).
        f: Features of the particles, shape (n, F).
        first: One particle of each pair, shape (P,), int64.
        second: The other one, shape (P,), int64.

    Returns:
        A, shape (n, F), in f's dtype; memory is O(P F).

    Example:
        >>> one, other = torch.tensor([0]), torch.tensor([1])
        >>> exchanged(torch.tensor([[10.0]]), torch.tensor([[1.0], [2.0]]), one, other).tolist()
        [[20.0], [10.0]]
    """
    messages = phi.repeat(2, 1) * f.index_select(0, torch.cat([second, first]))
    return sum_over_neighbours(messages, torch.cat([first, second]), len(f))


def displacements(
    positions: Float64[Tensor, "N 3"],
    pairs: Pairs,
    cells: Float64[Tensor, "B 3 3"] | None = None,
    system_of: Int64[Tensor, " N"] | None = None,
) -> Float64[Tensor, "P 3"]:
    r"""Return the vectors from the first particle of each pair to the second.

    .. math:: r_{ji} = r_i - r_j + S_{ji} \, \mathrm{cell}

    Differences are taken in float64, so that systems far from the origin lose no digits.

    Arguments:
        positions: Positions r in angstrom, shape (N, 3), float64.
        pairs: The neighbour list.
        cells: Lattice vectors as rows in angstrom, shape (B, 3, 3), float64; None for open systems.
        system_of: The system of each particle, shape (N,), int64; needed with more than one cell.

    Returns:
        The vectors in angstrom, shape (P, 3), float64.

    Raises:
        ValueError: If the pairs have shifts, but ``cells`` or ``system_of`` is missing.

    Example:
        >>> pairs = all_pairs(torch.ones(1, 2, dtype=torch.bool))
        >>> displacements(torch.tensor([[0.0, 0, 0], [0, 0, 2]]).double(), pairs).tolist()
        [[0.0, 0.0, 2.0]]
    """
    vectors = positions.index_select(0, pairs.second) - positions.index_select(0, pairs.first)
    if pairs.shifts is None:
        return vectors
    if cells is None:
        raise ValueError("cells: wanted shape (B, 3, 3), because the pairs have shifts, given None")
    if len(cells) == 1:
        return vectors + pairs.shifts @ cells[0]
    if system_of is None:
        raise ValueError(f"system_of: wanted shape (N,), because there are {len(cells)} cells, given None")
    cell = cells.index_select(0, system_of.index_select(0, pairs.first))  # (P, 3, 3)
    return vectors + (pairs.shifts[:, :, None] * cell).sum(1)


def distances(vectors: Float[Tensor, "P 3"]) -> Float[Tensor, " P"]:
    """Return the lengths of vectors; at zero length derivatives do not exist, and zeros take their place.

    Arguments:
        vectors: Vectors between pairs in angstrom, shape (P, 3).

    Returns:
        Their lengths in angstrom, shape (P,), in the vectors' dtype.

    Example:
        >>> distances(torch.tensor([[0.0, 3.0, 4.0], [0.0, 0.0, 0.0]])).tolist()
        [5.0, 0.0]
    """
    squares = vectors.square().sum(-1)
    zero = squares == 0
    # the inner mask keeps the square root away from zero, the outer one cuts the derivative
    return squares.masked_fill(zero, 1).sqrt().masked_fill(zero, 0)


def pair_distances(batch: Batch) -> Float64[Tensor, " P"]:
    """Return the distance of each pair of a batch.

    Arguments:
        batch: The systems with their neighbour lists.

    Returns:
        Distances in angstrom, shape (P,), float64.

    Example:
        >>> from empnet.dataset.dataset import collate
        >>> from empnet.system.one_hot import OneHot
        >>> pair_distances(collate([empnet.System([[0, 0, 0], [0, 0, 2]], [1, 1])], 5.0, OneHot([1]))).tolist()
        [2.0]
    """
    return distances(displacements(batch.positions, batch.pairs, batch.cells, batch.system_of))


def sum_over_neighbours(
    messages: Float[Tensor, "P *shape"], receivers: Int64[Tensor, " P"], n: int
) -> Float[Tensor, "{n} *shape"]:
    """Sum the messages that each particle receives; zero for a particle without neighbours.

    Arguments:
        messages: One message for each pair, shape (P, ...).
        receivers: Index of the receiving particle, shape (P,), int64, in any order.
        n: Number of particles.

    Returns:
        The sums, shape (n, ...), in the messages' dtype.

    Example:
        >>> sum_over_neighbours(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 0, 2]), 3).tolist()
        [3.0, 0.0, 4.0]
    """
    return messages.new_zeros((n, *messages.shape[1:])).index_add(0, receivers, messages)


def sum_per_system(
    values: Float[Tensor, "N *shape"], system_of: Int64[Tensor, " N"], n_systems: int
) -> Float64[Tensor, "{n_systems} *shape"]:
    """Sum over the particles of each system, in float64 for any dtype.

    Arguments:
        values: One value for each particle, shape (N, ...).
        system_of: The system of each particle, shape (N,), int64.
        n_systems: Number of systems B, 0 too.

    Returns:
        The sums, shape (B, ...), float64.

    Example:
        >>> sum_per_system(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 0, 1]), 2).tolist()
        [3.0, 4.0]
    """
    return sum_over_neighbours(values.double(), system_of, n_systems)


def mean_per_system(
    values: Float[Tensor, "N *shape"], system_of: Int64[Tensor, " N"], n_systems: int
) -> Float64[Tensor, "{n_systems} *shape"]:
    """Return the mean over the particles of each system, in float64; zero for a system without particles.

    Arguments:
        values: One value for each particle, shape (N, ...).
        system_of: The system of each particle, shape (N,), int64.
        n_systems: Number of systems B, 0 too.

    Returns:
        The means, shape (B, ...), float64.

    Example:
        >>> mean_per_system(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 0, 1]), 2).tolist()
        [1.5, 4.0]
    """
    sizes = torch.bincount(system_of, minlength=n_systems).clamp(min=1).double()
    return sum_per_system(values, system_of, n_systems) / sizes.view(-1, *[1] * (values.dim() - 1))


POOLINGS = {"sum": sum_per_system, "mean": mean_per_system}
"""Functions that pool particles to systems, by the name of the pooling."""
