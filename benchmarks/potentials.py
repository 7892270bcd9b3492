"""Accuracy of the default configuration on data sets of the field, and the time it took.

    python benchmarks/potentials.py DATA [--only aspirin,3bpa] [--threads 2] [--runs runs/potentials]

DATA is a folder with the data sets, which are not part of this repository (where they come from is told in
docs/potentials.md). Each is trained through the command line with nothing set but what is to be learned, the sizes of
the sides and the time; a run that is there already is not trained again. Writes docs/potentials.json.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"


@dataclass(frozen=True)
class Task:
    """What is learned from what.

    Arguments:
        name: What it is called.
        file: Below the folder of data.
        options: Of ``empnet train``, beside the data.
        time: Budget of the training.
        tested_on: Data that had no part in it; None: the test set of the same file.
    """

    name: str
    file: str
    options: str
    time: str = "20m"
    tested_on: str | None = None


RMD17 = "--unit kcal/mol --forces forces --val 50 --test 0"
MLEARN = "--forces forces --stress virial_stress_raw --stress-unit -kB --stress-order"
TASKS = (
    Task("aspirin", "rmd17/aspirin_train1000.npz", RMD17, tested_on="rmd17/aspirin_more2000.npz"),
    Task("ethanol", "rmd17/ethanol_train1000.npz", RMD17, tested_on="rmd17/ethanol_more2000.npz"),
    Task("3bpa", "3bpa/train_300K.extxyz.gz", "--forces forces --val 25 --test 25"),
    Task("acac", "acac/train_300K.extxyz.gz", "--forces forces --val 25 --test 25", time="15m"),
    Task("water", "water/train.extxyz.gz", "--forces forces --val 15 --test 60"),
    Task("monbtaw", "monbtaw/train.extxyz.gz", "--forces forces --stress stress"),
    Task("mlearn-Si", "mlearn/Si_train.extxyz.gz", f"{MLEARN} 'xx yy zz xy yz zx'", time="5m"),
    Task("mlearn-Ge", "mlearn/Ge_train.extxyz.gz", f"{MLEARN} 'xx yy zz xy yz zx'", time="5m"),
    Task("mlearn-Mo", "mlearn/Mo_train.extxyz.gz", f"{MLEARN} 'xx yy zz xy xz yz'", time="5m"),
    Task("mlearn-Li", "mlearn/Li_train.extxyz.gz", "--forces forces", time="5m"),
    Task("qm9-U0", "qm9/qm9-11083.extxyz.gz", "--property U0 --unit eV", time="15m"),
    Task("qm9-gap", "qm9/qm9-11083.extxyz.gz", "--property gap --unit eV", time="15m"),
    Task("qm7", "", "", time="30m"),
)


def empnet(*arguments: str) -> str:
    """Run a command; what it says on standard error is shown."""
    command = [sys.executable, "-m", "empnet", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def measured(task: Task, data: Path, runs: Path, threads: int) -> dict[str, object]:
    """The errors of one task, trained if it was not."""
    source, run = str(data / task.file) if task.file else "qm7", runs / task.name
    if not (run / "results.json").exists():
        options = (*shlex.split(task.options), "--time", task.time, "--threads", str(threads))
        empnet("train", source, *options, "--out", str(run))
    others = (str(data / task.tested_on),) if task.tested_on else ()
    evaluation = json.loads(empnet("evaluate", str(run), *others, "--json"))
    last = (run / "metrics.csv").read_text().splitlines()[-1].split(",")
    return {
        "name": task.name,
        "options": task.options,
        "time": task.time,
        "threads": threads,
        "steps": int(last[1]),
        "seconds": float(last[2]),
        "date": str(date.today()),
        "errors": [kept(each) for each in evaluation],
    }


def kept(evaluation: dict[str, Any]) -> dict[str, Any]:
    """What of an evaluation is kept: no paths, no single systems."""
    errors = {name: evaluation[name] for name in ("property", "unit", "systems")}
    errors |= {name: evaluation["metrics"][name] for name in ("mae", "rmse")}
    for name in ("forces", "stress"):
        if name in evaluation:
            found = evaluation[name]
            errors[name] = {"unit": found["unit"], **{key: found["metrics"][key] for key in ("mae", "rmse")}}
    return errors


def main() -> None:
    """Train, evaluate, and keep what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", help="names of tasks, with commas between them")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=Path, default=Path("runs/potentials"))
    given = parser.parse_args()
    names = given.only.split(",") if given.only else [task.name for task in TASKS]
    for task in (task for task in TASKS if task.name in names):
        found = measured(task, given.data, given.runs, given.threads)
        path = DOCS / "potentials.json"
        before = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**before, task.name: found}, indent=1) + "\n")
        print(task.name, json.dumps(found["errors"])[:500])


if __name__ == "__main__":
    main()
