"""Forked processes compute on one thread: the parent's OpenMP threads do not exist in them."""

from __future__ import annotations

import os

import torch

from empnet.data.errors import EmpnetError

__all__ = ["is_forked", "use_threads"]

_forked = False


def is_forked() -> bool:
    """Whether this process was forked from one that had loaded empnet.

    Only the thread that forks lives on in the child, but OpenMP still counts on its other threads there: the first
    region of more than one thread waits for them for ever.

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
        EmpnetError: If a forked process asks for more than one.
    """
    if _forked and count > 1:
        raise EmpnetError(
            f"{count} threads in a forked process would wait for ever for those of its parent",
            wanted="1 thread",
            remedy='or start the process with multiprocessing.get_context("spawn")',
        )
    torch.set_num_threads(count)


def _after_fork() -> None:
    global _forked
    _forked = True
    torch.set_num_threads(1)  # a region of one thread starts no pool


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork)
