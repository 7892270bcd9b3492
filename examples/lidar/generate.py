"""Make a training set of simple objects as a scanner in the air sees them: trees, bushes, buildings and bridges.

    python generate.py training

writes training/tree/0001.ply and so on, with as many clouds of each class. Lengths are metres; z is the height above
the ground.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from numpy.random import Generator
from segment import write_cloud

LOWEST = 1.0  # metres; as in segment.py, nothing below belongs to an object
FEWEST, MOST = 50, 3000  # points of an object


def crowns(
    rng: Generator, number: int, radii: tuple[float, float], tops: tuple[float, float], slender: float
) -> Float64[np.ndarray, "n 3"]:
    """Return points of some crowns that touch: most near the upper side, some in the depth.

    Arguments:
        rng: Source of random numbers.
        number: Number of crowns.
        radii: Smallest and largest radius of a crown, in metres.
        tops: Smallest and largest height of a crown's top, in metres.
        slender: Largest ratio of a crown's height to its radius.
    """
    density = rng.uniform(1.5, 4.0)  # points per square metre
    place, points = np.zeros(2), []
    for _ in range(number):
        radius, top = rng.uniform(*radii), rng.uniform(*tops)
        depth = min(rng.uniform(1.0, slender) * radius, top - LOWEST)
        n = rng.poisson(density * np.pi * radius**2)
        out = np.sqrt(rng.random(n))
        angle = rng.uniform(0, 2 * np.pi, n)
        upper = top - depth * (1 - np.sqrt(1 - out**2)) / 2  # the upper half of an ellipsoid
        below = np.where(rng.random(n) < 0.3, rng.uniform(0, depth, n), rng.exponential(0.12 * depth, n))
        spread = rng.normal(0, 0.1 * radius, (n, 2))  # branches
        plan = place + radius * out[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]) + spread
        points.append(np.column_stack([plan, np.maximum(upper - below, top - depth)]))
        step = rng.uniform(0, 2 * np.pi)
        place = place + 1.5 * radius * np.array([np.cos(step), np.sin(step)])
    return np.concatenate(points)


def tree(rng: Generator) -> Float64[np.ndarray, "n 3"]:
    """Return the points of one tree or a few.

    Arguments:
        rng: Source of random numbers.
    """
    top = rng.uniform(6, 28)
    return crowns(rng, int(rng.integers(1, 6)), (1.5, 5.0), (0.8 * top, top), 3.0)


def bush(rng: Generator) -> Float64[np.ndarray, "n 3"]:
    """Return the points of some bushes.

    Arguments:
        rng: Source of random numbers.
    """
    return crowns(rng, int(rng.integers(1, 8)), (1.0, 4.0), (1.5, rng.uniform(2.0, 4.5)), 1.5)


def building(rng: Generator) -> Float64[np.ndarray, "n 3"]:
    """Return the points of a building with a flat or a gabled roof, and few points of its walls.

    Arguments:
        rng: Source of random numbers.
    """
    long, wide, eaves = rng.uniform(8, 30), rng.uniform(6, 14), rng.uniform(2.5, 12)
    rise = rng.choice([0.0, rng.uniform(0.3, 1.0)])
    roof = plane(rng, long, wide)
    roof[:, 2] = eaves + rise * (wide / 2 - np.abs(roof[:, 1]))
    n = rng.poisson(0.5 * len(roof) * rng.random() * eaves / wide)
    side, along = rng.integers(0, 4, n), rng.uniform(-0.5, 0.5, n)
    x = np.where(side < 2, along, side - 2.5) * long
    y = np.where(side < 2, side - 0.5, along) * wide
    return np.concatenate([roof, np.column_stack([x, y, rng.uniform(LOWEST, eaves, n)])])


def bridge(rng: Generator) -> Float64[np.ndarray, "n 3"]:
    """Return the points of a bridge: a long and narrow deck, and railings.

    Arguments:
        rng: Source of random numbers.
    """
    long, wide, high = rng.uniform(25, 90), rng.uniform(2.5, 8), rng.uniform(2.5, 10)
    deck = plane(rng, long, wide)
    deck[:, 2] = high + rng.uniform(-0.05, 0.05) * deck[:, 0] + rng.uniform(0, 0.04) * (long / 2 - np.abs(deck[:, 0]))
    railing = deck[rng.random(len(deck)) < 0.2]
    railing[:, 1] = np.sign(railing[:, 1]) * wide / 2
    railing[:, 2] += rng.uniform(0, 1.2, len(railing))
    return np.concatenate([deck, railing])


def plane(rng: Generator, long: float, wide: float) -> Float64[np.ndarray, "n 3"]:
    """Return points on a rectangle in scan lines, which are denser along than across.

    Arguments:
        rng: Source of random numbers.
        long: Length in metres, along x.
        wide: Width in metres, along y.
    """
    along, across = rng.uniform(0.4, 0.8), rng.uniform(0.6, 1.4)
    reach = np.hypot(long, wide) / 2
    u, v = np.meshgrid(np.arange(-reach, reach, along), np.arange(-reach, reach, across))
    lines = np.column_stack([u.ravel(), v.ravel()]) + rng.normal(0, 0.08, (u.size, 2))
    turn = rng.uniform(0, np.pi)
    x, y = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ lines.T
    inside = (np.abs(x) < long / 2) & (np.abs(y) < wide / 2)
    return np.column_stack([x[inside], y[inside], np.zeros(inside.sum())])


FAMILIES: dict[str, Callable[[Generator], np.ndarray]] = {
    "tree": tree,
    "bush": bush,
    "building": building,
    "bridge": bridge,
}


def scanned(family: str, rng: Generator) -> Float64[np.ndarray, "n 3"]:
    """Return one object of a family, turned, with noise and without what lies too low.

    Arguments:
        family: One of ``FAMILIES``.
        rng: Source of random numbers.
    """
    while True:
        points = FAMILIES[family](rng)
        turn = rng.uniform(0, 2 * np.pi)
        points[:, :2] = points[:, :2] @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        points = points + rng.normal(0, 0.05, points.shape)
        points = points[(points[:, 2] > LOWEST) & (rng.random(len(points)) < rng.uniform(0.6, 1.0))]
        if FEWEST <= len(points) <= MOST:
            return points


def main() -> None:
    """Read the command line and write the clouds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="new folder for the clouds")
    parser.add_argument("--each", type=int, default=80, help="clouds of each class [80]")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    for family in FAMILIES:
        (given.out / family).mkdir(parents=True)
        for number in range(1, given.each + 1):
            write_cloud(given.out / family / f"{number:04d}.ply", scanned(family, rng))
    print(f"{given.out}: {given.each} clouds each of {', '.join(FAMILIES)}")


if __name__ == "__main__":
    main()
