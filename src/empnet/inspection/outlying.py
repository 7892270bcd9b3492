"""Outliers: frames with far larger numbers than the others, which are reported and left out of typical sizes."""

from __future__ import annotations

import numpy as np

from empnet.inspection.frames import Frames
from empnet.inspection.record import Finding

__all__ = ["NAMED", "outlying", "outlying_finding"]

SCORE = 10.0
"""Minimum deviation of an outlier in robust standard deviations of the logarithm. Such a standard deviation is about
0.2 for forces of one molecule, and 1 for mixed data."""

TIMES = 20.0
"""Minimum ratio of an outlier to the median: strained crystals among relaxed ones are not outliers."""

A_FEW, MANY = 3, 0.1
"""Maximum number and maximum share of outliers; if there are more, they count as a regular part of the data."""

NAMED = 4
"""Maximum number of outliers to name."""

ROBUST = 1.4826  # standard deviation over median absolute deviation, for a normal distribution


def outlying(size: np.ndarray) -> np.ndarray:
    """Return a mask of the frames that are far larger than the others.

    Arguments:
        size: Size of each frame, not negative, shape (S,); nan where a frame has none.

    Returns:
        Shape (S,); all False if the large frames are too many to be outliers.

    Example:
        >>> outlying(np.array([1.0, 1.2, 0.9, 1.1, 1e6])).tolist()
        [False, False, False, False, True]
    """
    none = np.zeros(len(size), dtype=bool)
    known = np.isfinite(size) & (size > 0)
    if known.sum() < 2 * A_FEW - 1:
        return none
    logarithm = np.log(size[known])
    middle = np.median(logarithm)
    scale = ROBUST * np.median(np.abs(logarithm - middle))
    out = none.copy()
    out[known] = logarithm - middle > max(SCORE * scale, np.log(TIMES))
    return out if out.sum() <= max(A_FEW, MANY * known.sum()) and 2 * out.sum() < known.sum() else none


def outlying_finding(frames: Frames, name: str, size: np.ndarray, unit: str, what: str) -> list[Finding]:
    """Report outliers by name.

    Arguments:
        frames: The data.
        name: Inspected quantity, such as "forces".
        size: Size of each frame, shape (S,).
        unit: Unit of the size.
        what: Description of the size, such as "largest force".
    """
    out = np.flatnonzero(outlying(size))
    if not len(out):
        return []
    usual = float(np.median(size[np.isfinite(size)]))
    worst = out[np.argsort(-size[out])][:NAMED]
    named = ", ".join(f"frame {frames.numbers[k]} with {size[k]:.3g} {unit}" for k in worst)
    text = f"{len(out)} of {int(np.isfinite(size).sum())} frames stand out by their {what}: {named}; the median is "
    remedy = "they would dominate training; look for failed calculations or another unit, and correct or remove them"
    return [Finding("warning", name, f"{text}{usual:.3g} {unit}", remedy, frames.where(int(worst[0])))]
