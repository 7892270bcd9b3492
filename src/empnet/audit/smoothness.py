"""Check that value, slope and curvature of a prediction do not jump as a particle moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from empnet.audit.paths import Path, along, paths_of
from empnet.audit.record import AuditLine, verdict_of
from empnet.audit.subject import EPS, OPERATIONS, Subject, origin_of
from empnet.system.system import System

__all__ = ["smoothness_lines"]

NAMES = ("smooth value", "smooth slope", "smooth curvature")

CANDIDATES, HALVINGS = 2, 20
"""Number of searched intervals of a path for each derivative; number of halvings of each: down to a millionth."""


@dataclass(frozen=True, slots=True, eq=False)
class Jump:
    """Change of a derivative within one tiny interval of a path.

    Arguments:
        path: The path.
        k: Index of the property.
        t: Place on the path, in angstrom.
        change: The change, in the property's unit by angstrom to the power of the order.
        bound: Largest accepted change, in the same unit.
    """

    path: Path
    k: int
    t: float
    change: float
    bound: float


def smoothness_lines(subject: Subject, systems: Sequence[System], rng: np.random.Generator) -> list[AuditLine]:
    r"""Look for jumps of the value, the slope and the curvature along paths, in float64.

    On each path, the intervals are found where the change of the derivative differs most from the prediction by the
    next derivative: D_i = |y_{i+1} - y_i - h (y'_i + y'_{i+1}) / 2|. Each interval is halved 20 times, always into the
    half with the larger change. The change of a smooth function shrinks with the interval h, to at most h max |y'|; the
    change at a jump remains. The bound is

    .. math:: 8 \, \max_i |y_{i+1} - y_i| \, 2^{-20} + 64 \, \epsilon_{64} \, \Sigma |c| \, / \, \Delta^m

    The factor 8 allows for steeper slopes between the points. The last term is rounding: the m-th derivative of a
    spline with knots Delta apart takes m-th differences over the knots.

    Arguments:
        subject: The model under audit.
        systems: Systems for the paths; a few are enough.
        rng: Random generator for directions.
    """
    places = {
        path: origin_of(systems, s)
        for s, system in enumerate(systems)
        for path in paths_of(system, subject.cutoff, rng)
    }
    starts: list[list[Jump]] = [[], [], []]
    for path in places:
        y = along(subject.exact, [(path, float(t)) for t in path.t], max(1, path.order))
        magnitude = subject.base([path.at(float(path.t[0]))]).size.contributions[0]
        for order in range(path.order + 1):
            for k in range(y.shape[2]):
                starts[order] += _steepest(subject, path, k, order, y[:, :, k], float(magnitude[k]))
    return [_line(subject, order, _narrowed(subject, starts[order], order), places) for order in range(3)]


def _steepest(subject: Subject, path: Path, k: int, order: int, y: np.ndarray, magnitude: float) -> list[Jump]:
    """Return the intervals of a path where a jump is most likely, with the bounds on the change after halving."""
    h = np.diff(path.t)
    change = np.diff(y[order])
    explained = h * (y[order + 1][1:] + y[order + 1][:-1]) / 2 if order + 1 < len(y) else 0
    spacing = subject.predictor.model.spline.spacing
    rounding = OPERATIONS**2 * EPS["float64"] * magnitude / spacing**order
    bound = 8 * float(np.abs(change).max()) / 2**HALVINGS + rounding
    suspicious = np.argsort(-np.abs(change - explained), kind="stable")[:CANDIDATES]
    return [Jump(path, k, float(path.t[i]), float(h[i]), bound) for i in suspicious]


def _narrowed(subject: Subject, starts: Sequence[Jump], order: int) -> list[Jump]:
    """Halve each interval repeatedly towards the larger change; ``change`` holds the interval's width before that."""
    k = np.array([start.k for start in starts])
    left = np.array([start.t for start in starts])
    width = np.array([start.change for start in starts])
    row = np.arange(len(starts))

    def derivative(t: np.ndarray) -> np.ndarray:
        points = [(start.path, float(each)) for start, each in zip(starts, t, strict=True)]
        return along(subject.exact, points, order)[order][row, k]

    y_left, y_right = derivative(left), derivative(left + width)
    for _ in range(HALVINGS):
        width = width / 2
        y_middle = derivative(left + width)
        to_the_right = np.abs(y_right - y_middle) > np.abs(y_middle - y_left)
        left = np.where(to_the_right, left + width, left)
        y_left, y_right = np.where(to_the_right, y_middle, y_left), np.where(to_the_right, y_right, y_middle)
    changes = np.abs(y_right - y_left)
    found = zip(starts, left.tolist(), changes.tolist(), strict=True)
    return [Jump(start.path, start.k, t, change, start.bound) for start, t, change in found]


def _line(subject: Subject, order: int, jumps: Sequence[Jump], places: dict[Path, str]) -> AuditLine:
    card = subject.predictor.card
    worst = max(jumps, key=lambda jump: np.inf if np.isnan(jump.change) else jump.change / jump.bound)
    failed = not worst.change <= worst.bound
    at = f"jumps where {worst.path.what}, at {worst.t:.4f} angstrom" if failed else ""
    name = card.properties[worst.k] if len(card.properties) > 1 else ""
    unit = card.units[worst.k] + ("", "/angstrom", "/angstrom^2")[order]
    what = ("value", "slope", "curvature")[order]
    return AuditLine(
        NAMES[order],
        f"As a particle moves through the cutoff and among its neighbours, the {what} does not jump (float64).",
        worst.change,
        worst.bound,
        unit,
        verdict_of(not failed),
        remark="; ".join(part for part in (name, at) if part),
        where=places[worst.path],
    )
