"""Speed and memory of this package beside its peers, in one session.

    python benchmarks/peers [--quick] [--only energy,droplet,...] [--peers schnetpack,pyg,...]

Sets up each peer in a virtual environment of its own, gives everybody the same systems, and measures in turn.
Writes benchmarks.json (raw), benchmarks.md, benchmarks-table.md (the short table) and benchmarks.png into ``--out``.
"""

from __future__ import annotations

import argparse
import ctypes.util
import datetime
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import platformdirs
from contestants import OURS, PEERS, contestants
from figure import draw
from interchange import droplet, largest_molecules, pairs_of, random_molecules, write_work, write_xyz
from machine import describe
from own_training import HELD_OUT, train
from page import page, short_table
from session import Session, Settings

PARTS = ("batch", "memory", "droplet", "jemalloc", "epoch")
SIZES = (1000, 4000, 16000)
DOCS = Path(__file__).parents[2] / "docs"


def main(words: list[str] | None = None) -> int:
    """Measure and write, or only write what was measured."""
    arguments = parse(words)
    if not arguments.render:
        measure(arguments)
    record = json.loads((arguments.out / "benchmarks.json").read_text(encoding="utf-8"))
    (arguments.out / "benchmarks.md").write_text(page(record), encoding="utf-8")
    (arguments.out / "benchmarks-table.md").write_text(short_table(record), encoding="utf-8")
    draw(record, arguments.out / "benchmarks.png")
    print(short_table(record))
    return 0


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """The command line.

    Arguments:
        words: Its words; those of the process if None.
    """
    parser = argparse.ArgumentParser(prog="python benchmarks/peers", description=__doc__.split("\n", 1)[0])
    cache = Path(platformdirs.user_cache_dir("empnet-benchmarks"))
    parser.add_argument("--only", type=_names(PARTS), default=PARTS, help=f"some of {','.join(PARTS)}")
    parser.add_argument("--peers", type=_names(PEERS), default=PEERS, help=f"some of {','.join(PEERS)}")
    parser.add_argument("--eager", action="store_true", help="leave out compiled forms")
    parser.add_argument("--quick", action="store_true", help="few rounds and small droplets: to see that it works")
    parser.add_argument("--rounds", type=int, help="how often everybody is measured")
    parser.add_argument("--threads", type=int, default=2, help="processor threads")
    parser.add_argument("--environments", type=Path, default=cache, help="folder of the peers' environments")
    parser.add_argument("--empnet-python", type=Path, default=Path(sys.executable), help="interpreter with empnet")
    parser.add_argument("--jemalloc", default=_find_jemalloc(), help="path of the library")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder for what is written")
    parser.add_argument("--render", action="store_true", help="only write tables and figure from benchmarks.json")
    arguments = parser.parse_args(words)
    if arguments.rounds is None:
        arguments.rounds = 2 if arguments.quick else 7
    if arguments.rounds < 1 or arguments.threads < 1:
        parser.error("--rounds and --threads want a number above zero")
    _prepare_folder(parser, arguments)
    if OURS not in arguments.peers:
        arguments.peers = (OURS, *arguments.peers)
    return arguments


def _prepare_folder(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Make the folder for what is written, before minutes of measuring, or look for what is to be rendered."""
    if arguments.render:
        if not (arguments.out / "benchmarks.json").is_file():
            parser.error(f"--render: there is no benchmarks.json in {arguments.out}")
        return
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        parser.error(f"--out: {problem.filename}: {problem.strerror}")


def _names(known: tuple[str, ...]) -> Any:
    def parsed(text: str) -> tuple[str, ...]:
        chosen = tuple(text.split(","))
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(f"'{name}' is none of {', '.join(known)}")
        return chosen

    return parsed


def _find_jemalloc() -> str | None:
    """The allocator's library, if the system has one."""
    found = sorted(Path("/usr/lib").glob("*/libjemalloc.so.2"))
    return str(found[0]) if found else ctypes.util.find_library("jemalloc")


def measure(arguments: argparse.Namespace) -> None:
    """All that was asked for; the raw record is written after each part, so that none is lost."""
    settings = Settings(
        arguments.environments.absolute(),
        arguments.empnet_python.absolute(),
        threads=arguments.threads,
        rounds=arguments.rounds,
        window=0.05 if arguments.quick else 0.3,
    )
    session = Session(settings, contestants(arguments.peers, arguments.eager))
    session.set_up()
    record: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "machine": describe(),
        "threads": settings.threads,
        "rounds": settings.rounds,
        "quick": arguments.quick,
        "peers": session.facts,
        "jemalloc": arguments.jemalloc is not None,
        "work": {},
    }
    with tempfile.TemporaryDirectory(prefix="peers-work-") as folder:
        for part in PARTS:
            if part in arguments.only:
                _MEASURING[part](session, record, Path(folder), arguments)
                text = json.dumps(record, indent=1) + "\n"
                (arguments.out / "benchmarks.json").write_text(text, encoding="utf-8")


def _batch(session: Session, record: dict[str, Any], folder: Path, arguments: argparse.Namespace) -> None:
    work = write_work(largest_molecules(64), folder / "molecules.npz")
    record["work"]["batch"] = pairs_of(work)
    record["batch"] = session.batch(work)


def _memory(session: Session, record: dict[str, Any], folder: Path, arguments: argparse.Namespace) -> None:
    work = write_work(largest_molecules(64), folder / "molecules.npz")
    small = write_work(largest_molecules(2), folder / "two-molecules.npz")
    record["memory"] = session.memory(work, small)


def _droplets(session: Session, folder: Path, arguments: argparse.Namespace, preload: str | None) -> dict[str, Any]:
    sizes = SIZES[:1] if arguments.quick else SIZES if preload is None else SIZES[1:2]
    works = {n: write_work([droplet(n)], folder / f"droplet-{n}.npz") for n in sizes}
    small = write_work([droplet(90)], folder / "droplet-90.npz")
    return session.droplets(works, small, rounds=1 if arguments.quick or preload else 2, preload=preload)


def _droplet(session: Session, record: dict[str, Any], folder: Path, arguments: argparse.Namespace) -> None:
    record["droplet"] = _droplets(session, folder, arguments, None)


def _with_jemalloc(session: Session, record: dict[str, Any], folder: Path, arguments: argparse.Namespace) -> None:
    if arguments.jemalloc is None:
        print("jemalloc is not there: left out", flush=True)
        return
    record["droplet_jemalloc"] = _droplets(session, folder, arguments, arguments.jemalloc)


def _epoch(session: Session, record: dict[str, Any], folder: Path, arguments: argparse.Namespace) -> None:
    count, epochs = (200, 1) if arguments.quick else (1000, 3)
    molecules = random_molecules(count + 2 * HELD_OUT)
    xyz = write_xyz(molecules, folder / "molecules.extxyz")
    work = write_work(molecules[:count], folder / "epoch.npz")
    record["work"]["epoch"] = pairs_of(work)
    settings = session.settings

    def ours() -> dict[str, Any]:
        return train(settings.empnet_python, xyz, count, epochs, settings.threads)

    record["epoch"] = session.epochs(work, ours, epochs, rounds=1)


_MEASURING = {
    "batch": _batch,
    "memory": _memory,
    "droplet": _droplet,
    "jemalloc": _with_jemalloc,
    "epoch": _epoch,
}

if __name__ == "__main__":
    sys.exit(main())
