"""Forked processes: they compute on one thread, and do not wait for the parent's OpenMP threads."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from functools import cache
from pathlib import Path

import torch
from threadpoolctl import ThreadpoolController

from empnet.errors import EmpnetError

__all__ = ["gnu_openmp", "is_forked", "use_threads"]

_forked = False

HARD = 2
"""OpenMP's constant for releasing threads and their resources."""


def is_forked() -> bool:
    """Return whether this process was forked from one that had loaded empnet.

    Only the forking thread exists in the child. GNU's OpenMP would still expect its other threads, and the first
    parallel region would wait for them forever. So these threads are released before each fork.

    Example:
        >>> is_forked()
        False
    """
    return _forked


def use_threads(count: int) -> None:
    """Set torch's number of threads.

    Arguments:
        count: Number of threads.

    Raises:
        EmpnetError: If a forked process requests more than one thread.
    """
    if _forked and count > 1:
        raise EmpnetError(
            f"{count} threads in a forked process, where compiled loops use only one",
            wanted="1 thread",
            remedy='or start the process with multiprocessing.get_context("spawn")',
        )
    torch.set_num_threads(count)


@cache
def gnu_openmp() -> list[ctypes.CDLL]:
    """Return the copies of GNU's OpenMP in this process, torch's own first.

    LLVM's and Intel's are not among them: they handle forks themselves.

    Example:
        >>> all(isinstance(library, ctypes.CDLL) for library in gnu_openmp())
        True
    """
    found = ThreadpoolController().select(user_api="openmp").lib_controllers
    paths = [each.filepath for each in found if "gomp" in str(each.prefix)]
    paths.sort(key=lambda path: "torch" not in Path(path).parts)
    return [ctypes.CDLL(path) for path in paths]


def _before_fork() -> None:
    """Release the pool of the forking thread; the next parallel region starts a new one."""
    for library in gnu_openmp():
        with suppress(AttributeError):  # the library is older than OpenMP 5
            library.omp_pause_resource_all(HARD)


def _after_fork() -> None:
    global _forked
    _forked = True
    torch.set_num_threads(1)  # otherwise each process of a pool would use all cores


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
