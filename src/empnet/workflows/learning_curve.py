"""The learning curve: error against training size, and the number of systems for half the error."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Unpack

from empnet.dataset.cache import data_hash
from empnet.errors import EmpnetError
from empnet.files.source import Data, as_source
from empnet.pages.report import write_report
from empnet.prediction.class_evaluation import ClassEvaluation
from empnet.prediction.evaluate import Evaluation, evaluate
from empnet.prediction.load import load
from empnet.prediction.metrics import Metric
from empnet.runtime.durable_files import plain_name, refuse_standard_output, write_text
from empnet.runtime.pipes import keeping_pipes
from empnet.system.system import System
from empnet.training.cloud_settings import adopt_cloud_settings
from empnet.training.fine_tune import adopt_architecture
from empnet.training.job import open_data, split_data
from empnet.training.own_data import refuse_changed_data
from empnet.training.run.config import TrainConfig, differences
from empnet.training.run.journal import Journal
from empnet.training.run.model_file import read_card
from empnet.training.run.reservation import NameTaken, alone_in, reserved
from empnet.training.run.run_folder import RunFolder
from empnet.training.run.run_marks import is_broken_start
from empnet.training.run.settings import Settings
from empnet.training.run.unwritten import writing
from empnet.training.start_run import resume_training, run_name, run_training
from empnet.training.targets import configured, name_targets
from empnet.workflows.curve_figure import curve_figure
from empnet.workflows.power_law import LearningCurve, Point

__all__ = ["LearningCurve", "Point", "learning_curve"]

WRONG = "share of wrong classes"
"""Unit of the errors of a classifier: one minus the balanced accuracy."""


@keeping_pipes
def learning_curve(
    data: Data,
    property: str | Sequence[str] | None = None,  # noqa: A002 (the word of the command line)
    *,
    sizes: Sequence[int],
    out: str | Path | None = None,
    quiet: bool = False,
    **settings: Unpack[Settings],
) -> list[LearningCurve]:
    """Train on increasing numbers of systems, with the same validation and test sets, and measure the errors.

    Existing results in ``out`` are kept: the same call continues stopped training, and more sizes can be added later.

    Arguments:
        data: Path of a file, the name of bundled data, or systems or ase.Atoms, one or any iterable.
        property: The target scalar, or several.
        sizes: Training sizes, two or more.
        out: The folder for the curve, with one run folder for each size; default: runs/DATA-PROPERTY-curve.
        quiet: Print nothing.
        **settings: Any setting of :class:`~empnet.training.run.config.TrainConfig`, the same for each size.

    Returns:
        A curve for each property; an empty list if training was stopped before its end.

    Raises:
        EmpnetError: If there are fewer than two sizes, or ``out`` contains a curve of other settings.
    """
    journal, source = Journal(quiet), as_source(data)
    ordered = sorted(set(sizes))
    if len(ordered) < 2 or ordered[0] < 1:
        raise EmpnetError(f"sizes {list(sizes)}", where="--sizes", wanted="two or more, such as 100,300,1000")
    config = _checked(source, configured(source, property, {**settings, "train_size": ordered[-1]}), settings, quiet)
    folder = Path(out) if out is not None else Path("runs") / f"{run_name(config)}-curve"
    refuse_standard_output(folder, "a folder")
    with _own_folder(folder, config, source):
        for size in ordered:
            journal.say(f"training on {size} systems")
            finished = _train(folder / f"n-{size}", source, property, size, settings)
            if not finished:
                journal.say(f"stopped; to continue {folder}, use the same command")
                return []
        curves = _measure(folder, ordered, source)
        with writing(folder):
            _write(folder, curves)
    for curve in curves:
        journal.say(curve.summary())
    journal.say(f"curve: {folder}")
    return curves


def _checked(
    source: str | Sequence[System], config: TrainConfig, settings: Mapping[str, Any], quiet: bool
) -> TrainConfig:
    """Return the complete configuration of the largest size; raise an error if there are too few systems for it."""
    config = adopt_architecture(config, given={key for key, value in settings.items() if value is not None})
    if config.test == 0:
        raise EmpnetError("there is no test set", where="--test", wanted="a test set on which all sizes are measured")
    config = name_targets(config, Journal(quiet), source)
    config = adopt_cloud_settings(config, source, settings, Journal(quiet))
    split_data(open_data(source, config, quiet), config)
    return config


@contextmanager
def _own_folder(folder: Path, config: TrainConfig, source: str | Sequence[System]) -> Iterator[None]:
    """Reserve the curve's folder for this process; it must be new, or contain a curve of the same settings."""
    runs = sorted(folder.glob("n-*"))
    if not runs:
        try:
            place = reserved(folder)
            with place as reservation:
                reservation.fill(lambda _: None)
                yield
        except NameTaken as error:
            if folder.is_dir() and not is_broken_start(folder):
                text = "already exists and contains no learning curve"
                raise EmpnetError(text, where=folder, remedy="choose another --out") from error
            raise
        return
    with alone_in(folder):
        _refuse_other(folder, runs, config, source)
        yield


def _refuse_other(folder: Path, runs: Sequence[Path], config: TrainConfig, source: str | Sequence[System]) -> None:
    """Raise if runs of the curve have other settings or data."""
    free = {"train_size", "data"} | ({"batch"} if config.batch is None else set())  # each run chose its own batch size
    now = config.model_dump(exclude=free)
    for run in runs:
        if is_broken_start(run):
            continue
        saved = RunFolder(run).read_config().model_dump(exclude=free)
        changed = differences(saved, now)
        if changed:
            raise EmpnetError(
                f"contains a curve of other settings: {'; '.join(changed)}", where=folder, remedy="choose another --out"
            )
        card = read_card(run)
        data = data_hash(source, str(card.data.get("sha256", "")))
        refuse_changed_data(card, data, run, "choose another --out")


def _train(run: Path, data: str | Sequence[System], property_: Any, size: int, settings: Mapping[str, Any]) -> bool:
    """Train one size or continue its training, unless it is finished; return whether it is finished now."""
    if (run / "results.json").exists():
        return True
    if run.exists() and not is_broken_start(run):
        result = resume_training(run, data, quiet=True)
    else:
        result = run_training(data, property_, out=run, quiet=True, train_size=size, **settings)
    if result.finished:
        write_report(run, audited=False, quiet=True)  # without an audit: these models are for comparison only
    return result.finished


def _measure(folder: Path, sizes: Sequence[int], source: str | Sequence[System]) -> list[LearningCurve]:
    found = [_evaluate(folder / f"n-{size}", source) for size in sizes]
    return [
        LearningCurve(
            name=last.name,
            unit=WRONG if isinstance(last, ClassEvaluation) else last.unit,
            points=tuple(Point(size, _error(row[k])) for size, row in zip(sizes, found, strict=True)),
            baseline=_baseline(last),
        )
        for k, last in enumerate(found[-1])
    ]


def _error(evaluation: Evaluation | ClassEvaluation) -> Metric:
    """Return the mean absolute error, or the share of wrong classes, class by class."""
    if not isinstance(evaluation, ClassEvaluation):
        return evaluation.metrics["mae"]
    accuracy = evaluation.errors.balanced_accuracy
    return Metric(1 - accuracy.value, 1 - accuracy.high, 1 - accuracy.low)


def _baseline(evaluation: Evaluation | ClassEvaluation) -> float:
    """Return the error of the baseline; of classes that of naming always the same."""
    if not isinstance(evaluation, ClassEvaluation):
        return evaluation.baseline["mae"].value
    return 1 - evaluation.errors.majority_balanced_accuracy


def _evaluate(run: Path, source: str | Sequence[System]) -> Sequence[Evaluation | ClassEvaluation]:
    """Return the errors on the test set; systems in memory are passed on, because run folders do not store them."""
    test = None if isinstance(source, str) else [source[k] for k in RunFolder(run).read_split().test]
    return evaluate(load(run), test, quiet=True)


def _write(folder: Path, curves: Sequence[LearningCurve]) -> None:
    """Write the curves as numbers to ``curve.json`` and ``curve.csv``, and as pictures."""
    write_text(folder / "curve.json", json.dumps([curve.to_json() for curve in curves], indent=1) + "\n")
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["property", "systems", "mae", "low", "high", "unit"])
    for curve in curves:
        curve_figure(curve, folder / f"curve-{plain_name(curve.name)}.png")
        for point in curve.points:
            mae = point.mae
            writer.writerow([curve.name, point.size, repr(mae.value), repr(mae.low), repr(mae.high), curve.unit])
    write_text(folder / "curve.csv", text.getvalue())
