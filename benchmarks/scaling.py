"""How do time and memory grow with atoms, systems, width, layers and knots? Writes docs/scaling.png, .json and .md.

    python benchmarks/scaling.py [--quick]

Times are measured in one process, all points in turn, round after round: medians are shown. Memory is measured with a
process for each point (Linux only). --quick measures fewer points in one round.
"""

import argparse
import ctypes
import datetime
import json
import os
import platform
import statistics
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from large_system import CUTOFF, SPECIES, in_fresh_process, water_box

from empnet.dataset.dataset import collate
from empnet.model.architecture import Architecture
from empnet.model.property_model import PropertyModel
from empnet.pages.svg import new_figure
from empnet.runtime.durable_files import replacing, write_text
from empnet.system.batch import Batch
from empnet.system.one_hot import OneHot
from empnet.system.spatial_order import sorted_in_space
from empnet.system.system import System

DOCS = Path(__file__).parents[1] / "docs"
WORKS = ("energy", "energy and forces", "training step")
"""Kinds of work."""

AXES = {
    "atoms in a periodic system": (81, 192, 648, 2187, 6591, 20577),
    "systems of 21 atoms": (4, 16, 64, 256, 1024),
    "width F": (16, 32, 64, 128, 256),
    "layers": (1, 2, 3, 4, 6),
    "knots": (32, 64, 128, 256, 512, 1024),
}
SYSTEMS = 64
VISIT = 0.05
"""Seconds for which a kind of work is repeated each time that it is visited."""

NOISE = 2**20
"""Bytes of memory that are not told from none."""

Result = dict[str, dict[int, dict[str, Any]]]
"""By axis and value: sizes, and seconds and bytes by kind of work."""


def droplet(n_atoms: int) -> System:
    """The innermost water molecules of an open box, in random order."""
    box = water_box(8 * n_atoms, pbc=False)
    oxygens = np.flatnonzero(box.species == 8)
    middle = box.positions.mean(axis=0)
    inner = oxygens[np.argsort(np.linalg.norm(box.positions[oxygens] - middle, axis=1))[: n_atoms // 3]]
    # a hydrogen belongs to the oxygen that is 1 angstrom away
    near = np.linalg.norm(box.positions[:, None] - box.positions[inner], axis=2).min(axis=1) < 1.1
    assert box.species is not None
    return System(box.positions[near], box.species[near])


def setting(axis: str, value: int) -> tuple[Architecture, list[System]]:
    """The network and the systems of a point: the defaults but for what is varied."""
    architecture = Architecture(n_species=2, pooling=("sum",), cutoff=CUTOFF)
    if axis == "atoms in a periodic system":
        return architecture, [sorted_in_space(water_box(value), CUTOFF)[0]]
    if axis == "systems of 21 atoms":
        return architecture, [droplet(21)] * value
    changes: dict[str, Any] = {{"width F": "width"}.get(axis, axis): value}
    return replace(architecture, **changes), [droplet(21)] * SYSTEMS


def works(model: PropertyModel, batch: Batch) -> dict[str, Callable[[], object]]:
    """The kinds of work, by name."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, foreach=True)
    positions = batch.positions.requires_grad_()

    def energy() -> None:
        with torch.no_grad():
            model(batch)

    def forces() -> None:
        model.requires_grad_(False)
        torch.autograd.grad(model(batch).sum(), positions)

    def step() -> None:
        model.requires_grad_(True)
        optimizer.zero_grad()
        y = model(batch)
        (gradient,) = torch.autograd.grad(y.sum(), positions, create_graph=True)
        (y.square().mean() + gradient.square().mean()).backward(inputs=list(model.parameters()))
        optimizer.step()

    return dict(zip(WORKS, (energy, forces, step), strict=True))


def built(axis: str, value: int) -> tuple[dict[str, Callable[[], object]], Batch]:
    """The kinds of work of a point, ready to be done."""
    torch.manual_seed(0)
    architecture, systems = setting(axis, value)
    batch = collate(systems, CUTOFF, OneHot(SPECIES))
    return works(PropertyModel(architecture), batch), batch


def high_water() -> int:
    """Peak of this process's resident memory in bytes since it was last forgotten."""
    return 1024 * int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])


def forget_peak() -> int:
    """Give back what is free, begin a new peak (the neighbour list's would hide others), and say what is resident."""
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return high_water()


def added(axis: str, value: int, threads: int) -> dict[str, Any]:
    """Growth of this process's peak in bytes by each kind of work; and the batch's size."""
    torch.set_num_threads(threads)
    warm, _ = built("atoms in a periodic system", 81)
    for act in warm.values():  # compiled loops are loaded
        act()
    todo, batch = built(axis, value)
    told = {}
    for name, act in todo.items():
        before = forget_peak()
        act()
        told[name] = high_water() - before
    return {"atoms": len(batch.positions), "pairs": len(batch.pairs), **told}


def timed(points: list[tuple[str, int]], rounds: int, threads: int, clock: str) -> dict[tuple[str, int], Any]:
    """Median seconds of a call of each kind of work, all points in turn, round after round."""
    torch.set_num_threads(threads)
    read = time.perf_counter if clock == "wall" else time.process_time
    todo = {key: built(*key)[0] for key in points}
    seconds: dict[tuple[str, int], dict[str, list[float]]] = {key: {work: [] for work in WORKS} for key in points}
    for number in range(rounds + 1):
        for key in points:
            for work, act in todo[key].items():
                spent: list[float] = []
                while not spent or sum(spent) < VISIT:
                    began = read()
                    act()
                    spent.append(read() - began)
                seconds[key][work] += spent if number else []  # the first round warms up
    return {key: {work: statistics.median(values) for work, values in all_.items()} for key, all_ in seconds.items()}


def measure(axes: dict[str, tuple[int, ...]], rounds: int, threads: int, clock: str) -> Result:
    """Time and memory of every kind of work at every point."""
    points = [(axis, value) for axis, values in axes.items() for value in values]
    seconds = in_fresh_process(timed, points, rounds, threads, clock)
    result: Result = {axis: {} for axis in axes}
    for axis, value in points:
        memory = in_fresh_process(added, axis, value, threads)
        by_work = {work: {"seconds": seconds[axis, value][work], "memory": memory.pop(work)} for work in WORKS}
        result[axis][value] = {**memory, **by_work}
    return result


def draw(figure: Any, result: Result) -> None:
    """Small multiples: above the time, below the memory, one column for each axis."""
    rows = (("seconds", 1e3, "time of a call, ms"), ("memory", 2**-20, "added memory, MiB"))
    panels = figure.subplots(2, len(result), sharex="col", sharey="row")
    for column, (axis, points) in zip(panels.T, result.items(), strict=True):
        for panel, (key, unit, _) in zip(column, rows, strict=True):
            for work, marker in zip(WORKS, "os^", strict=True):
                values = [record[work][key] for record in points.values()]
                shown = [np.nan if key == "memory" and v < NOISE else unit * v for v in values]
                panel.plot(list(points), shown, marker=marker, markersize=4, linewidth=1.4, label=work)
            panel.set(xscale="log", yscale="log")
            panel.grid(alpha=0.25, linewidth=0.6)
            ends = np.array([min(points), max(points)])
            last = unit * points[ends[1]]["energy and forces"][key]
            if axis != "knots":  # nothing grows there
                panel.plot(ends, last * ends / ends[1], "--", color="grey", linewidth=0.9, label="slope 1", zorder=0)
        ticks = list(points)[:: 2 if len(points) > 5 else 1]
        column[1].set_xticks(ticks, [f"{value:,}" for value in ticks], minor=False)
        column[1].minorticks_off()
        column[1].set_xlabel(axis)
    for panel, (_, _, label) in zip(panels[:, 0], rows, strict=True):
        panel.set_ylabel(label)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4)


def growth(points: dict[int, dict[str, Any]], work: str, key: str) -> str:
    """Exponent of growth between the last two points; a dash if the smaller one is lost in the noise."""
    (x_0, a), (x_1, b) = list(points.items())[-2:]
    low, high = a[work][key], b[work][key]
    if key == "memory" and low < NOISE:
        return "-"
    return f"{np.log(high / low) / np.log(x_1 / x_0):.2f}"


def counted(n: int, what: str) -> str:
    """Singular or plural."""
    return f"{n} {what}{'s' if n > 1 else ''}"


def paragraph(text: str) -> str:
    """Filled to the width of the other documents."""
    return textwrap.fill(" ".join(text.split()), 118, break_long_words=False, break_on_hyphens=False) + "\n"


def document(result: Result, facts: dict[str, Any]) -> str:
    """What is shown, how it was measured, what follows."""
    picture = "![Time and memory against atoms, systems, width, layers and knots](scaling.png)"
    lines = ["# Growth of the cost\n", f"{picture}\n"]
    lines.append(
        paragraph(f"""Measured {facts["date"]} on {facts["cores"]} cores with {counted(facts["threads"], "thread")}
        ({facts["versions"]}), by `python benchmarks/scaling.py{" --quick" if facts["quick"] else ""}`, which writes the
        figure, this page and `scaling.json`. Times are {"CPU" if facts["clock"] == "cpu" else "wall"} times, medians
        over calls and {counted(facts["rounds"], "round")}. Memory is the peak of resident memory minus the memory of a
        warm process that holds the batch. Each point has its own process.""")
    )
    lines.append(
        paragraph(f"""The network has no angular moments. Unless varied, the width is 64, with 3 layers, 128 knots, a
        cutoff of 5 angstrom, and float32. The systems are {SYSTEMS} droplets of 21 atoms (water), or one periodic box
        of water, whose atoms are sorted in space if there are 2,000 or more. Energies are computed without a graph. A
        training step uses energies and forces, with AdamW. The neighbour list is prepared before the measurement.""")
    )
    lines.append("| varied | from, to | work | time of a call, ms | growth | added memory, MiB | growth |")
    lines.append("|---|---|---|---|---|---|---|")
    for axis, points in result.items():
        first, last = min(points), max(points)
        for work in WORKS:
            a, b = points[first][work], points[last][work]
            time_ = f"{1e3 * a['seconds']:.1f}, {1e3 * b['seconds']:.1f}"
            memory = f"{a['memory'] / 2**20:.1f}, {b['memory'] / 2**20:.1f}"
            grown = [growth(points, work, key) for key in ("seconds", "memory")]
            lines.append(f"| {axis} | {first:,}, {last:,} | {work} | {time_} | {grown[0]} | {memory} | {grown[1]} |")
    lines.append(
        "\n"
        + paragraph("""Growth is the exponent between the last two points: 1 is proportional, 0 is no growth, and 2 is
        the growth of matrix products with F.""").rstrip()
    )
    return "\n".join([*lines, "", *follows(result)]) + "\n"


def follows(result: Result) -> list[str]:
    """What the numbers say, with the numbers."""
    atoms = result["atoms in a periodic system"]
    n, work = max(atoms), "energy and forces"
    per_atom = {size: 1e6 * record[work]["seconds"] / record["atoms"] for size, record in atoms.items()}
    kib = atoms[n][work]["memory"] / 1024 / atoms[n]["atoms"]

    def times(axis: str, work: str) -> str:
        points = result[axis]
        first, last = min(points), max(points)
        factor = points[last][work]["seconds"] / points[first][work]["seconds"]
        return f"{factor:.1f} times as long at {last:,} as at {first:,}"

    return [
        "## Conclusions\n",
        f"- Atoms: energy and forces take {per_atom[n]:.0f} microseconds and {kib:.1f} KiB per atom at {n:,}"
        f" atoms\n  (between {min(per_atom.values()):.0f} and {max(per_atom.values()):.0f} microseconds at all sizes).",
        f"- Width: a training step takes {times('width F', 'training step')}."
        f" Layers: it takes {times('layers', 'training step')}.",
        f"- Knots: an energy takes {times('knots', 'energy')}, because phi is evaluated once per knot, not once per"
        " pair.",
    ]


def main() -> None:
    """Measure, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer points, one round")
    parser.add_argument("--rounds", type=int, default=5, help="of timing")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu: for busy machines, one thread")
    arguments = parser.parse_args()
    sys.path.append(sys.path.pop(0))  # torch wants Python's own profile.py, not the one beside this file
    rounds = 1 if arguments.quick else arguments.rounds
    axes = {axis: values[::2] if arguments.quick else values for axis, values in AXES.items()}
    began = time.perf_counter()
    result = measure(axes, rounds, arguments.threads, arguments.clock)
    versions = f"Python {platform.python_version()}, torch {torch.__version__}, {platform.machine()}"
    facts = {"date": str(datetime.date.today()), "cores": os.cpu_count(), "versions": versions, "rounds": rounds}
    facts |= {"threads": arguments.threads, "quick": arguments.quick, "clock": arguments.clock}
    print(f"measured in {time.perf_counter() - began:.0f} s")
    write_text(DOCS / "scaling.json", json.dumps({**facts, "points": result}, indent=1) + "\n")
    with new_figure(12, 5) as figure, replacing(DOCS / "scaling.png") as path:
        draw(figure, result)
        figure.savefig(path, format="png", facecolor="white")
    write_text(DOCS / "scaling.md", document(result, facts))


if __name__ == "__main__":
    main()
