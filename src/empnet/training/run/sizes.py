"""Defaults that need no choice by hand: presets of sizes, batch size and learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Int64

__all__ = [
    "LONGEST_CUTOFF",
    "MOST_LAYERS",
    "MOST_POINTS",
    "MOST_THREADS",
    "SIZES",
    "WIDEST",
    "balanced_batch",
    "with_size",
]

WIDEST, MOST_LAYERS, LONGEST_CUTOFF, MOST_THREADS, MOST_POINTS = 16_384, 100, 1_000.0, 1_024, 100_000
"""Bounds on width, layers, cutoff (angstrom), threads and points: beyond them a number is a slip or a damaged file."""

SIZES: dict[str, dict[str, int]] = {
    "small": {"moments": 2, "layers": 2, "width": 32},
    "medium": {"moments": 2, "layers": 2, "width": 64},
    "large": {"moments": 2, "layers": 3, "width": 128},
}
"""Settings of each ``--size``. The default is medium; README.md lists the cost of a step for each."""

WITHOUT_ANGLES = 3
"""Number of interactions without moments: several of them are then needed to represent angles."""

BATCH = 32
"""Systems in a step without forces or stress."""

PARTICLES = 100
"""Particles in a step with forces, each with three numbers: many small steps converge fastest."""

RATE_WITH_FORCES = 8e-3
"""Learning rate with forces or stress: a step has many numbers, so its gradient is less noisy."""


def with_size(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings completed by presets and by values that follow from others; given settings stay.

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
    """Return the default number of systems in a step.

    Arguments:
        sizes: Numbers of particles of the training set.
        derivatives: True if forces or stress are learned.

    Example:
        >>> balanced_batch(np.array([9, 9]), derivatives=True), balanced_batch(np.array([192]), derivatives=True)
        (11, 1)
    """
    return int(np.clip(round(PARTICLES / float(sizes.mean())), 1, BATCH)) if derivatives else BATCH
