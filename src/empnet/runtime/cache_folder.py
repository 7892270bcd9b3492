"""Cache folder of data sets, compiled loops and weights of pictures."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path

from empnet.errors import EmpnetError

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """Return the folder named by ``EMPNET_CACHE``, else the user's cache folder; create it if it is missing.

    Raises:
        EmpnetError: If the folder cannot be created.
    """
    named = os.environ.get("EMPNET_CACHE")
    folder = Path(named) if named else user_cache_path("empnet")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EmpnetError(
            f"the cache folder cannot be created ({error.strerror})",
            where=folder,
            remedy="name a writable folder in the environment variable EMPNET_CACHE",
        ) from error
    return folder
