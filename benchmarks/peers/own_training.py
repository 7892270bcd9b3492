"""Epochs of ``empnet train`` itself, read from its ``metrics.csv``."""

from __future__ import annotations

import csv
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from conversation import Failed

__all__ = ["HELD_OUT", "epoch_seconds", "train"]

HELD_OUT = 32
"""Molecules of the validation set and of the test set, which the command always wants."""


def train(python: Path, data: Path, n_train: int, epochs: int, threads: int) -> dict[str, Any]:
    """Run the command with the sizes of the peers' networks.

    Arguments:
        python: Interpreter that has this package.
        data: Molecules: those for training and twice ``HELD_OUT``.
        n_train: How many are trained on.
        epochs: Epochs that count; two more come before them.
        threads: Processor threads.

    Returns:
        ``epoch``: seconds of each epoch, its validation included; ``model``: path of the model that was made.

    Raises:
        Failed: If the command fails.
    """
    out = Path(tempfile.mkdtemp(prefix="peers-train-")) / "run"
    settings = {
        "--property": "energy",
        "--unit": "kcal/mol",
        "--width": 128,
        "--layers": 3,
        "--moments": 0,
        "--batch": 64,
        "--val": HELD_OUT,
        "--test": HELD_OUT,
        "--train-size": n_train,
        "--epochs": epochs + 2,
        "--threads": threads,
        "--out": out,
    }
    options = [str(part) for name, value in settings.items() for part in (name, value)]
    done = subprocess.run(
        [str(python), "-m", "empnet", "train", str(data), *options, "--quiet"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": str(threads), "NUMBA_NUM_THREADS": str(threads)},
    )
    if done.returncode:
        raise Failed(f"empnet train: {(done.stderr.strip() or 'no reason given').splitlines()[-1]}")
    with (out / "metrics.csv").open() as rows:
        return {"epoch": epoch_seconds(list(csv.DictReader(rows)))[-epochs:], "model": str(out / "model.json")}


def epoch_seconds(rows: list[dict[str, str]]) -> list[float]:
    """Seconds of each epoch but the first, from the rows of ``metrics.csv``, whose column counts from the start.

    Arguments:
        rows: One for each epoch.
    """
    if "epoch_seconds" in rows[0]:
        return [float(row["epoch_seconds"]) for row in rows[1:]]
    return np.diff([float(row["seconds"]) for row in rows]).tolist()
