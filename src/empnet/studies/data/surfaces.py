"""Pieces of surfaces from which random points can be drawn, with the normals that point outwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

__all__ = ["Drawn", "Piece", "box", "ellipsoid", "frustum", "parallelogram", "triangle"]

Drawn = tuple[Float64[np.ndarray, "n 3"], Float64[np.ndarray, "n 3"]]
"""Points in metres, and unit normals."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A piece of a surface.

    Arguments:
        area: Its area in square metres.
        draw: Draws a number of points, evenly distributed or nearly so.
    """

    area: float
    draw: Callable[[np.random.Generator, int], Drawn]


def parallelogram(corner: np.ndarray, u: np.ndarray, v: np.ndarray) -> Piece:
    """Return a flat piece with two sides; its normal is u x v.

    Arguments:
        corner: A corner in metres, shape (3,).
        u: The side from that corner to the next.
        v: The side to the one before.

    Example:
        >>> square = parallelogram(np.zeros(3), np.array([1.0, 0, 0]), np.array([0, 2.0, 0]))
        >>> points, normals = square.draw(np.random.default_rng(0), 5)
        >>> float(square.area), points.shape, normals[0].tolist()
        (2.0, (5, 3), [0.0, 0.0, 1.0])
    """
    return _flat(corner, u, v, half=False)


def triangle(corner: np.ndarray, u: np.ndarray, v: np.ndarray) -> Piece:
    """Return a triangle, half of a :func:`parallelogram`.

    Arguments:
        corner: A corner in metres, shape (3,).
        u: The side from that corner to the next.
        v: The side to the one before.

    Example:
        >>> float(triangle(np.zeros(3), np.array([1.0, 0, 0]), np.array([0, 2.0, 0])).area)
        1.0
    """
    return _flat(corner, u, v, half=True)


def _flat(corner: np.ndarray, u: np.ndarray, v: np.ndarray, half: bool) -> Piece:
    across = np.cross(u, v)
    size = float(np.linalg.norm(across))

    def draw(rng: np.random.Generator, n: int) -> Drawn:
        a, b = rng.random((2, n, 1))
        if half:
            beyond = a + b > 1
            a, b = np.where(beyond, 1 - a, a), np.where(beyond, 1 - b, b)
        return corner + a * u + b * v, np.tile(across / size, (n, 1))

    return Piece(size / 2 if half else size, draw)


def box(low: np.ndarray, high: np.ndarray) -> list[Piece]:
    """Return five faces of a box along the axes; it stands on the sixth.

    Arguments:
        low: The least x, y and z in metres, shape (3,).
        high: The largest x, y and z.

    Example:
        >>> float(sum(face.area for face in box(np.zeros(3), np.array([1.0, 2.0, 3.0]))))
        20.0
    """
    x, y, z = np.diag(high - low)
    return [
        parallelogram(low, x, z),
        parallelogram(low, z, y),
        parallelogram(high, -z, -x),
        parallelogram(high, -y, -z),
        parallelogram(high, -x, -y),
    ]


def frustum(foot: np.ndarray, radius: float, top_radius: float, height: float) -> Piece:
    """Return the side of a cylinder or cone with a vertical axis; with a radius of zero at the top it is pointed.

    Arguments:
        foot: Middle of its base in metres, shape (3,).
        radius: Radius at the base.
        top_radius: Radius at the top.
        height: Height above the base.

    Example:
        >>> points, _ = frustum(np.zeros(3), 1.0, 1.0, 5.0).draw(np.random.default_rng(0), 100)
        >>> np.allclose(np.hypot(points[:, 0], points[:, 1]), 1.0)
        True
    """
    slope = radius - top_radius
    slant = float(np.hypot(slope, height))

    def draw(rng: np.random.Generator, n: int) -> Drawn:
        angle, share = 2 * np.pi * rng.random(n), rng.random(n)
        # the ring's length is linear in its height: its square root is drawn evenly
        r = np.sqrt(radius**2 + share * (top_radius**2 - radius**2))
        up = share if slope == 0 else (radius - r) / slope
        around = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        points = np.column_stack([r[:, None] * around, up * height])
        normals = np.column_stack([height * around, np.full(n, slope)]) / slant
        return foot + points, normals

    return Piece(np.pi * (radius + top_radius) * slant, draw)


def ellipsoid(centre: np.ndarray, radii: np.ndarray, least_z: float = -1.0) -> Piece:
    """Return the part of an ellipsoid above a height; its points are evenly distributed if the radii are equal.

    Arguments:
        centre: Its centre in metres, shape (3,).
        radii: Half its axes along x, y and z.
        least_z: Lower end, as a share of the vertical radius: -1 for all of it, 0 for a dome.

    Example:
        >>> points, _ = ellipsoid(np.zeros(3), np.array([1.0, 2.0, 3.0]), 0.0).draw(np.random.default_rng(0), 100)
        >>> bool((points[:, 2] >= 0).all())
        True
    """

    def draw(rng: np.random.Generator, n: int) -> Drawn:
        angle, z = 2 * np.pi * rng.random(n), rng.uniform(least_z, 1.0, n)
        r = np.sqrt(1 - z**2)
        on_sphere = np.column_stack([r * np.cos(angle), r * np.sin(angle), z])
        normals = on_sphere / radii
        return centre + on_sphere * radii, normals / np.linalg.norm(normals, axis=1, keepdims=True)

    a, b, c = radii**1.6
    return Piece(float(2 * np.pi * (1 - least_z) * ((a * b + b * c + c * a) / 3) ** (1 / 1.6)), draw)
