"""Recipe of a data set: all settings, without the data."""

from __future__ import annotations

from dataclasses import dataclass, field

from empnet.preparation.preparation import Preparation
from empnet.system.label_spec import LabelSpec

__all__ = ["Recipe"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings for building a data set.

    Arguments:
        properties: Names of the target scalars; empty for data without labels.
        baseline_keys: Name of the scalar to subtract from each property (delta learning); empty for none.
        cutoff: Cutoff of the neighbour lists in angstrom.
        features: Names of the per-particle arrays to add to the one-hot species.
        length_unit: Unit of lengths in the data.
        derivatives: Forces and stress to train on.
        classes: Whether the property is a class: a text, or a whole number.
        preparation: Preparation of clouds; None: particles are taken as they are.
        variant: Number of an augmented variant of each cloud; 0: the clouds themselves.
        scaled: Whether variants are scaled.
    """

    properties: tuple[str, ...]
    cutoff: float
    features: tuple[str, ...] = ()
    length_unit: str = "angstrom"
    baseline_keys: tuple[str, ...] = ()
    derivatives: LabelSpec = field(default_factory=LabelSpec)
    classes: bool = False
    preparation: Preparation | None = None
    variant: int = 0
    scaled: bool = True
