"""Systems of the study: random ones, molecules, and pairs that are hard to distinguish."""

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
"""Side of the rings, in angstrom."""

MIRROR = np.diag([-1.0, 1.0, 1.0])

CUBOCTAHEDRON = SIDE / np.sqrt(2.0)
"""Scale of points such as (1, 1, 0) that puts nearest neighbours :data:`SIDE` apart."""


def random_systems(n: int, particles: int, kinds: int) -> tuple[System, ...]:
    """Return random systems in a cube of 8 cubic angstrom per particle, with kinds numbered from 0.

    Positions are on a grid of binary fractions, so that translations do not round.

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
    """Return the first molecules of the bundled QM7, centred at the origin, energies in kcal/mol.

    Arguments:
        n: Number of molecules.
    """
    return tuple(on_grid(system) for system in itertools.islice(iread("qm7"), n))


def turned(systems: Sequence[System], seed: int) -> list[System]:
    """Return each system, rotated at random about its centre.

    Arguments:
        systems: The systems.
        seed: Seed of the rotations.
    """
    matrices = Rotation.random(len(systems), random_state=np.random.default_rng(seed)).as_matrix()
    return [mapped(system, matrix) for system, matrix in zip(systems, matrices, strict=True)]


def mirrored(systems: Sequence[System]) -> list[System]:
    """Return the mirror images.

    Arguments:
        systems: The systems.
    """
    return [mapped(system, MIRROR) for system in systems]


def among_equals(system: System, rng: np.random.Generator) -> System:
    """Return the system with equal particles exchanged: positions are permuted among particles of a kind.

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
    """Return positions in float64, one-hot features and the mask of systems padded to N particles.

    Arguments:
        systems: The systems.
        encoder: Encoder of their kinds.
        N: Number of slots.
        dtype: Data type of the features.
    """
    sizes = torch.tensor([len(system) for system in systems])
    mask = torch.arange(N) < sizes[:, None]
    r = torch.from_numpy(np.concatenate([system.positions for system in systems]))
    f = torch.from_numpy(np.concatenate([encoder.encode(system.species) for system in systems])).to(dtype)  # type: ignore[arg-type]
    return padded(r, mask, N), padded(f, mask, N), mask


def hexagon() -> System:
    """Return six equal particles on a flat, regular ring, at edge centres of a cube such as (1, 1, 0)."""
    half = np.array([[1, 1, 0], [1, 0, 1], [0, 1, -1]])
    return System(CUBOCTAHEDRON * np.concatenate([half, -half]), np.zeros(6, int))


def antiprism() -> System:
    """Return six equal particles at the corners of two parallel triangles, rotated against each other.

    Both this and the hexagon are three pairs of opposite points, with axes 60 degrees from each other: in a plane for
    the hexagon, on a cone here. So in both clouds each particle has two others at the distance of one side, two at the
    root of three sides and one at two sides.
    """
    half = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1]])
    return System(CUBOCTAHEDRON * np.concatenate([half, -half]), np.zeros(6, int))


def two_triangles(apart: float = 10.0) -> System:
    """Return six equal particles on two triangles, far from each other.

    Arguments:
        apart: Distance of their centres in angstrom.
    """
    angles = 2 * np.pi / 3 * np.arange(3)
    one = SIDE / np.sqrt(3.0) * np.stack([np.cos(angles), np.sin(angles), np.zeros(3)], axis=1)
    return System(np.concatenate([one, one + np.array([apart, 0.0, 0.0])]), np.zeros(6, int))


def displaced(system: System, by: float) -> System:
    """Return the system with its first particle moved.

    Arguments:
        system: The system.
        by: Displacement in angstrom, in a direction of no symmetry.
    """
    positions = np.array(system.positions)
    positions[0] += by * np.array([2.0, -3.0, 6.0]) / 7.0
    return replace(system, positions=positions)


def smallest_rmsd(a: Float64[np.ndarray, "n 3"], b: Float64[np.ndarray, "n 3"]) -> float:
    """Return the smallest root mean square distance of two clouds over all rotations, reflections and orders.

    Arguments:
        a: Positions in angstrom, of few particles, since all orders are tried.
        b: Positions of the same number of particles.

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
