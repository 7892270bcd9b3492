"""Loops that Numba compiles at their first call and keeps on disk: how, in one place."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from numba import config, njit

from empnet.data.cache_folder import cache_folder

__all__ = ["compiled"]


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator for functions of arrays that Numba is to compile.

    They are kept beside the data sets, since the package's own folder may be read-only, and let go of Python's lock.

    Arguments:
        **options: Further options of :func:`numba.njit`, such as ``parallel``.

    Example:
        >>> @compiled(cache=False)  # what has no file cannot be kept
        ... def total(values):
        ...     return values.sum()
        >>> float(total(np.ones(3)))
        3.0
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        before, config.CACHE_DIR = config.CACHE_DIR, str(cache_folder() / "kernels")  # type: ignore[attr-defined]
        try:
            # unwrapped: the tests' shape checks wrap every function, and Numba wants the bare one
            return njit(**{"cache": True, "boundscheck": False, "nogil": True, **options})(inspect.unwrap(function))
        finally:
            config.CACHE_DIR = before  # type: ignore[attr-defined]

    return decorate
