"""Whether loops over particles and pairs are compiled here."""

from __future__ import annotations

from functools import cache
from types import ModuleType

__all__ = ["compiled_loops"]


@cache
def compiled_loops() -> ModuleType | None:
    """:mod:`empnet.dataset.loops`, or None where Numba does not work: then plain NumPy does the same, and nn warns.

    Imported when first needed, since Numba takes its time.
    """
    try:
        from empnet.dataset import loops
    except Exception:  # Numba fails in many ways
        return None
    return loops
