"""Ingest: stopped in any way it goes on, two at once do not disturb each other, and leftovers go."""

import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from threading import Timer

import numpy as np
import pytest
from ase.build import molecule
from ase.io import write as ase_write

from empnet.dataset import rows
from empnet.dataset.cache import Recipe, open_dataset
from empnet.errors import EmpnetError
from empnet.files.read import iread, read

ENERGY = Recipe(("energy",), cutoff=4.0)
N = 30

# A process that saves after every frame, and at one of them waits for a file that lets it go on.
OTHER = """
import sys, time
from pathlib import Path
from empnet.dataset import cache, ingest, neighbours, rows
ingest.SAVE_SECONDS, neighbours.FEW = -1.0, 0
file, stop, gate = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
plain = rows.fingerprint
def slow(system):
    if system.origin.frame == stop:
        print("waiting", flush=True)
        while not gate.exists():
            time.sleep(0.01)
    return plain(system)
rows.fingerprint = slow
cache.open_dataset(file, cache.Recipe(("energy",), cutoff=4.0))
"""


def frames(n: int = N) -> list:
    made = []
    for k in range(n):
        atoms = molecule(("H2O", "CH4", "C2H6")[k % 3])
        atoms.rattle(0.01, seed=k // 6)  # some are exact duplicates
        atoms.info["energy"] = float(k)
        made.append(atoms)
    return made


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("EMPNET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def file(tmp_path) -> Path:
    ase_write(tmp_path / "a.extxyz", frames())
    return tmp_path / "a.extxyz"


@pytest.fixture
def other(file, cache, tmp_path):
    """A process that has read twelve frames and waits for the file ``gate``."""
    command = [sys.executable, "-c", OTHER, str(file), "12", str(tmp_path / "gate")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        yield process
        process.kill()


def told(capsys) -> str:
    return " ".join(capsys.readouterr().err.split())


def folders(cache: Path) -> list[Path]:
    return [path.parent for path in cache.glob("*/arrays.json")]


def stopped(monkeypatch, file: Path, frame: int) -> None:
    """Somebody presses Ctrl-C."""
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("empnet.dataset.ingest.SAVE_SECONDS", -1.0)
        patch.setattr("empnet.dataset.rows.fingerprint", partial(_stopping, rows.fingerprint, frame))
        open_dataset(file, ENERGY)


def _stopping(plain, frame, system):
    if system.origin.frame == frame:
        raise KeyboardInterrupt
    return plain(system)


def test_one_that_waits_goes_on_when_the_other_is_killed_to_the_same_bits(
    other, file, cache, capsys, tmp_path, monkeypatch
):
    Timer(0.5, other.kill).start()
    found = open_dataset(file, ENERGY).arrays
    said = told(capsys)
    assert "a.extxyz: another process is reading these data; waiting for it" in said
    assert "a.extxyz: continuing at frame 12" in said
    assert not list((cache / "unfinished").glob("*/"))
    monkeypatch.setenv("EMPNET_CACHE", str(tmp_path / "other"))
    wanted = open_dataset(file, ENERGY).arrays
    assert not told(capsys)
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        assert array.dtype == found[name].dtype
        assert array.tobytes() == found[name].tobytes()


def test_two_at_once_wait_for_each_other(other, file, cache, tmp_path, monkeypatch):
    monkeypatch.setattr("empnet.dataset.ingest.print_line", lambda text, quiet: (tmp_path / "gate").touch())
    monkeypatch.setattr("empnet.dataset.rows.fingerprint", None)  # this one reads nothing itself
    assert len(open_dataset(file, ENERGY)) == N
    assert other.wait() == 0
    assert len(folders(cache)) == 1


def test_ctrl_c_and_again(file, cache, monkeypatch, capsys):
    for frame in (5, 9, 20):
        stopped(monkeypatch, file, frame)
    assert "continuing at frame 9" in told(capsys)
    dataset = open_dataset(file, ENERGY)
    assert "continuing at frame 20" in told(capsys)
    assert dataset.targets[:, 0].tolist() == list(range(N))
    assert dataset.arrays["groups"].tolist() == [3 * (k // 6) + k % 3 for k in range(N)]


def test_a_changed_file_starts_anew(file, cache, monkeypatch, capsys):
    stopped(monkeypatch, file, 5)
    ase_write(file, frames(N - 1))
    assert len(open_dataset(file, ENERGY)) == N - 1
    assert "going on" not in told(capsys)


def test_data_at_fault_leave_nothing(file, cache):
    with file.open("a") as stream:
        stream.write("1\nProperties=species:S:1:pos:R:3 energy=1.0\nH 0 0 nan\n")
    with pytest.raises(EmpnetError, match=f"frame {N}"):
        open_dataset(file, ENERGY)
    assert not list((cache / "unfinished").glob("*/"))


def test_old_leftovers_of_other_data_go(file, cache, capsys):
    for name, age in (("0" * 32, 8), ("1" * 32, 1)):
        leftover = cache / "unfinished" / name
        leftover.mkdir(parents=True)
        (leftover / "positions.f8.bin").write_bytes(b"")
        for path in (leftover / "positions.f8.bin", leftover):
            os.utime(path, times=2 * (time.time() - age * 86400,))
    open_dataset(file, ENERGY)
    assert [path.name for path in (cache / "unfinished").glob("*/")] == ["1" * 32]
    assert "unfinished data, more than a week old" in told(capsys)


@pytest.mark.parametrize("suffix", ["extxyz", "npz", "flat.npz", "db", "traj", "extxyz.gz"])
@pytest.mark.parametrize("first", [0, 1, 7, N - 1, N])
def test_reading_from_a_frame_on(tmp_path, suffix, first):
    path, made = tmp_path / f"a.{suffix}", frames()
    if suffix == "npz":
        alike = [atoms for atoms in made if len(atoms) == 3] * 3
        R, z = np.stack([atoms.positions for atoms in alike]), alike[0].numbers
        np.savez_compressed(path, R=R, z=z, E=np.arange(float(N)))
    elif suffix == "flat.npz":
        R, z = (np.concatenate([getattr(atoms, name) for atoms in made]) for name in ("positions", "numbers"))
        np.savez(path, R=R, z=z, E=np.arange(float(N)), N=[len(atoms) for atoms in made])
    else:
        ase_write(path, made)
    whole, rest = read(path)[first:], list(iread(path, first=first))
    assert len(rest) == N - first
    for a, b in zip(rest, whole, strict=True):
        assert a.origin == b.origin
        assert np.array_equal(a.positions, b.positions)
        assert np.array_equal(a.species, b.species)
        assert dict(a.properties) == dict(b.properties)
