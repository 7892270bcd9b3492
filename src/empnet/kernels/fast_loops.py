"""The widths and degrees of moments that have fast loops; this needs no Numba."""

from __future__ import annotations

__all__ = ["has_fast_loops", "slow_loops_note"]

FAST_DEGREE = 2
"""The one degree whose nine components the fast loops spell out."""

STEP = 32
"""Fast loops serve multiples of this width, which fill vector registers in float32 and float64 alike."""


def has_fast_loops(width: int, degree: int = FAST_DEGREE) -> bool:
    """Return whether there are fast loops for moments of so many features, up to a degree.

    Not every width has them: compiling takes some seconds for each.

    Arguments:
        width: Number of features F.
        degree: Highest degree L of the moments.

    Example:
        >>> [F for F in (8, 16, 32, 48, 64, 128) if has_fast_loops(F)]
        [32, 64, 128]
    """
    return degree == FAST_DEGREE and width % STEP == 0


def slow_loops_note(width: int, moments: int) -> str | None:
    """Return one line for a network with angular moments whose size has no fast loops, or None.

    Arguments:
        width: Number of features F.
        moments: Highest degree L of angular moments; 0: distances only, whose loops are fast at any width.

    Example:
        >>> slow_loops_note(48, 2)
        'width 48 has no fast loops for moments: a step takes several times as long as at width 64'
        >>> slow_loops_note(64, 2), slow_loops_note(48, 0)
        (None, None)
    """
    if not moments or has_fast_loops(width, moments):
        return None
    nearest = STEP * max(1, (width + STEP // 2) // STEP)
    if moments == FAST_DEGREE:
        return f"width {width} has no fast loops for moments: a step takes several times as long as at width {nearest}"
    at = "" if has_fast_loops(width) else f" at width {nearest}"
    return f"moments of degree {moments} have no fast loops: a step takes longer than with --moments {FAST_DEGREE}{at}"
