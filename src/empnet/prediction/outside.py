"""Systems out of distribution, and the reasons in words."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from empnet.dataset.coverage import BIN, DataCoverage
from empnet.dataset.dataset import Dataset
from empnet.system.one_hot import symbol
from empnet.training.run.model_file import ModelCard

__all__ = ["summary_outside", "why_outside"]


def why_outside(
    card: ModelCard,
    dataset: Dataset,
    spread: Float64[np.ndarray, "B F_prime"] | None,
    limits: Float64[np.ndarray, " F_prime"] | None,
) -> list[str]:
    """Explain for each system why it is unlike the training data; an empty text if it is not.

    There are two reasons. Two particles are nearer to each other than any two of their species in training, by more
    than a bin of 0.05 angstrom (within a bin, chance is enough). Or the standard deviation is larger than that of 99.5
    % of the training and validation set. An unknown species is an error before any prediction. Of clouds the second
    holds alone: distances of prepared points are alike in all of them.

    Arguments:
        card: The model's card, with the coverage of its training set.
        dataset: The systems with their neighbour lists.
        spread: Standard deviations of their predictions, as the limits have them; None if the run predicts none.
        limits: Limit of an ordinary standard deviation, for each property.

    Example:
        >>> from empnet.system.system import System
        >>> from empnet.model.architecture import Architecture
        >>> seen = DataCoverage((1,), (2, 2), 0.7, {(1, 1): ((0.7, 1.2),)})
        >>> card = ModelCard(Architecture(1, ("sum",)), (1,), ("energy",), ("eV",), seen=seen)
        >>> pairs = [System([[0, 0, 0], [0, 0, d]], [1, 1]) for d in (0.5, 1.0, 1.1)]
        >>> spread, limits = np.array([[0.1], [0.1], [0.9]]), np.array([0.3])
        >>> why_outside(card, Dataset.from_systems(pairs, 5.0), spread, limits)
        ['H-H 0.50 angstrom', '', 'energy +- 0.9 eV']
    """
    reasons: list[list[str]] = [[] for _ in range(len(dataset))]
    seen: DataCoverage | None = card.seen if card.preparation is None else None
    for system, ((a, b), d) in ({} if seen is None else seen.too_near(dataset, BIN)).items():
        reasons[system].append(f"{symbol(a)}-{symbol(b)} {d:.2f} angstrom")
    if spread is not None and limits is not None:
        for system, k in zip(*np.nonzero(spread > limits), strict=True):
            reasons[system].append(_too_wide(card, int(k), float(spread[system, k]), float(limits[k])))
    return ["; ".join(those) for those in reasons]


def _too_wide(card: ModelCard, k: int, spread: float, limit: float) -> str:
    """Return in words that a standard deviation is beyond its limit."""
    if card.classes:
        return f"{card.properties[k]}: {spread / limit:.2g} times as far from the training set as its farthest systems"
    if card.architecture.scale_power is not None:
        return f"{card.properties[k]} +- {100 * spread:.3g} %"
    return f"{card.properties[k]} +- {spread:.3g} {card.units[k]}"


def summary_outside(n: int, outside: int) -> str:
    """Return a summary line; empty if no frame is outside.

    Arguments:
        n: Number of predicted frames.
        outside: Number of frames that lie outside.

    Example:
        >>> summary_outside(500, 3)
        '3 of 500 frames are unlike the training data: see empnet_outside'
    """
    if not outside:
        return ""
    return f"{outside} of {n} frames {'is' if outside == 1 else 'are'} unlike the training data: see empnet_outside"
