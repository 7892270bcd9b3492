"""Values of any kind in ``info``, and arrays among them."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["array_of"]


def array_of(value: Any) -> np.ndarray | None:
    """Return a value as an array; None if it is not an array, such as rows of different lengths.

    Arguments:
        value: Any value.

    Example:
        >>> array_of([1, 2]), array_of([[1], [2, 3]])
        (array([1, 2]), None)
    """
    try:
        return np.asarray(value)
    except Exception:  # objects of the user may raise any exception
        return None
