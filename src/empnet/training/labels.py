"""Forces and stress in a run: their units named, and what frames have of them."""

from __future__ import annotations

import numpy as np

from empnet.dataset.dataset import Dataset
from empnet.errors import EmpnetError
from empnet.files.stated import check_stated, stated_unit, states_unit
from empnet.inspection.record import UNNAMED_UNIT
from empnet.system.label_spec import UNEVEN
from empnet.system.one_hot import symbol
from empnet.system.system import System
from empnet.system.units import per_particle
from empnet.training.run.config import TrainConfig
from empnet.training.run.journal import Journal

__all__ = ["name_derivatives", "refuse_per_particle", "tell_isolated", "tell_labels"]


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
    (unit, *_), length = config.unit, config.length_unit
    units: dict[str, str] = {}
    stated_units: dict[str, str] = {}
    refuse_per_particle(config)
    usual = {"forces": f"{unit}/{length}", "stress": f"{unit}/{length}^3", "virial": unit}
    for what, assumed in usual.items():
        name, given = getattr(config, what), getattr(config, f"{what}_unit")
        if name is None:
            continue
        called = name if states_unit(first, name) else what
        if given is not None:
            check_stated(first, called, given, f"--{what}-unit")
            continue
        if stated := stated_unit(first, called):
            stated_units[f"{what}_unit"] = stated
            journal.say(f"{what}: in {stated}, as the data state")
            continue
        if unit == UNNAMED_UNIT:
            journal.say(f"{what}: assuming the unit of {config.property[0]}, which is unknown, and angstrom")
            continue
        units[f"{what}_unit"] = assumed
        journal.say(f"{what}: assuming {assumed} (change with --{what}-unit)")
    if unit == UNNAMED_UNIT and any(getattr(config, what) is not None for what in usual):
        told = f"the unit of '{config.property[0]}' is not known, so ASE can run no dynamics with this potential"
        journal.say(f"warning: {told}; if it is a known unit, stop and say --unit")
    config = TrainConfig.make({**config.model_dump(), **stated_units}).assuming(units)
    _ = config.derivatives  # raises where a unit does not fit
    return config


def tell_isolated(dataset: Dataset, config: TrainConfig, journal: Journal) -> None:
    """Tell which free atoms the data hold, their energies, and what becomes of them.

    Arguments:
        dataset: The data.
        config: Names and units of the properties.
        journal: Where it is told.
    """
    alone = np.flatnonzero(dataset.isolated)
    if not len(alone):
        return
    kinds = dataset.kinds_of(alone)
    energies = [
        f"{symbol(int(kind))} {np.mean(dataset.targets[alone[kinds == kind], 0]):.6g}" for kind in np.unique(kinds)
    ]
    journal.say(
        f"free atoms: {len(alone)} systems are one particle, without neighbours or labelled as an isolated atom and so "
        "read without periodic images "
        f"({config.property[0]}: {', '.join(energies)} {config.unit[0]}); they stay in training, and the composition "
        "baseline is fitted to the other systems, which are bound; dissociation limits are not learned: do not trust "
        "energies of atoms far apart"
    )


def refuse_per_particle(config: TrainConfig) -> None:
    """Raise if forces or stress are to be the slope of an energy per particle, or such an energy is to be summed.

    Arguments:
        config: The configuration, with properties and units.

    Raises:
        EmpnetError: If so.
    """
    units = zip(config.property, config.unit, strict=False)
    name, unit = next((pair for pair in units if per_particle(pair[1])), ("", ""))
    if not unit:
        return
    remedy = f"multiply '{name}' by each system's number of particles in the data, and say --unit"
    if config.forces or config.stress or config.virial:
        what = "forces" if config.forces else "stress"
        raise EmpnetError(f"'{name}' is in {unit}, but {what} belong to the energy of the whole system", remedy=remedy)
    if config.pooling == "sum":
        raise EmpnetError(f"'{name}' is in {unit}, per particle: it does not add up", wanted="--pooling mean or auto")


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
    uneven = np.asarray(dataset.arrays.get("uneven", np.zeros(1)))
    if count := int((uneven > UNEVEN).sum()):
        worst = int(np.argmax(uneven))
        journal.say(
            f"warning: stress: the 3 x 3 tensors of {count} of {len(dataset)} systems are not symmetric, by up to "
            f"{uneven[worst]:.1%} of their largest component ({dataset.origin(worst)}); the mean of mirrored "
            "components is learned"
        )
    held = int(dataset.arrays["constrained"].sum()) if dataset.has_forces else 0
    if held:
        journal.say(f"forces: constraints hold particles in {held} systems; forces are read raw, as they stand")
