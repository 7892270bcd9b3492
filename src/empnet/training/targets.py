"""Targets of a run: properties, labels and their units, filled in from the data and reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from empnet.errors import EmpnetError
from empnet.files.bundled import card as bundled_card
from empnet.files.stated import check_stated, first_of, plain_name, stated_unit, states_unit
from empnet.inspection.record import UNNAMED_UNIT
from empnet.system.system import System
from empnet.system.units import default_unit, parse_unit, per_particle
from empnet.training.class_targets import as_classes
from empnet.training.fine_tune import refuse_other_units
from empnet.training.run.config import TrainConfig
from empnet.training.run.journal import Journal

__all__ = ["IN_MEMORY", "configured", "name_derivatives", "name_targets", "refuse_per_particle"]

IN_MEMORY = "systems in memory"
"""Value of the setting ``data`` for data that came from no file."""


def configured(
    data: str | Path | Sequence[System], property_: str | Sequence[str] | None, settings: Mapping[str, Any]
) -> TrainConfig:
    """Return the configuration from arguments; arguments that are None keep their defaults.

    Arguments:
        data: A path, the name of bundled data, or systems.
        property_: The scalar to be learned, or several.
        settings: Other settings by name.

    Raises:
        EmpnetError: If a setting is unknown or does not fit.

    Example:
        >>> configured("qm7", None, {"width": 16, "lr": None}).width
        16
    """
    named = str(data) if isinstance(data, str | Path) else IN_MEMORY
    values = {"data": named, "property": property_, **settings}
    return TrainConfig.make({key: value for key, value in values.items() if value is not None})


def name_targets(
    config: TrainConfig, journal: Journal, data: str | Path | Sequence[System] | None = None
) -> TrainConfig:
    """Return the configuration with property and unit filled in; report those that are assumed.

    Bundled data have a known property and units. Otherwise the property is ``energy``, and energies are in eV.

    Arguments:
        config: The configuration as the user gave it.
        journal: Receives the assumptions.
        data: The data, for the units that they state; None for the data that the configuration names.

    Raises:
        EmpnetError: If a unit is unknown or contradicts the one that the data state, properties and baseline keys do
            not pair up, or the run that training starts from has a unit that cannot be converted.
    """
    bundled = bundled_card(config.data)
    source = config.data if data is None and config.data != IN_MEMORY else data or ()
    beginning = first_of(source)
    first = beginning.system
    if "length_unit" not in config.model_fields_set and beginning.length:
        config = config.model_copy(update={"length_unit": beginning.length})
        journal.say(f"lengths: in {beginning.length}, as the data state")
    if (classes := as_classes(config, source, journal)) is not None:
        return classes
    properties = config.property or ((bundled.property,) if bundled else ("energy",))
    given = config.unit * len(properties) if len(config.unit) == 1 else config.unit
    for text in given:
        if text != UNNAMED_UNIT:
            parse_unit(text)
    units = []
    config, properties = _in_plain_names(config, properties, first)
    for k, name in enumerate(properties):
        usual, stated = default_unit(name), "" if given else stated_unit(first, name)
        if given:
            check_stated(first, name, given[k])
            units.append(given[k])
        elif stated:
            units.append(stated)
            journal.say(f"{name}: in {stated}, as the data state")
        elif bundled and name in bundled.units:
            units.append(bundled.units[name])
        elif usual:
            units.append(usual.name)
            journal.say(f"{name}: assuming {usual.name} (change with --unit)")
        else:
            units.append(UNNAMED_UNIT)
            journal.say(f"{name}: the unit is unknown (name it with --unit)")
    if len(config.baseline_key) not in (0, len(properties)):
        raise EmpnetError(
            f"{len(config.baseline_key)} baseline keys for {len(properties)} properties",
            wanted="one for each property, or none",
        )
    for name, key, unit in zip(properties, config.baseline_key, units, strict=False):
        journal.say(f"{name}: the model learns its difference to {key}; assuming both are in {unit}")
    if not config.property:
        journal.say(f"property: {', '.join(properties)} [{', '.join(units)}]")
    config = config.model_copy(update={"property": tuple(properties), "unit": tuple(units)})
    refuse_other_units(config)
    return name_derivatives(config, journal, first)


def _in_plain_names(
    config: TrainConfig, properties: Sequence[str], first: System | None
) -> tuple[TrainConfig, tuple[str, ...]]:
    """Return the configuration and its properties under the names that the reader gives them."""
    update: dict[str, Any] = {"baseline_key": tuple(plain_name(first, key) for key in config.baseline_key)}
    for what in ("forces", "stress", "virial"):
        if (name := getattr(config, what)) is not None:
            update[what] = plain_name(first, name)
    return config.model_copy(update=update), tuple(plain_name(first, name) for name in properties)


def name_derivatives(config: TrainConfig, journal: Journal, first: System | None = None) -> TrainConfig:
    """Return the configuration with units of forces and stress filled in; report those that are assumed.

    By default forces are in the property's unit per length, a stress in the property's unit per volume.

    Arguments:
        config: The configuration, with the property and its unit.
        journal: Receives the assumptions.
        first: The first system of the data, for the units that it states.

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
        text = f"the unit of '{config.property[0]}' is not known, so ASE can run no dynamics with this potential"
        journal.say(f"warning: {text}; if it is a known unit, stop and say --unit")
    config = TrainConfig.make({**config.model_dump(), **stated_units}).assuming(units)
    _ = config.derivatives  # raises where a unit does not fit
    return config


def refuse_per_particle(config: TrainConfig) -> None:
    """Raise if an energy per particle is to be summed, or has forces or stress as derivatives.

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
