"""The compiled loops over particles and pairs, where Numba works."""

from __future__ import annotations

from functools import cache
from types import ModuleType

from empnet.runtime.numba_probe import numba_works

__all__ = ["compiled_loops"]


@cache
def compiled_loops() -> ModuleType | None:
    """Return :mod:`empnet.dataset.loops`, or None where Numba does not work; plain NumPy then does the same.

    An error in the loops themselves is raised.
    """
    if not numba_works():
        return None
    from empnet.dataset import loops  # when first needed, since Numba takes its time

    return loops
