"""Pieces of a stream of systems that are predicted at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from empnet.dataset.dataset import MAX_PAIRS
from empnet.system.system import System

__all__ = ["pieces"]


def pieces(systems: Iterable[System]) -> Iterator[list[System]]:
    """Yield systems in order, in pieces small enough to be predicted at once.

    Arguments:
        systems: Any iterable of systems.

    Example:
        >>> [len(piece) for piece in pieces([System(np.random.rand(1000, 3))] * 5)]
        [2, 2, 1]
    """
    waiting: list[System] = []
    particles = 0
    for system in systems:
        if waiting and particles + len(system) > MAX_PAIRS // 20:
            yield waiting
            waiting, particles = [], 0
        waiting.append(system)
        particles += len(system)
    if waiting:
        yield waiting
