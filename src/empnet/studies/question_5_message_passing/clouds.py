"""The systems that the study looks at: random ones, molecules, and pairs that are hard to tell apart."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64
from scipy.spatial.transform import Rotation
from torch import Tensor

from empnet.audit.variants import mapped, on_grid, reordered
from empnet.files.read import iread
from empnet.model.pointwise import padded
from empnet.system.one_hot import OneHot
from empnet.system.system import System

__all__ = [
    "MIRROR",
    "SIDE",
    "SLOTS",
    "among_equals",
    "antiprism",
    "displaced",
    "hexagon",
    "mirrored",
    "molecules",
    "random_systems",
    "smallest_rmsd",
    "tensors",
    "turned",
    "two_triangles",
]

SLOTS = 23
"""Atoms of the largest molecule of QM7."""

SIDE = 1.5
"""Of the rings, in angstrom."""

MIRROR = np.diag([-1.0, 1.0, 1.0])

CUBOCTAHEDRON = SIDE / np.sqrt(2.0)
"""What points such as (1, 1, 0) are multiplied by, so that nearest neighbours are :data:`SIDE` apart."""


def random_systems(n: int, particles: int, kinds: int) -> tuple[System, ...]:
    """Systems of particles at random in a cube of 8 cubic angstrom a particle, their kinds numbered from 0.

    Positions are on a grid of binary fractions, so that moving them rounds nothing.

    Arguments:
        n: Number of systems.
        particles: Particles in each.
        kinds: Number of kinds of particles.

    Example:
        >>> len(random_systems(2, 5, 3)[0])
        5
    """
    rng = np.random.default_rng(5)
    side = 2.0 * particles ** (1 / 3)
    return tuple(
        on_grid(System(rng.uniform(0, side, (particles, 3)), rng.integers(0, kinds, particles))) for _ in range(n)
    )


@cache
def molecules(n: int) -> tuple[System, ...]:
    """The first molecules of the bundled QM7, each with its middle at the origin, energies in kcal/mol.

    Arguments:
        n: How many.
    """
    return tuple(on_grid(system) for system in itertools.islice(iread("qm7"), n))


def turned(systems: Sequence[System], seed: int) -> list[System]:
    """Each system turned about its middle by a random rotation of its own.

    Arguments:
        systems: The systems.
        seed: Of the rotations.
    """
    matrices = Rotation.random(len(systems), random_state=np.random.default_rng(seed)).as_matrix()
    return [mapped(system, matrix) for system, matrix in zip(systems, matrices, strict=True)]


def mirrored(systems: Sequence[System]) -> list[System]:
    """The mirror images.

    Arguments:
        systems: The systems.
    """
    return [mapped(system, MIRROR) for system in systems]


def among_equals(system: System, rng: np.random.Generator) -> System:
    """The system with equal particles exchanged: the kinds in the list stay, who is where changes.

    Arguments:
        system: The system.
        rng: Draws the exchanges.

    Example:
        >>> pair = System([[0, 0, 0], [0, 0, 1], [0, 0, 2]], [1, 8, 1])
        >>> among_equals(pair, np.random.default_rng(0)).species.tolist()
        [1, 8, 1]
    """
    rows = np.arange(len(system))
    assert system.species is not None  # own invariant: all systems here have kinds
    for kind in np.unique(system.species):
        places = np.flatnonzero(system.species == kind)
        rows[places] = rng.permutation(places)
    return reordered(system, rows)


def tensors(
    systems: Sequence[System], encoder: OneHot, N: int, dtype: torch.dtype = torch.float64
) -> tuple[Float[Tensor, "B {N} 3"], Float[Tensor, "B {N} F"], Bool[Tensor, "B {N}"]]:
    """Positions in float64, one-hot features and the mask of systems that are padded to N particles.

    Arguments:
        systems: The systems.
        encoder: Of their kinds.
        N: Number of slots.
        dtype: Of the features.
    """
    sizes = torch.tensor([len(system) for system in systems])
    mask = torch.arange(N) < sizes[:, None]
    r = torch.from_numpy(np.concatenate([system.positions for system in systems]))
    f = torch.from_numpy(np.concatenate([encoder.encode(system.species) for system in systems])).to(dtype)  # type: ignore[arg-type]
    return padded(r, mask, N), padded(f, mask, N), mask


def hexagon() -> System:
    """Six equal particles on a flat, regular ring; its points are edge middles of a cube: (1, 1, 0) and the like."""
    half = np.array([[1, 1, 0], [1, 0, 1], [0, 1, -1]])
    return System(CUBOCTAHEDRON * np.concatenate([half, -half]), np.zeros(6, int))


def antiprism() -> System:
    """Six equal particles at the corners of two parallel triangles, turned against each other.

    Both this and the hexagon are three pairs of opposite points, the axes of the pairs 60 degrees from each other:
    there they lie in a plane, here on a cone. So in both clouds each particle sees two others at one side, two at
    the root of three sides and one at two sides.
    """
    half = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1]])
    return System(CUBOCTAHEDRON * np.concatenate([half, -half]), np.zeros(6, int))


def two_triangles(apart: float = 10.0) -> System:
    """Six equal particles on two triangles, far from each other.

    Arguments:
        apart: Distance of their middles in angstrom.
    """
    angles = 2 * np.pi / 3 * np.arange(3)
    one = SIDE / np.sqrt(3.0) * np.stack([np.cos(angles), np.sin(angles), np.zeros(3)], axis=1)
    return System(np.concatenate([one, one + np.array([apart, 0.0, 0.0])]), np.zeros(6, int))


def displaced(system: System, by: float) -> System:
    """The system with its first particle moved.

    Arguments:
        system: The system.
        by: How far, in angstrom, in a direction that no symmetry singles out.
    """
    positions = np.array(system.positions)
    positions[0] += by * np.array([2.0, -3.0, 6.0]) / 7.0
    return replace(system, positions=positions)


def smallest_rmsd(a: Float64[np.ndarray, "n 3"], b: Float64[np.ndarray, "n 3"]) -> float:
    """Root mean square distance of two clouds, best superposed over all rotations, reflections and orders.

    Arguments:
        a: Positions in angstrom; few particles, for all orders are tried.
        b: Positions of as many.

    References:
        A solution for the best rotation to relate two sets of vectors, Kabsch, 1976,
        https://doi.org/10.1107/S0567739476001873

    Example:
        >>> cloud = np.random.default_rng(0).normal(size=(5, 3))
        >>> smallest_rmsd(cloud, -cloud[::-1]) < 1e-7
        True
    """
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    orders = np.array(list(itertools.permutations(range(len(b)))))
    overlap = np.linalg.svd(np.einsum("ni,pnj->pij", a, b[orders]), compute_uv=False).sum(axis=1)
    square = (np.square(a).sum() + np.square(b).sum() - 2 * overlap.max()) / len(a)
    return float(np.sqrt(max(0.0, square)))
