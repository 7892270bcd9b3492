"""Recipe of a data set: everything but the data."""

from __future__ import annotations

from dataclasses import dataclass, field

from empnet.system.label_spec import LabelSpec

__all__ = ["Recipe"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings that make a data set from data.

    Arguments:
        properties: Names of the scalars to be learned; none for data without labels.
        baseline_keys: For each property a scalar of the data that is subtracted from it (delta learning); or none.
        cutoff: Range of the neighbour lists in angstrom.
        features: Names of the per-particle arrays that join the one-hot species.
        length_unit: Unit of lengths in the data.
        derivatives: Forces and stress that are to be learned.
    """

    properties: tuple[str, ...]
    cutoff: float
    features: tuple[str, ...] = ()
    length_unit: str = "angstrom"
    baseline_keys: tuple[str, ...] = ()
    derivatives: LabelSpec = field(default_factory=LabelSpec)
