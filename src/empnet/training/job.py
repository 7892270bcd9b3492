"""Job of a training run: from a configuration and data to data sets, units and a fresh model."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from empnet.dataset.cache import Recipe, open_dataset
from empnet.dataset.coverage import DataCoverage
from empnet.dataset.dataset import Dataset
from empnet.dataset.split import Split, split_by_class, split_systems
from empnet.errors import EmpnetError
from empnet.model.architecture import Architecture
from empnet.model.network import Network
from empnet.model.summary import summary
from empnet.preparation.augmentation import VARIANTS
from empnet.runtime.distribution import processes
from empnet.runtime.pipes import is_pipe
from empnet.system.composition import Pooling, choose_pooling
from empnet.system.one_hot import OneHot, symbol
from empnet.system.system import System
from empnet.training.fine_tune import start_from
from empnet.training.look import look_at
from empnet.training.optimiser.scales import Scales
from empnet.training.optimiser.statistics import fit_statistics
from empnet.training.run.agreement import refuse_disagreement
from empnet.training.run.config import TrainConfig
from empnet.training.run.journal import Journal
from empnet.training.run.model_file import ModelCard, read_card
from empnet.training.run.sizes import balanced_batch

__all__ = ["Job", "make_card", "open_data", "open_variants", "recipe_of", "split_data"]

DROPOUT = 0.3
"""Share of the pooled features that are left out in training for classes; a number needs all of them."""

COARSER = 64
"""Number of points of a cloud that are a coarser level beside all points."""

KNOTS, N_BASIS, HIDDEN = 64, 10, 32
"""Sizes of the filters for clouds: distances of points have no shells, so that coarse filters are enough."""


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """Configuration, model card, data, split and loss units of a training run.

    Arguments:
        config: The configuration.
        card: Species, properties and units.
        dataset: The data with targets.
        split: Its training, validation and test sets.
        scales: The loss's units.
        variants: Augmented variants of the data, in the same order; empty if nothing is augmented.
    """

    config: TrainConfig
    card: ModelCard
    dataset: Dataset
    split: Split
    scales: Scales
    variants: tuple[Dataset, ...] = ()

    @property
    def batch(self) -> int:
        """Number of systems in a step: as configured, else from the sizes of the systems."""
        sizes, learned = self.dataset.sizes[self.split.train], bool(self.config.derivatives)
        return self.config.batch or balanced_batch(sizes, derivatives=learned)

    @classmethod
    def of(cls, config: TrainConfig, data: str | Path | Sequence[System], journal: Journal) -> tuple[Job, Network]:
        """Open the data, split them, look them over, describe the model, build it.

        Arguments:
            config: The configuration, with properties and units named
                (:func:`~empnet.training.targets.name_targets`).
            data: A path, the name of bundled data, or systems.
            journal: Receives messages about choices and suspicious data.

        Returns:
            The job, and the model that training starts from, with its statistics set.

        Raises:
            EmpnetError: If the data cannot be read or learned, or a setting does not fit them.
        """
        dataset = open_data(data, config, journal.quiet)
        _refuse_no_neighbours(dataset, config)
        split = split_data(dataset, config)
        _say_data(dataset, config, journal)
        look_at(dataset, config, journal)
        _say_split(split, config, journal)
        torch.manual_seed(config.seed)
        card = make_card(dataset, split, config, journal)
        model, card, scales = _model(card, config, dataset, split, journal)
        refuse_disagreement(config, card, config.data)
        batch = dataset.batch(split.train[:1], card.encoder, card.torch_dtype)
        journal.say(str(summary(model, inputs=(batch,))))
        job = cls(config, card, dataset, split, scales, open_variants(data, config, dataset, journal.quiet))
        return replace(job, config=config.model_copy(update={"batch": job.batch})), model


def open_data(data: str | Path | Sequence[System], config: TrainConfig, quiet: bool = False) -> Dataset:
    """Open the data set that the configuration asks for.

    Arguments:
        data: A path, the name of bundled data, or systems.
        config: Properties, cutoff, features, forces and stress.
        quiet: Show no progress bar.
    """
    return open_dataset(data, recipe_of(config), quiet=quiet)


def open_variants(
    data: str | Path | Sequence[System], config: TrainConfig, dataset: Dataset, quiet: bool = False
) -> tuple[Dataset, ...]:
    """Open the augmented variants of clouds; none for other systems.

    Arguments:
        data: A path, the name of bundled data, or systems.
        config: The configuration.
        dataset: The data themselves, whose hash serves the variants.
        quiet: Show no progress bar.
    """
    if config.preparation is None:
        return ()
    recipes = (recipe_of(config, variant) for variant in range(1, VARIANTS + 1))
    return tuple(open_dataset(data, recipe, quiet=quiet, known_hash=dataset.data_hash) for recipe in recipes)


def recipe_of(config: TrainConfig, variant: int = 0) -> Recipe:
    """Return the recipe from which the configuration's data set is made.

    Arguments:
        config: Properties, cutoff, features, forces and stress.
        variant: Number of an augmented variant; 0: the data themselves.
    """
    # a variant of another size has another height, but the same class, and the same volume over the cube of its size
    scaled = config.classes or config.scale_power is not None
    return Recipe(
        config.property,
        config.cutoff,
        config.features,
        config.length_unit,
        config.baseline_key,
        config.derivatives,
        config.classes,
        config.preparation,
        variant,
        scaled,
    )


def split_data(dataset: Dataset, config: TrainConfig) -> Split:
    """Split the data into training, validation and test sets; exact duplicates stay together."""
    groups, seed = dataset.arrays["groups"], config.seed if config.split_seed is None else config.split_seed
    if config.classes and config.split == "random":
        labels = dataset.targets[:, 0].astype(np.int64)
        split = split_by_class(groups, labels, validation=config.val, test=config.test, seed=seed, file=config.data)
        return split if config.train_size is None else split.with_train_size(config.train_size, seed, config.data)
    keep = np.flatnonzero(dataset.isolated)
    split = split_systems(
        groups, validation=config.val, test=config.test, kind=config.split, seed=seed, file=config.data, keep=keep
    )
    return split if config.train_size is None else split.with_train_size(config.train_size, seed, config.data, keep)


def _refuse_no_neighbours(dataset: Dataset, config: TrainConfig) -> None:
    """Raise if no two particles are neighbours, though systems have several."""
    if not dataset.arrays["n_pairs"].any() and (dataset.sizes > 1).any():
        raise EmpnetError(
            f"no two particles are within the cutoff of {config.cutoff:g} angstrom, so there is nothing to learn from",
            where=config.data,
            remedy="choose a larger --cutoff, or name the data's --length-unit",
        )


def _say_data(dataset: Dataset, config: TrainConfig, journal: Journal) -> None:
    least, most = dataset.sizes.min(), dataset.sizes.max()
    systems, what = ("systems", "particles") if config.preparation is None else ("clouds", "points kept")
    sizes = f"{least} {what} each" if least == most else f"{least} to {most} {what}"
    journal.say(f"{config.data}: {dataset.sizes.size} {systems}, {sizes}")
    if dataset.classes:
        counts = np.bincount(dataset.targets[:, 0].astype(np.int64), minlength=len(dataset.classes))
        named = ", ".join(f"{name} {count}" for name, count in zip(dataset.classes, counts, strict=True))
        journal.say(f"classes: {named}")
    if is_pipe(config.data):
        journal.say("the data came through a pipe: the run keeps their hash, and resumes only if they are given again")


def _say_split(split: Split, config: TrainConfig, journal: Journal) -> None:
    sides = f"{len(split.train)} for training, {len(split.validation)} for validation, {len(split.test)} for test"
    seed = config.seed if config.split_seed is None else config.split_seed
    journal.say(f"split ({config.split}, seed {seed}): {sides}")


def _model(
    card: ModelCard, config: TrainConfig, dataset: Dataset, split: Split, journal: Journal
) -> tuple[Network, ModelCard, Scales]:
    """Build the model: with fresh weights, or with those of the run that training starts from."""
    if config.fine_tune is None:
        model = card.build()
        return model, card, fit_statistics(model, dataset, split.train, card.encoder)
    model, card = start_from(config, card, dataset, split, journal)
    # the old run's statistics stay in the model; the loss is scaled by those of the new data
    return model, card, fit_statistics(card.build(), dataset, split.train, card.encoder)


def make_card(dataset: Dataset, split: Split, config: TrainConfig, journal: Journal) -> ModelCard:
    """Return the model's card: species from the data, pooling from data or user, sizes from the configuration.

    Arguments:
        dataset: The data.
        split: Its sets; only the training set decides.
        config: The configuration.
        journal: Receives messages about the choice of pooling.

    Raises:
        EmpnetError: If the data do not show whether a property adds up over particles.
    """
    species = tuple(dataset.species)
    counts = dataset.composition(OneHot(species))[split.train].sum(axis=0)
    untrained = [symbol(kind) for kind, count in zip(species, counts, strict=True) if count == 0]
    if untrained:
        journal.say(f"no system for training has {', '.join(untrained)}: predictions for these species mean nothing")
    return ModelCard(
        architecture=Architecture(
            n_species=len(species),
            pooling=tuple(_pooling(dataset, split, config, journal)),
            n_features=dataset.arrays["features"].shape[1],
            cutoff=config.cutoff,
            layers=config.layers,
            width=config.width,
            moments=config.moments,
            **_pooled_sizes(dataset, config),
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
        seen=DataCoverage.of(dataset, split.train),
        derivatives=config.derivatives,
        classes=dataset.classes,
        preparation=config.preparation,
    )


def _pooled_sizes(dataset: Dataset, config: TrainConfig) -> dict[str, Any]:
    """Return the architecture's settings of the readout for classes and clouds; none for other systems."""
    if not config.classes and config.preparation is None:
        return {}
    clouds = dataset.arrays["clouds"].shape[1] - 1 if "clouds" in dataset.arrays else 0  # without the first, log R
    return {
        "readout": "pooled",
        "n_cloud": clouds,
        "classes": len(dataset.classes),
        "scale_power": config.scale_power,
        "dropout": DROPOUT if config.classes else 0.0,
        "coarser": COARSER if clouds else 0,
        "knots": KNOTS,
        "n_basis": N_BASIS,
        "hidden": HIDDEN,
    }


def _pooling(dataset: Dataset, split: Split, config: TrainConfig, journal: Journal) -> Iterator[Pooling]:
    """Yield the pooling of each property: as the user sets it, else as the training set shows it."""
    if config.classes or config.preparation is not None:  # the pooled readout has its own
        for _ in config.property:
            yield "mean"
        return
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
