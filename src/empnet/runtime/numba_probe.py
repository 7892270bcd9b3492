"""Probe of Numba: compile and run one loop."""

from __future__ import annotations

import warnings
from functools import cache

__all__ = ["numba_works"]

_kept: list[object] = []
"""The probe's loop. Numba keeps only a weak proxy; without the loop, programs that visit all objects would fail."""


@cache
def numba_works() -> bool:
    """Return whether Numba can compile loops here; if not, warn once.

    The first call imports Numba, which is slow.
    """
    try:
        _probe()
    except Exception as error:  # Numba fails in many ways: not installed, wrong NumPy, no LLVM for this processor
        text = f"Numba does not work here ({error}), so plain torch and NumPy take its place, several times slower"
        warnings.warn(text, stacklevel=2)
        return False
    return True


def _probe() -> None:
    """Compile a loop and run it."""
    # No other module of this package is imported here: an error in our own code must not look like a broken Numba.
    import numba
    import numpy as np

    def total(values):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        result = 0.0
        for value in values:
            result += value
        return result

    total.__module__ = "probe"  # otherwise every process would report it as a loop of this package
    loop = numba.njit(nogil=True, error_model="numpy")(total)
    _kept.append(loop)
    result = loop(np.ones(3))
    if result != 3:
        raise RuntimeError(f"the sum of three ones is {result}")
