"""Paths on which one particle moves, and a model's value, slope and curvature along them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from empnet.audit.variants import boxed, opened, reordered
from empnet.prediction.predictor import Predictor
from empnet.system.batch import Batch
from empnet.system.system import System

__all__ = ["Path", "along", "paths_of"]

COMPANY = 12
"""Largest number of particles in a path's system, to save time: the nearest neighbours of the moving particle."""

WINDOW, CROWD = 0.1, 1.0
"""Distance of the narrow path's ends from the cutoff, and length of the path among neighbours, in angstrom."""

STEP = 0.02
"""Spacing of points on the path among neighbours, in angstrom: half the spacing of the default filter's knots."""

Point = tuple["Path", float]


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """A system in which one particle moves along a line.

    Arguments:
        system: The system.
        row: Row of the moving particle.
        direction: A unit vector, shape (3,).
        t: Displacement of the particle at each point of the path, in angstrom, ascending, shape (M,).
        order: Order of the highest derivative to test.
        what: The motion, in words.
    """

    system: System
    row: int
    direction: Float64[np.ndarray, " 3"]
    t: Float64[np.ndarray, " M"]
    order: int
    what: str

    def at(self, t: float) -> System:
        """Return the system with the particle moved by t."""
        positions = self.system.positions.copy()
        positions[self.row] += t * self.direction
        return replace(self.system, positions=positions)


def paths_of(system: System, cutoff: float, rng: np.random.Generator) -> list[Path]:
    """Return paths on which a distance passes the cutoff, or on which neighbours of a particle change.

    1. A copy of the outermost particle passes the cutoff of that particle. No other particle is in range, so even small
       jumps of the value, the slope and the curvature are visible.
    2. Two particles, one after the other, move among neighbours (in the periodic system, or in an open one packed with
       its images). There they have many neighbours at all distances. If a model limits the number of neighbours, it
       drops some on the way, and the value jumps.

    Arguments:
        system: A system; its outermost particle and the nearest neighbours of that particle are used.
        cutoff: Interaction cutoff in angstrom.
        rng: Random generator for the direction among neighbours.
    """
    cluster, direction, nearest = _cluster(system)
    n = len(cluster)
    probe = reordered(cluster, np.append(np.arange(n), 0))  # the outermost particle is the first
    edge = np.linspace(cutoff - WINDOW, cutoff + WINDOW, 40)  # an even number: the cutoff is not one of the points
    paths = [Path(probe, n, direction, edge, 2, "a copy of the outermost particle moves away from it")]
    if n > 1:
        crowd = system if any(system.pbc) and len(system) <= 2 * COMPANY else boxed(cluster, nearest)
        text = "a particle moves among its neighbours in a periodic box"
        for row in (0, len(crowd) - 1):
            heading = rng.normal(size=3)
            paths.append(Path(crowd, row, heading / np.linalg.norm(heading), np.arange(0, CROWD, STEP), 0, text))
    return paths


def _cluster(system: System) -> tuple[System, np.ndarray, float]:
    """Return the outermost particle with its nearest neighbours, the outward direction, and the shortest distance."""
    r = system.positions - system.positions.mean(axis=0)
    outermost = int(np.argmax(np.linalg.norm(r, axis=1)))
    outwards = r[outermost] if r[outermost].any() else np.array([1.0, 0.0, 0.0])
    d = np.linalg.norm(r - r[outermost], axis=1)
    rows = np.argsort(d, kind="stable")[:COMPANY]
    nearest = float(d[rows[1]]) if len(rows) > 1 else np.inf
    return opened(reordered(system, rows)), outwards / np.linalg.norm(outwards), nearest


def along(predictor: Predictor, points: Sequence[Point], order: int) -> Float64[np.ndarray, "order_1 M F_prime"]:
    """Return the value and its derivatives along the path at some points, with new neighbour lists at each point.

    Arguments:
        predictor: The model, in float64.
        points: M pairs of a path and a displacement on it, in angstrom.
        order: Order of the highest derivative, up to 2.

    Returns:
        Shape (order + 1, M, F'), in the properties' units by angstrom to the power of the order.
    """
    dataset, card = predictor.dataset([path.at(t) for path, t in points]), predictor.card
    pieces = []
    for chunk in dataset.chunks(np.arange(len(dataset))):
        batch = dataset.batch(chunk, card.encoder, card.torch_dtype)
        pieces.append(_derivatives(predictor, batch, [points[index][0] for index in chunk], order))
    return np.concatenate(pieces, axis=1)


def _derivatives(predictor: Predictor, batch: Batch, paths: Sequence[Path], order: int) -> np.ndarray:
    t = torch.zeros(len(paths), dtype=torch.float64, requires_grad=order > 0)
    first = torch.bincount(batch.system_of, minlength=len(paths)).cumsum(0).roll(1)
    first[0] = 0
    moving = first + torch.tensor([path.row for path in paths])
    directions = torch.from_numpy(np.stack([path.direction for path in paths]))
    positions = batch.positions.index_add(0, moving, t[:, None] * directions)
    with torch.set_grad_enabled(order > 0):
        y = predictor.model(replace(batch, positions=positions))
    columns = [_column(y[:, k], t, order) for k in range(y.shape[1])]
    return torch.stack(columns, dim=2).numpy()


def _column(y: Tensor, t: Tensor, order: int) -> Float64[Tensor, "order_1 M"]:
    found = [y.detach()]
    for m in range(order):
        tied = y.sum() + 0 * t.sum()  # so the derivative exists even if no particle is in range
        (y,) = torch.autograd.grad(tied, t, create_graph=m + 1 < order, retain_graph=True)
        found.append(y.detach())
    return torch.stack(found)
