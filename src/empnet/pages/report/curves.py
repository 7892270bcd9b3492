"""Read the course of a training run from ``metrics.csv``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from empnet.training.run.model_file import ModelCard
from empnet.training.run.run_folder import RunFolder

__all__ = ["Curves", "read_curves"]

COLUMNS = ("step", "seconds", "lr", "train_loss", "validation_loss")
"""Columns of metrics.csv in the order of the curves; columns for the error of each property follow."""


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Quantities of training, with one value for each epoch.

    Arguments:
        steps: Number of steps up to the end of the epoch, shape (epochs,).
        seconds: Seconds since the start of training, shape (epochs,).
        learning_rate: Learning rate of the epoch's last step, without unit, shape (epochs,).
        training_loss: Mean loss over the epoch's steps, without unit, shape (epochs,).
        validation_loss: Validation loss of the averaged weights after the epoch, without unit, shape (epochs,).
        validation_mae: Mean absolute validation error of each property in its unit, shape (epochs, F'); of classes the
            log-loss in nats, shape (epochs, 1).
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
        """Epoch with the smallest validation error, counted from 0.

        For several properties, each error is divided by its smallest value, and the mean counts.
        """
        shares = self.validation_mae / np.clip(self.validation_mae.min(axis=0), 1e-300, None)
        return int(np.argmin(shares.mean(axis=1)))


def read_curves(run: RunFolder, card: ModelCard) -> tuple[Curves | None, str]:
    """Return the curves of a run (None if no epoch is finished), and a message on missing parts.

    Arguments:
        run: The run folder.
        card: Card of the model, with names and units of the properties.
    """
    rows, damage = run.read_metrics()
    names = [f"validation_mae_{name} [{unit}]" for name, unit in zip(card.properties, card.units, strict=True)]
    names = ["validation_log_loss"] if card.classes else names
    missing = [name for name in (*COLUMNS, *names) if rows and name not in rows[0]]
    if missing:
        return None, f"{run.metrics_file}: is damaged; there is no column '{missing[0]}'"
    if not rows:
        return None, damage

    def column(name: str) -> np.ndarray:
        return np.array([float(row[name] or "nan") for row in rows])

    steps, seconds, rate, training, validation = map(column, COLUMNS)
    mae = np.stack([column(name) for name in names], axis=1)
    return Curves(steps, seconds, rate, training, validation, mae), damage
