"""The course of a training run: what ``metrics.csv`` says."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from empnet.data.errors import EmpnetError
from empnet.learn.model_file import ModelCard

__all__ = ["Curves", "read_curves"]


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """One number an epoch.

    Arguments:
        steps: Steps done by the end of the epoch, shape (epochs,).
        seconds: Seconds since training began.
        learning_rate: Of the epoch's last step.
        training_loss: Mean over the epoch's steps.
        validation_loss: After the epoch, of the averaged weights.
        validation_mae: Of each property in its unit, shape (epochs, F').
    """

    steps: Float64[np.ndarray, " epochs"]
    seconds: Float64[np.ndarray, " epochs"]
    learning_rate: Float64[np.ndarray, " epochs"]
    training_loss: Float64[np.ndarray, " epochs"]
    validation_loss: Float64[np.ndarray, " epochs"]
    validation_mae: Float64[np.ndarray, "epochs F_prime"]

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def best(self) -> int:
        """The epoch with the smallest validation error, counted from 0; with several properties their mean share."""
        shares = self.validation_mae / np.clip(self.validation_mae.min(axis=0), 1e-300, None)
        return int(np.argmin(shares.mean(axis=1)))


def read_curves(folder: Path, card: ModelCard) -> Curves | None:
    """The curves of a run folder; None if no epoch was finished.

    Arguments:
        folder: The run folder.
        card: Names and units of the properties.

    Raises:
        EmpnetError: If the file is damaged.
    """
    path = folder / "metrics.csv"
    if not path.exists():
        return None
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return _curves(rows, card)
    except (ValueError, csv.Error) as error:
        raise EmpnetError(f"is damaged ({error})", where=path, wanted="a table of epochs") from None


def _curves(rows: list[dict[str, str]], card: ModelCard) -> Curves | None:
    if not rows:
        return None

    def column(name: str) -> np.ndarray:
        return np.array([float(row.get(name) or "nan") for row in rows])

    names = zip(card.properties, card.units, strict=True)
    mae = np.stack([column(f"validation_mae_{name} [{unit}]") for name, unit in names], axis=1)
    return Curves(column("step"), column("seconds"), column("lr"), column("train_loss"), column("validation_loss"), mae)
