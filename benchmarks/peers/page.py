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
    return f"""# Speed and memory compared with other packages

![Time and memory of the other packages, as multiples of empnet's](benchmarks.png)

Measured on {record["date"]} by `python benchmarks/peers`{quick}. Machine: {machine["architecture"]},
{machine["cores"]} cores ({", ".join(machine["features"])}), {machine["memory_gib"]} GiB, {machine["system"]};
{record["threads"]} threads, float32. Raw numbers: [benchmarks.json](benchmarks.json).

Each package has its own virtual environment (pins in `benchmarks/peers/pins`) and its own process. The processes run in
turn, so only one computes at a time. A number is the median over {record["rounds"]} rounds. A ratio is the median over
rounds of the ratio to empnet within the same round; it is above 1 if empnet is faster or needs less memory. All
packages get the same positions in float32, and the same neighbour list if they accept one. Quantities that are constant
for a fixed list, and compiled code, are prepared before the timing starts."""


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
    return f"Compared with the best other package: {'; '.join(told)}." if told else ""


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
5 angstrom), F = 128, 3 layers, 50 radial basis functions. The table shows ratios to the first row, and in brackets
milliseconds per call. During the measurements, other processes used {share:.2f} of a core on average.

{_batch_table(record, True)}

{_best_line(record)}

{_first_calls(record)}"""
    if not others:
        return text
    return f"""{text}

Networks of another kind, for orientation (each layer does more work, and they reach smaller errors from the same data):

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
        f"Total time of the first calls, which include compiling or loading compiled code: {'; '.join(told)}."
        if told
        else ""
    )


def _memory(record: dict[str, Any]) -> str:
    cells = [_ratio_cell(record["memory"], measure, "added", "MiB", 1.0) for measure in MEASURES]
    body = [[one.label, *(cell(one) for cell in cells)] for one in rows(record["memory"])]
    return (
        "## Added memory of the same steps\n\nAdded memory is the highest resident memory during three calls minus the "
        "memory before them, in a fresh process that has\nrun the same steps once. The table shows ratios to the first "
        "row, and in brackets MiB.\n\n" + _table(["", *(TITLES[measure] for measure in MEASURES)], body)
    )


def _droplets(record: dict[str, Any]) -> str:
    parts = [
        "## Water droplets: energy and forces of one open system\n\nA droplet is a ball of rigid molecules at water's "
        "density. Each number comes from fresh processes that first ran a droplet\nof 90 atoms. The table shows ratios "
        "to the first row, and in brackets the seconds per call and the added memory.",
        _droplet_table(record["droplet"]),
    ]
    for atoms, part in record["droplet"].items():
        time, memory = best_peer(part, None), best_peer(part, None, "added")
        if time and memory:
            parts.append(
                f"{int(atoms):,} atoms, compared with the best other package: time {_number(time[1])} x "
                f"({time[0].label}), added memory {_number(memory[1])} x ({memory[0].label})."
            )
    if "droplet_jemalloc" in record:
        parts += [
            "### With another allocator\n\nThe same measurement, with jemalloc instead of the C library's allocator "
            "(`LD_PRELOAD`) for all packages:",
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
    return ["Effect of jemalloc:", _table(head, body)] if body else []


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
    return f"""## An epoch with the data pipeline of each package

The data are {work["systems"]:,} molecules of QM7, drawn at random, in batches of 64; training is on energies. empnet
runs `empnet train` itself, with products of sums, moving average, clipping and the validation of 32 molecules within
the epoch. SchNetPack runs its Trainer on its database, without validation, with the fastest of its neighbour lists
({best}; shortest epochs: {slow}).
torch-geometric uses its DataLoader for molecules in memory with stored edges, and a plain loop; graph-pes uses its
GraphDataLoader in the same way. "Bare steps" are the same steps on batches that are ready.

{_table(["", "ratio", "epoch, s", "bare steps, s", "epoch / bare steps"], body)}"""


EQUAL = """## Equal and different conditions

Equal: systems, pairs, cutoff, width, layers, number of basis functions, filter network (basis, 128, 128), three F x F
products per interaction outside the filter network, float32, threads, optimiser (AdamW, fused or foreach) and loss.

Different: the other packages use a shifted softplus as activation, empnet uses SiLU. Their readout is (128, 64, 1),
empnet's (128, 128, 1). empnet computes differences of positions and sums over particles in float64. It evaluates its
filters on 128 knots instead of for every pair. Its training steps compute the gradients of the parameters only; a plain
`backward()` also computes those of the positions, if forces were computed."""


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
            lines.append(f"- {labels[key]}: uses {seen:,} pairs instead of {there:,}")
    for atoms, part in record.get("droplet", {}).items():
        lines += [
            f"- {labels[key]}, droplet of {int(atoms):,} atoms: {found['failed']}"
            for key, found in part.items()
            if "failed" in found
        ]
    return "## What did not work\n\n" + "\n".join(lines) if lines else ""
