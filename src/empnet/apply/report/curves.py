"""The course of a training run: what ``metrics.csv`` says, and whether more of it would have helped."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from empnet.data.errors import EmpnetError
from empnet.learn.model_file import ModelCard

__all__ = ["Curves", "Trend", "read_curves"]

TENTHS = 10
ENOUGH = 3
"""Epochs in a tenth of the training below which the scatter between epochs cannot be told from a trend."""


MATTERS = 0.01
"""Share of the validation error by which it must move near the end for anybody to care."""


@dataclass(frozen=True, slots=True)
class Trend:
    """How the validation error moved near the end of training.

    Arguments:
        fall: 1 - (mean of the last tenth of the epochs) / (mean of the tenth before); negative if it rose.
        noise: Two standard errors of that number, from the scatter of the epochs within each tenth.
    """

    fall: float
    noise: float

    @property
    def improving(self) -> bool:
        """Whether the error fell by more than its scatter explains, and by enough to matter."""
        return self.fall > max(self.noise, MATTERS)

    @property
    def worsening(self) -> bool:
        """Whether the error rose by more than its scatter explains, and by enough to matter."""
        return -self.fall > max(self.noise, MATTERS)


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

    def trend(self, k: int) -> Trend | None:
        """How the validation MAE of property k moved at the end; None if there are too few epochs to tell.

        Arguments:
            k: Number of the property.

        Example:
            >>> falling = np.linspace(2.0, 1.0, 40)
            >>> curves = Curves(*[falling] * 5, falling[:, None])
            >>> curves.trend(0).improving
            True
        """
        width = len(self) // TENTHS
        if width < ENOUGH:
            return None
        before, after = self.validation_mae[-2 * width : -width, k], self.validation_mae[-width:, k]
        mean = max(float(before.mean()), 1e-300)
        error = np.sqrt((before.var(ddof=1) + after.var(ddof=1)) / width)
        return Trend(1 - float(after.mean()) / mean, 2 * float(error) / mean)


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
