"""What tests of faults share: a warm server of command lines, a small data set, and the count of faults met."""

import hashlib
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import empnet

LONG = os.environ.get("EMPNET_FAULTS", "short") == "long"
"""Whether all faults are tried (``make faults``), or as many as the suite has time for."""

SMALL = ("--width", "16", "--layers", "1", "--moments", "0", "--epochs", "4", "--batch", "16", "--threads", "1")
TRAIN = ("train", "small.extxyz", "--unit", "kcal/mol", *SMALL)
FIGURES: Counter[str] = Counter()


@dataclass
class Result:
    """How a command line ended."""

    code: int
    out: str
    err: str
    seconds: float
    hang: bool
    events: int

    def one_line(self) -> str:
        """The one line that it said of its failure."""
        assert "Traceback" not in self.out + self.err, self.err
        assert not self.hang
        said = [line for line in self.err.splitlines() if line.startswith("empnet: ")]
        assert len(said) == 1, (self.code, self.err)
        return said[0]


@dataclass
class Place:
    """A folder to work in, with a cache of its own."""

    folder: Path
    server: "Server"

    def __call__(self, *words: str, **more: object) -> Result:
        """Run a command line here."""
        return self.server.together([{**self.request(*words), **more}])[0]

    def train(self, *words: str, **more: object) -> Result:
        """Train the small network."""
        return self(*TRAIN, *words, **more)

    def go_on(self, **more: object) -> Result:
        """What a person does after a crash: resume, or begin again if nothing was there yet."""
        if (self.folder / "run" / "config.toml").exists():
            return self("train", "--resume", "run", **more)
        return self.train("--out", "run", "--force", **more)

    def request(self, *words: str) -> dict:
        """A command line in this folder."""
        return {
            "words": list(words),
            "folder": str(self.folder),
            "environment": {"EMPNET_CACHE": str(self.folder / "cache")},
        }

    def hashes(self, run: str = "run") -> dict[str, str]:
        """What must be equal in two runs that did the same: weights, split, errors, and metrics without times."""
        folder = self.folder / run
        found = {name: (folder / name).read_bytes() for name in ("model.safetensors", "split.json", "results.json")}
        rows = [line.split(",") for line in (folder / "metrics.csv").read_text().splitlines()]
        column = rows[0].index("seconds")
        found["metrics.csv"] = repr([row[:column] + row[column + 1 :] for row in rows]).encode()
        return {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}


@dataclass
class Server:
    """Runs command lines in children of a warm process."""

    process: subprocess.Popen
    scratch: Path
    source: bytes
    train_words: tuple[str, ...] = TRAIN
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(10**9)))

    def place(self) -> Place:
        """An empty folder with nothing but the data."""
        folder = self.scratch / f"place-{next(self.numbers)}"
        folder.mkdir()
        (folder / "small.extxyz").write_bytes(self.source)
        return Place(folder, self)

    def together(self, requests: list[dict]) -> list[Result]:
        """Run command lines at once."""
        asked = []
        for request in requests:
            stem = self.scratch / f"said-{next(self.numbers)}"
            said = {"out": f"{stem}.out", "err": f"{stem}.err", "count": f"{stem}.count"}
            asked.append({**said, **request})
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the server of commands has died"
        results = []
        for one, made in zip(asked, json.loads(answer), strict=True):
            out, err, count = (
                Path(path).read_text(errors="replace") if path and Path(path).exists() else ""
                for path in (one["out"], one["err"], one["count"])
            )
            results.append(Result(made["code"], out, err, made["seconds"], made.get("hang", False), int(count or 0)))
        return results


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    scratch = tmp_path_factory.mktemp("faults")
    empnet.write(scratch / "small.extxyz", empnet.read("qm7")[:240])
    source = (scratch / "small.extxyz").read_bytes()
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(Path(__file__).with_name("server.py"))]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with (scratch / "server.txt").open("w+") as said:
        process = subprocess.Popen(command, env=environment, text=True, **pipes, stderr=said)
        words = [
            [*TRAIN, "--out", "warm", "--quiet"],
            ["evaluate", "warm", "--quiet"],
            ["predict", "warm", "small.extxyz", "--out", "warm.csv"],
            ["check", "warm"],
            ["map", "warm"],
            ["inspect", "small.extxyz", "--html", "warm.html"],
        ]
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"folder": str(scratch), "words": words}) + "\n")
        process.stdin.flush()
        if process.stdout.readline() != "ready\n":
            said.seek(0)
            raise RuntimeError(said.read())
        yield Server(process, scratch, source)
        process.communicate(timeout=60)


@pytest.fixture(scope="session")
def undisturbed(server) -> Place:
    """A place with a whole run, trained, evaluated and used without any fault; nobody changes it."""
    place = server.place()
    assert place(*TRAIN, "--out", "run").code == 0
    assert place("evaluate", "run").code == 0
    assert place("predict", "run", "small.extxyz", "--out", "predicted.csv").code == 0
    return place


@pytest.fixture
def chance(request) -> random.Random:
    """Random numbers of the test; another EMPNET_FAULTS_SEED gives others."""
    return random.Random(f"{request.node.name} {os.environ.get('EMPNET_FAULTS_SEED', 0)}")


@pytest.fixture
def count():
    """Count faults by what they were; the figures are told at the end."""

    def add(what: str, number: int = 1) -> None:
        FIGURES[what] += number

    return add


@pytest.fixture(scope="session")
def how_many():
    """As many as the suite has time for, or all."""
    return lambda short, long: long if LONG else short


def pytest_terminal_summary(terminalreporter) -> None:
    for what, number in sorted(FIGURES.items()):
        terminalreporter.write_line(f"{number:>7} {what}")


def pytest_sessionfinish(session) -> None:
    if (path := os.environ.get("EMPNET_FAULTS_FIGURES")) and FIGURES:
        file = Path(path)
        before = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps({**before, **FIGURES}, indent=1, sort_keys=True) + "\n")
