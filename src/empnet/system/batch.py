"""Batch of several systems in flat arrays: the frozen record that networks take."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from empnet.runtime import forking  # noqa: F401 (processes that compute with batches may be forked)

__all__ = ["Batch", "Pairs"]


def _moved(record, device: torch.device):  # noqa: ANN001, ANN202 (either of the two records below)
    """Return a copy of a frozen record with its tensors, at any depth, on ``device``."""
    changes = {}
    for item in fields(record):
        value = getattr(record, item.name)
        if isinstance(value, Tensor):
            changes[item.name] = value.to(device, non_blocking=True)
        elif isinstance(value, Pairs):
            changes[item.name] = _moved(value, device)
    return replace(record, **changes)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """The neighbour list of a batch: pairs of particles that exchange messages, each listed once.

    Invariants: j <= i in every pair (j, i) = (first, second), with i = j only for a particle and its image in another
    cell; the image with the opposite shift is the same pair. Pairs are sorted by j, so the pairs of j extend from
    ``row_pointers[j]`` to ``row_pointers[j + 1]``; ``transposed`` sorts them by i (stable), and the pairs of i begin at
    ``column_pointers[i]``. A particle receives messages through the pairs of its row and of its column. The self pair
    i = j in the same cell is not listed: it has distance zero and no direction.

    Arguments:
        first: Index j of the first particle, ascending, shape (P,), int64.
        second: Index i of the other particle, shape (P,), int64.
        row_pointers: First pair of each j, and P at the end, shape (N + 1,), int64.
        transposed: The permutation that sorts pairs by i, shape (P,), int64.
        column_pointers: First entry of each i in ``transposed``, and P at the end, shape (N + 1,), int64.
        shifts: Lattice vectors from j's cell to i's, whole numbers, shape (P, 3), float64; None if nothing repeats.
    """

    first: Int64[Tensor, " P"]
    second: Int64[Tensor, " P"]
    row_pointers: Int64[Tensor, " N_1"]
    transposed: Int64[Tensor, " P"]
    column_pointers: Int64[Tensor, " N_1"]
    shifts: Float64[Tensor, "P 3"] | None = None

    def __len__(self) -> int:
        return len(self.first)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """B systems with N particles in total, one after the other.

    Arguments:
        positions: Positions r in angstrom, shape (N, 3), float64.
        features: Features f of the particles, one-hot species first, shape (N, F).
        system_of: System of each particle, ascending, shape (N,), int64.
        n_systems: B, the number of systems.
        pairs: The neighbour list.
        cells: Lattice vectors as rows in angstrom, shape (B, 3, 3), float64; None if nothing repeats.
        targets: Target properties in their units, shape (B, F'), float64; None in prediction.
        forces: Target forces in the property's unit per angstrom, shape (N, 3), float64; nan in systems without forces;
            None if no forces are learned.
        stress: Target stress in the property's unit per cubic angstrom, with ASE's sign (positive if the system tends
            to shrink) and order xx yy zz yz xz xy, shape (B, 6), float64; nan for systems without stress.
        clouds: Features of each whole system, shape (B, G), float64; the first is the logarithm of its radius of
            gyration in the unit of the file; None for systems that are not prepared as clouds.
    """

    positions: Float64[Tensor, "N 3"]
    features: Float[Tensor, "N F"]
    system_of: Int64[Tensor, " N"]
    n_systems: int
    pairs: Pairs
    cells: Float64[Tensor, "B 3 3"] | None = None
    targets: Float64[Tensor, "B F_prime"] | None = None
    forces: Float64[Tensor, "N 3"] | None = None
    stress: Float64[Tensor, "B 6"] | None = None
    clouds: Float64[Tensor, "B G"] | None = None

    def __len__(self) -> int:
        return self.n_systems

    def to(self, device: torch.device) -> Batch:
        """Return a copy with all tensors on ``device``."""
        return _moved(self, device)
