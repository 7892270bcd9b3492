"""Figures of the study."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from empnet.apply.svg import COLOURS
from empnet.data.system import System
from empnet.studies.message_passing.blind_spots import BlindSpots
from empnet.studies.message_passing.clouds import SIDE, antiprism, displaced, hexagon, two_triangles
from empnet.studies.message_passing.contest import Contest
from empnet.studies.message_passing.far import SHIFTS, Far

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mpl_toolkits.mplot3d import Axes3D

__all__ = ["draw_clouds", "draw_errors", "draw_far"]


def draw_far(figure: Figure, far: Far) -> str:
    """Error of distances against the distance from the origin.

    Arguments:
        figure: To draw on.
        far: What was measured.
    """
    axes = figure.subplots()
    for name, errors in far.errors.items():
        axes.plot(SHIFTS, errors, marker="o", markersize=3, label=name)
    axes.axhline(SIDE, color="grey", linewidth=0.8, linestyle="--", label="a chemical bond")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="distance from the origin, angstrom",
        ylabel="largest error of a distance, angstrom",
    )
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    return (
        "Largest error of a distance in random systems that lie far from the origin. By matrix products (torch.cdist's "
        "way for more than 25 points) float32 loses a bond length within some thousand angstrom; differences in "
        "float64 stay below a billionth of an angstrom up to 1,000,000 angstrom."
    )


def draw_errors(figure: Figure, contest: Contest) -> str:
    """Errors of the networks on molecules as they are, turned and reordered.

    Arguments:
        figure: To draw on.
        contest: What was measured.
    """
    axes = figure.subplots()
    trials = {
        "dense": contest.dense,
        "convolutional": contest.convolutional,
        "dense,\nturned copies": contest.augmented,
        "message\npassing": contest.passing,
    }
    for place, how in enumerate(("error", "turned", "reordered")):
        values = [getattr(trial, how) for trial in trials.values()]
        label = "as they are" if how == "error" else how
        bars = axes.bar(np.arange(len(trials)) + 0.27 * (place - 1), values, 0.25, label=label)
        axes.bar_label(bars, fmt="%.1f", fontsize=8)
    axes.axhline(contest.composition, color="grey", linewidth=0.8, linestyle="--", label="composition alone")
    axes.set_xticks(np.arange(len(trials)), list(trials))
    axes.set_ylabel("mean absolute error, kcal/mol")
    axes.legend(frameon=False)
    return (
        f"Errors on {contest.test} test molecules of QM7 as they lie in the file, turned at random, and with their "
        f"atoms in another order; {contest.train} molecules for training. The message passing network's error is the "
        "same to rounding."
    )


def draw_clouds(figure: Figure, blind: BlindSpots) -> str:
    """The clouds that are hard to tell apart, with the distances around one of their particles.

    Arguments:
        figure: To draw on.
        blind: What was measured.
    """
    bent = displaced(antiprism(), blind.displaced)
    clouds = {"hexagon": hexagon(), "two turned triangles": bent, "two far triangles": two_triangles(3.5)}
    for place, (name, cloud) in enumerate(clouds.items()):
        axes: Axes3D = figure.add_subplot(1, 3, place + 1, projection="3d")  # type: ignore[assignment]
        _draw_cloud(axes, cloud)
        axes.set_title(name, fontsize=10, y=0.98)
    return (
        "Six equal particles, sides of 1.5 angstrom. The first two have the same distances around every particle "
        "(lines from one of them: blue one side, orange the root of three sides, green two sides), so no network on "
        "distances tells them apart, whatever its cutoff. With a cutoff below the orange distance, it cannot tell "
        "the third from them either (drawn closer than it is)."
    )


def _draw_cloud(axes: Axes3D, cloud: System) -> None:
    """The particles as seen in the plane of the hexagon, and the distances from the first one."""
    turn = np.array([[1.0, 1.0, 0.0], [-1.0, 1.0, -2.0], [1.0, -1.0, -1.0]])
    turn /= np.linalg.norm(turn, axis=1, keepdims=True)
    flat = np.ptp(cloud.positions[:, 2]) == 0
    r = cloud.positions - cloud.positions.mean(axis=0)
    r = r if flat else r @ turn.T
    lengths = (SIDE, SIDE * 3**0.5, 2 * SIDE)
    for i in range(1, len(r)):
        length = np.linalg.norm(r[i] - r[0])
        near = int(np.argmin(np.abs(np.subtract(lengths, length))))
        if not flat or near == 0:
            axes.plot(*np.stack([r[0], r[i]], axis=1), color=COLOURS[near], linewidth=1.6)
    axes.scatter(*r.T, s=50, color="grey", depthshade=False)
    axes.scatter(*r[:1].T, s=70, color=COLOURS[5], depthshade=False)
    axes.set_axis_off()
    axes.set_aspect("equal")
    axes.view_init(elev=35, azim=-70)
