"""Validation errors of an epoch: columns of ``metrics.csv``, and a line of the journal."""

from __future__ import annotations

from collections.abc import Iterator

from empnet.training.measure import Compared, Measured
from empnet.training.run.model_file import ModelCard

__all__ = ["columns", "in_words"]


def columns(measured: Measured, card: ModelCard) -> dict[str, float]:
    """Return the errors of the validation set by column, with their units.

    Arguments:
        measured: Predictions beside targets.
        card: Names and units.
    """
    row = {
        f"validation_mae_{name} [{unit}]": float(mae)
        for name, unit, mae in zip(card.properties, card.units, measured.mae, strict=True)
    }
    for what, both, unit in _derivatives(measured, card):
        row |= {f"validation_mae_{what} [{unit}]": both.mae, f"validation_rmse_{what} [{unit}]": both.rmse}
    return row


def in_words(measured: Measured, card: ModelCard) -> str:
    """Return the errors of the validation set in a line, beside those of the composition baseline.

    Arguments:
        measured: Predictions beside targets.
        card: Names and units.
    """
    names = zip(card.properties, card.units, card.baseline_names, strict=True)
    lines = [
        f"{name}: validation MAE {mae:.4g} {unit} ({beside} {baseline:.4g} {unit})"
        for (name, unit, beside), mae, baseline in zip(names, measured.mae, measured.baseline_mae, strict=True)
    ]
    lines += [f"{what}: MAE {both.mae:.4g} {unit}" for what, both, unit in _derivatives(measured, card)]
    return ", ".join(lines)


def _derivatives(measured: Measured, card: ModelCard) -> Iterator[tuple[str, Compared, str]]:
    unit = card.units[0]
    for what, both, per in (("forces", measured.forces, "angstrom"), ("stress", measured.stress, "angstrom^3")):
        if both is not None:
            yield what, both, f"{unit}/{per}"
