"""Bad data at the command line: one line that says where and what to do, exit code 2, and nothing written."""

import gzip
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from empnet.cli import main
from empnet.files.write import write
from empnet.system.system import System
from empnet.training.start_run import run_training as train


def springs(n: int = 30) -> list[System]:
    distances = np.random.default_rng(0).uniform(0.8, 2.5, n)
    return [
        System([[0, 0, 0], [0, 0, d]], species=[1, 8], properties={"energy": (d - 1) ** 2, "energy_dftb": d})
        for d in distances
    ]


def text_of(systems: list[System], folder: Path) -> str:
    write(folder / "text.extxyz", systems)
    text = (folder / "text.extxyz").read_text()
    (folder / "text.extxyz").unlink()
    return text


class Shell:
    """The command line in this process: its exit code, and what it told on standard error."""

    def __init__(self, folder: Path, capsys, monkeypatch) -> None:
        self.folder, self.capsys, self.monkeypatch = folder, capsys, monkeypatch

    def __call__(self, *words: str) -> tuple[int, str]:
        self.capsys.readouterr()
        self.monkeypatch.setattr("sys.argv", ["empnet", *words])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        return code, self.capsys.readouterr().err


@pytest.fixture
def shell(tmp_path, capsys, monkeypatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMPNET_CACHE", str(tmp_path / "cache"))
    return Shell(tmp_path, capsys, monkeypatch)


Damage = Callable[[list[str]], list[str]]
"""What happens to the lines of one frame."""


def frame(number: int, change: Damage) -> Callable[[str], str]:
    """A damage to the lines of one frame of the file of springs (4 lines a frame)."""

    def damage(text: str) -> str:
        lines = text.splitlines(keepends=True)
        lines[4 * number : 4 * number + 4] = change(lines[4 * number : 4 * number + 4])
        return "".join(lines)

    return damage


def header(old: str, new: str) -> Damage:
    return lambda lines: [lines[0], lines[1].replace(old, new), *lines[2:]]


def row(particle: int, text: str) -> Damage:
    return lambda lines: [*lines[: 2 + particle], text + "\n", *lines[3 + particle :]]


def constant(text: str) -> str:
    return re.sub(r"energy=\S+", "energy=1.5", text)


LATTICE = 'Lattice="3 0 0 0 3 0 3 3 0" pbc="T T T" '
TEXT_CASES = {
    # name: damage, further options, what the line must tell
    "property absent": (lambda t: t.replace("energy=", "enregy="), (), ["frame 0", "no property 'energy'", "enregy"]),
    "nearest is suggested": (
        lambda t: t,
        ("--property", "enrgy"),
        ["frame 0", "'enrgy'", "energy_dftb", "did you mean 'energy'"],
    ),
    "keys are listed": (lambda t: t, ("--property", "U0"), ["no property 'U0'", "energy, energy_dftb"]),
    "missing in some frames": (
        frame(7, header("energy=", "total=")),
        (),
        ["frame 7", "'energy' is missing in 1 of 30 frames"],
    ),
    "not a number in positions": (
        frame(3, row(1, "O 0.0 zero 1.0")),
        (),
        ["frame 3", "particle 1", "'zero'", "line 16", "a number"],
    ),
    "nan in positions": (frame(3, row(1, "O 0.0 nan 1.0")), (), ["frame 3", "particle 1", "not finite"]),
    "infinite in positions": (frame(3, row(0, "H inf 0.0 1.0")), (), ["frame 3", "particle 0", "not finite"]),
    "not a number in targets": (
        frame(4, header("energy=", "energy=about")),
        (),
        ["frame 4", "'energy'", "text", "one number"],
    ),
    "nan in targets": (frame(4, header("energy=", "energy=nan old=")), (), ["frame 4", "'energy' is nan", "finite"]),
    "infinite in targets": (
        frame(4, header("energy=", "energy=-inf old=")),
        (),
        ["frame 4", "'energy' is -inf", "finite"],
    ),
    "a vector": (
        frame(2, header("energy_dftb=", 'energy_dftb="1 2 3" old=')),
        ("--property", "energy_dftb", "--unit", "eV"),
        ["frame 2", "'energy_dftb' is a vector of shape (3,)", "one number"],
    ),
    "coincident particles": (frame(5, row(1, "O 0.0 0.0 0.0")), (), ["frame 5", "particles 0 and 1 coincide"]),
    "no particles": (lambda t: t + "0\nenergy=1.0\n", (), ["frame 30", "no points", "at least one"]),
    "zero volume": (frame(6, header('pbc="F F F"', LATTICE)), (), ["frame 6", "zero volume"]),
    "periodic without a cell": (frame(6, header('pbc="F F F"', 'pbc="T T T"')), (), ["frame 6", "periodic", "Lattice"]),
    "truncated": (lambda t: t[: t.rindex("O ")], (), ["frame 29", "the file ends after 1 of 2 particles", "cut short"]),
    "fewer particles than said": (
        frame(8, lambda lines: ["3\n", *lines[1:]]),
        (),
        ["frame 8", "particle 2", "is not the row of a particle"],
    ),
    "more particles than said": (
        frame(8, lambda lines: ["1\n", *lines[1:]]),
        (),
        ["frame 9", "line 36", "number of particles"],
    ),
    "unknown element": (
        frame(9, row(0, "Qq 0.0 0.0 0.0")),
        (),
        ["frame 9", "particle 0", "'Qq' is not a chemical symbol"],
    ),
    "empty": (lambda t: "", (), ["the file is empty"]),
    "only blank lines": (lambda t: "\n \n\n", (), ["there are no systems"]),
    "text of another kind": (
        lambda t: "Dear all,\nthe data\nare attached.\n",
        (),
        ["'Dear all,'", "the number of particles"],
    ),
    "fewer systems than a split needs": (
        lambda t: "".join(t.splitlines(keepends=True)[:8]),
        (),
        ["a.xyz", "2 systems", "--val"],
    ),
    "constant target": (constant, (), ["a.xyz", "'energy' is 1.5 in all 30 frames"]),
    "unknown unit": (lambda t: t, ("--unit", "kcall/mol"), ["unit 'kcall/mol'", "did you mean 'kcal/mol'"]),
    "a feature that is absent": (lambda t: t, ("--features", "charge"), ["frame 0", "no per-particle array 'charge'"]),
    "a length that is an energy": (lambda t: t, ("--length-unit", "eV"), ["'eV' is an energy", "a length"]),
}


@pytest.mark.parametrize("name", TEXT_CASES)
def test_a_bad_text_file(shell, name):
    damage, options, told = TEXT_CASES[name]
    (shell.folder / "a.xyz").write_text(damage(text_of(springs(), shell.folder)))
    code, error = shell("train", "a.xyz", "--epochs", "1", *options)
    refused(shell, code, error, told, ["a.xyz"])
    assert options or "a.xyz" in error


def refused(shell: Shell, code: int, error: str, told: list[str], files: list[str]) -> None:
    assert code == 2, error
    assert error.startswith("empnet: ")
    assert error.count("\n") == 1, error
    assert len(error) < 600
    for part in told:
        assert part in error
    there = [path for path in shell.folder.rglob("*") if path.is_file() and shell.folder / "cache" not in path.parents]
    assert sorted(path.name for path in there) == sorted(files)


BINARY_CASES = {
    "no such file": ("b.xyz", None, ["no such file 'b.xyz'"]),
    "binary as text": ("a.xyz", b"\x89PNG\r\n\x1a\n\x00\xff" * 50, ["a.xyz", "text file"]),
    "not gzip": ("a.xyz.gz", b"2\n\nH 0 0 0\nH 0 0 1\n", ["a.xyz.gz", "cannot be decompressed", "a whole .gz file"]),
    "truncated gzip": ("a.xyz.gz", gzip.compress(os.urandom(3000))[:900], ["a.xyz.gz", "cannot be decompressed"]),
    "damaged npz": ("a.npz", b"PK\x03\x04" + bytes(100), ["a.npz"]),
    "damaged trajectory": ("a.traj", b"- of Ulm" + bytes(100), ["a.traj"]),
    "damaged database": ("a.db", b"SQLite format 3\x00" + bytes(100), ["a.db"]),
    "not a database": ("a.db", b"nonsense" * 30, ["a.db"]),
    "damaged cif": ("a.cif", b"data_\nloop_\n_atom_site_label\n", ["a.cif"]),
    "unknown format": ("a.nonsense", b"1 2 3", ["a.nonsense", "a format that ASE does not know", "suffix"]),
}


@pytest.mark.parametrize("name", BINARY_CASES)
def test_a_bad_file(shell, name):
    file, content, told = BINARY_CASES[name]
    if content is not None:
        (shell.folder / file).write_bytes(content)
    code, error = shell("train", file, "--epochs", "1")
    refused(shell, code, error, told, [] if content is None else [file])


def test_a_folder(shell):
    (shell.folder / "data").mkdir()
    code, error = shell("train", "data")
    refused(shell, code, error, ["data: is a folder"], [])


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    return train(
        springs(), "energy", out=out, epochs=1, width=8, layers=1, moments=0, batch=8, threads=1, quiet=True
    ).run


PREDICTION_CASES = {
    "unknown species": (System([[0, 0, 0], [0, 0, 1]], species=[1, 26]), ["frame 30", "particle 1", "Fe", "H, O"]),
    "coincident particles": (System([[1, 1, 1], [1, 1, 1]], species=[1, 8]), ["frame 30", "particles 0 and 1"]),
}


@pytest.mark.parametrize("name", PREDICTION_CASES)
@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_bad_systems_at_prediction(shell, run, name, command):
    bad, told = PREDICTION_CASES[name]
    write(shell.folder / "a.xyz", [*springs(), System(bad.positions, species=bad.species, properties={"energy": 1.0})])
    options = ["--out", "b.csv"] if command == "predict" else ["--plot", "plot.png"]
    code, error = shell(command, str(run), "a.xyz", *options)
    refused(shell, code, error, ["a.xyz", *told], ["a.xyz"])


def test_particles_that_coincide_through_the_cell(shell):
    systems = [
        System([[0, 0, 0], [0, 0, 3 - k / 40]], species=[1, 8], cell=np.eye(3) * 3, pbc=True, properties={"energy": k})
        for k in range(30, -1, -1)
    ]
    write(shell.folder / "a.xyz", systems)
    code, error = shell("train", "a.xyz", "--epochs", "1")
    refused(shell, code, error, ["a.xyz, frame 30", "particles 0 and 1 coincide"], ["a.xyz"])
