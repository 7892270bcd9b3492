"""Options and cache of the loops that Numba compiles at their first call."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
import torch
from numba import config, njit
from numba.core.codegen import get_host_cpu_features

from empnet.runtime import compilation  # noqa: F401 (reports compilations)
from empnet.runtime.cache_entries import discard
from empnet.runtime.cache_folder import cache_folder
from empnet.runtime.forking import is_forked
from empnet.runtime.loop_files import LoopFiles

__all__ = ["compiled", "n_threads", "threaded"]

# OpenMP first, because torch uses OpenMP threads, too
config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]  # type: ignore[attr-defined]


OPTIONS = {"cache": True, "boundscheck": False, "nogil": True, "error_model": "numpy"}
"""Options of all loops. With Python's error model each division is a branch, and Numba does not vectorise branches."""


PACKAGE = __name__.split(".")[0]

VERSIONS = (numba.__version__, llvmlite.__version__, np.__version__)
"""Versions of the libraries that affect compiled code."""


def _use_wide_vectors() -> None:
    """Use registers of 512 bits where available: they make the loops a third faster, but LLVM prefers 256 bits."""
    if config.CPU_FEATURES is None and "+avx512f" in (features := get_host_cpu_features()):  # type: ignore[attr-defined]
        config.CPU_FEATURES = f"{features},-prefer-256-bit"  # type: ignore[attr-defined]


_use_wide_vectors()


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that compiles functions of arrays with Numba.

    Compiled code is kept in the cache folder, because the package's own folder may be read-only. The loops release
    Python's lock.

    Arguments:
        **options: Further options of :func:`numba.njit`, such as ``parallel``.

    Example:
        >>> @compiled(cache=False)  # code without a file cannot be cached
        ... def total(values):
        ...     return values.sum()
        >>> float(total(np.ones(3)))
        3.0
    """
    chosen = {**OPTIONS, **options}
    # A folder for each set of options, because Numba distinguishes compiled functions only by name and types.
    named = sorted(f"{name} {sorted(value) if isinstance(value, set) else value}" for name, value in chosen.items())

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        bare = inspect.unwrap(function)  # the tests' shape checks wrap every function, but Numba needs the bare one
        key = hashlib.sha256(repr([named, VERSIONS, _sources_hash(bare.__module__)]).encode()).hexdigest()[:16]
        folder = _folder() / key
        for path in (folder.parent, folder):
            if path.exists() and not path.is_dir():  # a file with the name of the folder
                discard(path)
        before, config.CACHE_DIR = config.CACHE_DIR, str(folder)  # type: ignore[attr-defined]
        try:
            made = njit(**chosen)(bare)
        finally:
            config.CACHE_DIR = before  # type: ignore[attr-defined]
        if chosen["cache"]:
            kept = made._cache
            stamp = "" if _file(bare.__module__) else str(kept._impl.locator.get_source_stamp())  # for notebooks
            kept._cache_file = LoopFiles(Path(kept.cache_path), kept._impl.filename_base, stamp)
        return made

    return decorate


@cache
def _sources_hash(module: str) -> str:
    """Return the SHA-256 of the sources of a module and all modules of this package that it imports, also indirectly.

    Numba checks only the file of the loop, and would miss a change in an inlined helper of another file.
    """
    digest = hashlib.sha256()
    for name in sorted(_package_imports(module)):
        digest.update(name.encode() + _source(name))
    return digest.hexdigest()


def _package_imports(module: str) -> set[str]:
    """Return the names of a module and of all modules of this package that it imports, directly or not."""
    found, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        if name != __name__:  # imports of this module store loops, but do not affect their code
            waiting += _direct_imports(name)
    return found


@cache
def _direct_imports(module: str) -> tuple[str, ...]:
    """Return the modules of this package that a module imports directly; each source is parsed once."""
    names: list[str] = []
    for node in ast.walk(ast.parse(_source(module))):
        if isinstance(node, ast.ImportFrom):
            package = _absolute(node, module)
            names += [package, *(f"{package}.{alias.name}" for alias in node.names)]  # a name may be a module
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return tuple(name for name in names if name.split(".")[0] == PACKAGE and _file(name) is not None)


def _absolute(node: ast.ImportFrom, module: str) -> str:
    """Return the full name of the module from which a statement imports names."""
    if not node.level:
        return str(node.module)
    path = _file(module)
    parts = module.split(".") + (["self"] if path is not None and path.name == "__init__.py" else [])
    return ".".join([*parts[: -node.level], *([node.module] if node.module else [])])


def _source(module: str) -> bytes:
    """Return the bytes of a module's source; empty for a module without a file, such as a notebook."""
    path = _file(module)
    return b"" if path is None else path.read_bytes()


def _file(module: str) -> Path | None:
    """Return the file of a module of this package, or of a loaded module; None if there is none."""
    package, *parts = module.split(".")
    if package == PACKAGE:
        path = Path(__file__).parents[1].joinpath(*parts)
        files = [path.with_name(f"{path.name}.py"), path / "__init__.py"]
    else:
        files = [Path(getattr(sys.modules.get(module), "__file__", None) or "")]
    return next((file for file in files if file.suffix == ".py" and file.is_file()), None)


def threaded(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Return a decorator like :func:`compiled` for loops over ``prange``, with torch's number of threads.

    For one thread the loop is compiled separately, without threads: on a busy machine, a call through a larger pool
    sometimes takes milliseconds.

    Arguments:
        **options: Further options of :func:`numba.njit`.

    Example:
        >>> @threaded(cache=False)
        ... def double(values, out):
        ...     for k in numba.prange(len(values)):
        ...         out[k] = 2 * values[k]
        >>> out = np.empty(2)
        >>> double(np.array([1.0, 3.0]), out)
        >>> out.tolist()
        [2.0, 6.0]
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., None]:
        alone = compiled(**options)(function)
        together = compiled(parallel=True, **options)(function)

        def call(*arguments: Any) -> None:
            threads = n_threads()
            if threads == 1:
                alone(*arguments)
            else:
                asked = torch.get_num_threads()
                numba.set_num_threads(threads)
                with _together():
                    together(*arguments)
                if torch.get_num_threads() != asked:  # both share a pool, and Numba's first call sets its size
                    torch.set_num_threads(asked)

        call.__doc__ = function.__doc__
        return call

    return decorate


_ONE_AT_A_TIME = threading.RLock()


def _together() -> AbstractContextManager[Any]:
    """Return a lock for Numba's own pool (without OpenMP), which crashes if two threads call it at once."""
    global _safe
    if not _safe:
        try:
            _safe = numba.threading_layer() != "workqueue"
        except ValueError:  # nothing has run in parallel yet
            return _ONE_AT_A_TIME
    return nullcontext() if _safe else _ONE_AT_A_TIME


_safe = False


def n_threads() -> int:
    """Return the number of threads of a loop: torch's, at most Numba's; one in a forked process.

    Example:
        >>> 1 <= n_threads() <= torch.get_num_threads()
        True
    """
    return 1 if is_forked() else min(torch.get_num_threads(), config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]


def _folder() -> Path:
    return cache_folder() / "kernels"
