"""Check that value, slope and curvature of a prediction change without a jump as a particle moves."""

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
"""Intervals of a path that are looked into for each derivative, and how often each is halved: to a millionth."""


@dataclass(frozen=True, slots=True, eq=False)
class Jump:
    """By how much a derivative changes within one tiny interval of a path.

    Arguments:
        path: The path.
        k: Number of the property.
        t: Where on the path, angstrom.
        change: The change.
        bound: What it may be.
    """

    path: Path
    k: int
    t: float
    change: float
    bound: float


def smoothness_lines(subject: Subject, systems: Sequence[System], rng: np.random.Generator) -> list[AuditLine]:
    r"""Look for jumps of the value, the slope and the curvature along paths, in float64.

    On each path the intervals are found in which the derivative changes most, apart from what the next derivative
    explains: D_i = |y_{i+1} - y_i - h (y'_i + y'_{i+1}) / 2|. Each of them is halved 20 times, always into the half
    with the larger change. The change of a smooth function shrinks with the interval, to at most h max |y'|; that of
    a jump stays. So it may be

    .. math:: 8 \, \max_i |y_{i+1} - y_i| \, 2^{-20} + 64 \, \epsilon_{64} \, \Sigma |c| \, / \, \Delta^m

    where the 8 allows for slopes between the points that are steeper than any seen, and the last term is rounding: the
    m-th derivative of a spline whose knots are Delta apart takes m-th differences over them.

    Arguments:
        subject: The model under audit.
        systems: Where the paths lead through; a few are enough.
        rng: For directions.
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
    """The intervals of a path in which a jump is most likely, and the bounds once they are halved."""
    h = np.diff(path.t)
    change = np.diff(y[order])
    explained = h * (y[order + 1][1:] + y[order + 1][:-1]) / 2 if order + 1 < len(y) else 0
    spacing = subject.predictor.model.spline.spacing
    rounding = OPERATIONS**2 * EPS["float64"] * magnitude / spacing**order
    bound = 8 * float(np.abs(change).max()) / 2**HALVINGS + rounding
    suspicious = np.argsort(-np.abs(change - explained), kind="stable")[:CANDIDATES]
    return [Jump(path, k, float(path.t[i]), float(h[i]), bound) for i in suspicious]


def _narrowed(subject: Subject, starts: Sequence[Jump], order: int) -> list[Jump]:
    """Each interval (of width ``change``, until it is known) halved again and again towards its larger change."""
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
        f"As a particle moves through the cutoff and among its neighbours, the {what} has no jump (float64).",
        worst.change,
        worst.bound,
        unit,
        verdict_of(not failed),
        remark="; ".join(part for part in (name, at) if part),
        where=places[worst.path],
    )
