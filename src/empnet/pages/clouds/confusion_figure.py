"""Draw which classes are taken for which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from empnet.pages.clouds.page_figure import page_figure, shortened
from empnet.pages.svg import COLOURS, new_figure

__all__ = ["confusion_figure", "draw_confusion"]

CELLS = {6: 0.62, 15: 0.46, np.inf: 0.25}
"""For each upper limit of the number of classes: size of a cell in inches."""

LEAST = 1.7
"""Smallest size of the matrix in inches: the labels beside it need as much."""

WORDY = 15
"""Number of classes above which cells have no room for percentages beside the counts."""

LETTERS = 22
"""Largest number of letters of a class's name."""


def confusion_figure(confusion: Int64[np.ndarray, "K K"], classes: Sequence[str], what: str = "systems") -> str:
    """Return the confusion matrix as a figure for a page.

    Arguments:
        confusion: Number of systems by true class (row) and predicted class (column), shape (K, K).
        classes: Names of the K classes.
        what: What is classified, in the plural.

    Example:
        >>> confusion_figure(np.array([[3, 1], [0, 2]]), ("car", "tree")).startswith("<svg")
        True
    """
    n = len(classes)
    side = max(n * next(size for most, size in CELLS.items() if n <= most), LEAST)
    letters = min(LETTERS, max(map(len, classes), default=1))
    names = 0.075 * letters
    with new_figure(side + names + 1.8, side + (names if _upright(classes) else 0.2) + 0.5) as figure:
        draw_confusion(figure.subplots(), confusion, classes, what)
        return page_figure(figure, f"Confusion matrix of {n} classes, {confusion.sum():,} {what}")


def draw_confusion(
    axes: Axes, confusion: Int64[np.ndarray, "K K"], classes: Sequence[str], what: str = "systems"
) -> None:
    """Draw the confusion matrix: right ones blue, mistakes orange, the stronger the larger their share of the row.

    Up to 15 classes, each cell has its count and its share of the row; with more, the count. At the right of each
    row are the number of its systems and the share of them that is right.

    Arguments:
        axes: The axes.
        confusion: Number of systems by true class (row) and predicted class (column), shape (K, K).
        classes: Names of the K classes.
        what: What is classified, in the plural.

    Example:
        >>> from matplotlib.figure import Figure
        >>> axes = Figure().subplots()
        >>> draw_confusion(axes, np.array([[3, 1], [0, 2]]), ("car", "tree"))
        >>> [text.get_text() for text in axes.texts]
        ['3\\n75 %', '1\\n25 %', '2\\n100 %']
    """
    n, counts = len(classes), confusion.sum(axis=1)
    share = np.divide(confusion, counts[:, None], out=np.zeros(confusion.shape), where=counts[:, None] > 0)
    axes.imshow(_colours(share), interpolation="nearest")
    for i, k in np.argwhere(confusion):
        text = f"{confusion[i, k]:,}" + (f"\n{_per_cent(share[i, k])}" if n <= WORDY else "")
        axes.text(k, i, text, ha="center", va="center", fontsize=8 if n <= WORDY else 6, linespacing=1.1)
    names = [shortened(name, LETTERS) for name in classes]
    axes.set_xticks(range(n), names, rotation=90 if _upright(classes) else 0, fontsize=8)
    axes.set_yticks(range(n), names, fontsize=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="0.5", alpha=0.3, linewidth=0.5)
    axes.tick_params(which="minor", length=0)
    axes.set(xlabel="predicted class", ylabel="true class")
    rights = zip(counts, np.diagonal(share), strict=True)
    _name_rows(axes, [f"{_per_cent(right)} of {count:,}" if count else "none" for count, right in rights], what)


def _upright(classes: Sequence[str]) -> bool:
    """Return True if the names of columns are written upwards, because they are wider than a cell."""
    return max(map(len, classes), default=0) > (4 if len(classes) <= WORDY else 2)


def _name_rows(axes: Axes, texts: list[str], what: str) -> None:
    """Write a text at the right of each row."""
    right = axes.secondary_yaxis("right")
    right.set_yticks(range(len(texts)), texts, fontsize=7)
    right.tick_params(length=0)
    right.spines["right"].set_visible(False)
    right.set_ylabel(f"right, of the class's {what}", fontsize=8)


def _colours(share: Float64[np.ndarray, "K K"]) -> Float64[np.ndarray, "K K 4"]:
    """Return colours whose opacity grows as the cube root of the share, so that rare mistakes can be seen."""
    rgba = np.empty((*share.shape, 4))
    rgba[..., :3] = to_rgb(COLOURS[1])
    rgba[np.arange(len(share)), np.arange(len(share)), :3] = to_rgb(COLOURS[0])
    rgba[..., 3] = 0.85 * np.cbrt(share)
    return rgba


def _per_cent(share: float) -> str:
    """Write a share; one that is not 0 or 1 is not rounded to it."""
    if 0 < share < 0.005:
        return "<1 %"
    return ">99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"
