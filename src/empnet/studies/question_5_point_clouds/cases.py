"""Clouds of the study: which are for training, and the test clouds upright, turned about z, tilted and reordered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float64, Int64
from scipy.spatial.transform import Rotation

from empnet.audit.variants import mapped, reordered
from empnet.errors import EmpnetError
from empnet.files.source import iter_systems
from empnet.preparation.duplicates import merged
from empnet.preparation.farthest_points import farthest_points
from empnet.studies.data.scanned_surfaces import scanned_surfaces
from empnet.studies.question_5_point_clouds.premises import GENERATED
from empnet.system.classes import class_of
from empnet.system.system import System

__all__ = ["CASES", "Clouds", "changed", "clouds_for", "listed_points", "rotations", "spread_points"]

CASES = ("upright", "turned", "tilted", "reordered")
"""Changes of the test clouds: nothing, a rotation about z, any rotation, another order of the points."""

TEST = 1 / 3
"""Share of each class that is for the test."""

GENERATED_EACH, QUICK_EACH = 150, 48
"""Generated clouds of each class."""

QUICK_MOST = 72
"""Clouds of a class that a quick study takes of given data."""


@dataclass(frozen=True, eq=False)
class Clouds:
    """Clouds with classes, in two parts.

    Arguments:
        train: Clouds for training and validation: positions, and the class in ``info["label"]``.
        test: Clouds for the test.
        classes: Names of the classes, sorted.
    """

    train: tuple[System, ...]
    test: tuple[System, ...]
    classes: tuple[str, ...]

    def numbers(self, systems: Sequence[System]) -> Int64[np.ndarray, " n"]:
        """Return the number of each cloud's class.

        Arguments:
            systems: Clouds of either part.
        """
        return np.array([self.classes.index(system.info["label"]) for system in systems], np.int64)


@cache
def clouds_for(data: str, property_: str, quick: bool) -> Clouds:
    """Return generated clouds, or those of a file, split at random within each class.

    Arguments:
        data: ``"generated"``, or the path or name of data.
        property_: Name of the class in the data.
        quick: Take fewer.

    Raises:
        EmpnetError: If the data have fewer than two classes, or a class has fewer than six clouds.

    Example:
        >>> clouds = clouds_for("generated", "label", True)
        >>> len(clouds.classes), len(clouds.train), len(clouds.test)
        (6, 192, 96)
    """
    if data == GENERATED:
        systems = scanned_surfaces(QUICK_EACH if quick else GENERATED_EACH)
    else:
        # positions alone: species and features would be seen by some networks and not by others
        systems = [
            System(system.positions, info={"label": class_of(system, property_)}, origin=system.origin)
            for system in iter_systems(data, warn=False)
        ]
    names, numbers = np.unique([system.info["label"] for system in systems], return_inverse=True)
    rng, train, test = np.random.default_rng(0), [], []
    for number, name in enumerate(names):
        own = rng.permutation(np.flatnonzero(numbers == number))[: QUICK_MOST if quick else None]
        if len(own) < 6:
            raise EmpnetError(f"class '{name}' has {len(own)} clouds", where=data, wanted="six or more of each class")
        n = round(TEST * len(own))
        test += [systems[index] for index in own[:n]]
        train += [systems[index] for index in own[n:]]
    if len(names) < 2:
        raise EmpnetError(f"all clouds are of one class ('{names[0]}')", where=data, wanted="two classes or more")
    mixed = rng.permutation(len(train))
    return Clouds(tuple(train[index] for index in mixed), tuple(test), tuple(map(str, names)))


def rotations(n: int, axis: str, rng: np.random.Generator) -> Float64[np.ndarray, "n 3 3"]:
    """Return random rotations.

    Arguments:
        n: Number of them.
        axis: ``"vertical"``: about z; ``"any"``: all orientations are equally likely.
        rng: Source of randomness.

    Example:
        >>> np.allclose(rotations(2, "vertical", np.random.default_rng(0))[:, 2], [0, 0, 1])
        True
    """
    if axis == "any":
        return Rotation.random(n, random_state=rng).as_matrix()  # type: ignore[no-any-return]
    return Rotation.from_rotvec(np.outer(rng.uniform(0, 2 * np.pi, n), [0, 0, 1])).as_matrix()  # type: ignore[no-any-return]


def changed(systems: Sequence[System], case: str) -> list[System]:
    """Return the clouds as a case has them; each cloud is changed in a way of its own, always the same.

    Arguments:
        systems: The clouds.
        case: One of :data:`CASES`.

    Example:
        >>> clouds = scanned_surfaces(1)
        >>> turned, tilted = (changed(clouds, case)[2].positions for case in ("turned", "tilted"))
        >>> heights = clouds[2].positions[:, 2]
        >>> np.allclose(turned[:, 2], heights), np.allclose(tilted[:, 2], heights)
        (True, False)
    """
    rng = np.random.default_rng([7, CASES.index(case)])
    if case == "upright":
        return list(systems)
    if case == "reordered":
        return [reordered(system, rng.permutation(len(system))) for system in systems]
    matrices = rotations(len(systems), "vertical" if case == "turned" else "any", rng)
    return [mapped(system, matrix) for system, matrix in zip(systems, matrices, strict=True)]


def spread_points(systems: Sequence[System], N: int) -> Float64[np.ndarray, "B {N} 3"]:
    """Return points of each cloud that are far from each other, whatever its order and orientation.

    They are those that the message passing network keeps, about their centre, with a root mean square distance of one.
    Those of smaller clouds are repeated.

    Arguments:
        systems: The clouds.
        N: Number of points.

    Example:
        >>> spread_points(scanned_surfaces(1), 50).shape
        (6, 50, 3)
    """
    return np.stack([_scaled(_spread(system, N), N) for system in systems])


def listed_points(systems: Sequence[System], N: int) -> Float64[np.ndarray, "B {N} 3"]:
    """Return points of each cloud at even steps in its list, in that order, scaled as in :func:`spread_points`.

    Arguments:
        systems: The clouds.
        N: Number of points.

    Example:
        >>> line = System(np.arange(5.0)[:, None] * [1.0, 0.0, 0.0])
        >>> listed_points([line], 3)[0, :, 0].round(2).tolist()
        [-1.22, 0.0, 1.22]
    """
    steps = (np.linspace(0, len(system) - 1, N).round().astype(np.int64) for system in systems)
    return np.stack([_scaled(system.positions[rows], N) for system, rows in zip(systems, steps, strict=True)])


def _spread(system: System, N: int) -> Float64[np.ndarray, "n 3"]:
    points, _ = merged(np.asarray(system.positions, np.float64), np.zeros((len(system), 0)))
    centred = points - points.mean(axis=0)
    return centred[farthest_points(centred, N)]


def _scaled(points: Float64[np.ndarray, "n 3"], N: int) -> Float64[np.ndarray, "{N} 3"]:
    centred = points - points.mean(axis=0)
    size = np.sqrt((centred**2).sum(axis=1).mean())
    if size == 0:
        raise EmpnetError("all points of a cloud are equal", wanted="clouds with an extent")
    return (centred / size)[np.resize(np.arange(len(points)), N)]
