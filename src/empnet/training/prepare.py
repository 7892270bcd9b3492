"""From a configuration to a job: properties and units named, data read, sides split, model built."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from empnet.dataset.cache import Recipe, open_dataset
from empnet.dataset.coverage import Seen
from empnet.dataset.dataset import Dataset
from empnet.dataset.split import Split, split_systems
from empnet.errors import EmpnetError
from empnet.files.bundled import card as bundled_card
from empnet.files.stated import check_stated, first_of, plain_name, stated_unit
from empnet.inspection import quick_findings
from empnet.inspection.record import UNNAMED_UNIT
from empnet.kernels import choose, reference
from empnet.kernels.fast_loops import slow_loops_note
from empnet.model.property_model import Architecture
from empnet.runtime.distribution import processes
from empnet.runtime.pipes import refuse_gone_pipe
from empnet.system.composition import Pooling, choose_pooling
from empnet.system.one_hot import OneHot, symbol
from empnet.system.system import System
from empnet.system.units import default_unit, parse_unit
from empnet.training.fine_tune import refuse_other_units
from empnet.training.labels import name_derivatives, tell_isolated, tell_labels
from empnet.training.run.config import TrainConfig
from empnet.training.run.journal import Journal
from empnet.training.run.model_file import ModelCard, read_card

__all__ = [
    "IN_MEMORY",
    "configured",
    "look_at",
    "make_card",
    "name_targets",
    "open_data",
    "recipe_of",
    "refuse_changed_data",
    "refuse_data_in_memory",
    "split_data",
]


IN_MEMORY = "systems in memory"
"""What stands in a configuration for data that came from no file."""


def configured(
    data: str | Path | Sequence[System], property_: str | Sequence[str] | None, settings: Mapping[str, Any]
) -> TrainConfig:
    """The configuration that arguments make; those that are None are left at their default.

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
    """The configuration with the property and its unit filled in, and said aloud where they are assumed.

    Bundled data know their property and units. Else the property is ``energy``, and energies are in eV.

    Arguments:
        config: The configuration as the user gave it.
        journal: Where assumptions are told.
        data: The data, for the units that they state; None: what the configuration names.

    Raises:
        EmpnetError: If a unit is unknown or contradicts the one that the data state, properties and baseline keys do
            not pair up, or the run that training starts from has a unit that cannot be converted.
    """
    bundled = bundled_card(config.data)
    properties = config.property or ((bundled.property,) if bundled else ("energy",))
    given = config.unit * len(properties) if len(config.unit) == 1 else config.unit
    for text in given:
        if text != UNNAMED_UNIT:
            parse_unit(text)
    units = []
    source = config.data if data is None and config.data != IN_MEMORY else data or ()
    beginning = first_of(source)
    first = beginning.system
    if "length_unit" not in config.model_fields_set and beginning.length:
        config = config.model_copy(update={"length_unit": beginning.length})
        journal.say(f"lengths: in {beginning.length}, as the data state")
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
    """The configuration and its properties by the names that the reader gives them."""
    update: dict[str, Any] = {"baseline_key": tuple(plain_name(first, key) for key in config.baseline_key)}
    for what in ("forces", "stress", "virial"):
        if (name := getattr(config, what)) is not None:
            update[what] = plain_name(first, name)
    return config.model_copy(update=update), tuple(plain_name(first, name) for name in properties)


def open_data(data: str | Path | Sequence[System], config: TrainConfig, quiet: bool = False) -> Dataset:
    """The data set that the configuration asks for.

    Arguments:
        data: A path, the name of bundled data, or systems.
        config: Properties, cutoff, features, forces and stress.
        quiet: No progress bar.
    """
    return open_dataset(data, recipe_of(config), quiet=quiet)


def recipe_of(config: TrainConfig) -> Recipe:
    """What the configuration's data set is made with.

    Arguments:
        config: Properties, cutoff, features, forces and stress.
    """
    return Recipe(
        config.property,
        config.cutoff,
        config.features,
        config.length_unit,
        config.baseline_key,
        config.derivatives,
    )


def look_at(dataset: Dataset, config: TrainConfig, journal: Journal) -> None:
    """The quick part of an inspection: tell what is suspected, and refuse what cannot be meant.

    Arguments:
        dataset: The data.
        config: The configuration.
        journal: Where suspicions are told.

    Raises:
        EmpnetError: If there is nothing to learn.
    """
    names = config.property
    if config.baseline_key:
        names = tuple(f"{name} - {key}" for name, key in zip(names, config.baseline_key, strict=True))
    if tuple(dataset.species) == (0,):
        first = first_of(config.data if config.data != IN_MEMORY else ()).system
        values = ", ".join([*first.properties, *first.arrays, *first.info]) if first else ""
        there = f"; the data have: {values}" if values else ""
        journal.say(f"species: the data name none; all particles are taken to be alike{there}")
    tell_labels(dataset, journal)
    tell_isolated(dataset, config, journal)
    findings = quick_findings(
        dataset,
        names,
        config.unit,
        differences=bool(config.baseline_key),
        derivatives=config.derivatives,
        named=not config.assumes_stress,
    )
    for finding in findings:
        if finding.level == "error":
            raise EmpnetError(
                f"{finding.topic}: {finding.told}", where=finding.where or config.data, remedy=finding.remedy
            )
        journal.say(str(finding))
    if any(finding.level != "note" for finding in findings):
        journal.say(f"more about the data: empnet inspect {config.data}")


def split_data(dataset: Dataset, config: TrainConfig) -> Split:
    """The sides of the data, exact duplicates together."""
    groups, seed = dataset.arrays["groups"], config.seed if config.split_seed is None else config.split_seed
    keep = np.flatnonzero(dataset.isolated)
    split = split_systems(
        groups, validation=config.val, test=config.test, kind=config.split, seed=seed, file=config.data, keep=keep
    )
    return split if config.train_size is None else split.with_train_size(config.train_size, seed, config.data, keep)


def make_card(dataset: Dataset, split: Split, config: TrainConfig, journal: Journal) -> ModelCard:
    """What the model will be: species from the data, pooling from the data or the user, sizes from the configuration.

    Arguments:
        dataset: The data.
        split: Its sides; only the training side decides.
        config: The configuration.
        journal: Where the choice of pooling and a slow size are told.

    Raises:
        EmpnetError: If the data do not tell whether a property adds up over particles.
    """
    species = tuple(dataset.species)
    counts = dataset.composition(OneHot(species))[split.train].sum(axis=0)
    untrained = [symbol(kind) for kind, count in zip(species, counts, strict=True) if count == 0]
    if untrained:
        journal.say(f"no system for training has {', '.join(untrained)}: predictions for these species mean nothing")
    device = "cuda" if config.device != "cpu" and torch.cuda.is_available() else "cpu"
    compiled = choose(torch.device(device), torch.float32) is not reference  # plain torch has no preferred sizes
    if compiled and (note := slow_loops_note(config.width, config.moments)):
        journal.say(note)
    return ModelCard(
        architecture=Architecture(
            n_species=len(species),
            pooling=tuple(_pooling(dataset, split, config, journal)),
            n_features=dataset.arrays["features"].shape[1],
            cutoff=config.cutoff,
            layers=config.layers,
            width=config.width,
            moments=config.moments,
        ),
        species=species,
        properties=config.property,
        units=config.unit,
        features=config.features,
        baseline_keys=config.baseline_key,
        length_unit=config.length_unit,
        dtype=config.dtype,
        data={"file": dataset.file, "sha256": dataset.data_hash, "systems": len(dataset)},
        versions=_versions(),
        threads=torch.get_num_threads(),
        processes=processes().size,
        seen=Seen.of(dataset, split.train),
        derivatives=config.derivatives,
    )


def _pooling(dataset: Dataset, split: Split, config: TrainConfig, journal: Journal) -> Iterator[Pooling]:
    """What the user says of every property, or what the training side says of each."""
    if config.derivatives:
        journal.say(f"pooling of {config.property[0]}: sum, for forces or stress are learned with it")
        yield "sum"
        return
    train = split.train[~dataset.isolated[split.train]]  # free atoms would make sizes of one molecule's frames differ
    counts = dataset.composition(OneHot(dataset.species))[train]
    adopted = None if config.fine_tune is None else read_card(Path(config.fine_tune)).architecture.pooling
    for k, name in enumerate(config.property):
        if adopted is not None:  # the weights were learned for it
            journal.say(f"pooling of {name}: {adopted[k]}, as in {config.fine_tune}")
            yield adopted[k]
        elif config.pooling == "auto":
            chosen, why = choose_pooling(counts, dataset.targets[train, k], name, config.unit[k])
            journal.say(f"pooling of {why}")
            yield chosen
        else:
            yield config.pooling


def _versions() -> dict[str, str]:
    packages = ("empnet", "torch", "numpy", "ase", "vesin")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def refuse_data_in_memory(data: object, run: Path, remedy: str) -> None:
    """Raise if a run's data were systems in memory or came through a pipe, which no run keeps.

    Arguments:
        data: What the run's configuration says of them.
        run: The run folder.
        remedy: What to do.

    Raises:
        EmpnetError: If they were.
    """
    if data == IN_MEMORY:
        raise EmpnetError("its data were systems in memory", where=run, remedy=remedy)
    refuse_gone_pipe(data, run, remedy)


def refuse_changed_data(card: ModelCard, now: str, run: Path, remedy: str) -> None:
    """Raise if the data are no longer those that the run was made with.

    Arguments:
        card: The run's card.
        now: SHA-256 of the data now.
        run: The run folder.
        remedy: What to do.

    Raises:
        EmpnetError: If the hash differs.
    """
    if now != (before := str(card.data.get("sha256", "not recorded"))):
        raise EmpnetError(
            f"the data have changed: sha256 was {before[:12]}, is {now[:12]} "
            f"(they were at '{card.data.get('file') or IN_MEMORY}')",
            where=run,
            remedy=remedy,
        )
