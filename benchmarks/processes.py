"""How much faster are several processes than one on the same cores? Training steps, and frames predicted.

    python benchmarks/processes.py [--processes 2] [--rounds 3] [--batch 64] [--out processes.csv]

Part of bundled QM7: one process with as many threads as there are processes, and the
processes under torchrun with one thread each, in turn. Training: the median over epochs of seconds an epoch, as the
run folder has them, validation included. Prediction: seconds from start to end, less those for a file of one frame,
which is what starting takes. The last lines are ratios of medians over the rounds.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from empnet.files.read import read
from empnet.files.write import write

EPOCHS = 4
SYSTEMS = 1500  # for training


def command(processes: int, threads: int, *words: object) -> float:
    """Run empnet; returns the seconds that it took."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", processes] if processes > 1 else []
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    began = time.perf_counter()
    whole = [sys.executable, *map(str, launcher), *map(str, words)]
    subprocess.run(whole, check=True, env=environment, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def epoch_seconds(run: Path) -> float:
    """Median over the epochs but the first, which begins with compiled loops being loaded."""
    with (run / "metrics.csv").open() as file:
        at = [float(row["seconds"]) for row in csv.DictReader(file)]
    return median(after - before for before, after in itertools.pairwise(at))


def train_here(run: Path, batch: int, threads: int) -> None:
    """What the processes do: the training of the command line, without the report at its end."""
    from empnet.training.start_run import run_training as train

    settings = {"train_size": SYSTEMS, "epochs": EPOCHS, "batch": batch, "threads": threads, "device": "cpu"}
    train("qm7", out=run, force=True, quiet=True, **settings)


def measure(folder: Path, processes: int, threads: int, batch: int) -> dict[str, float]:
    """One round of one way to work."""
    run, out = folder / f"run-{processes}", folder / "predicted.csv"
    command(processes, threads, __file__, "--train", run, "--batch", batch, "--threads", threads)
    predict = ("-m", "empnet", "predict", "--out", out, "--force", "--quiet", run)
    start = command(processes, threads, *predict, folder / "one.extxyz")
    whole = command(processes, threads, *predict, folder / "all.extxyz")
    return {"epoch": epoch_seconds(run), "prediction": whole - start}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--out", type=Path, default=Path("processes.csv"))
    parser.add_argument("--train", type=Path, metavar="RUN", help="only train into this run folder")
    parser.add_argument("--threads", type=int, default=1, help="with --train")
    given = parser.parse_args()
    if given.train is not None:
        train_here(given.train, given.batch, given.threads)
        return
    ways = {"one": (1, given.processes), "several": (given.processes, 1)}
    found: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as name, given.out.open("w", newline="") as file:
        folder, table = Path(name), csv.writer(file)
        systems = read("qm7")
        write(folder / "one.extxyz", systems[:1])
        write(folder / "all.extxyz", systems)
        table.writerow(["round", "way", "processes", "threads each", "epoch [s]", "prediction [s]"])
        for number in range(given.rounds):
            for way, (processes, threads) in ways.items():
                result = measure(folder, processes, threads, given.batch)
                found[way].append(result)
                table.writerow([number, way, processes, threads, *(round(value, 3) for value in result.values())])
                print(f"round {number}, {processes} x {threads} threads: {result}", flush=True)
    for what in ("epoch", "prediction"):
        one, several = (median(result[what] for result in found[way]) for way in ways)
        print(f"{what}: {given.processes} processes are {one / several:.2f} times as fast as one with all cores")


if __name__ == "__main__":
    main()
