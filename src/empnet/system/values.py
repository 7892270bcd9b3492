"""Values of any kind that people keep in ``info``: seen as arrays where they are arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["array_of"]


def array_of(value: Any) -> np.ndarray | None:
    """A value as an array; None if it is none: a list of rows of different lengths, or an object that cannot be one.

    Arguments:
        value: Anything.

    Example:
        >>> array_of([1, 2]), array_of([[1], [2, 3]])
        (array([1, 2]), None)
    """
    try:
        return np.asarray(value)
    except Exception:  # objects of the user's own may raise anything
        return None
