"""Forces and stress in a run: their units named, and what frames have of them."""

from __future__ import annotations

from empnet.data.dataset import Dataset
from empnet.data.inspection.record import UNNAMED_UNIT
from empnet.data.stated import check_stated, stated_unit
from empnet.data.system import System
from empnet.learn.config import TrainConfig
from empnet.learn.journal import Journal

__all__ = ["name_derivatives", "tell_labels"]


def name_derivatives(config: TrainConfig, journal: Journal, first: System | None = None) -> TrainConfig:
    """The configuration with the units of forces and stress filled in, and said aloud where they are assumed.

    Forces are taken to be in the property's unit per length, a stress in the property's unit per volume.

    Arguments:
        config: The configuration, with the property and its unit.
        journal: Where assumptions are told.
        first: The first of the data, for the units that they state.

    Raises:
        EmpnetError: If a unit is unknown, contradicts the one that the data state, or measures something else.
    """
    (unit, *_), length, units = config.unit, config.length_unit, {}
    usual = {"forces": f"{unit}/{length}", "stress": f"{unit}/{length}^3", "virial": unit}
    for what, assumed in usual.items():
        name, given = getattr(config, what), getattr(config, f"{what}_unit")
        if name is None:
            continue
        stated = stated_unit(first, name) or stated_unit(first, what)
        if given is not None:
            check_stated(first, name if stated_unit(first, name) else what, given, f"--{what}-unit")
            continue
        if stated:
            units[f"{what}_unit"] = stated
            journal.say(f"{what}: in {stated}, as the data state")
            continue
        if unit == UNNAMED_UNIT:
            journal.say(f"{what}: taken to be in the unit of {config.property[0]}, which is not known, and angstrom")
            continue
        units[f"{what}_unit"] = assumed
        journal.say(f"{what}: taken to be in {assumed}; if it is not, say --{what}-unit")
    config = TrainConfig.make({**config.model_dump(), **units})
    _ = config.derivatives  # raises where a unit does not fit
    return config


def tell_labels(dataset: Dataset, journal: Journal) -> None:
    """Tell which systems lack forces or stress, and that constraints change no force.

    Arguments:
        dataset: The data.
        journal: Where it is told.
    """
    labels = {"forces": dataset.with_forces if dataset.has_forces else None}
    labels["stress"] = dataset.with_stress if dataset.has_stress else None
    for what, there in labels.items():
        if there is not None and not there.all():
            told = f"{what}: {int(there.sum())} of {len(dataset)} systems have them; the others train what they have"
            journal.say(told)
    held = int(dataset.arrays["constrained"].sum()) if dataset.has_forces else 0
    if held:
        journal.say(f"forces: constraints hold particles in {held} systems; forces are read raw, as they stand")
