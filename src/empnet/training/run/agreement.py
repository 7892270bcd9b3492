"""Agreement of config.toml and model.json on the settings that both of them hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from empnet.errors import EmpnetError
from empnet.training.run.config import TrainConfig
from empnet.training.run.model_file import ModelCard

__all__ = ["SHARED", "disagreements", "refuse_disagreement"]

SHARED: dict[str, Callable[[ModelCard], Any]] = {
    "property": lambda card: card.properties,
    "unit": lambda card: card.units,
    "features": lambda card: card.features,
    "baseline_key": lambda card: card.baseline_keys,
    "length_unit": lambda card: card.length_unit,
    "derivatives": lambda card: card.derivatives,  # forces, stress, virial, their units and order
    "dtype": lambda card: card.dtype,
    "cutoff": lambda card: card.architecture.cutoff,
    "layers": lambda card: card.architecture.layers,
    "width": lambda card: card.architecture.width,
    "moments": lambda card: card.architecture.moments,
    "pooling": lambda card: card.architecture.pooling,
    "threads": lambda card: card.threads,
    "classes": lambda card: bool(card.classes),
    "scale_power": lambda card: card.architecture.scale_power,
    "preparation": lambda card: card.preparation,
}
"""Settings that the model's card holds, too, each with a function that reads it from the card."""


def disagreements(config: TrainConfig, card: ModelCard) -> Iterator[str]:
    """Yield a line for each setting on which a run's configuration and its card disagree.

    A pooling of ``"auto"`` leaves the choice to the card, and so do ``threads`` that are not set. Threads are compared
    for one process only: the card counts the threads of each process.

    Arguments:
        config: The content of ``config.toml``.
        card: The content of ``model.json``.

    Example:
        >>> from empnet.model.architecture import Architecture
        >>> config = TrainConfig(data="a.xyz", property="energy", unit="eV", cutoff=4.0, layers=3, moments=0)
        >>> card = ModelCard(Architecture(2, ("sum",)), (1, 8), ("energy",), ("eV",))
        >>> list(disagreements(config, card))
        ['cutoff is 4.0 in config.toml, 5.0 in model.json']
    """
    for name, of_card in SHARED.items():
        if name == "moments" and name not in config.model_fields_set:
            continue  # runs of versions without moments do not hold this setting
        here, there = getattr(config, name), of_card(card)
        if name == "pooling":
            agree = here == "auto" or set(there) == {here}
        elif name == "threads":
            agree = here is None or card.processes > 1 or here == there
        else:
            agree = here == there
        if not agree:
            yield f"{name} is {here} in config.toml, {there} in model.json"


def refuse_disagreement(config: TrainConfig, card: ModelCard, run: object) -> None:
    """Raise if a run's configuration and its card disagree.

    Arguments:
        config: The content of ``config.toml``.
        card: The content of ``model.json``.
        run: The run folder, for the message.

    Raises:
        EmpnetError: If they do.
    """
    found = "; ".join(disagreements(config, card))
    if found:
        raise EmpnetError(found, where=run, remedy="restore the file that was changed")
