"""Go on from another run's weights with new data: new species get new rows, the baseline is fitted anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from empnet.data.composition import composition_baseline
from empnet.data.dataset import Dataset
from empnet.data.errors import EmpnetError
from empnet.data.one_hot import symbol
from empnet.data.split import Split
from empnet.data.units import convert, parse_unit
from empnet.learn.config import TrainConfig
from empnet.learn.ensemble import refuse_ensemble
from empnet.learn.journal import Journal
from empnet.learn.measure import measure
from empnet.learn.model_file import ModelCard, load_model
from empnet.nn.model import PropertyModel

__all__ = ["adopt_architecture", "start_from"]


def adopt_architecture(config: TrainConfig, given: set[str]) -> TrainConfig:
    """The configuration with the sizes, features and baseline of the run that it starts from.

    Arguments:
        config: A configuration whose ``fine_tune`` names a run.
        given: Settings that the user gave; one that contradicts the run is an error.

    Raises:
        EmpnetError: If a given value differs from the run's, or the run is an ensemble.
    """
    if config.fine_tune is None:
        return config
    refuse_ensemble(config.fine_tune, f"start from one of its members, such as {config.fine_tune}/member-1")
    _, card = load_model(config.fine_tune)
    sizes = {name: getattr(card.architecture, name) for name in ("cutoff", "layers", "width", "moments")}
    values = {**sizes, "features": card.features, "dtype": card.dtype, "baseline_key": card.baseline_keys}
    for name, value in values.items():
        if name in given and getattr(config, name) != value:
            raise EmpnetError(
                f"{name} {getattr(config, name)} is given",
                where=config.fine_tune,
                wanted=f"{value}, which this run has",
            )
    return config.model_copy(update=values)


def start_from(
    config: TrainConfig, card: ModelCard, dataset: Dataset, split: Split, journal: Journal
) -> tuple[PropertyModel, ModelCard]:
    """A model with the other run's weights, ready for the new data.

    Species that are new get new rows in the embedding; the composition baseline is corrected by a fit on what the
    old model leaves of the new data, so that another zero of energy does no harm.

    Arguments:
        config: The configuration; ``fine_tune`` names the run.
        card: What the new data ask for.
        dataset: The new data.
        split: Its sides.
        journal: Where new species are told.

    Returns:
        The model, and the card with the old species first.

    Raises:
        EmpnetError: If the run predicts another number of properties, or in a unit of another kind.
    """
    assert config.fine_tune is not None
    old, old_card = load_model(config.fine_tune)
    if len(old_card.properties) != len(card.properties):
        raise EmpnetError(
            f"predicts {', '.join(old_card.properties)}",
            where=config.fine_tune,
            wanted=f"as many properties as are asked for: {', '.join(card.properties)}",
        )
    new = tuple(kind for kind in card.species if kind not in old_card.species)
    species = old_card.species + new
    architecture = replace(old_card.architecture, n_species=len(species))
    card = replace(card, species=species, architecture=architecture)
    model = card.build()
    _take_weights(model, old, len(old_card.species))
    _change_units(model, old_card, card)
    if new:
        names = ", ".join(map(symbol, new))
        journal.say(f"new species, unknown to {config.fine_tune}: {names}; each gets a new row of weights")
    _correct_baseline(model, card, dataset, split)
    return model, card


def _take_weights(model: PropertyModel, old: PropertyModel, n_old: int) -> None:
    """Copy all weights; in the embedding and the baseline the new species' rows stay fresh."""
    state = old.state_dict()
    n_new = model.architecture.n_species
    embedding = model.embedding.weight.detach().clone()
    embedding[:, :n_old] = state["embedding.weight"][:, :n_old]
    embedding[:, n_new:] = state["embedding.weight"][:, n_old:]  # further features come after the species
    baseline = torch.zeros_like(model.baseline)
    baseline[:n_old] = state["baseline"]
    model.load_state_dict({**state, "embedding.weight": embedding, "baseline": baseline})


def _change_units(model: PropertyModel, old_card: ModelCard, card: ModelCard) -> None:
    for k, (old_unit, unit) in enumerate(zip(old_card.units, card.units, strict=True)):
        if old_unit != unit:
            factor = convert(1.0, parse_unit(old_unit), parse_unit(unit))
            model.baseline[:, k] *= factor
            model.scale[k] *= factor


def _correct_baseline(model: PropertyModel, card: ModelCard, dataset: Dataset, split: Split) -> None:
    left = measure(model.eval(), dataset, split.train, card, torch.device("cpu"))
    model.train()
    counts, alone = dataset.composition(card.encoder)[split.train], dataset.isolated[split.train]
    corrections = [
        composition_baseline(counts, left.targets[:, k] - left.predicted[:, k], pooling, alone)
        for k, pooling in enumerate(card.architecture.pooling)
    ]
    model.baseline += torch.from_numpy(np.stack(corrections, axis=1))
