"""The comparison with peers, without any peer: arguments, the conversation with a worker, tables from a record."""

import contextlib
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

PEERS = Path(__file__).parents[1] / "benchmarks" / "peers"
MODULES = (
    *("contestants", "conversation", "environments", "figure", "interchange", "machine", "own_training", "page"),
    *("ratios", "session"),
)

FAKE = """
import os
import torch
from workers.protocol import serve
from workers.steps import Prepared, gradient_steps, weights

print("a library that prints")

def prepare(work, form):
    if form == "broken":
        raise ValueError("no such form\\nand a second line")
    net = torch.nn.Linear(3, 1)
    def energy(positions):
        if form == "fragile" and net.training and positions.requires_grad:
            os._exit(3)
        contributions = net(positions).square()[:, 0]
        return torch.zeros(len(work)).index_add(0, work.system_of, contributions)
    return Prepared(gradient_steps(net, energy, work), weights(net), len(work.receivers))

def epoch(work, form, question):
    return {"epoch": [2.0, 4.0], "bare": [1.0]}

serve(prepare, ("numpy",), epoch)
"""


@pytest.fixture
def peers(monkeypatch):
    """The folder's modules, importable as the command imports them."""
    monkeypatch.syspath_prepend(str(PEERS))
    yield
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def work(peers, tmp_path):
    from interchange import droplet, write_work

    return write_work([droplet(9), droplet(12)], tmp_path / "work.npz")


@pytest.fixture
def session(peers, tmp_path, monkeypatch):
    """A session whose peers are all the fake one."""
    from contestants import Contestant
    from conversation import Worker
    from session import Session, Settings

    def start(self, peer, preload=None):
        return Worker([sys.executable, "-c", FAKE], tmp_path / f"{peer}.log", threads=1)

    monkeypatch.setattr(Session, "start", start)
    monkeypatch.setattr(Session, "_python", lambda self, peer: Path(sys.executable))
    settings = Settings(tmp_path, Path(sys.executable), threads=1, rounds=2, window=0.0)
    ours, fragile = Contestant("empnet", "matched", "empnet"), Contestant("pyg", "fragile", "fragile")
    return Session(settings, [ours, fragile])


@pytest.fixture
def command(peers):
    """The command's module."""
    spec = importlib.util.spec_from_file_location("peers_command", PEERS / "__main__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def record():
    """As small a record as tells everything: the peer takes 6 times as long, its training step does not work."""
    base = {"seconds": [0.01, 0.02], "cpu": [0.01, 0.02], "others": [0.0, 0.5]}
    slow = {"seconds": [0.06, 0.12], "cpu": [0.06, 0.12], "others": [0.0, 0.5]}
    measures = ("energy", "forces", "train-energy", "train-forces")
    large = {"empnet/matched": {"seconds": [1.0], "added": [10.0]}, "pyg/eager": {"seconds": [20.0], "added": [300.0]}}
    broken = {"failed": "RuntimeError: does not know how"}
    return {
        "date": "2026-01-01",
        "machine": {"cores": 2, "architecture": "x86_64", "features": ["avx2"], "memory_gib": 8, "system": "Linux"},
        "threads": 2,
        "rounds": 2,
        "quick": False,
        "work": {name: {"systems": 64, "particles": 1300, "pairs": 18000} for name in ("batch", "epoch")},
        "peers": {
            "empnet": {"versions": {"empnet": "1.0", "torch": "2.13", "python": "3.11"}, "threads": 2},
            "pyg": {"versions": {"torch_geometric": "2.8", "torch": "2.13", "python": "3.11"}, "threads": 2},
            "nequip": {"failed": "ERROR: no wheel for this machine"},
        },
        "batch": {
            "empnet/matched": dict.fromkeys(measures, base),
            "pyg/eager": {**dict.fromkeys(measures, slow), "train-forces": broken},
        },
        "droplet": {"4000": large},
        "droplet_jemalloc": {"4000": {**large, "pyg/eager": {"seconds": [10.0], "added": [150.0]}}},
        "epoch": {
            "empnet": {"epoch": [1.1], "bare": [1.0]},
            "schnetpack": {
                "epoch": [11.0],
                "bare": [5.5],
                "setting": "ASE",
                "epoch_by_setting": {"ASE": [11.0], "Vesin": "ImportError: vesin"},
            },
        },
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--peers", "pyg,schnet"), "'schnet' is none of empnet, schnetpack"),
        (("--only", "speed"), "'speed' is none of batch, memory"),
        (("--rounds", "0"), "want a number above zero"),
        (("--render", "--out", "nowhere"), "there is no benchmarks.json in nowhere"),
        (("--out", f"{__file__}/below"), "Not a directory"),
    ],
)
def test_a_wrong_argument_is_one_line(command, capsys, words, told):
    with pytest.raises(SystemExit, match="2"):
        command.parse(words)
    assert told in capsys.readouterr().err.splitlines()[-1]


def test_this_package_always_takes_part(command):
    assert command.parse(["--peers", "pyg", "--quick"]).peers == ("empnet", "pyg")


def test_the_folder_is_made_before_measuring(command, tmp_path):
    folder = tmp_path / "new" / "deep"
    assert command.parse(["--out", str(folder)]).out == folder and folder.is_dir()


def test_tables_and_figure_from_a_record(command, capsys, tmp_path):
    (tmp_path / "benchmarks.json").write_text(json.dumps(record()))
    assert command.main(["--render", "--out", str(tmp_path)]) == 0
    assert "6.00 (90.0 ms)" in capsys.readouterr().out
    page = (tmp_path / "benchmarks.md").read_text()
    assert "| torch-geometric SchNet | 6.00 (90.0 ms) | 6.00 (90.0 ms) | 6.00 (90.0 ms) | failed |" in page
    assert "RuntimeError: does not know how" in page
    assert "no wheel for this machine" in page
    assert "time 20.0 x (torch-geometric SchNet), added memory 30.0 x" in page
    assert "| torch-geometric SchNet | 4,000 | 2.00 x | 2.00 x |" in page
    assert "| schnetpack | 10.0 | 11.00 | 5.50 | 2.00 |" in page
    assert "6.00 (90.0 ms)" in (tmp_path / "benchmarks-table.md").read_text()
    assert (tmp_path / "benchmarks.png").stat().st_size > 10_000


def test_a_ratio_is_taken_within_rounds(peers):
    from ratios import best_peer, ratio

    drifting, twice = {"seconds": [1.0, 10.0, 3.0]}, {"seconds": [2.0, 20.0, 6.0]}
    assert ratio(twice, drifting) == 2.0
    assert ratio({"failed": "no"}, drifting) is None
    part = {"empnet/matched": drifting, "pyg/eager": twice, "graph_pes/eager": {"failed": "no"}}
    contestant, nearest = best_peer(part, None)
    assert (contestant.peer, nearest) == ("pyg", 2.0)


def test_worker_answers_and_says_why_not(peers, work, tmp_path):
    from conversation import Failed, Worker
    from interchange import pairs_of

    with Worker([sys.executable, "-c", FAKE], tmp_path / "log", threads=1) as worker:
        assert worker.ask(do="hello")["versions"]["numpy"] == np.__version__
        with pytest.raises(Failed, match="nothing is prepared"):
            worker.ask(do="time", measure="energy", least=0.0)
        with pytest.raises(Failed, match=r"^ValueError: no such form$"):
            worker.ask(do="prepare", work=str(work), form="broken")
        prepared = worker.ask(do="prepare", work=str(work), form="good")
        assert prepared == {"parameters": 4, "pairs": pairs_of(work)["pairs"]}
        for measure in ("energy", "forces", "train-energy", "train-forces"):
            assert worker.ask(do="time", measure=measure, least=0.0)["seconds"] > 0
        assert worker.ask(do="memory", measure="forces", calls=2)["added"] >= 0
        worker.ask(do="prepare", work=str(work), form="fragile")
        with pytest.raises(Failed, match="ended with code 3"):
            worker.ask(do="time", measure="train-forces", least=0.0)
        assert not worker.alive


def test_a_worker_that_takes_too_long_is_ended(peers, tmp_path):
    from conversation import Failed, Worker

    with Worker([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log", threads=1) as worker:
        with pytest.raises(Failed, match="took more than"):
            worker.ask(do="hello", timeout=0.1)
        assert not worker.alive


def test_a_session_goes_on_without_those_that_fail(session, work):
    session.set_up()
    with contextlib.redirect_stdout(None):
        results = session.batch(work)
    assert [len(results["empnet/matched"][name]["seconds"]) for name in ("energy", "train-forces")] == [2, 2]
    assert len(results["pyg/fragile"]["forces"]["seconds"]) == 2
    assert "ended with code 3" in results["pyg/fragile"]["train-forces"]["failed"]


def test_a_peer_without_a_wheel_gives_the_reason(peers, tmp_path, monkeypatch):
    import environments

    def refuse(command):
        raise environments.NoEnvironment("ERROR: no matching distribution")

    monkeypatch.setattr(environments, "_run", refuse)
    with pytest.raises(environments.NoEnvironment, match="no matching distribution"):
        environments.python_of("pyg", tmp_path)


def test_pins_are_exact_and_name_no_place(peers):
    from contestants import PEERS as names

    for name in names[1:]:
        lines = (PEERS / "pins" / f"{name}.txt").read_text().splitlines()
        assert all(line.count("==") == 1 and "/" not in line for line in lines)
        assert "torch==2.13.0" in lines


def test_the_driver_and_its_workers_mean_the_same_systems(peers, work):
    from workers.work import Work

    whole = Work.load(work)
    parts = whole.parts()
    assert [len(part.species) for part in parts] == [9, 12]
    lengths = [(part.positions[part.receivers] - part.positions[part.senders]).norm(dim=1).max() for part in parts]
    assert max(lengths) < 5.0
    assert sum(len(part.receivers) for part in parts) == len(whole.receivers)


def test_epoch_seconds_are_differences_of_the_column(peers):
    from own_training import epoch_seconds

    assert epoch_seconds([{"seconds": "2.0"}, {"seconds": "3.5"}, {"seconds": "4.5"}]) == [1.5, 1.0]
