"""Loops over particles and pairs, compiled by Numba if Numba works."""

from __future__ import annotations

from functools import cache
from types import ModuleType

from empnet.runtime.numba_probe import numba_works

__all__ = ["compiled_loops"]


@cache
def compiled_loops() -> ModuleType | None:
    """Return :mod:`empnet.dataset.loops`, or None if Numba does not work; plain NumPy then does the same.

    Errors in the loops themselves are raised.
    """
    if not numba_works():
        return None
    from empnet.dataset import loops  # imported on first use, since Numba is slow to import

    return loops
