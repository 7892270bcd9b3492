"""The tables and the words around them, in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from contestants import CONTESTANTS, OURS, Contestant
from ratios import BASE, best_peer, median, ratio, rows
from session import MEASURES

__all__ = ["page", "short_table"]

TITLES = {
    "energy": "energy",
    "forces": "energy and forces",
    "train-energy": "training step, energies",
    "train-forces": "training step, energies and forces",
}
Cell = Callable[[Contestant], str]


def short_table(record: dict[str, Any]) -> str:
    """The table for the front page: how many times as long the peers take.

    Arguments:
        record: The raw record.
    """
    machine = record["machine"]
    told = f"{machine['cores']} cores ({', '.join(machine['features'])}), {record['threads']} threads, {record['date']}"
    if "batch" not in record:
        return f"Not measured ({told}).\n"
    lines = [_batch_table(record, True), "", _best_line(record), "", f"Median ratios of one session, {told}."]
    return "\n".join(lines) + "\n"


def page(record: dict[str, Any]) -> str:
    """The whole page.

    Arguments:
        record: The raw record.
    """
    parts = [_opening(record), _versions(record)]
    if "batch" in record:
        parts += [_batch(record)]
    if "memory" in record:
        parts += [_memory(record)]
    if "droplet" in record:
        parts += [_droplets(record)]
    if "epoch" in record:
        parts += [_epochs(record)]
    parts += [_differences(record), _failures(record)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in body])


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 9.95 else f"{value:.2f}"


def _opening(record: dict[str, Any]) -> str:
    machine, quick = record["machine"], " with `--quick`: too few rounds for a claim" if record["quick"] else ""
    return f"""# Speed and memory beside the peers

![How many times as long, and as much memory, the peers take](benchmarks.png)

Measured on {record["date"]} by `python benchmarks/peers`{quick}. Machine: {machine["architecture"]},
{machine["cores"]} cores ({", ".join(machine["features"])}), {machine["memory_gib"]} GiB, {machine["system"]};
{record["threads"]} threads, float32. Raw numbers: [benchmarks.json](benchmarks.json).

Each peer lives in a virtual environment of its own (pins in `benchmarks/peers/pins`) and in a process of its own; the
processes are asked in turn and only one computes at a time. A number is the median over {record["rounds"]} rounds; a
ratio is the median over rounds of the ratio to this package within the same round, and above 1 where this package is
faster or smaller. Everybody gets the same positions in float32, and the same neighbour list where it takes one; what is
constant for a fixed list is made before the timing starts, and so is compiled code."""


def _versions(record: dict[str, Any]) -> str:
    body = []
    for peer, facts in record["peers"].items():
        if "failed" in facts:
            body.append([peer, "not installed", facts["failed"], ""])
            continue
        versions = dict(facts["versions"])
        own = next(iter(versions))
        body.append([own, versions[own], versions["torch"], versions["python"]])
    return "## Versions\n\n" + _table(["package", "version", "torch", "Python"], body)


def _ratio_cell(part: dict[str, Any], measure: str | None, name: str, unit: str, scale: float) -> Cell:
    """A contestant's ratio and its own number in brackets."""

    def cell(one: Contestant) -> str:
        record, base = part.get(one.key), part.get(BASE)
        if measure is not None:
            record, base = (record or {}).get(measure), (base or {}).get(measure)
        if record is None:
            return ""
        if "failed" in record:
            return "failed"
        own, compared = median(record, name), ratio(record, base, name)
        if own is None:
            return ""
        told = f"{_number(own * scale)} {unit}"
        return told if compared is None else f"{_number(compared)} ({told})"

    return cell


def _batch_table(record: dict[str, Any], same: bool) -> str:
    cells = [_ratio_cell(record["batch"], measure, "seconds", "ms", 1e3) for measure in MEASURES]
    body = [[one.label, *(cell(one) for cell in cells)] for one in rows(record["batch"], same)]
    return _table(["", *(TITLES[measure] for measure in MEASURES)], body) if body else ""


def _best_line(record: dict[str, Any]) -> str:
    told = []
    for measure in MEASURES:
        best = best_peer(record["batch"], measure)
        if best is not None:
            told.append(f"{TITLES[measure]} {_number(best[1])} x ({best[0].label})")
    return f"Against the best peer: {'; '.join(told)}." if told else ""


def _batch(record: dict[str, Any]) -> str:
    work = record["work"]["batch"]
    others = _batch_table(record, False)
    busy = [
        other
        for result in record["batch"].values()
        for measure in MEASURES
        for other in result.get(measure, {}).get("others", [])
    ]
    share = sum(busy) / len(busy) if busy else 0.0
    text = f"""## A batch of molecules

The {work["systems"]} largest molecules of QM7 ({work["particles"]:,} atoms, {work["pairs"]:,} ordered pairs within
5 angstrom), F = 128, 3 layers, 50 radial basis functions. Ratio to the first row; in brackets milliseconds a call.
During the measurements other processes used {share:.2f} of a core on average.

{_batch_table(record, True)}

{_best_line(record)}

{_first_calls(record)}"""
    if not others:
        return text
    return f"""{text}

Networks of another kind, for orientation (they do more a layer, and learn more from the same data):

{others}"""


def _first_calls(record: dict[str, Any]) -> str:
    """What compilation costs: the first calls of all measures together."""
    told = []
    for one in rows(record["batch"]):
        firsts = [record["batch"][one.key].get(measure, {}).get("first") for measure in MEASURES]
        there = [first for first in firsts if first is not None]
        if there and (one.compiled or one.key == BASE):
            told.append(f"{one.label} {sum(there):.1f} s")
    return (
        f"First calls of the measures together, compiling or loading what is compiled: {'; '.join(told)}."
        if told
        else ""
    )


def _memory(record: dict[str, Any]) -> str:
    cells = [_ratio_cell(record["memory"], measure, "added", "MiB", 1.0) for measure in MEASURES]
    body = [[one.label, *(cell(one) for cell in cells)] for one in rows(record["memory"])]
    return (
        "## Added memory of the same steps\n\nHighest resident memory during three calls minus that before them, in a "
        "fresh process that has run the same\nsteps once; ratio to the first row, in brackets MiB.\n\n"
        + _table(["", *(TITLES[measure] for measure in MEASURES)], body)
    )


def _droplets(record: dict[str, Any]) -> str:
    parts = [
        "## Water droplets: energy and forces of one open system\n\nRigid molecules at water's density in a ball; each "
        "number from fresh processes that ran a droplet of 90 atoms first.\nSeconds a call and added memory; ratio to "
        "the first row, in brackets the number.",
        _droplet_table(record["droplet"]),
    ]
    for atoms, part in record["droplet"].items():
        time, memory = best_peer(part, None), best_peer(part, None, "added")
        if time and memory:
            parts.append(
                f"{int(atoms):,} atoms against the best peer: time {_number(time[1])} x ({time[0].label}), added "
                f"memory {_number(memory[1])} x ({memory[0].label})."
            )
    if "droplet_jemalloc" in record:
        parts += [
            "### With another allocator\n\nThe same with jemalloc in place of the C library's allocator "
            "(`LD_PRELOAD`), for everybody.",
            _droplet_table(record["droplet_jemalloc"]),
            *_what_it_gives(record),
        ]
    return "\n\n".join(parts)


def _what_it_gives(record: dict[str, Any]) -> list[str]:
    """How much faster and smaller jemalloc makes each contestant."""
    body = []
    for atoms, part in record["droplet_jemalloc"].items():
        plain = record["droplet"].get(atoms, {})
        for one in rows(part):
            pairs = [(median(plain.get(one.key), name), median(part[one.key], name)) for name in ("seconds", "added")]
            told = [f"{_number(a / b)} x" if a is not None and b else "" for a, b in pairs]
            body.append([one.label, f"{int(atoms):,}", *told])
    head = ["", "atoms", "time without / with jemalloc", "added memory without / with jemalloc"]
    return ["What it gives:", _table(head, body)] if body else []


def _droplet_table(part: dict[str, Any]) -> str:
    head, columns = [""], []
    for atoms, found in part.items():
        head += [f"{int(atoms):,} atoms, time", "memory"]
        columns += [
            _ratio_cell(found, None, "seconds", "s", 1.0),
            _ratio_cell(found, None, "added", "MiB", 1.0),
        ]
    there = {key for found in part.values() for key in found}
    body = [[one.label, *(cell(one) for cell in columns)] for one in CONTESTANTS if one.key in there]
    return _table(head, body)


def _epochs(record: dict[str, Any]) -> str:
    work, part = record["work"]["epoch"], record["epoch"]
    body, base = [], median(part.get(OURS), "epoch")
    for peer, found in part.items():
        if "failed" in found:
            body.append([peer, "failed: " + found["failed"], "", "", ""])
            continue
        whole, bare = median(found, "epoch"), median(found, "bare")
        if whole is None:
            continue
        compared = _number(whole / base) if base else ""
        share = _number(whole / bare) if bare else ""
        body.append([peer, compared, f"{whole:.2f}", f"{bare:.2f}" if bare else "", share])
    settings = part.get("schnetpack", {}).get("epoch_by_setting", {})
    slow = "; ".join(
        f"{name}: {min(value):.2f} s" if isinstance(value, list) else f"{name}: {value}"
        for name, value in settings.items()
    )
    best = part.get("schnetpack", {}).get("setting", "")
    return f"""## An epoch with each one's own data pipeline

{work["systems"]:,} molecules of QM7 drawn at random, batches of 64, training on energies. This package:
`empnet train` itself, with products of sums, moving average, clipping and the validation of 32 molecules within the
epoch. SchNetPack: its Trainer over its database, without validation, with the fastest of its neighbour lists
({best}; shortest epochs: {slow}).
torch-geometric: its DataLoader over molecules in memory whose edges are stored, and a plain loop. graph-pes: its
GraphDataLoader likewise. "Bare steps": the same steps on batches that are ready.

{_table(["", "ratio", "epoch, s", "bare steps, s", "epoch / bare steps"], body)}"""


EQUAL = """## What is equal and what is not

Equal: systems, pairs, cutoff, width, layers, number of basis functions, filter network (basis, 128, 128), three F x F
products an interaction outside it, float32, threads, optimiser (AdamW, fused or foreach) and loss.

Not equal: the activation (shifted softplus there, SiLU here), the readout (128, 64, 1 there; 128, 128, 1 here), that
this package takes differences of positions and sums over particles in float64, that it evaluates its filters on 128
knots in place of every pair, and that its training steps ask for the gradients of the parameters only, where a plain
`backward()` computes those of the positions, too, if forces were taken."""


def _differences(record: dict[str, Any]) -> str:
    parts = [record.get("batch", {}), *record.get("droplet", {}).values()]
    lines = [f"- **{one.label}**: {one.note}" for one in CONTESTANTS if any(one.key in part for part in parts)]
    return EQUAL + "\n\n" + "\n".join(lines)


def _failures(record: dict[str, Any]) -> str:
    lines = [f"- {peer}: {facts['failed']}" for peer, facts in record["peers"].items() if "failed" in facts]
    labels = {one.key: one.label for one in CONTESTANTS}
    for key, result in record.get("batch", {}).items():
        reasons: dict[str, list[str]] = {}
        for measure in MEASURES:
            if "failed" in result.get(measure, {}):
                reasons.setdefault(result[measure]["failed"], []).append(TITLES[measure])
        lines += [f"- {labels[key]} ({'; '.join(where)}): {why}" for why, where in reasons.items()]
        seen, there = result.get("prepared", {}).get("pairs"), record["work"]["batch"]["pairs"]
        if seen not in (None, there):
            lines.append(f"- {labels[key]}: sees {seen:,} pairs in place of {there:,}")
    for atoms, part in record.get("droplet", {}).items():
        lines += [
            f"- {labels[key]}, droplet of {int(atoms):,} atoms: {found['failed']}"
            for key, found in part.items()
            if "failed" in found
        ]
    return "## What did not work\n\n" + "\n".join(lines) if lines else ""
