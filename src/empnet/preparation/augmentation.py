"""Augmentation: variants of a cloud, as other scans of the same object would be."""

from __future__ import annotations

import hashlib

import numpy as np
from jaxtyping import Float64

from empnet.system.system import System

__all__ = ["JITTER", "KEPT", "SCALE", "VARIANTS", "augmented"]

VARIANTS = 3
"""Number of variants of each training cloud beside the cloud itself."""

KEPT = (0.6, 1.0)
"""Range of the share of points that a variant keeps."""

SCALE = 0.08
"""Standard deviation of the logarithm of a variant's scale."""

JITTER = 0.01
"""Standard deviation of a point's displacement, in units of that of the coordinates."""

LEAST = 32
"""Points that a variant keeps at least."""


def augmented(
    positions: Float64[np.ndarray, "N 3"],
    values: Float64[np.ndarray, "N F"],
    variant: int,
    system: System,
    scaled: bool = True,
) -> tuple[Float64[np.ndarray, "M 3"], Float64[np.ndarray, "M F"]]:
    """Return a variant of a cloud: some points left out, scaled, each point jittered.

    Arguments:
        positions: Positions.
        values: Further values of each point.
        variant: Number of the variant: the seed, together with the cloud itself.
        system: The cloud, whose points seed the variant, so that it does not depend on the data around it.
        scaled: Whether it is scaled, too.
    """
    digest = hashlib.blake2b(np.ascontiguousarray(system.positions).tobytes(), digest_size=8).digest()
    random = np.random.default_rng([int.from_bytes(digest, "little"), variant])
    count = max(min(len(positions), LEAST), int(len(positions) * random.uniform(*KEPT)))
    kept = random.permutation(len(positions))[:count]
    scale = np.exp(random.normal(0.0, SCALE)) if scaled else 1.0
    jitter = random.normal(0.0, JITTER * positions.std(), (count, 3))
    return positions[kept] * scale + jitter, values[kept]
