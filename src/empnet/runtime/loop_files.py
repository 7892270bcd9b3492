"""Files of compiled loops: one for each loop, types, processor and constants, with a checksum."""

from __future__ import annotations

import hashlib
import os
import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

from numba.core.serialize import dumps

from empnet.runtime.durable_files import replacing

__all__ = ["LoopFiles"]


class LoopFiles:
    """Store of compiled loops for Numba; it replaces Numba's own index of numbered files.

    Two processes that compile at the same time can give one of Numba's numbers to two loops: then its index leads to
    the machine code of another loop (or of the same loop for other types, another width or another processor), which
    computes wrong numbers. Here a file's name is the hash of its key. If a file is damaged, its loop is compiled again.

    Arguments:
        folder: Folder of the files.
        name: Prefix of the file names.
        stamp: A further part of the key.
    """

    def __init__(self, folder: Path, name: str, stamp: str = "") -> None:
        self._folder, self._name, self._stamp = folder, name, stamp

    def load(self, key: tuple[Any, ...]) -> Any:
        """Return the loop stored for a key, or None.

        Arguments:
            key: Types, processor, and hashes of code and constants.
        """
        path = self._path(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        if hashlib.sha256(content[32:]).digest() != content[:32]:
            return None
        with suppress(OSError):  # the cache is read-only
            os.utime(self._folder)  # time of the last use
        return pickle.loads(content[32:])

    def save(self, key: tuple[Any, ...], data: Any) -> None:
        """Store compiled code; if that fails, the loop is compiled again next time.

        Arguments:
            key: Types, processor, and hashes of code and constants.
            data: Numba's compiled code.
        """
        content = dumps(data)
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            with replacing(self._path(key)) as unfinished:
                unfinished.write_bytes(hashlib.sha256(content).digest() + content)

    def flush(self) -> None:
        """Remove all stored loops of this name (for Numba's ``recompile``)."""
        for path in self._folder.glob(f"{self._name}.*.nbc"):
            path.unlink(missing_ok=True)

    def _path(self, key: tuple[Any, ...]) -> Path:
        shape = f"{self._stamp} {key}"
        return self._folder / f"{self._name}.{hashlib.sha256(shape.encode()).hexdigest()[:32]}.nbc"
