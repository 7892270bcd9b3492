"""Broken files of every format: read, or refused in one line; never a traceback, never a silent drop."""

import gzip
import random
import warnings
from pathlib import Path

import ase.io
import pytest
from ase.build import bulk, molecule
from hypothesis import given, settings
from hypothesis import strategies as st

from empnet.errors import EmpnetError
from empnet.files.read import read
from empnet.files.write import write
from empnet.system.system import System

GOOD = b"".join(
    f"{n}\nProperties=species:S:1:pos:R:3:forces:R:3 energy={-n - k / 7}\n".encode()
    + b"".join(f"H {x} {k / 3} 0.125 1.0 2.0 {x / 9}\n".encode() for x in range(n))
    for k, n in enumerate([2, 3, 1, 4, 2])
)


def written(path: Path, kind: str) -> bytes:
    """The five frames in a format, as bytes."""
    source = path.with_name("good.extxyz")
    source.write_bytes(GOOD)
    if kind in (".extxyz", ".xyz"):
        return GOOD
    if kind == ".extxyz.gz":
        return gzip.compress(GOOD)
    target = path.with_name("good" + kind)
    if kind == ".npz":
        write(target, [system for system in read(source) if len(system) == 2], overwrite=True)
    elif kind in (".cif", ".vasp"):
        ase.io.write(target, bulk("NaCl", "rocksalt", a=5.6))
    elif kind == ".pdb":
        ase.io.write(target, [molecule("H2O"), molecule("CH4")])
    else:
        write(target, read(source), overwrite=True)
    return target.read_bytes()


KINDS = [".extxyz", ".extxyz.gz", ".npz", ".traj", ".db", ".json", ".cif", ".vasp", ".pdb"]


class Originals(dict[str, tuple[Path, bytes]]):
    """A path to damage and the whole content, by format."""

    def __repr__(self) -> str:  # hypothesis prints it with every failure
        return "the whole files"


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> Originals:
    folder = tmp_path_factory.mktemp("broken")
    return Originals({kind: (folder / f"broken{kind}", written(folder / f"broken{kind}", kind)) for kind in KINDS})


# Warnings tell the user what a reader leaves out; here any are allowed.
allow_warnings = pytest.mark.filterwarnings("ignore::UserWarning")


def read_or_refuse(path: Path, content: bytes) -> list[System] | None:
    """The systems, or None if they were refused in one line that names the file; anything else is a failure."""
    path.write_bytes(content)
    try:
        return read(path)
    except EmpnetError as error:
        assert str(error).startswith(str(path))
        assert "\n" not in str(error)
        assert len(str(error)) < len(str(path)) + 600
        return None


@allow_warnings
@pytest.mark.parametrize("kind", KINDS)
@given(content=st.binary(max_size=300))
@settings(max_examples=40, deadline=None)
def test_random_bytes_are_refused_or_read(originals, kind, content):
    read_or_refuse(originals[kind][0], content)


@allow_warnings
@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 10**9))
@settings(max_examples=40, deadline=None)
def test_damaged_bytes_are_refused_or_read(originals, kind, seed):
    path, content = originals[kind]
    chance = random.Random(seed)
    damaged = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    read_or_refuse(path, bytes(damaged))


@allow_warnings
@given(length=st.integers(0, len(GOOD) - 1))
@settings(max_examples=200, deadline=None)
def test_a_cut_text_is_refused_or_warned_of_or_has_lost_whole_frames_only(originals, length):
    path, content = originals[".extxyz"]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = read_or_refuse(path, content[:length])
    if found is None or any("may have been cut short" in str(warning.message) for warning in told):
        return
    assert content[:length].rstrip() == b"".join(frames_of(content)[: len(found)]).rstrip()


def frames_of(content: bytes) -> list[bytes]:
    lines, frames = content.splitlines(keepends=True), []
    while lines:
        n = int(lines[0]) + 2
        frames.append(b"".join(lines[:n]))
        lines = lines[n:]
    return frames


@allow_warnings
@pytest.mark.parametrize("kind", [".extxyz.gz", ".npz", ".traj", ".db"])
@given(share=st.floats(0, 0.999))
@settings(max_examples=40, deadline=None)
def test_a_cut_binary_file_is_refused_or_has_lost_nothing(originals, kind, share):
    path, content = originals[kind]
    found = read_or_refuse(path, content[: int(share * len(content))])
    whole = read_or_refuse(path, content)
    if found is not None:  # the last page of a database may hold no row
        assert list(map(repr, found)) == list(map(repr, whole))


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_file_is_read(originals, kind):
    found = read_or_refuse(*originals[kind])
    assert len(found) == {".npz": 2, ".cif": 1, ".vasp": 1, ".pdb": 2}.get(kind, 5)


HEADERS = st.lists(
    st.sampled_from(
        [
            "Properties=species:S:1:pos:R:3",
            "Properties=pos:R:3:species:S:1",
            "Properties=species:S:1:pos:R:-3",
            "Properties=species:S:1:pos:R:30000",
            "Properties=",
            'Lattice="1 2 3"',
            'Lattice="a b c d e f g h i"',
            'Lattice="9 0 0 0 9 0 0 0 9"',
            "energy=1e",
            "energy=",
            '"',
            "'",
            "{",
            "[1,2",
            "=",
            "_JSON",
            'a="_JSON {"',
            "pbc=T",
            'pbc="T T"',
            "pbc=5",
            "stress=1",
            "forces=1",
            "a=b=c",
            "\\",
            "dipole=1",
            "é",
            "\x00",
        ]
    ),
    max_size=5,
)


@allow_warnings
@given(words=HEADERS)
@settings(max_examples=150, deadline=None)
def test_damaged_headers_are_refused_or_drop_nothing(originals, words):
    path, _ = originals[".extxyz"]
    content = f"2\n{' '.join(words)}\nH 0 0 0\nO 0 0 1\n1\n\nH 0 0 0\n".encode()
    found = read_or_refuse(path, content)
    assert found is None or [len(system) for system in found] == [2, 1]
