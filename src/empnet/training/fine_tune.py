"""Fine-tuning: continue from another run's weights with new data, new species and a corrected baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from empnet.dataset.dataset import Dataset
from empnet.dataset.split import Split
from empnet.errors import EmpnetError
from empnet.inspection.record import UNNAMED_UNIT
from empnet.model.property_model import PropertyModel
from empnet.system.composition import composition_baseline
from empnet.system.one_hot import symbol
from empnet.system.units import convert, parse_unit
from empnet.training.measure import measure
from empnet.training.run.config import TrainConfig
from empnet.training.run.journal import Journal
from empnet.training.run.model_file import ModelCard, load_model, read_card
from empnet.training.run.sizes import SIZES
from empnet.training.uncertainty.ensemble_file import refuse_ensemble

__all__ = ["adopt_architecture", "refuse_other_units", "start_from"]


def adopt_architecture(config: TrainConfig, given: set[str]) -> TrainConfig:
    """Return the configuration with the settings of the run that it starts from: sizes, features, dtype, baseline keys.

    The property is adopted, too, if the configuration names none.

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
    if "size" in given:
        given = given | set(SIZES[str(config.size)])  # the settings of a preset count as given, too
    for name, value in values.items():
        if name in given and getattr(config, name) != value:
            raise EmpnetError(
                f"{name} {getattr(config, name)} is given",
                where=config.fine_tune,
                wanted=f"{value}, which this run has",
            )
    _refuse_other_pooling(config, card)
    if not config.property:
        values["property"] = card.properties
    return TrainConfig.make({**config.model_dump(), **values})


def _refuse_other_pooling(config: TrainConfig, card: ModelCard) -> None:
    """Raise if the configuration asks for another pooling than the run that training starts from has."""
    wanted, why = config.pooling, "is given"
    if config.derivatives:
        wanted, why = "sum", "is needed for forces and stress"
    if wanted != "auto" and set(card.architecture.pooling) != {wanted}:
        raise EmpnetError(
            f"pooling '{wanted}' {why}",
            where=config.fine_tune,
            wanted=f"{', '.join(card.architecture.pooling)}, which this run has",
            remedy="start from a run of that pooling, or train without --from",
        )


def refuse_other_units(config: TrainConfig) -> None:
    """Raise if the weights of the run that training starts from cannot be converted to the units of the new data.

    Arguments:
        config: A configuration with its properties and units named.

    Raises:
        EmpnetError: If one of the two units is not known and the other is, or they measure different things.
    """
    if config.fine_tune is None:
        return
    card = read_card(Path(config.fine_tune))
    _refuse_other_number(card, config.property, config.fine_tune)
    for old, old_unit, name, unit in zip(card.properties, card.units, config.property, config.unit, strict=True):
        if old_unit == unit:
            continue
        if unit == UNNAMED_UNIT:
            found = f"the unit of '{name}' is not known; the run's is {old_unit}"
            raise EmpnetError(found, where=config.fine_tune, remedy="say --unit")
        if old_unit == UNNAMED_UNIT:
            raise EmpnetError(
                f"the run never knew the unit of its '{old}'; the new data's is {unit}",
                where=config.fine_tune,
                remedy=f"train it anew with --unit, or say --unit '{UNNAMED_UNIT}' if the new numbers are in the same",
            )
        try:
            convert(1.0, old_unit, unit)
        except EmpnetError as error:
            raise EmpnetError(f"'{old}' there, '{name}' here: {error}", where=config.fine_tune) from None


def _refuse_other_number(card: ModelCard, properties: Sequence[str], run: str) -> None:
    if len(card.properties) != len(properties):
        raise EmpnetError(
            f"predicts {', '.join(card.properties)}",
            where=run,
            wanted=f"as many properties as are asked for: {', '.join(properties)}",
        )


def start_from(
    config: TrainConfig, card: ModelCard, dataset: Dataset, split: Split, journal: Journal
) -> tuple[PropertyModel, ModelCard]:
    """Return a model with the other run's weights, ready for the new data.

    New species get new rows in the embedding. A fit to the old model's residuals on the new data corrects the
    composition baseline, so that another zero of energy does no harm.

    Arguments:
        config: The configuration; ``fine_tune`` names the run.
        card: Species, properties and units of the new data.
        dataset: The new data.
        split: Its training, validation and test sets.
        journal: Receives a message about new species.

    Returns:
        The model, and the card with the old species first.

    Raises:
        EmpnetError: If the run predicts another number of properties, or in a unit of another kind.
    """
    assert config.fine_tune is not None
    old, old_card = load_model(config.fine_tune)
    if not isinstance(old, PropertyModel) or card.architecture.readout == "pooled":
        text = "models of clouds or classes cannot start from another run's weights yet"
        raise EmpnetError(text, where=config.fine_tune, remedy="train from the beginning, without --from")
    _refuse_other_number(old_card, card.properties, config.fine_tune)
    if old_card.architecture.n_features != card.architecture.n_features:
        raise EmpnetError(
            f"a particle has {card.architecture.n_features} further features ({', '.join(card.features)})",
            where=config.data,
            wanted=f"{old_card.architecture.n_features}, which {config.fine_tune} has",
        )
    new = tuple(kind for kind in card.species if kind not in old_card.species)
    species = old_card.species + new
    architecture = replace(old_card.architecture, n_species=len(species))
    seen = card.seen
    if old_card.seen is None:
        text = f"what {config.fine_tune} was trained on is not recorded there"
        journal.say(f"{text}: systems like its own may be called unlike the training data")
    elif seen is not None:
        seen = seen.joined(old_card.seen)
    card = replace(card, species=species, architecture=architecture, seen=seen)
    model = card.build()
    assert isinstance(model, PropertyModel)  # own invariant: its card is the old one's
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
