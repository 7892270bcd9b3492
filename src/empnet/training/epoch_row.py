"""Validation errors of an epoch: columns of ``metrics.csv``, and a line of the journal."""

from __future__ import annotations

from collections.abc import Iterator

from empnet.training.measure import AnyMeasured, ClassMeasured, Compared, Measured
from empnet.training.run.model_file import ModelCard

__all__ = ["columns", "in_words"]


def columns(measured: AnyMeasured, card: ModelCard) -> dict[str, float]:
    """Return the errors of the validation set by column, with their units.

    Arguments:
        measured: Predictions beside targets.
        card: Names and units.
    """
    if isinstance(measured, ClassMeasured):
        errors = measured.errors(card)
        return {
            "validation_log_loss": errors.log_loss.value,
            "validation_accuracy": errors.accuracy.value,
            "validation_balanced_accuracy": errors.balanced_accuracy.value,
        }
    row = {
        f"validation_mae_{name} [{unit}]": float(mae)
        for name, unit, mae in zip(card.properties, card.units, measured.mae, strict=True)
    }
    for what, both, unit in _derivatives(measured, card):
        row |= {f"validation_mae_{what} [{unit}]": both.mae, f"validation_rmse_{what} [{unit}]": both.rmse}
    return row


def in_words(measured: AnyMeasured, card: ModelCard, row: dict[str, float]) -> str:
    """Return the errors of the validation set in a line, beside those of the composition baseline.

    Arguments:
        measured: Predictions beside targets.
        card: Names and units.
        row: The same errors by column (:func:`columns`).
    """
    if isinstance(measured, ClassMeasured):
        loss, accuracy = row["validation_log_loss"], row["validation_balanced_accuracy"]
        return f"{card.properties[0]}: validation log-loss {loss:.3f}, balanced accuracy {accuracy:.3f}"
    names = zip(card.properties, card.units, _beside(card), strict=True)
    lines = [
        f"{name}: validation MAE {mae:.4g} {unit} ({beside} {baseline:.4g} {unit})"
        for (name, unit, beside), mae, baseline in zip(names, measured.mae, measured.baseline_mae, strict=True)
    ]
    lines += [f"{what}: MAE {both.mae:.4g} {unit}" for what, both, unit in _derivatives(measured, card)]
    return ", ".join(lines)


def _beside(card: ModelCard) -> tuple[str, ...]:
    """Return the names of the baselines that a network knows while it is trained; the forest is fitted at the end."""
    return card.baseline_names if card.preparation is None else ("constant",)


def _derivatives(measured: Measured, card: ModelCard) -> Iterator[tuple[str, Compared, str]]:
    unit = card.units[0]
    for what, both, per in (("forces", measured.forces, "angstrom"), ("stress", measured.stress, "angstrom^3")):
        if both is not None:
            yield what, both, f"{unit}/{per}"
