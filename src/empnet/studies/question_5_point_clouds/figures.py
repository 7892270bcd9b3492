"""Figure of the study: accuracies of all classifiers on upright, turned and tilted clouds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from empnet.studies.question_5_point_clouds.measurement import PARTS, PointCloudTrials

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_accuracies"]

WORDS = {"upright": "upright", "turned": "turned about z", "tilted": "tilted"}


def draw_accuracies(figure: Figure, e: PointCloudTrials) -> str:
    """Draw the balanced accuracy of each classifier, with its interval, for each orientation of the test clouds.

    Arguments:
        figure: Figure to draw on.
        e: Measurement.
    """
    axes = figure.subplots()
    places = np.arange(len(PARTS))
    for row, (case, words) in enumerate(WORDS.items()):
        found = [e.trials[part].accuracy(case) for part in PARTS]
        values = np.array([each.value for each in found])
        ends = np.array([[each.value - each.low, each.high - each.value] for each in found]).T
        where = places + 0.27 * (row - 1)
        axes.barh(where, values, 0.25, xerr=ends.clip(0), error_kw={"linewidth": 0.8, "ecolor": "grey"}, label=words)
    axes.axvline(1 / len(e.classes), color="grey", linewidth=0.8, linestyle="--", label="chance")
    axes.set_yticks(places, list(PARTS.values()))
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="balanced accuracy")
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=4, frameon=False)
    clouds = len(e.trials["full"].labels)
    return (
        f"Balanced accuracy on {clouds} test clouds of {len(e.classes)} classes, {e.points} points each, with 95 % "
        f"intervals over the clouds; {e.train} clouds for training, all upright, {e.seeds} "
        f"training{'s' if e.seeds > 1 else ''} of each network. Pictures and PointNet were trained on clouds turned "
        "about z, or in all orientations where it says so."
    )
