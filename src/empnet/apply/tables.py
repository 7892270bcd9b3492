"""Tables for the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from empnet.apply.evaluate import Evaluation
from empnet.apply.metrics import Metric

__all__ = ["print_evaluation"]

LABELS = {"mae": "MAE", "rmse": "RMSE", "max": "largest error", "r2": "R2"}


def _told(metric: Metric, unit: str) -> str:
    return f"{metric.value:.4g} {unit} ({metric.low:.4g} to {metric.high:.4g})".replace("  ", " ")


def print_evaluation(evaluation: Evaluation) -> None:
    """Print errors with 95 % intervals beside the composition baseline's, and the worst systems.

    Arguments:
        evaluation: What is printed.
    """
    console = Console(highlight=False, width=None if Console().is_terminal else 120)
    table = Table("", "model", "composition baseline", title=f"{evaluation.name}, {len(evaluation.targets)} systems")
    for name, label in LABELS.items():
        unit = "" if name == "r2" else evaluation.unit
        table.add_row(label, _told(evaluation.metrics[name], unit), _told(evaluation.baseline[name], unit))
    console.print(table)
    worst = Table("where", "formula", f"true [{evaluation.unit}]", f"predicted [{evaluation.unit}]", "error")
    worst.title = "largest errors"
    for system in evaluation.worst:
        error = system.predicted - system.target
        worst.add_row(system.origin, system.formula, f"{system.target:.6g}", f"{system.predicted:.6g}", f"{error:+.4g}")
    console.print(worst)
