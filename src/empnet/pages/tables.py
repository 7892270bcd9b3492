"""Print tables and verdicts to the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from empnet.pages.class_tables import class_tables
from empnet.prediction.class_evaluation import ClassEvaluation
from empnet.prediction.derivative_errors import DerivativeErrors
from empnet.prediction.evaluate import Evaluation
from empnet.prediction.metrics import R2, Metric, r2_in_words, to_error
from empnet.prediction.verdict import Verdict

__all__ = ["print_evaluation", "print_verdict"]

LABELS = {"mae": "MAE", "rmse": "RMSE", "max": "largest error", "r2": R2}
DERIVATIVE_LABELS = ("mae", "rmse", "max")
VERDICT_STYLES = {"good": "green", "warn": "yellow", "bad": "bold red", "": ""}


def print_evaluation(evaluation: Evaluation | ClassEvaluation) -> None:
    """Print the worst systems, the errors of model and baseline with 95 % intervals, and force errors.

    Arguments:
        evaluation: The evaluation.
    """
    console = Console(highlight=False, width=None if Console().is_terminal else 120)
    if isinstance(evaluation, ClassEvaluation):
        for table in class_tables(evaluation):
            console.print(table)
        return
    console.print(_worst(evaluation))
    console.print(_errors(evaluation))
    for errors in evaluation.derivatives.values():
        console.print(_derivative(errors))


def print_verdict(verdict: Verdict) -> None:
    """Print a verdict line by line; lines are not wrapped, so that a text search finds them.

    Arguments:
        verdict: The verdict.
    """
    console = Console(highlight=False, soft_wrap=True)
    for sentence in verdict.sentences:
        console.print(Text(sentence.text, style=VERDICT_STYLES[sentence.kind]))


def _worst(evaluation: Evaluation) -> Table:
    columns = ("where", "formula", *(f"{what} [{evaluation.unit}]" for what in ("true", "predicted", "error")))
    table = Table(*map(escape, columns), title="largest errors")
    for system in evaluation.worst:
        error = system.predicted - system.target
        numbers = to_error(system.target, error), to_error(system.predicted, error), f"{error:+.4g}"
        table.add_row(escape(system.origin), system.formula, *numbers)
    return table


def _errors(evaluation: Evaluation) -> Table:
    title = f"{evaluation.name}, {len(evaluation.targets)} systems (95 % intervals)"
    table = Table("", "model", escape(evaluation.baseline_name), title=escape(title))
    for name, label in LABELS.items():
        texts = (_text(name, metrics[name], evaluation.unit) for metrics in (evaluation.metrics, evaluation.baseline))
        table.add_row(label, *map(escape, texts))
    for name, metric in (evaluation.per_particle or {}).items():
        if name in ("mae", "rmse"):
            each = _text(name, metric, f"{evaluation.unit}/particle")
            table.add_row(f"{LABELS[name]} per particle", escape(each), "")
    return table


def _derivative(errors: DerivativeErrors) -> Table:
    """Return the errors of forces, overall and for each species, or of stress, overall and for each component."""
    zero = f"{errors.target_rms:.4g} {errors.unit}"
    title = f"{errors.name}, {errors.targets.size} components (95 % intervals); root mean square of the data {zero}"
    table = Table("", *(LABELS[name] for name in DERIVATIVE_LABELS), title=escape(title))
    for name, metrics in errors.groups_and_all.items():
        table.add_row(escape(name), *(escape(_text(key, metrics[key], errors.unit)) for key in DERIVATIVE_LABELS))
    return table


def _text(name: str, metric: Metric, unit: str) -> str:
    if name == "r2":
        return r2_in_words(metric)
    return f"{metric.value:.4g} {unit} ({metric.low:.4g} to {metric.high:.4g})"
