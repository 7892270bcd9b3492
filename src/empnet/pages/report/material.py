"""Gather the content of the report from a run folder, with a note on each missing part."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from empnet.audit import Audit, audit
from empnet.dataset.split import Split
from empnet.errors import EmpnetError
from empnet.pages.report.class_side import ClassSide, measure_class_side
from empnet.pages.report.curves import Curves, read_curves
from empnet.pages.report.side import MeasuredSide, measure_side
from empnet.prediction.accuracy import of_evaluations
from empnet.prediction.last_words import read_results
from empnet.prediction.load import load
from empnet.prediction.predictor import Predictor
from empnet.system.system import System
from empnet.training.run.config import TrainConfig
from empnet.training.run.model_file import ModelCard, read_card
from empnet.training.run.run_folder import RunFolder
from empnet.training.uncertainty.ensemble_file import is_ensemble

__all__ = ["Material", "gather"]


AUDITED = 4
"""Number of systems in the report's audit; ``empnet check`` uses more and takes longer."""


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """Content of a run folder.

    Arguments:
        run: The run folder.
        config: Configuration of the run.
        card: Card of the model.
        split: Training, validation and test set.
        predictor: The trained model; None before the first weights.
        curves: The course of training; None before the first epoch.
        results: Content of ``results.json``: errors by set and property; empty before the end of training.
        side: Errors measured again, system by system; None if the data are not available.
        audit: Audit on a few systems of that set; None if it was not requested or the data are not available.
        log: Lines of ``log.txt``.
        class_side: Errors of a classifier measured again; None for a model of numbers.
        left_out: Parts missing in the report, with reasons.
    """

    run: RunFolder
    config: TrainConfig
    card: ModelCard
    split: Split
    predictor: Predictor | None
    curves: Curves | None
    results: dict[str, Any]
    side: MeasuredSide | None
    audit: Audit | None
    log: tuple[str, ...]
    class_side: ClassSide | None = None
    left_out: tuple[str, ...] = field(default=())


def gather(run: str | Path, *, audited: bool = True, quiet: bool = False) -> Material:
    """Read a run folder and measure its test set again.

    Arguments:
        run: The run folder.
        audited: Whether to audit the model.
        quiet: No progress bar.

    Raises:
        EmpnetError: If it is not a run folder, or a file in it is damaged.
    """
    folder = RunFolder(run)
    config, card = folder.read_config(), read_card(folder.path)
    left_out: list[str] = []
    predictor = side = found = class_side = None
    ensemble = is_ensemble(folder.path)
    if ensemble or (folder.path / "model.safetensors").exists():
        predictor = load(run)
        try:
            if card.classes:
                class_side = measure_class_side(predictor, quiet=quiet)
                found = audit(predictor, _few(class_side), quiet=quiet) if audited else None
            else:
                side = measure_side(predictor, quiet=quiet)
                errors = of_evaluations(side.evaluations, side.name)
                found = audit(predictor, _few(side), errors=errors, quiet=quiet) if audited else None
        except EmpnetError as error:
            left_out.append(f"Errors of each system, the worst systems and their pictures are left out: {error}.")
    else:
        left_out.append("Errors and filters are left out: there are no trained weights yet.")
    (curves, missing), results = read_curves(folder, card), read_results(folder)
    if ensemble:
        left_out.append("Each member has its own learning curves and filters: empnet report RUN/member-1, and so on.")
    elif curves is None:
        left_out.append(f"Learning curves are left out: {missing or 'no epoch is finished'}.")
    elif missing:
        left_out.append(f"Learning curves are not complete: {missing}.")
    if not results:
        left_out.append("Training is not finished: this page shows the best weights so far.")
    split, log = folder.read_split(), _log(folder)
    return Material(
        folder, config, card, split, predictor, curves, results, side, found, log, class_side, tuple(left_out)
    )


def _few(side: MeasuredSide | ClassSide) -> list[System]:
    """Return systems for the audit, spread evenly over the sample."""
    return list(side.sample[:: max(1, len(side.sample) // AUDITED)][:AUDITED])


def _log(folder: RunFolder) -> tuple[str, ...]:
    if not folder.log_file.exists():
        return ()
    return tuple(folder.log_file.read_text(encoding="utf-8", errors="replace").splitlines())
