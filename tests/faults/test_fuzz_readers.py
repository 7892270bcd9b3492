"""Damaged files of every format: read, or refused in one line, within bounds of time and memory.

The environment variable EMPNET_FAULTS chooses how many: ``short`` (the default), ``long``, or a number. As a program,
``python tests/faults/test_fuzz_readers.py 100000 1`` runs as many inputs of seed 1 and prints what was found.
"""

from __future__ import annotations

import gzip
import os
import random
import re
import resource
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections import Counter
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.build import bulk, molecule

from empnet.errors import EmpnetError
from empnet.files.read import iread
from empnet.files.write import write
from empnet.system.system import System

INPUTS = {"short": 400, "long": 100_000}
MOST_SECONDS = 5.0
MOST_MEMORY = 300e6  # bytes, of Python objects and arrays
MOST_SYSTEMS = 10_000
HUGE = [
    b"1000000000000", b"-1", b"1e308", b"nan", b"99999999999999999999", b"0", b"1e-320", b"-inf", b"9" * 5000,
    b"1.0D-3", b"T",
]  # fmt: skip
WORDS = [
    b"\x00", b"\xff\xfe", b'"', b"'", b"[", b"]]", b"{", b"=", b"\\", b"\n", b"\r\n", b"$$$$\n", b"M  END\n",
    b"@<TRIPOS>ATOM\n", b"Properties=species:S:1:pos:R:3", b'Lattice="', b"_JSON [[",
    b"__import__('os').system('touch EXECUTED')", b"VEC1 ",
]  # fmt: skip

SDF = """water
  prog

  3  2  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.1173 O   0  0
    0.0000    0.7572   -0.4692 H   0  0
    0.0000   -0.7572   -0.4692 H   0  0
  1  2  1  0
  1  3  1  0
M  CHG  1   1  -1
M  END
> <U0>
-76.4

$$$$
"""
V3000 = """ion


  0  0  0     0  0            999 V3000
M  V30 BEGIN CTAB
M  V30 COUNTS 2 1 0 0 0
M  V30 BEGIN ATOM
M  V30 1 N 0.5 0 0 0 CHG=1
M  V30 2 O 0 0 1.2 -
M  V30 0
M  V30 END ATOM
M  V30 END CTAB
M  END
$$$$
"""
MOL2 = """# score: -5.5
@<TRIPOS>MOLECULE
ring
 2 1 0 0 0
SMALL
GASTEIGER

@<TRIPOS>ATOM
      1 C1   0.1 0.2 0.3 C.ar 1 BEN -0.06
      2 H1   1.1 0.2 0.3 H 1 BEN 0.06
@<TRIPOS>BOND
 1 1 2 1
@<TRIPOS>CRYSIN
10 11 12 90 90 90 1 1
"""
QM9 = (
    "2\ngdb 1\t157.7 157.7 157.7 0. 13.2 -0.38 0.11 0.50 35.3 0.04 -40.4 -40.4 -40.4 -40.4 6.4\n"
    "C\t-0.5\t1.0\t8*^-6\t-0.53\nH\t0.0\t-6.*^-3\t0.0\t0.13\n1341.3 1341.4\nC\tC\nInChI=1S/CH4\tInChI=1S/CH4\n"
)
MATRIX = (
    "2\nlattice=[[5,0,0],[0,5,0],[0,0,5]] properties=species:S:1:pos:R:3:on:L:1 "
    "virial=[[1.0, 0.1, 0], [0.1, 2, 0], [0, 0, 3]] "
    'name="a b" pbc=[T, T, F] x={1 2 3}\nH 0 0 0 T\nO 0 0 1D0 false\n'
)


def seeds(folder: Path) -> dict[str, bytes]:
    """A small valid file of each format, by the name that it has."""
    rng = np.random.default_rng(0)
    systems = [
        System(
            rng.normal(size=(n, 3)),
            [1, 8, 6][:n],
            properties={"energy": -1.5 * n},
            arrays={"forces": rng.normal(size=(n, 3))},
        )
        for n in (2, 3, 2)
    ]
    files = {"q.xyz": QM9.encode() * 2, "m.xyz": MATRIX.encode() * 2, "a.sdf": (SDF + V3000 + SDF).encode()}
    files |= {"a.mol2": MOL2.encode() * 2, "a.mol": SDF.encode()}
    for suffix in (".extxyz", ".traj", ".db", ".json", ".npz"):
        write(folder / f"w{suffix}", systems if suffix != ".npz" else [systems[0], systems[2]])
        files[f"w{suffix}"] = (folder / f"w{suffix}").read_bytes()
    np.savez(
        folder / "p.npz",
        positions=rng.normal(size=(2, 3, 3)), charges=np.array([[8, 1, 1], [6, 8, 0]]), num_atoms=np.array([3, 2]),
        e_unit="kcal/mol", lattice=5 * np.eye(3), atom_mask=np.ones((2, 3)),
    )  # fmt: skip
    files["p.npz"] = (folder / "p.npz").read_bytes()
    crystal, water = bulk("NaCl", "rocksalt", a=5.6), molecule("H2O")
    for name in ("a.cif", "a.vasp", "a.xsf", "a.gen", "a.cfg", "XDATCAR"):
        ase.io.write(folder / name, crystal)
        files[name] = (folder / name).read_bytes()
    water.center(3)
    for name in ("a.pdb", "a.gro", "a.cube"):
        ase.io.write(folder / name, water)
        files[name] = (folder / name).read_bytes()
    files["w.extxyz.gz"] = gzip.compress(files["w.extxyz"], mtime=0)
    return files


def damaged(content: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """The content with some of its bytes flipped, cut, spliced, or its numbers made huge."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        if not data:
            break
        kind, place = chance.randrange(7), chance.randrange(len(data))
        if kind == 0:
            data[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del data[place:]
        elif kind == 2:
            del data[place : place + chance.randint(1, 60)]
        elif kind == 3:
            data[place:place] = chance.choice(WORDS)
        elif kind == 4:
            other = chance.choice(others)
            begin = chance.randrange(len(other))
            data[place : place + chance.randint(0, 40)] = other[begin : begin + chance.randint(1, 80)]
        elif kind == 5:
            data[place:place] = data[place : place + chance.randint(1, 200)]
        else:
            numbers = list(re.finditer(rb"[0-9][0-9.]*", bytes(data)))
            if numbers:
                match = chance.choice(numbers)
                data[match.start() : match.end()] = chance.choice(HUGE)
    return bytes(data)


def trouble(path: Path, content: bytes) -> str:
    """What is wrong with how a file is taken; empty if nothing is."""
    path.write_bytes(content)
    begun = time.perf_counter()
    tracemalloc.start()
    found = ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for count, system in enumerate(iread(path)):
                if not isinstance(system, System):
                    found = f"gave a {type(system).__name__}"
                if count > MOST_SYSTEMS:
                    found = "gave systems without end"
                    break
    except EmpnetError as error:
        line = str(error)
        if "\n" in line or len(line) > len(str(path)) + 700 or not line.startswith(str(path)):
            found = f"told {line[:200]!r}"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        found = f"raised {type(error).__name__}: {str(error)[:200]}"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    seconds = time.perf_counter() - begun
    if seconds > MOST_SECONDS:
        found = found or f"took {seconds:.1f} s"
    if peak > MOST_MEMORY:
        found = found or f"took {peak / 1e6:.0f} MB"
    return found


def fuzz(count: int, seed: int, folder: Path) -> tuple[Counter[str], list[str]]:
    """Damage files ``count`` times; how many of each format, and what went wrong."""
    files = seeds(folder)
    others, counts, faults = list(files.values()), Counter[str](), []
    for number in range(count):
        chance = random.Random(f"{seed} {number}")
        name = chance.choice(sorted(files))
        content = damaged(files[name], others, chance)
        counts[name] += 1
        if wrong := trouble(folder / name, content):
            faults.append(f"input {number} of seed {seed} ({name}): {wrong}")
            print(faults[-1], flush=True)
    if (folder / "EXECUTED").exists() or Path("EXECUTED").exists():
        faults.append("a file's content was executed")
    return counts, faults


def test_damaged_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wanted = os.environ.get("EMPNET_FAULTS", "short")
    count = INPUTS.get(wanted) or int(wanted)
    counts, faults = fuzz(count, 7, tmp_path)
    assert sum(counts.values()) == count
    assert not faults


@pytest.mark.parametrize("number", range(3))
def test_the_damage_is_the_same_each_time(tmp_path, number):
    files = seeds(tmp_path)
    contents = [damaged(files["m.xyz"], list(files.values()), random.Random(number)) for _ in range(2)]
    assert contents[0] == contents[1]


def test_the_fuzzer_sees_trouble(tmp_path, monkeypatch):
    def reader(path: Path) -> list:
        _ = bytearray(int(MOST_MEMORY) + 1000)
        raise KeyError("not a line for people")

    monkeypatch.setattr(sys.modules[__name__], "iread", reader)
    assert "KeyError" in trouble(tmp_path / "a.xyz", b"")


def main() -> None:
    """Run from the command line: number of inputs, and a seed."""
    count, seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1000, int(sys.argv[2]) if len(sys.argv) > 2 else 0
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        counts, faults = fuzz(count, seed, Path(folder))
    print(f"{sum(counts.values())} inputs in {time.perf_counter() - begun:.0f} s: {dict(counts)}; {len(faults)} faults")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
