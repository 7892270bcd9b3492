"""Figures of the pixels that reach the first layer, and of the classifier's largest output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from empnet.pages.svg import COLOURS
from empnet.studies.question_2a_image_classifier.measurement import Classifying

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_outputs", "draw_reached"]


def draw_reached(figure: Figure, e: Classifying) -> str:
    """Draw the pixels that reach a unit of the first layer."""
    from matplotlib.colors import ListedColormap

    axes = figure.subplots()
    size = len(e.pixels)
    shown = np.where(e.pixels, 1.0, np.nan)  # the others stay empty
    axes.imshow(shown, cmap=ListedColormap([COLOURS[0]]), interpolation="none")
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), xlabel="column (pixels)", ylabel="row (pixels)")
    return (
        f"Pixels that reach the unit in the middle of the first layer, found by its gradient: {e.pixels.sum():,} of "
        f"{e.pixels.size:,}. From all others it gets nothing."
    )


def draw_outputs(figure: Figure, e: Classifying) -> str:
    """Draw a histogram of the largest output."""
    axes = figure.subplots()
    axes.hist(e.outputs.max(1), bins=np.linspace(0, 1, 41).tolist())
    axes.set(xlabel="largest entry of the output", ylabel="pictures", xlim=(0, 1.01))
    return f"The largest of the eight outputs for {len(e.outputs):,} pictures of other hands than those of training."
