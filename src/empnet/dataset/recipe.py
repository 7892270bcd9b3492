"""Recipe of a data set: all settings, without the data."""

from __future__ import annotations

from dataclasses import dataclass, field

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
    """

    properties: tuple[str, ...]
    cutoff: float
    features: tuple[str, ...] = ()
    length_unit: str = "angstrom"
    baseline_keys: tuple[str, ...] = ()
    derivatives: LabelSpec = field(default_factory=LabelSpec)
