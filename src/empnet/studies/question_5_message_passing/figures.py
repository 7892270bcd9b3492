"""Figures of the study of message passing."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from empnet.pages.svg import COLOURS
from empnet.studies.question_5_message_passing.blind_spots import BlindSpots
from empnet.studies.question_5_message_passing.clouds import SIDE, antiprism, displaced, hexagon, two_triangles
from empnet.studies.question_5_message_passing.contest import Contest
from empnet.studies.question_5_message_passing.far import SHIFTS, Far
from empnet.system.system import System

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_clouds", "draw_errors", "draw_far"]

NEAR = 0.2
"""Distances that differ by less, in angstrom, have the same colour."""

SLANT = np.radians(35.0)
"""Elevation of the viewpoint above the plane of the hexagon, in radians."""


def draw_far(figure: Figure, far: Far) -> str:
    """Draw the error of distances against the distance from the origin.

    Arguments:
        figure: Figure to draw on.
        far: Measurement.
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
    """Draw errors of the networks on original, rotated and reordered molecules.

    Arguments:
        figure: Figure to draw on.
        contest: Measurement.
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
    axes.set_ylim(top=1.35 * axes.get_ylim()[1])  # room for the legend
    axes.set_xticks(np.arange(len(trials)), list(trials))
    axes.set_ylabel("mean absolute error, kcal/mol")
    axes.legend(frameon=False, ncols=2)
    return (
        f"Errors on {contest.test} test molecules of QM7 as they lie in the file, turned at random, and with their "
        f"atoms in another order; {contest.train} molecules for training. Networks on coordinates were trained for "
        f"{contest.steps:,} steps, message passing for {contest.steps_passing:,}, each of which takes some ten times "
        "as long; its error is the same to rounding, however long it is trained."
    )


def draw_clouds(figure: Figure, blind: BlindSpots) -> str:
    """Draw the clouds that are hard to distinguish, with the distances around one of their particles.

    Arguments:
        figure: Figure to draw on.
        blind: Measurement.
    """
    bent = displaced(antiprism(), blind.displaced)
    panels = figure.subplot_mosaic([["hexagon", "two triangles, turned"], ["two triangles, far"] * 2])
    ups = ((1, -1, -1), (1, 1, 1), (0, 0, 1))
    for name, cloud, up in zip(panels, (hexagon(), bent, two_triangles(4.5)), ups, strict=True):
        _draw_cloud(panels[name], cloud, up)
        panels[name].set_title(name, fontsize=10)
    handles, labels = panels["hexagon"].get_legend_handles_labels()
    panels["two triangles, far"].legend(handles, labels, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return (
        "Six equal particles, seen at a slant. In the first two clouds the same distances lie around every particle "
        "(drawn for one of them), so no network on distances distinguishes them, whatever its cutoff. With a cutoff "
        "below 2.60 angstrom it cannot distinguish the hexagon from the third cloud, either, whose triangles lie 10 "
        "angstrom apart (drawn closer)."
    )


def _draw_cloud(axes: Axes, cloud: System, up: tuple[int, int, int]) -> None:
    """Draw the particles in parallel projection, sides in grey, distances from the first particle in colour.

    Arguments:
        axes: Axes to draw on.
        cloud: Six particles.
        up: The cloud's axis, which points upwards, so that the first particle lies to the right.
    """
    r = cloud.positions - cloud.positions.mean(axis=0)
    w = np.asarray(up) / np.linalg.norm(up)
    u = r[0] - (r[0] @ w) * w
    u /= np.linalg.norm(u)
    seen = np.stack([r @ u, np.sin(SLANT) * r @ np.cross(w, u) + np.cos(SLANT) * r @ w], axis=1)
    lengths = np.linalg.norm(r[:, None] - r[None], axis=-1)
    for i, j in itertools.combinations(range(len(r)), 2):
        if abs(lengths[i, j] - SIDE) < NEAR:
            axes.plot(*seen[[i, j]].T, color="grey", linewidth=0.8)
    distances = (SIDE, SIDE * 3**0.5, 2 * SIDE)
    labelled: set[int] = set()
    for i in np.argsort(lengths[0])[1:]:
        kind = int(np.argmin(np.abs(np.subtract(distances, lengths[0, i]))))
        label = None if kind in labelled else f"{distances[kind]:.2f} angstrom"
        if abs(lengths[0, i] - distances[kind]) < NEAR:
            axes.plot(*seen[[0, i]].T, color=COLOURS[kind], linewidth=2.2, label=label)
            labelled.add(kind)
    axes.scatter(seen[:, 0], seen[:, 1], s=60, color="grey", zorder=3)
    axes.scatter(seen[:1, 0], seen[:1, 1], s=80, color=COLOURS[5], zorder=4)
    axes.set_axis_off()
    axes.set_aspect("equal")
    axes.margins(0.08)
