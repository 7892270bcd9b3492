"""Libraries of the extra ``empnet[studies]``, which nothing else in the package needs."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

from empnet.errors import EmpnetError

__all__ = ["LIBRARIES", "check_libraries", "library"]

LIBRARIES = {"kornia": "kornia", "mpmath": "mpmath", "PIL": "Pillow"}
"""Name of each library, by the module that is imported."""

INSTALL = "pip install 'empnet[studies]'"


def library(module: str, purpose: str) -> Any:
    """Import a module of the extra on first use, so that whatever does not use it works without the extra.

    Arguments:
        module: One of :data:`LIBRARIES`, or a module within it: ``"PIL.Image"``.
        purpose: The subject of the error's sentence: "augmentation".

    Raises:
        EmpnetError: If the library is not installed.

    Example:
        >>> library("mpmath", "40 digits").nstr(0.5)
        '0.5'
    """
    name = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != name:
            raise  # installed, but broken: it misses a library of its own
        raise EmpnetError(f"{purpose} needs {LIBRARIES[name]}, which is not installed", remedy=INSTALL) from None


def check_libraries() -> None:
    """Check that the whole extra is installed, without importing it.

    Raises:
        EmpnetError: If a library is missing.
    """
    missing = [name for module, name in LIBRARIES.items() if find_spec(module) is None]
    if missing:
        raise EmpnetError(f"studies need {', '.join(missing)}, not installed here", remedy=INSTALL)
