"""The systems of a measurement as the driver wrote them: flat arrays in an npz file, neighbour list included."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

CUTOFF, WIDTH, LAYERS, BASIS, BATCH = 5.0, 128, 3, 50, 64
"""What all networks have in common."""


@dataclass(frozen=True, eq=False)
class Work:
    """B systems with N particles and P ordered pairs in all, one system after the other.

    Arguments:
        positions: Positions in angstrom, shape (N, 3), float32.
        species: Atomic numbers, shape (N,), int64.
        n_particles: Particles of each system, shape (B,), int64.
        system_of: The system of each particle, ascending, shape (N,), int64.
        receivers: Index j of each pair's receiver, ascending, shape (P,), int64.
        senders: Index i of each pair's sender, shape (P,), int64.
        n_pairs: Pairs of each system, shape (B,), int64.
        energies: Targets, shape (B,), float32.
        forces: Targets, shape (N, 3), float32.
    """

    positions: Tensor
    species: Tensor
    n_particles: Tensor
    system_of: Tensor
    receivers: Tensor
    senders: Tensor
    n_pairs: Tensor
    energies: Tensor
    forces: Tensor

    @classmethod
    def load(cls, path: str | Path) -> Work:
        """Read the driver's file."""
        with np.load(path) as stored:
            return cls.of({name: stored[name] for name in stored.files})

    @classmethod
    def of(cls, arrays: dict[str, np.ndarray]) -> Work:
        """From the driver's arrays; those that follow from the others are made here."""
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        system_of = torch.repeat_interleave(torch.arange(len(arrays["n_particles"])), tensors["n_particles"])
        positions, energies = tensors.pop("positions").float(), tensors.pop("energies").float()
        return cls(
            positions=positions, energies=energies, system_of=system_of, forces=torch.zeros_like(positions), **tensors
        )

    def __len__(self) -> int:
        return len(self.n_particles)

    def parts(self, size: int = 1) -> list[Work]:
        """The systems in groups of ``size``, for data pipelines that begin with single systems, and for batches."""
        particles, pairs = _starts(self.n_particles), _starts(self.n_pairs)
        groups = []
        for first in range(0, len(self), size):
            last = min(first + size, len(self))
            atoms, rows = slice(particles[first], particles[last]), slice(pairs[first], pairs[last])
            groups.append(
                Work(
                    positions=self.positions[atoms],
                    species=self.species[atoms],
                    n_particles=self.n_particles[first:last],
                    system_of=self.system_of[atoms] - first,
                    receivers=self.receivers[rows] - particles[first],
                    senders=self.senders[rows] - particles[first],
                    n_pairs=self.n_pairs[first:last],
                    energies=self.energies[first:last],
                    forces=self.forces[atoms],
                )
            )
        return groups


def _starts(counts: Tensor) -> list[int]:
    return [0, *counts.cumsum(0).tolist()]
