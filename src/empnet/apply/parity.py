"""The parity plot: predicted against true, for eyes."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np

from empnet.apply.evaluate import Evaluation
from empnet.data.files import replacing

__all__ = ["parity_plot"]


def parity_plot(evaluation: Evaluation, path: str | Path) -> None:
    """Draw predicted over true values, and the distribution of errors beside it.

    Arguments:
        evaluation: What is drawn.
        path: Path of the PNG file, replaced if it is there.
    """
    from matplotlib.figure import Figure  # no pyplot: no windows, no global state

    matplotlib.rcParams["mathtext.default"] = "regular"
    y, y_hat, unit = evaluation.targets, evaluation.predicted, evaluation.unit
    figure = Figure(figsize=(9.0, 4.2), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.1, 1.0))
    left.axline((y.min(), y.min()), slope=1.0, color="0.6", linewidth=1.0, zorder=1)
    left.scatter(y, y_hat, s=8, alpha=0.5, color="#1f5fa8", linewidths=0, zorder=2)
    left.set(xlabel=f"{evaluation.name} in the data [{unit}]", ylabel=f"{evaluation.name} predicted [{unit}]")
    left.set_aspect("equal", adjustable="datalim")
    left.tick_params(axis="x", rotation=30)
    _told(left, evaluation)
    error = y_hat - y
    reach = max(float(np.quantile(np.abs(error), 0.99)), 1e-12)
    outside = int((np.abs(error) > reach).sum())
    right.hist(np.clip(error, -reach, reach), bins=61, color="#1f5fa8", alpha=0.8)
    right.axvline(0.0, color="0.6", linewidth=1.0)
    right.set(xlabel=f"error: predicted - true [{unit}]", ylabel="systems")
    right.set_title(f"{outside} of {len(y)} beyond the edges are drawn at them", fontsize=8, color="0.4")
    with replacing(Path(path)) as unfinished:
        figure.savefig(unfinished, format="png")


def _told(axes, evaluation: Evaluation) -> None:  # noqa: ANN001 (matplotlib's Axes)
    mae, r2 = evaluation.metrics["mae"], evaluation.metrics["r2"]
    lines = (
        f"MAE {mae.value:.3g} {evaluation.unit} ({mae.low:.3g} to {mae.high:.3g})",
        f"{evaluation.baseline_name}: {evaluation.baseline['mae'].value:.3g} {evaluation.unit}",
        f"R² {r2.value:.5f}, {len(evaluation.targets)} systems",
    )
    axes.text(0.03, 0.97, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=8)
