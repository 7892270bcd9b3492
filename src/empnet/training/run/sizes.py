"""Presets of sizes, and what a step takes, how many systems and how fast: what nobody should have to choose by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Int64

__all__ = [
    "LONGEST_CUTOFF",
    "MOST_LAYERS",
    "MOST_THREADS",
    "SIZES",
    "WIDEST",
    "balanced_batch",
    "with_size",
]

WIDEST, MOST_LAYERS, LONGEST_CUTOFF, MOST_THREADS = 16_384, 100, 1_000.0, 1_024
"""Bounds on width, layers, cutoff (angstrom) and threads: beyond them a number is a slip or a damaged file."""

SIZES: dict[str, dict[str, int]] = {
    "small": {"moments": 2, "layers": 2, "width": 32},
    "medium": {"moments": 2, "layers": 2, "width": 64},
    "large": {"moments": 2, "layers": 3, "width": 128},
}
"""What ``--size`` stands for. The default is medium; what a step costs of each is told in README.md."""

WITHOUT_ANGLES = 3
"""Interactions where there are no moments: angles are then seen only through several."""

BATCH = 32
"""Systems in a step on properties alone."""

PARTICLES = 100
"""Particles in a step on forces, of which each brings three numbers: small steps, many of them, get there soonest."""

RATE_WITH_FORCES = 8e-3
"""Learning rate where forces or stress are learned: many numbers a step, whose gradients are less noisy."""


def with_size(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with those filled in that a preset stands for, or that follow from others; what is given stays.

    Arguments:
        values: Settings by name; None: not given.

    Example:
        >>> with_size({"size": "small", "width": 48})
        {'moments': 2, 'layers': 2, 'width': 48, 'size': 'small'}
        >>> with_size({"moments": 0})
        {'layers': 3, 'moments': 0}
        >>> with_size({"forces": "forces"})
        {'lr': 0.008, 'forces': 'forces'}
    """
    given = {key: value for key, value in values.items() if value is not None}
    preset: dict[str, int | float] = dict(SIZES.get(str(given.get("size")), {}))
    if given.get("moments") == 0 and "size" not in given:
        preset["layers"] = WITHOUT_ANGLES
    if {"forces", "stress", "virial"} & set(given):
        preset["lr"] = RATE_WITH_FORCES
    return {**preset, **given}


def balanced_batch(sizes: Int64[np.ndarray, " n"], *, derivatives: bool) -> int:
    """Systems in a step, if nobody says how many.

    Arguments:
        sizes: Numbers of particles of the training set.
        derivatives: Whether forces or stress are learned.

    Example:
        >>> balanced_batch(np.array([9, 9]), derivatives=True), balanced_batch(np.array([192]), derivatives=True)
        (11, 1)
    """
    return int(np.clip(round(PARTICLES / float(sizes.mean())), 1, BATCH)) if derivatives else BATCH
