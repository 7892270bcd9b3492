"""How much memory do predictions take? Wanted: 100,000 molecules of 20 atoms in less than 1 GB above the bare import.

    python benchmarks/prediction_memory.py [--systems 100000] [--atoms 20]

Each way runs in a process of its own; what is printed is its peak of resident memory and its time.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

WAYS = ("import", "file", "stream", "list")
SPECIES = (1, 6, 7, 8, 16)


def molecules(n: int, atoms: int) -> Iterator:
    """Particles on a shaken grid of 1.3 angstrom: about as dense as molecules, no two too near."""
    from empnet.system.system import System

    rng = np.random.default_rng(0)
    grid = 1.3 * np.stack(np.meshgrid(*3 * [np.arange(np.ceil(atoms ** (1 / 3)))]), axis=-1).reshape(-1, 3)[:atoms]
    for _ in range(n):
        yield System(grid + rng.uniform(-0.2, 0.2, (atoms, 3)), rng.choice(SPECIES, atoms))


def fresh_predictor():  # noqa: ANN201
    """A network of the default size, not trained: its memory is the same."""
    from empnet.model.architecture import Architecture
    from empnet.prediction.predictor import Predictor
    from empnet.training.run.model_file import ModelCard

    card = ModelCard(Architecture(n_species=len(SPECIES), pooling=("sum",)), SPECIES, ("energy",), ("eV",))
    return Predictor(card.build().eval(), card)


def act(way: str, folder: Path, n: int, atoms: int) -> None:
    """One way of predicting, and what it took."""
    predictor = fresh_predictor()
    from empnet.prediction.predict import predict_file

    began = time.perf_counter()
    if way == "file":
        predict_file(predictor, folder / "molecules.extxyz", folder / "predicted.extxyz", force=True)
    elif way == "stream":
        predictor.predict(molecules(n, atoms))
    elif way == "list":
        systems = list(molecules(n, atoms))
        began = time.perf_counter()
        predictor.predict(systems)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{peak:.0f} {time.perf_counter() - began:.1f}")


def main() -> None:
    """Measure all ways and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", type=int, default=100_000)
    parser.add_argument("--atoms", type=int, default=20)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        return act(arguments.way, arguments.folder, arguments.systems, arguments.atoms)
    with tempfile.TemporaryDirectory() as folder:
        from empnet.files.write import write

        write(Path(folder) / "molecules.extxyz", molecules(arguments.systems, arguments.atoms))
        bare = 0.0
        for way in WAYS:
            words = [sys.executable, __file__, "--way", way, "--folder", folder]
            sizes = ["--systems", str(arguments.systems), "--atoms", str(arguments.atoms)]
            told = subprocess.run([*words, *sizes], capture_output=True, text=True, check=True).stdout.split()
            peak, seconds = map(float, told)
            bare = peak if way == "import" else bare
            print(f"{way:7} peak {peak:6.0f} MiB, above the bare import {peak - bare:6.0f} MiB, {seconds:6.1f} s")
    return None


if __name__ == "__main__":
    main()
