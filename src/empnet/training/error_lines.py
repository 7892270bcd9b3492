"""Errors of a finished run as lines for terminal and log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from empnet.training.classes.class_errors import ClassErrors
from empnet.training.relative_errors import Relative

__all__ = ["error_lines"]


def error_lines(results: dict[str, Any]) -> list[str]:
    """Return errors of the test set, or of the validation set if there is none: a line for each quantity.

    Arguments:
        results: Errors by set and property, as ``results.json`` holds them.

    Example:
        >>> errors = {"mae": 0.1, "rmse": 0.2, "unit": "eV", "systems": 9, "baseline": "b", "baseline_mae": 1.0}
        >>> error_lines({"test": {"energy": errors}})
        ['energy: test MAE 0.1 eV, RMSE 0.2 eV on 9 systems (b: MAE 1 eV)']
    """
    side = "test" if "test" in results else "validation"
    return [line for name, errors in results.get(side, {}).items() for line in _lines(side, name, errors)]


def _lines(side: str, name: str, errors: dict[str, Any]) -> Iterator[str]:
    if "errors" in errors:
        yield from _class_lines(side, name, errors)
        return
    beside = f"{errors['baseline']}: MAE {errors['baseline_mae']:.4g} {errors['unit']}"
    if "relative" in errors:
        yield f"{name}: {side} {Relative(**errors['relative'])}"
    yield f"{name}: {_both(side, errors)} on {errors['systems']:,} systems ({beside})"
    derivatives = [what for what in ("forces", "stress") if what in errors]
    if derivatives and "per_particle" in errors:  # potentials are compared by errors per particle
        yield f"{name} per particle: {_both(side, errors['per_particle'])}"
    for what in derivatives:
        found = errors[what]
        beside = f"root mean square in the data {found['target_rms']:.4g} {found['unit']}"
        yield f"{what}: {_both(side, found)} on {found['components']:,} components ({beside})"


def _class_lines(side: str, name: str, record: dict[str, Any]) -> Iterator[str]:
    """Yield the errors of a classifier, and those of the forest beside it."""
    for line in ClassErrors.from_json(record["errors"]).lines():
        yield f"{name}: {side} {line}"
    if record["forest"] is not None:
        beside = ClassErrors.from_json(record["forest"])
        accuracy, loss = beside.balanced_accuracy, beside.log_loss
        interval = f"({accuracy.low:.3f} to {accuracy.high:.3f})"
        yield f"{name}: forest: balanced accuracy {accuracy.value:.3f} {interval}, log-loss {loss.value:.3f}"


def _both(side: str, errors: dict[str, Any]) -> str:
    unit = errors["unit"]
    return f"{side} MAE {errors['mae']:.4g} {unit}, RMSE {errors['rmse']:.4g} {unit}"
