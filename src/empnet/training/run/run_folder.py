"""Folder of a run: its files, and how they are read and written."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from empnet.dataset.split import Split
from empnet.errors import EmpnetError
from empnet.runtime.durable_files import replacing, write_text
from empnet.training.run.checkpoint import FILE as CHECKPOINT
from empnet.training.run.checkpoint import PREVIOUS
from empnet.training.run.config import TrainConfig, read_config
from empnet.training.run.model_file import RESTORE, SPLIT, split_of_weights
from empnet.training.run.run_marks import is_broken_start

__all__ = ["RunFolder"]


class RunFolder:
    """Run folder on disk, with its files.

    =======================  ==========================================================
    config.toml              the merged configuration
    split.json               the systems of training, validation and test set
    model.json               architecture, species, properties, units, versions, data
    model.safetensors        the best weights so far
    metrics.csv              one row an epoch
    uncertainty.safetensors  calibrated standard deviations, once training has ended
    results.json             errors on validation and test set, once training has ended
    metrics.csv.damaged      metrics.csv before unreadable rows were removed
    checkpoint/              state.safetensors and its predecessor, for resuming
    .lock                    locked while a process trains the run
    log.txt                  all messages
    =======================  ==========================================================

    Arguments:
        path: Path of the folder.
    """

    def __init__(self, path: str | Path) -> None:
        if not isinstance(path, str | os.PathLike):
            raise EmpnetError(f"a {type(path).__name__} is no path", wanted="the path of a run folder")
        self.path = Path(path)

    def __str__(self) -> str:
        return str(self.path)

    @property
    def config_file(self) -> Path:
        """Path of the configuration."""
        return self.path / "config.toml"

    @property
    def metrics_file(self) -> Path:
        """Path of the table of epochs."""
        return self.path / "metrics.csv"

    @property
    def log_file(self) -> Path:
        """Path of the log."""
        return self.path / "log.txt"

    def refuse_incomplete(self) -> None:
        """Raise if files that training needs are missing.

        Raises:
            EmpnetError: If this is not a run folder, or one of them is missing.
        """
        if is_broken_start(self.path):
            remedy = "start it again with its first command"
            raise EmpnetError("its start was broken off before there was a run", where=self.path, remedy=remedy)
        self.read_config()
        if any((self.path / file).exists() for file in (CHECKPOINT, PREVIOUS)):
            return
        done = (self.path / "results.json").exists()
        raise EmpnetError(
            f"{CHECKPOINT} is missing" + (", but the run has finished" if done else ": training cannot go on"),
            where=self.path,
            remedy=(
                f"its model is complete; to learn more, start from it: --from {self.path}"
                if done
                else f"bring that file back from a copy, or start from the best weights: --from {self.path}"
            ),
        )

    def read_config(self) -> TrainConfig:
        """Read the configuration of the run.

        Raises:
            EmpnetError: If this is not a run folder.
        """
        if not self.config_file.exists():
            remedy = "is this a run folder of empnet?" if self.path.exists() else "no such folder"
            raise EmpnetError("there is no config.toml", where=self.path, remedy=remedy)
        return TrainConfig.make(read_config(self.config_file), where=str(self.config_file))

    def read_split(self, systems: int | None = None) -> Split:
        """Read the split of the run.

        Arguments:
            systems: The number of systems in the data, if it is known.

        Raises:
            EmpnetError: If the file is missing or damaged, or does not belong to the run's weights.
        """
        path = self.path / SPLIT
        try:
            content = path.read_bytes()
            split = Split.from_json(json.loads(content))
            sides = np.concatenate([split.train, split.validation, split.test])
            if systems is not None and sides.max(initial=-1) >= systems:
                raise ValueError("the number of a system is out of range")
        except OSError as error:
            raise EmpnetError(f"cannot be read ({error.strerror})", where=path) from None
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            text = f"{error}"[:200] or "nested too deeply"
            raise EmpnetError(f"is damaged ({text})", where=path, wanted="the sides of this run's data") from None
        if split_of_weights(self.path) not in (None, hashlib.sha256(content).hexdigest()):
            raise EmpnetError("is not the split that the weights were trained with", where=path, remedy=RESTORE)
        return split

    def write_results(self, results: dict[str, Any]) -> None:
        """Write ``results.json``.

        Arguments:
            results: Errors by set and property.
        """
        write_text(self.path / "results.json", json.dumps(results, indent=1) + "\n")

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Add an epoch to ``metrics.csv``, whole or not at all.

        Arguments:
            row: Values by column; the first row makes the header.
        """
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, fieldnames=list(row))
        path = self.metrics_file
        size = path.stat().st_size if path.exists() else 0
        if size == 0:
            writer.writeheader()
        writer.writerow(row)
        try:
            with path.open("a", newline="", encoding="utf-8") as file:
                file.write(text.getvalue())
        except OSError:
            with suppress(OSError):
                os.truncate(path, size)
            raise

    def read_metrics(self) -> tuple[list[dict[str, str]], str]:
        """Return the readable rows of ``metrics.csv``, and a description of damage; empty if there is none."""
        try:
            _, rows, damaged = _rows(self.metrics_file.read_bytes())
        except FileNotFoundError:
            return [], ""
        except OSError as error:
            return [], f"{self.metrics_file}: cannot be read ({error.strerror})"
        return rows, f"{self.metrics_file}: is damaged; rows that cannot be read are left out" if damaged else ""

    def drop_metrics_from(self, epoch: int) -> str:
        """Remove damaged rows, and the rows from an epoch on, which the resumed run will write again.

        A damaged file is kept as ``metrics.csv.damaged``.

        Arguments:
            epoch: First epoch to remove, counted from 0.

        Returns:
            Description of damage; empty if there is none.
        """
        if not self.metrics_file.exists():
            return f"{self.metrics_file}: is missing; it begins at epoch {epoch + 1}" if epoch else ""
        before = self.metrics_file.read_bytes()
        columns, rows, damaged = _rows(before)
        kept = [row for row in rows if int(row["epoch"]) < epoch]
        missing = sorted(set(range(epoch)) - {int(row["epoch"]) for row in kept})
        text = io.StringIO(newline="")
        if columns:
            writer = csv.DictWriter(text, fieldnames=columns)
            writer.writeheader()
            writer.writerows(kept)
        if text.getvalue().encode() != before:
            write_text(self.metrics_file, text.getvalue())
        if not (damaged and missing):  # a row that a killed run left half-written will be written again
            return ""
        kept_as = self.path / "metrics.csv.damaged"
        with replacing(kept_as) as unfinished:
            unfinished.write_bytes(before)
        epochs = ", ".join(str(each + 1) for each in missing[:5]) + (", ..." if len(missing) > 5 else "")
        return f"{self.metrics_file}: is damaged; rows of epoch {epochs} cannot be read; it is kept as {kept_as.name}"


def _rows(content: bytes) -> tuple[list[str], list[dict[str, str]], bool]:
    """Return columns and intact rows of ``metrics.csv``, and True if it has other rows."""
    text = content.decode("utf-8", errors="replace").replace("\0", "\ufffd")
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        columns, found = list(reader.fieldnames or []), list(reader)
    except csv.Error:
        return [], [], True
    if not {"epoch", "step"} <= set(columns):
        return [], [], bool(content)
    rows = [row for row in found if _is_whole(row)]
    return columns, rows, len(rows) < len(found)


def _is_whole(row: dict[str, str]) -> bool:
    if None in row or None in row.values():
        return False
    try:
        counts = min(int(row["epoch"]), int(row["step"]))
        return counts >= 0 and isfinite(float(row.get("seconds") or 0)) and _are_numbers(row.values())
    except ValueError:
        return False


def _are_numbers(texts: Iterable[str]) -> bool:
    return all(isinstance(float(text or "nan"), float) for text in texts)
