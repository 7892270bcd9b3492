"""The folder of a run: what lies where, made whole or not at all, never overwritten unasked."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from empnet.data.errors import EmpnetError
from empnet.data.files import write_text
from empnet.data.split import Split
from empnet.learn.config import TrainConfig, read_config

__all__ = ["RunFolder", "free_name"]


def free_name(stem: str) -> Path:
    """The first of runs/STEM, runs/STEM-2, ... that is not there yet.

    Arguments:
        stem: Wanted name of the run.
    """
    path, number = Path("runs") / stem, 1
    while path.exists():
        number += 1
        path = Path("runs") / f"{stem}-{number}"
    return path


class RunFolder:
    """A run folder on disk and the files in it.

    =======================  ==========================================================
    config.toml              the merged configuration
    split.json               which system is on which side
    model.json               architecture, species, properties, units, versions, data
    model.safetensors        the best weights so far
    metrics.csv              one row an epoch
    uncertainty.safetensors  what tells standard deviations, once training has ended
    results.json             errors on validation and test side, once training has ended
    checkpoint/              what resuming needs
    log.txt                  what was printed
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
    def log_file(self) -> Path:
        """Path of the log."""
        return self.path / "log.txt"

    def refuse_existing(self, force: bool) -> None:
        """Raise if the folder exists, unless it is a run that may be replaced.

        Arguments:
            force: A run of this path may be replaced.

        Raises:
            EmpnetError: If it is there.
        """
        if not self.path.exists():
            return
        if not force:
            raise EmpnetError(
                "is there already", where=self.path, remedy="choose another --out, or --force to replace it"
            )
        if not self.config_file.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise EmpnetError("is no run folder and is not replaced", where=self.path, remedy="choose another --out")

    def create(self, fill: Callable[[Path], None], force: bool = False) -> None:
        """Make the folder with its first files in one move.

        Arguments:
            fill: Writes the files into the folder that it is given.
            force: Replace a run that is there.

        Raises:
            EmpnetError: If it is there, or cannot be made.
        """
        self.refuse_existing(force)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = Path(tempfile.mkdtemp(dir=self.path.parent, prefix=f".{self.path.name}-"))
        except OSError as error:
            raise EmpnetError(
                f"cannot be made ({error.strerror})", where=self.path, remedy="choose another --out"
            ) from None
        try:
            fill(unfinished)
            unfinished.chmod(0o755)  # mkdtemp's folders are the owner's alone
            if self.path.exists():
                shutil.rmtree(self.path)
            os.replace(unfinished, self.path)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def read_config(self) -> TrainConfig:
        """The configuration that the run was made with.

        Raises:
            EmpnetError: If this is no run folder.
        """
        if not self.config_file.exists():
            remedy = "is this a run folder of empnet?" if self.path.exists() else "no such folder"
            raise EmpnetError("there is no config.toml", where=self.path, remedy=remedy)
        return TrainConfig.make(read_config(self.config_file), where=str(self.config_file))

    def read_split(self) -> Split:
        """The split that the run was made with.

        Raises:
            EmpnetError: If the file is missing or damaged.
        """
        path = self.path / "split.json"
        try:
            return Split.from_json(json.loads(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise EmpnetError(f"cannot be read ({error.strerror})", where=path) from None
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            told = f"{error}"[:200] or "nested too deeply"
            raise EmpnetError(f"is damaged ({told})", where=path, wanted="the sides of this run's data") from None

    def write_results(self, results: dict[str, Any]) -> None:
        """Write ``results.json``.

        Arguments:
            results: Errors by side and property.
        """
        write_text(self.path / "results.json", json.dumps(results, indent=1) + "\n")

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Add an epoch to ``metrics.csv``.

        Arguments:
            row: Values by column; the first row makes the header.
        """
        path = self.path / "metrics.csv"
        fresh = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if fresh:
                writer.writeheader()
            writer.writerow(row)

    def drop_metrics_from(self, epoch: int) -> None:
        """Remove the rows of an epoch and later ones, which resuming will write again.

        Arguments:
            epoch: The first epoch to be removed, counted from 0.
        """
        path = self.path / "metrics.csv"
        if not path.exists():
            return
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or [])
            rows = [row for row in reader if None not in row.values() and int(row["epoch"]) < epoch]
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, fieldnames=columns)
        if columns:
            writer.writeheader()
        writer.writerows(rows)
        write_text(path, text.getvalue())
