"""Pieces of a stream of systems that are predicted at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from empnet.dataset.dataset import MAX_PAIRS
from empnet.preparation.preparation import are_clouds
from empnet.system.system import System

__all__ = ["pieces"]

KEPT = 40
"""Points of a cloud that count as one particle: most of them are left out before the network sees the cloud."""


def pieces(systems: Iterable[System]) -> Iterator[list[System]]:
    """Yield systems in order, in pieces small enough to be predicted at once.

    Arguments:
        systems: Any iterable of systems.

    Example:
        >>> [len(piece) for piece in pieces([System(np.random.rand(1000, 3), species=[1] * 1000)] * 5)]
        [2, 2, 1]
    """
    waiting: list[System] = []
    particles = 0
    for system in systems:
        load = len(system) // KEPT if are_clouds(system) else len(system)
        if waiting and particles + load > MAX_PAIRS // 20:
            yield waiting
            waiting, particles = [], 0
        waiting.append(system)
        particles += load
    if waiting:
        yield waiting
