"""Are data larger than memory ingested and trained on in less than 2 GB? Wanted: yes, for a million molecules.

    python benchmarks/large_dataset.py [--systems 1000000] [--format npz] [--time 60s] [--folder FOLDER]

Molecules of 20 atoms are those of QM7 with noise; each thousandth is an exact duplicate of the one before. They are
written to a temporary folder, ingested, and trained on for a while by one process of its own, whose peak of resident
memory (mapped pages that are resident included) and of anonymous memory is printed, phase by phase. Everything is
removed in the end.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

CHUNK = 10_000  # molecules that are made at a time
NOISE = 0.05  # angstrom
STIFFNESS = 200.0  # of the energy that noise costs, kcal/mol/angstrom^2, so that there is something to learn
REPEATED = 1000  # each so many-th molecule is the one before
SAMPLED = 0.02  # s between two looks at memory


def molecules(n: int, atoms: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Positions (B, atoms, 3), species (B, atoms) and energies (B,), chunk by chunk; equal for equal seeds."""
    from empnet.files.read import read

    whole = [system for system in read("qm7") if len(system) == atoms]
    positions = np.stack([system.positions for system in whole])
    species = np.stack([system.species for system in whole])
    energies = np.array([system.properties["energy"] for system in whole])
    for begin in range(0, n, CHUNK):
        rng = np.random.default_rng([seed, begin])
        size = min(CHUNK, n - begin)
        drawn = rng.integers(len(whole), size=size)
        noise = rng.normal(0, NOISE, (size, atoms, 3))
        again = np.arange(REPEATED - 1, size, REPEATED)
        drawn[again], noise[again] = drawn[again - 1], noise[again - 1]
        yield positions[drawn] + noise, species[drawn], energies[drawn] + STIFFNESS * np.square(noise).sum(axis=(1, 2))


def write_npz(path: Path, n: int, atoms: int, seed: int) -> None:
    """One archive, array after array; the molecules are made anew for each, so that none is held in memory."""
    shapes = {"R": (n, atoms, 3), "z": (n, atoms), "E": (n,)}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for k, (name, shape) in enumerate(shapes.items()):
            kind = "<i8" if name == "z" else "<f8"
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                header = {"descr": kind, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(stream, header)
                for chunk in molecules(n, atoms, seed):
                    stream.write(np.ascontiguousarray(chunk[k], dtype=kind).data)


def write_extxyz(path: Path, n: int, atoms: int, seed: int) -> None:
    """Text, with eight decimals."""
    from ase.data import chemical_symbols

    with path.open("w", encoding="utf-8") as file:
        for positions, species, energies in molecules(n, atoms, seed):
            for r, z, energy in zip(positions, species, energies, strict=True):
                file.write(f"{atoms}\nProperties=species:S:1:pos:R:3 energy={energy:.8f}\n")
                rows = zip(z, r.tolist(), strict=True)
                file.writelines(f"{chemical_symbols[k]} {x:.8f} {y:.8f} {w:.8f}\n" for k, (x, y, w) in rows)


WRITERS = {"npz": write_npz, "extxyz": write_extxyz}


class Memory(threading.Thread):
    """Watches this process: the most anonymous memory since the last look, MB."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.anonymous = self.resident = 0.0
        self.start()

    def run(self) -> None:
        """Look again and again."""
        while True:
            lines = Path("/proc/self/status").read_text().splitlines()
            said = {key: rest.split()[0] for key, _, rest in (line.partition(":") for line in lines) if "Rss" in key}
            self.anonymous = max(self.anonymous, int(said["RssAnon"]) / 1024)
            self.resident = max(self.resident, sum(int(size) for size in said.values()) / 1024)
            time.sleep(SAMPLED)

    def tell(self, phase: str, began: float, n: int) -> None:
        """Print a phase and begin the next."""
        time.sleep(2 * SAMPLED)
        took = time.perf_counter() - began
        print(f"{phase:32} {took:8.1f} s {n / took:10.0f} molecules/s   resident {self.resident:6.0f} MB", end="   ")
        print(f"anonymous {self.anonymous:6.0f} MB", flush=True)
        self.anonymous = self.resident = 0.0


def act(path: Path, n: int, budget: str) -> None:
    """Ingest, then train, in this process."""
    memory, began = Memory(), time.perf_counter()
    from empnet.dataset.cache import Recipe, open_dataset
    from empnet.training import job
    from empnet.training import start_run as training

    memory.tell("import", began, n)
    cpu, began = time.process_time(), time.perf_counter()
    dataset = open_dataset(path, Recipe(("energy",), cutoff=5.0), quiet=True)
    memory.tell("ingest", began, n)
    cpu = time.process_time() - cpu
    print(f"processor time of the ingest {cpu:.1f} s: {1e6 * cpu / n:.0f} us each")
    size = sum(array.nbytes for array in dataset.arrays.values())
    print(f"on disk {size / n:.0f} bytes a molecule, {dataset.arrays['n_pairs'].mean():.0f} pairs each", flush=True)
    del dataset

    def watched(module, name: str, phase: str) -> None:  # noqa: ANN001
        """Tell a phase when a function of training has come to its end."""
        plain = getattr(module, name)

        def told(*args, **options):  # noqa: ANN002, ANN003, ANN202
            began = time.perf_counter()
            result = plain(*args, **options)
            memory.tell(phase, began, n)
            return result

        setattr(module, name, told)

    watched(job, "open_data", "  hash the file, open")
    watched(job, "split_data", "  split")
    watched(job, "look_at", "  quick inspection")
    watched(job, "make_card", "  species, pooling, what was seen")
    watched(job, "fit_statistics", "  statistics")
    watched(job.DataCoverage, "of", "    what was seen")
    began = time.perf_counter()
    settings = {"property": "energy", "unit": "kcal/mol", "val": 2000, "test": 2000, "time": budget}
    training.run_training(path, out=path.parent / "run", threads=1, **settings)
    memory.tell("train, all of it", began, n)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak of resident memory of the whole process (ru_maxrss): {peak:.0f} MB")


def main() -> None:
    """Make the data, run a process, remove everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", type=int, default=1_000_000)
    parser.add_argument("--atoms", type=int, default=20)
    parser.add_argument("--format", choices=sorted(WRITERS), default="npz")
    parser.add_argument("--time", default="60s", help="budget of training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where to make a temporary folder")
    parser.add_argument("--act", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.act:
        act(arguments.act, arguments.systems, arguments.time)
        return
    folder = Path(tempfile.mkdtemp(dir=arguments.folder, prefix="large-"))
    try:
        path, began = folder / f"molecules.{arguments.format}", time.perf_counter()
        WRITERS[arguments.format](path, arguments.systems, arguments.atoms, arguments.seed)
        took, size = time.perf_counter() - began, path.stat().st_size / arguments.systems
        print(f"{arguments.systems:,} molecules of {arguments.atoms} atoms, {arguments.format}, {size:.0f} bytes each")
        print(f"made in {took:.1f} s", flush=True)
        command = [sys.executable, "-P", __file__, "--act", str(path), "--systems", str(arguments.systems)]
        (folder / "cache").mkdir()
        environment = {**os.environ, "EMPNET_CACHE": str(folder / "cache")}
        subprocess.run([*command, "--time", arguments.time], check=True, env=environment)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
