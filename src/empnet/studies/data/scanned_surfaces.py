"""Clouds of points as a laser scanner sees things outdoors: six families of surfaces, generated from a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float64

from empnet.studies.data.surfaces import Drawn, Piece, box, ellipsoid, frustum, parallelogram, triangle
from empnet.system.system import System

__all__ = ["FAMILIES", "scanned_surfaces"]

DENSE = 20_000
"""Points drawn from all surfaces of a thing, of which the scanners see some."""

POINTS = (120, 1200)
"""Least and largest number of points of a cloud, before patches are lost."""

NOISE = 0.02
"""Standard deviation of the noise of each coordinate, in metres."""

DISTANCE = (8.0, 30.0)
"""Horizontal distance of a scanner from the middle of the thing, in metres."""

HEIGHT = (1.5, 25.0)
"""Height of a scanner above the ground: from a tripod to a drone, in metres."""

MOST_SCANNERS = 2
MOST_PATCHES = 4
"""Largest number of patches that are lost."""

PATCH = (0.1, 0.35)
"""Radius of a lost patch, as a share of the cloud's largest extent from its middle."""

TWICE = 3
"""Points that are listed twice."""

Things = Callable[[np.random.Generator], list[Piece]]


def _house(rng: np.random.Generator) -> list[Piece]:
    """A box with a gable roof."""
    width, length = rng.uniform(4, 10), rng.uniform(5, 14)
    walls, roof = rng.uniform(2.2, 7), rng.uniform(0.15, 0.5) * width
    x, y, up = np.array([width / 2, 0, roof]), np.array([0, length, 0.0]), np.array([0, 0, walls])
    edge, other = up, up + np.array([width, 0, 0])
    down = x * [-1, 1, 1]
    gables = [triangle(edge, x * [2, 1, 0], x), triangle(other + y, x * [-2, 1, 0], down)]
    sides = box(np.zeros(3), np.array([width, length, walls]))[:-1]
    return [*sides, parallelogram(edge, x, y), parallelogram(other, y, down), *gables]


def _tree(rng: np.random.Generator) -> list[Piece]:
    """A trunk with a pointed or a round crown."""
    trunk, radius, crown = rng.uniform(0.5, 3), rng.uniform(0.8, 3.5), rng.uniform(2, 8)
    stem = frustum(np.zeros(3), rng.uniform(0.1, 0.3), 0.1, trunk + crown / 2)
    if rng.random() < 0.5:
        return [stem, frustum(np.array([0, 0, trunk]), radius, 0.0, crown)]
    return [stem, ellipsoid(np.array([0, 0, trunk + crown / 2]), np.array([radius, radius, crown / 2]))]


def _pole(rng: np.random.Generator) -> list[Piece]:
    """A thin cylinder, some with a cross-bar or a sign."""
    height, radius = rng.uniform(3, 11), rng.uniform(0.05, 0.3)
    post = frustum(np.zeros(3), radius, rng.uniform(0.4, 1) * radius, height)
    kind = rng.integers(3)
    if kind == 0:
        return [post]
    wide, high = (rng.uniform(0.5, 3), 0.1) if kind == 1 else (rng.uniform(0.3, 1), rng.uniform(0.4, 1))
    middle = np.array([0.0, 0.0, height - high * rng.uniform(0.5, 3)])
    half = np.array([wide, 0.1, high]) / 2
    return [post, *box(middle - half, middle + half)]


def _vehicle(rng: np.random.Generator) -> list[Piece]:
    """A box with a cabin or a load: cars, vans and lorries."""
    length, width, body = rng.uniform(3.5, 9), rng.uniform(1.6, 2.5), rng.uniform(0.7, 1.5)
    share, start, cabin = rng.uniform(0.3, 0.9), rng.random(), rng.uniform(0.4, 2)
    first = (1 - share) * start * length
    inset = rng.uniform(0, 0.2) * width
    low, high = np.array([first, inset, body]), np.array([first + share * length, width - inset, body + cabin])
    return [*box(np.array([0, 0, 0.2]), np.array([length, width, body])), *box(low, high)]


def _wall(rng: np.random.Generator) -> list[Piece]:
    """A free-standing wall, or a fence with gaps between its boards."""
    length, thick, height = rng.uniform(3, 14), rng.uniform(0.1, 0.6), rng.uniform(1, 4)
    if rng.random() < 0.5:
        return box(np.zeros(3), np.array([length, thick, height]))
    starts = np.linspace(0, length, int(rng.integers(4, 12)), endpoint=False)
    wide = rng.uniform(0.4, 0.8) * (starts[1] - starts[0])
    boards = [box(np.array([start, 0, 0]), np.array([start + wide, thick, height])) for start in starts]
    return [face for board in boards for face in board]


def _dome(rng: np.random.Generator) -> list[Piece]:
    """A dome, on the ground or on a cylinder: tanks, silos, bushes."""
    radius, flat = rng.uniform(1, 5), rng.uniform(0.5, 1.2)
    base = rng.uniform(0, 1.5) * radius * (rng.random() < 0.5)
    top = ellipsoid(np.array([0, 0, base]), radius * np.array([1, 1, flat]), 0.0)
    return [top, frustum(np.zeros(3), radius, radius, base)] if base else [top]


FAMILIES: dict[str, Things] = {
    "dome": _dome,
    "house": _house,
    "pole": _pole,
    "tree": _tree,
    "vehicle": _vehicle,
    "wall": _wall,
}
"""Functions that draw the surfaces of a thing, by class."""


def scanned_surfaces(each: int, seed: int = 0, families: Sequence[str] = tuple(FAMILIES)) -> list[System]:
    """Return clouds of points of things outdoors, z upwards, with their class in ``info["label"]``.

    Each thing has random sizes and a random direction about the vertical. One or two scanners see the faces that are
    turned towards them, near ones more densely. Patches are lost, coordinates have a noise of 2 cm, and three points
    are listed twice. As in a scan, points are listed by scanner and, within it, by direction.

    Arguments:
        each: Number of clouds of each class; the first ones do not depend on it.
        seed: Seed of everything random.
        families: Classes, keys of :data:`FAMILIES`.

    Returns:
        Clouds of the classes in turn.

    Example:
        >>> clouds = scanned_surfaces(2)
        >>> [cloud.info["label"] for cloud in clouds][:7]
        ['dome', 'house', 'pole', 'tree', 'vehicle', 'wall', 'dome']
        >>> bool(np.ptp(clouds[2].positions[:, 2]) > 1)  # a pole stands upright
        True
    """
    places = list(FAMILIES)
    return [
        _scan(FAMILIES[name], name, np.random.default_rng([seed, number, places.index(name)]))
        for number in range(each)
        for name in families
    ]


def _scan(thing: Things, name: str, rng: np.random.Generator) -> System:
    """Return one cloud."""
    points, normals = _drawn(thing(rng), rng)
    points[:, :2] -= (points[:, :2].min(axis=0) + points[:, :2].max(axis=0)) / 2
    wanted = int(np.exp(rng.uniform(*np.log(POINTS))))
    scanners = [_scanner(rng) for _ in range(rng.integers(1, MOST_SCANNERS + 1))]
    seen = [_seen(points, normals, scanner, wanted // len(scanners), rng) for scanner in scanners]
    cloud = _without_patches(np.concatenate(seen), rng)
    cloud = np.insert(cloud, rng.integers(len(cloud), size=TWICE), cloud[rng.integers(len(cloud), size=TWICE)], axis=0)
    cloud = _turned(cloud, 2 * np.pi * rng.random()) + rng.uniform(-100, 100, 3)
    return System(cloud, info={"label": name})


def _drawn(pieces: Sequence[Piece], rng: np.random.Generator) -> Drawn:
    """Return points of all pieces, as many of each as its area is large."""
    areas = np.array([piece.area for piece in pieces])
    counts = rng.multinomial(DENSE, areas / areas.sum())
    drawn = [piece.draw(rng, int(n)) for piece, n in zip(pieces, counts, strict=True)]
    return np.concatenate([points for points, _ in drawn]), np.concatenate([normals for _, normals in drawn])


def _scanner(rng: np.random.Generator) -> Float64[np.ndarray, " 3"]:
    angle, distance = 2 * np.pi * rng.random(), rng.uniform(*DISTANCE)
    return np.array([distance * np.cos(angle), distance * np.sin(angle), rng.uniform(*HEIGHT)])


def _seen(
    points: Float64[np.ndarray, "n 3"],
    normals: Float64[np.ndarray, "n 3"],
    scanner: Float64[np.ndarray, " 3"],
    wanted: int,
    rng: np.random.Generator,
) -> Float64[np.ndarray, "m 3"]:
    """Return points of the faces towards a scanner, by direction from it, with noise."""
    ways = scanner - points
    square = (ways**2).sum(axis=1)
    facing = (normals * ways).sum(axis=1).clip(0) / np.sqrt(square)  # a slanting beam is spread over more surface
    weights = facing / square
    share = weights / weights.sum()
    picked = rng.choice(len(points), min(wanted, int(np.count_nonzero(share))), replace=False, p=share)
    ahead, aside = ways[picked, :2] @ scanner[:2], ways[picked, :2] @ [-scanner[1], scanner[0]]
    in_order = picked[np.argsort(np.arctan2(aside, ahead), kind="stable")]
    return points[in_order] + rng.normal(0, NOISE, (len(picked), 3))


def _without_patches(cloud: Float64[np.ndarray, "n 3"], rng: np.random.Generator) -> Float64[np.ndarray, "m 3"]:
    """Return the cloud without the points near some of its points: wet, dark or hidden patches."""
    extent = np.linalg.norm(cloud - cloud.mean(axis=0), axis=1).max()
    kept = np.ones(len(cloud), bool)
    for centre in cloud[rng.integers(len(cloud), size=rng.integers(MOST_PATCHES + 1))]:
        left = kept & (np.linalg.norm(cloud - centre, axis=1) > rng.uniform(*PATCH) * extent)
        kept = left if left.sum() > len(cloud) / 2 else kept  # something must be left
    return cloud[kept]


def _turned(cloud: Float64[np.ndarray, "n 3"], angle: float) -> Float64[np.ndarray, "n 3"]:
    """Return the cloud, turned about z."""
    c, s = np.cos(angle), np.sin(angle)
    return cloud @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
