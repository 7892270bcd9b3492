"""Properties that are classes: texts, and whole numbers if the user says so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from empnet.errors import EmpnetError
from empnet.files.bundled import card as bundled_card
from empnet.files.stated import first_system
from empnet.inspection.record import UNNAMED_UNIT
from empnet.system.classes import look_like_classes
from empnet.system.system import System
from empnet.training.run.config import TrainConfig
from empnet.training.run.journal import Journal

__all__ = ["as_classes", "tell_few_values"]

USUAL = ("label", "class", "category")
"""Names of texts that are the target if the user names none and there is no energy."""


def as_classes(config: TrainConfig, source: str | Path | Sequence[System], journal: Journal) -> TrainConfig | None:
    """Return the configuration for classes; None if the property is a number.

    Arguments:
        config: The configuration as the user gave it.
        source: A path, the name of bundled data, or systems.
        journal: Receives the choice.
    """
    first = first_system(source)
    if first is None:
        return None
    names = config.property or _usual(config, first)
    texts = [name for name in names if isinstance(first.info.get(name), str | np.str_)]
    if not config.classes and not texts:
        return None
    if len(names) != 1:
        found = f"'{texts[0]}' is a text" if texts else "--classes is given"
        raise EmpnetError(f"{found}, so it is a class, but {len(names) or 'no'} properties are named", wanted="one")
    if not config.classes or not config.property:
        journal.say(f"{names[0]}: classes, because it is a text" if texts else f"property: {names[0]}")
    values = {**config.model_dump(), "property": names, "classes": True}
    return TrainConfig.make(values).model_copy(update={"unit": (UNNAMED_UNIT,)})


def _usual(config: TrainConfig, first: System) -> tuple[str, ...]:
    """Return the name of the class that data without an energy have under a usual name."""
    if bundled_card(config.data) is not None or ("energy" in first.properties and not config.classes):
        return ()
    held = first.properties if config.classes else {}
    return next(((name,) for name in USUAL if name in first.info or name in held), ())


def tell_few_values(targets: np.ndarray, name: str, journal: Journal) -> None:
    """Ask whether a property of a few whole numbers is a class.

    Arguments:
        targets: Its values, shape (S,).
        name: Its name.
        journal: Receives the question.
    """
    if count := look_like_classes(targets):
        journal.say(f"{name}: only {count} values, all whole numbers: classes? say --classes")
