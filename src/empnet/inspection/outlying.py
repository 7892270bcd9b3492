"""Outliers: frames with far larger numbers than the others, named, and left out of estimates of typical size."""

from __future__ import annotations

import numpy as np

from empnet.inspection.frames import Frames
from empnet.inspection.record import Finding

__all__ = ["NAMED", "outlying", "outlying_finding"]

SCORE = 10.0
"""Robust standard deviations of the logarithm: forces of one molecule differ by 0.2, of mixed sets by 1."""

TIMES = 20.0
"""Ratio of a frame's size to the median above which it can be an outlier: strained beside relaxed crystals are not."""

A_FEW, MANY = 3, 0.1
"""Maximum number, or share, of frames that are outliers; more are a part of the data."""

NAMED = 4
"""Maximum number of named outliers."""

ROBUST = 1.4826  # standard deviations in a median absolute deviation, for a normal distribution


def outlying(size: np.ndarray) -> np.ndarray:
    """Return a mask of the frames that are far larger than the others.

    Arguments:
        size: A size of each frame, not negative; nan where a frame has none, shape (S,).

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
    """Report the outliers by name; nothing if there are none.

    Arguments:
        frames: The data.
        name: The inspected quantity, such as "forces".
        size: A size of each frame, shape (S,).
        unit: Its unit.
        what: The size in words.
    """
    out = np.flatnonzero(outlying(size))
    if not len(out):
        return []
    usual = float(np.median(size[np.isfinite(size)]))
    worst = out[np.argsort(-size[out])][:NAMED]
    named = ", ".join(f"frame {frames.numbers[k]} with {size[k]:.3g} {unit}" for k in worst)
    text = f"{len(out)} of {int(np.isfinite(size).sum())} frames stand out by their {what}: {named}; the median is "
    remedy = "look at them: failed calculations or another unit; they would rule the training: mend or remove them"
    return [Finding("warning", name, f"{text}{usual:.3g} {unit}", remedy, frames.where(int(worst[0])))]
