"""Tables for the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from empnet.apply.evaluate import Evaluation
from empnet.apply.metrics import Metric

__all__ = ["print_evaluation"]

LABELS = {"mae": "MAE", "rmse": "RMSE", "max": "largest error", "r2": "R2"}


def print_evaluation(evaluation: Evaluation) -> None:
    """Print the worst systems, and errors with 95 % intervals beside the composition baseline's.

    Arguments:
        evaluation: What is printed.
    """
    console = Console(highlight=False, width=None if Console().is_terminal else 120)
    console.print(_worst(evaluation))
    console.print(_errors(evaluation))


def _worst(evaluation: Evaluation) -> Table:
    columns = ("where", "formula", *(f"{what} [{evaluation.unit}]" for what in ("true", "predicted", "error")))
    table = Table(*map(escape, columns), title="largest errors")
    for system in evaluation.worst:
        error = system.predicted - system.target
        numbers = f"{system.target:.6g}", f"{system.predicted:.6g}", f"{error:+.4g}"
        table.add_row(escape(system.origin), system.formula, *numbers)
    return table


def _errors(evaluation: Evaluation) -> Table:
    title = f"{evaluation.name}, {len(evaluation.targets)} systems (95 % intervals)"
    table = Table("", "model", escape(evaluation.baseline_name), title=escape(title))
    for name, label in LABELS.items():
        told = (_told(name, metrics[name], evaluation.unit) for metrics in (evaluation.metrics, evaluation.baseline))
        table.add_row(label, *map(escape, told))
    return table


def _told(name: str, metric: Metric, unit: str) -> str:
    if name == "r2":  # near 1, where four digits say nothing
        return f"{metric.value:.5f} ({metric.low:.5f} to {metric.high:.5f})"
    return f"{metric.value:.4g} {unit} ({metric.low:.4g} to {metric.high:.4g})"
