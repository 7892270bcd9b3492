"""Settings of clouds that the data decide: preparation, units of length, cutoff, classes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from empnet.dataset.crowding import WANTED, usual_cutoff
from empnet.errors import EmpnetError
from empnet.files.bundled import card as bundled_card
from empnet.files.source import iter_systems
from empnet.files.stated import first_system
from empnet.preparation.invariants import LOG_SIZE, LOG_SPACING
from empnet.preparation.preparation import Preparation, PreparedCloud, are_clouds, prepare
from empnet.system.system import System
from empnet.training.run.config import TrainConfig
from empnet.training.run.journal import Journal

__all__ = ["PRESET", "adopt_cloud_settings", "refuse_pooled"]

PRESET: dict[str, Any] = {"points": 256, "width": 32, "layers": 2, "moments": 2, "lr": 2e-3, "loss": "huber"}
"""Settings for clouds that the user leaves out, chosen by experiment (docs/clouds.md)."""

LOOKED_AT = 2_000
"""Number of systems, from the first on, that decide."""

SAMPLE = 60
"""Number of these that are prepared, evenly spaced."""

LOOKED_AT_POINTS, HELD_POINTS = 50_000_000, 10_000_000
"""Numbers of points that are read and held at most in that look: a folder of scans may be larger than memory."""

ALIKE = 1.5
"""Ratio of large to small spacings (90th to 10th percentile) up to which one unit of length serves all clouds."""

FEW_CLOUDS = 20
"""Number of clouds below which they do not show how a property grows."""

GROWS, NEAR = 0.9, 0.25
"""A property grows with size if the logarithms of both are correlated, and the power is near a whole number."""

UNITLESS = 50.0
"""Ratio of large to small sizes (95th to 5th percentile) from which clouds cannot have one unit of length."""


def adopt_cloud_settings(
    config: TrainConfig, data: str | Path | Sequence[System], given: Mapping[str, Any], journal: Journal
) -> TrainConfig:
    """Return the configuration with the settings of clouds filled in; report what the data decided.

    Arguments:
        config: The configuration, with property and unit named.
        data: A path, the name of bundled data, or systems.
        given: Settings that the user gave.
        journal: Receives the choices.

    Raises:
        EmpnetError: If settings of clouds are given for data that are none, or a cloud has too few points.
    """
    first = first_system(data)
    derivatives = config.forces or config.stress or config.virial
    if not are_clouds(first) or derivatives or config.points == 0:
        _refuse_for_particles(config, given, first)
        config = config.model_copy(update={"points": 0})
        return _with_usual_cutoff(config, data, journal) if given.get("cutoff") == "auto" else config
    preset = {**PRESET, **_settings_of_card(config)}
    values = {name: value for name, value in preset.items() if given.get(name) is None and not _sized(name, given)}
    if "scale_power" in values:
        journal.say(f"{config.property[0]}: grows with size to the {values['scale_power']:g}, as the data's card says")
    config = config.model_copy(update=values)
    clouds = [prepare(system, Preparation(points=config.points or 0)) for system in _sample(data, config)]
    if not config.classes and "scale_power" not in preset and given.get("scale_power") is None:
        config = config.model_copy(update={"scale_power": _scale_power(clouds, config, journal)})
    if total := sum(cloud.merged for cloud in clouds):
        journal.say(f"points that coincide are merged: {total:,} in {len(clouds)} clouds looked at")
    length, sized = _length(clouds, config, journal), _are_sized(clouds, config, journal)
    config = config.model_copy(update={"length": length, "sized": sized})
    if given.get("cutoff") in (None, "auto"):
        config = config.model_copy(update={"cutoff": _cutoff(clouds, config, journal)})
    return config


def _with_usual_cutoff(config: TrainConfig, data: str | Path | Sequence[System], journal: Journal) -> TrainConfig:
    """Return the configuration with the cutoff that gives the wanted number of neighbours; of open systems only."""
    systems = [system for system in _sample(data, config) if len(system) > 1]
    if not systems or any(any(system.pbc) for system in systems):
        raise EmpnetError("--cutoff auto is for open systems of several particles", where=config.data)
    cutoff = float(f"{usual_cutoff(systems):.3g}")
    journal.say(f"cutoff: {cutoff:g}, for {WANTED} neighbours in the mean (change with --cutoff)")
    return config.model_copy(update={"cutoff": cutoff})


def _settings_of_card(config: TrainConfig) -> dict[str, Any]:
    """Return the settings that the card of bundled data states for the property."""
    bundled = bundled_card(config.data)
    return {} if bundled is None or len(config.property) != 1 else bundled.settings.get(config.property[0], {})


def refuse_pooled(config: TrainConfig, data: str | Path | Sequence[System], what: str) -> None:
    """Raise if data are clouds or classes, for a part of empnet that has no model of whole systems.

    Arguments:
        config: The configuration.
        data: A path, the name of bundled data, or systems.
        what: The part, such as ``"the capacity probe"``.

    Raises:
        EmpnetError: If so.
    """
    first = first_system(data)
    if first is None:
        return
    texts = [name for name in config.property if isinstance(first.info.get(name), str | np.str_)]
    kind = "classes" if config.classes or texts else "clouds" if are_clouds(first) and config.points != 0 else ""
    if kind:
        remedy = "--points 0 takes the points as they are" if kind == "clouds" else ""
        raise EmpnetError(f"{what} does not serve models of {kind} yet", where=config.data, remedy=remedy)


def _sized(name: str, given: Mapping[str, Any]) -> bool:
    """Return True if ``--size`` decides the setting."""
    return given.get("size") is not None and name in ("width", "layers", "moments")


def _refuse_for_particles(config: TrainConfig, given: Mapping[str, Any], first: System | None) -> None:
    """Raise if settings of clouds are given for systems that are no clouds."""
    for name in ("points", "symmetry", "length", "sized", "scale_power"):
        if given.get(name) in (None, 0) or (name == "symmetry" and given[name] == "full"):
            continue
        why = "they are taken as they are with points 0" if are_clouds(first) else "the systems have species or a cell"
        raise EmpnetError(f"--{name.replace('_', '-')} is for clouds of points, but {why}", where=config.data)


def _sample(data: str | Path | Sequence[System], config: TrainConfig) -> list[System]:
    """Return some of the first systems, evenly spaced: files are often sorted by class.

    The number of systems is not known beforehand: every system is kept at first, then every second, every fourth.
    """
    kept: list[System] = []
    step, points = 1, 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the warnings appear when all data are read
        for k, system in enumerate(islice(iter_systems(data, warn=False), LOOKED_AT)):
            points += len(system)
            if k % step == 0:
                kept.append(system.join_features(config.features))
            while len(kept) > 1 and (len(kept) >= 2 * SAMPLE or sum(map(len, kept)) > HELD_POINTS):
                kept, step = kept[::2], 2 * step
            if points > LOOKED_AT_POINTS:
                break
    return kept


def _scale_power(clouds: Sequence[PreparedCloud], config: TrainConfig, journal: Journal) -> float | None:
    """Return the whole power of size with which the property grows, if the clouds show one; else None."""
    if len(config.property) != 1:
        return None
    name = config.property[0]
    values = np.array([cloud.system.properties.get(name, np.nan) for cloud in clouds])
    sizes = np.array([cloud.row[LOG_SIZE] for cloud in clouds])
    if len(clouds) < FEW_CLOUDS or not (values > 0).all() or np.ptp(sizes) == 0 or np.ptp(values) == 0:
        return None
    slope = float(np.polyfit(sizes, np.log(values), 1)[0])
    power, correlation = round(slope), float(np.corrcoef(sizes, np.log(values))[0, 1])
    if not 1 <= power <= 3 or abs(slope - power) > NEAR or correlation < GROWS:
        return None
    text = f"it grows with size to the {slope:.2f}, so what is learned is log({name} / size^{power})"
    journal.say(f"{name}: {text} (change with --scale-power; 0: as it is)")
    return float(power)


def _spacings(clouds: Sequence[PreparedCloud]) -> Float64[np.ndarray, " n"]:
    """Return the spacings of clouds in the unit of the file."""
    return np.exp([cloud.row[LOG_SIZE] + cloud.row[LOG_SPACING] for cloud in clouds])


def _length(clouds: Sequence[PreparedCloud], config: TrainConfig, journal: Journal) -> float | str:
    """Return the unit of length: a number, or ``"each"``."""
    if config.length != "auto":
        return config.length
    spacings = _spacings(clouds)
    low, high = np.percentile(spacings, [10, 90])
    alike = bool(high <= ALIKE * low)
    length: float | str = float(f"{np.median(spacings):.3g}") if alike else "each"
    chosen = f"one for all clouds, {length:g}" if alike else "for each cloud its own spacing of points"
    why = f"the spacings differ by a factor of {high / low:.2g}"
    journal.say(f"unit of length: {chosen}, since {why} (change with --length)")
    return length


def _are_sized(clouds: Sequence[PreparedCloud], config: TrainConfig, journal: Journal) -> bool:
    """Return whether the sizes of clouds are a feature."""
    if config.sized is not None:
        return config.sized
    low, high = np.percentile(np.exp([cloud.row[LOG_SIZE] for cloud in clouds]), [5, 95])
    sized = bool(high <= UNITLESS * low)
    if not sized:
        text = f"sizes differ by a factor of {high / low:.2g}: the clouds seem to have units of their own"
        journal.say(f"{text}, so their size is no feature (change with --sized)")
    return sized


def _cutoff(clouds: Sequence[PreparedCloud], config: TrainConfig, journal: Journal) -> float:
    """Return the cutoff with the wanted number of neighbours, in units of length."""
    unit = config.length
    systems = [cloud.system for cloud in clouds]  # in units of their own spacings
    if not isinstance(unit, str):
        factors = _spacings(clouds) / unit
        systems = [replace(each, positions=each.positions * by) for each, by in zip(systems, factors, strict=True)]
    cutoff = float(f"{usual_cutoff(systems):.3g}")
    journal.say(f"cutoff: {cutoff:g} units of length, for {WANTED} neighbours in the mean (change with --cutoff)")
    return cutoff
