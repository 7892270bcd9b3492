"""Real spherical harmonics of directions, as polynomials: plain torch, derivatives of every order."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["MAX_DEGREE", "degree_of", "harmonics"]

MAX_DEGREE = 3
"""The highest supported degree."""


def degree_of(degree: int) -> list[int]:
    """Return the degree l of each component s = (l, m) up to a degree.

    Arguments:
        degree: L.

    Example:
        >>> degree_of(2)
        [0, 1, 1, 1, 2, 2, 2, 2, 2]
    """
    return [l for l in range(degree + 1) for _ in range(2 * l + 1)]  # noqa: E741 (the field's letter)


def harmonics(unit: Float[Tensor, "P 3"], degree: int) -> Float[Tensor, "P S"]:
    r"""Return Y_lm of unit vectors for l = 0, 1, ... L and m = -l ... l, scaled so that their mean square is one.

    .. math::
        \sum_m Y_{lm}(\hat u) \, Y_{lm}(\hat v) = (2l + 1) \, P_l(\hat u \cdot \hat v)

    Degree 1 is sqrt(3) (y, z, x). Every term of the polynomials has degree l, so a zero vector gives zeros for l > 0,
    and the derivative along the vector is l times the value.

    Arguments:
        unit: Unit vectors, shape (P, 3), or zero vectors.
        degree: L, at most 3.

    Returns:
        Shape (P, (L + 1)^2), in the vectors' dtype.

    Raises:
        ValueError: If the degree is too high.

    Example:
        >>> harmonics(torch.tensor([[0.0, 0.0, 1.0]]), 1).tolist()
        [[1.0, 0.0, 1.7320507764816284, 0.0]]
    """
    if not 0 <= degree <= MAX_DEGREE:
        raise ValueError(f"degree: wanted 0 to {MAX_DEGREE}, given {degree}")
    x, y, z = unit.unbind(1)
    columns = [torch.ones_like(x)]
    if degree >= 1:
        columns += [math.sqrt(3) * a for a in (y, z, x)]
    if degree >= 2:
        c = math.sqrt(15)
        columns += [c * x * y, c * y * z, math.sqrt(5) / 2 * (2 * z * z - x * x - y * y), c * x * z]
        columns += [c / 2 * (x * x - y * y)]
    if degree >= 3:
        a, b, c, d = math.sqrt(35 / 8), math.sqrt(105), math.sqrt(21 / 8), math.sqrt(7) / 2
        across, around = x * x + y * y, 4 * z * z - x * x - y * y
        columns += [a * y * (3 * x * x - y * y), b * x * y * z, c * y * around, d * z * (2 * z * z - 3 * across)]
        columns += [c * x * around, b / 2 * z * (x * x - y * y), a * x * (x * x - 3 * y * y)]
    return torch.stack(columns, dim=1)
