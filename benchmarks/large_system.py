"""How do time and memory grow up to 100,000 periodic atoms? Wanted: as the atoms do, for energy and forces.

    python benchmarks/large_system.py [--atoms 1000 10000 100000] [--threads 1 2] [--json FILE]

Boxes of liquid water's density, their atoms in random order; cutoff 5 angstrom (54 neighbours an atom), no angular
moments, three interactions, width 64, float32, no gradients of the weights. Each case runs in a process of its own;
"sorted" is with empnet.system.spatial_order, before the neighbour list is made. Times are medians over the repeats, CPU
time beside wall time; memory is the growth of the peak (ru_maxrss) over that of a warm process: by the neighbour list
and the batch, and in all.
"""

import argparse
import itertools
import json
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from empnet.dataset.dataset import collate
from empnet.dataset.neighbours import neighbour_list
from empnet.model.architecture import Architecture
from empnet.model.property_model import PropertyModel
from empnet.system.one_hot import OneHot
from empnet.system.spatial_order import spatial_order
from empnet.system.system import System

CUTOFF = 5.0
SPACING = 3.104
"""Of water molecules in angstrom, if they stand on a cubic lattice at 1 g / cm^3."""

SPECIES = (1, 8)


def water_box(n_atoms: int, *, pbc: bool = True) -> System:
    """Molecules on a cubic lattice, turned at random, in random order: about as many atoms as wanted."""
    from ase.build import molecule
    from scipy.spatial.transform import Rotation

    rng = np.random.default_rng(0)
    side = max(1, round((n_atoms / 3) ** (1 / 3)))
    lattice = SPACING * np.stack(np.meshgrid(*3 * [np.arange(side)]), axis=-1).reshape(-1, 1, 3)
    water = molecule("H2O")
    turned = np.einsum("mxy,ay->max", Rotation.random(side**3, rng=rng).as_matrix(), water.positions)
    order = rng.permutation(3 * side**3)
    positions = (lattice + turned).reshape(-1, 3)[order]
    species = np.tile(water.numbers, side**3)[order]
    return System(positions, species, cell=SPACING * side * np.eye(3) if pbc else None, pbc=(pbc,) * 3)


def in_fresh_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns in a process of its own, so that peaks of memory are its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def peak() -> float:
    """Of this process's resident memory so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def clocked(act: Callable[[], Any]) -> tuple[Any, np.ndarray]:
    """What it returns, and the seconds that it took: wall and CPU."""
    began = np.array([time.perf_counter(), time.process_time()])
    result = act()
    return result, np.array([time.perf_counter(), time.process_time()]) - began


def energy_and_forces(model: PropertyModel, batch: Any) -> Any:
    """The way of one who moves the particles."""
    positions = batch.positions.requires_grad_()
    energy = model(batch).sum()
    return energy.item(), -torch.autograd.grad(energy, positions)[0]


def case(n_atoms: int, threads: int, sort: bool, repeats: int) -> dict[str, Any]:
    """Times in microseconds and memory in KiB, by atom."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = PropertyModel(Architecture(n_species=2, pooling=("sum",), cutoff=CUTOFF)).requires_grad_(False)
    encoder, given = OneHot(SPECIES), water_box(n_atoms)
    for _ in range(2):  # compiled loops are loaded, and the first system's are not the last
        energy_and_forces(model, collate([water_box(81)], CUTOFF, encoder))
    warm = peak()
    system, sorting = clocked(lambda: _sorted(given) if sort else given)
    pairs, listing = clocked(lambda: neighbour_list(system, CUTOFF))
    n_pairs = len(pairs)
    del pairs
    batch = collate([system], CUTOFF, encoder)
    listed = peak()
    times = np.array([clocked(lambda: energy_and_forces(model, batch))[1] for _ in range(repeats)])
    N = len(given)
    told = {
        "wall_us": np.median(times, axis=0)[0],
        "cpu_us": np.median(times, axis=0)[1],
        "cpu_us_min": times[:, 1].min(),
    }
    told |= {"sorting_cpu_us": sorting[1], "list_cpu_us": listing[1]}
    record = {name: round(1e6 * float(seconds) / N, 2) for name, seconds in told.items()}
    memory = {"list_KiB": listed - warm, "all_KiB": peak() - warm}
    record |= {name: round(amount / 1024 / N, 2) for name, amount in memory.items()}
    return {"atoms": N, "pairs": n_pairs, "threads": threads, "sorted": sort, **record}


def _sorted(system: System) -> System:
    """Whatever its size: that of the threshold is measured here."""
    order = spatial_order(system.positions, system.cell, system.pbc, CUTOFF / 2)
    assert system.species is not None
    return System(system.positions[order], system.species[order], cell=system.cell, pbc=system.pbc)


def merged(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the rounds."""
    return {name: statistics.median(record[name] for record in records) for name in records[0]}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--atoms", type=int, nargs="+", default=[1_000, 3_000, 10_000, 30_000, 100_000])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3, help="processes for each case, interleaved")
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    arguments = parser.parse_args()
    cases = list(itertools.product(arguments.atoms, arguments.threads, (False, True)))
    found: dict[tuple[int, int, bool], list[dict[str, Any]]] = {key: [] for key in cases}
    for _ in range(arguments.rounds):
        for n_atoms, threads, sort in cases:
            repeats = max(2, min(20, 100_000 // n_atoms))
            found[n_atoms, threads, sort].append(in_fresh_process(case, n_atoms, threads, sort, repeats))
    records = [merged(found[key]) for key in cases]
    print(
        "| atoms | threads | order | energy and forces, us/atom: wall, CPU, least CPU | sorting, list: CPU us/atom |",
        end="",
    )
    print(" memory, KiB/atom: list and batch, in all |\n|---|---|---|---|---|---|")
    for r in records:
        r["sorted"] = bool(r["sorted"])
        order = "sorted" if r["sorted"] else "random"
        print(
            f"| {r['atoms']:,.0f} | {r['threads']:.0f} | {order} | {r['wall_us']}, {r['cpu_us']}, {r['cpu_us_min']} |",
            end="",
        )
        print(f" {r['sorting_cpu_us']}, {r['list_cpu_us']} | {r['list_KiB']}, {r['all_KiB']} |")
    if arguments.json:
        from empnet.runtime.durable_files import write_text

        write_text(arguments.json, json.dumps(records, indent=1) + "\n")


if __name__ == "__main__":
    main()
