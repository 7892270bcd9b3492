"""Settings of the preparation of clouds, and the preparation itself: part of a model, in training and later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64
from scipy.spatial import cKDTree

from empnet.errors import EmpnetError
from empnet.preparation.augmentation import augmented
from empnet.preparation.duplicates import merged
from empnet.preparation.farthest_points import farthest_points
from empnet.preparation.invariants import cloud_row, point_rows
from empnet.preparation.moments import GlobalMoments, LocalMoments
from empnet.system.system import System

__all__ = [
    "LEAST_POINTS",
    "NEAREST",
    "Preparation",
    "PreparedCloud",
    "Symmetry",
    "are_clouds",
    "prepare",
    "spacing",
]

Symmetry = Literal["full", "vertical"]

PHYSICAL = frozenset({"energy", "free_energy", "forces", "stress", "virial"})
"""Names of values that only particles have."""

VERSION = 1
"""Version of the features. Models hold it: with other features they would be wrong in silence, or fail."""

LEAST_POINTS = 4
"""Least number of different points of a cloud: fewer have no volume."""

NEAREST = 8
"""The spacing of points is the median distance to this neighbour: on a surface of even density, 1.6 times the distance
of the nearest ones."""

REACH = (1.5, 3.0, 6.0)
"""Radii of the local moments, in spacings: the near surface, its curvature, and its place in the whole."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """Settings of the preparation of a cloud.

    Arguments:
        points: Number of points that are kept, farthest from each other.
        symmetry: ``"full"``: no rotation changes a prediction. ``"vertical"``: none about z does, and heights are
            features.
        length: Unit of length in the unit of the file, one for all clouds; None: each cloud's own spacing.
        sized: Whether the size of a cloud in the unit of the file is a feature: not so if clouds have units of their
            own.
        version: Version of the features, which a model is trained on.

    Example:
        >>> Preparation(points=128).symmetry
        'full'
    """

    points: int = 256
    symmetry: Symmetry = "full"
    length: float | None = None
    sized: bool = True
    version: int = VERSION


@dataclass(frozen=True, slots=True, eq=False)
class PreparedCloud:
    """Few points of a cloud with invariant features.

    Arguments:
        system: The points in units of length, about the cloud's centroid, with features and without species.
        row: Features of the whole cloud; the first is the logarithm of the radius of gyration in the unit of the file.
        merged: Number of points that coincided with others.
    """

    system: System
    row: Float64[np.ndarray, " G"]
    merged: int


def are_clouds(system: System | None) -> bool:
    """Return True if a system is a cloud of points: it has no species, no cell, no energy and no forces.

    Particles with an energy or forces are taken as particles that are all alike.

    Arguments:
        system: The first system of data; None: there is none.

    Example:
        >>> are_clouds(System([[0, 0, 0]])), are_clouds(System([[0, 0, 0]], species=[1]))
        (True, False)
    """
    if system is None or system.species is not None or system.cell is not None:
        return False
    return PHYSICAL.isdisjoint({*system.arrays, *system.properties, *system.info})


def prepare(system: System, preparation: Preparation, variant: int = 0, scaled: bool = True) -> PreparedCloud:
    r"""Return few points of a cloud with features that a rotation does not change.

    Points that coincide are merged. Of the others, those farthest from each other are kept. Their features are made
    from moments of the whole cloud about its centroid and about each kept point: traces and quadratic forms, smooth in
    all points, and no eigenvectors, which turn over when two eigenvalues meet.

    Arguments:
        system: The cloud, without a cell. Its own features are averaged about each kept point.
        preparation: Number of points, symmetry, unit of length.
        variant: Number of an augmented variant (points left out, scaled, jittered); 0: the cloud itself.
        scaled: Whether variants are scaled.

    Raises:
        EmpnetError: If the cloud repeats periodically, or has fewer than four different points.

    Example:
        >>> cube = System(np.random.default_rng(0).random((500, 3)))
        >>> cloud = prepare(cube, Preparation(points=64))
        >>> len(cloud.system), cloud.row.ndim
        (64, 1)
    """
    if preparation.version != VERSION:
        text = f"the model was trained on version {preparation.version} of the features of clouds, not on {VERSION}"
        raise EmpnetError(text, remedy="train it again, or use the empnet that trained it")
    if any(system.pbc):
        raise EmpnetError("the system is periodic, and clouds of points are not", where=system.origin)
    own = np.zeros((len(system), 0)) if system.features is None else np.asarray(system.features)
    positions, own = merged(np.asarray(system.positions), own)
    coincident = len(system) - len(positions)
    if variant:
        positions, own = augmented(positions, own, variant, system, scaled)
    _refuse_few(positions, system)
    centred = positions - positions.mean(axis=0)
    kept = centred[farthest_points(centred, preparation.points)]
    own_spacing = spacing(kept)
    unit = preparation.length or own_spacing
    whole = GlobalMoments.of(centred)
    about = LocalMoments.within([reach * own_spacing for reach in REACH], centred, kept, own)
    vertical = preparation.symmetry == "vertical"
    rows = np.concatenate([point_rows(kept, whole, about, vertical), about[0].means], axis=1)
    row = cloud_row(kept, whole, about, own_spacing, vertical, preparation.sized)
    prepared = System(kept / unit, features=rows, properties=system.properties, info=system.info, origin=system.origin)
    return PreparedCloud(prepared, row, coincident)


def spacing(points: Float64[np.ndarray, "n 3"]) -> float:
    """Return the spacing of points: the median distance to the eighth neighbour.

    Arguments:
        points: Different points, at least two.

    Example:
        >>> spacing(np.array([[0.0, 0, 0], [1, 0, 0]]))
        1.0
    """
    nearest = min(NEAREST + 1, len(points))
    return float(np.median(cKDTree(points).query(points, nearest)[0][:, -1]))


def _refuse_few(positions: Float64[np.ndarray, "N 3"], system: System) -> None:
    if len(positions) >= LEAST_POINTS:
        return
    different = "all points are equal" if len(positions) == 1 else f"only {len(positions)} points are different"
    raise EmpnetError(
        different if len(system) > 1 else "the cloud is a single point",
        where=system.origin,
        wanted=f"at least {LEAST_POINTS} different points in each cloud",
        remedy="remove the file or the frame",
    )
