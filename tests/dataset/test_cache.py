"""The cache: whatever part of it is damaged is made anew, and different data have different entries."""

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from empnet.cli import app
from empnet.dataset import cache as cache_module
from empnet.dataset.arrays import map_arrays
from empnet.dataset.cache import Recipe, data_hash, open_dataset
from empnet.errors import EmpnetError
from empnet.files.write import write
from empnet.runtime.cache_entries import cache_entries, keep_within_limit, remove_entries
from empnet.studies.data.sign_digits import sign_digits_path
from empnet.system.label_spec import LabelSpec
from empnet.system.system import Origin, System

ENERGY = Recipe(("energy",), cutoff=4.0)
SYSTEMS = [System([[0, 0, 0], [0, 0, 1 + k / 10]], [1, 8], properties={"energy": float(k)}) for k in range(5)]


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("EMPNET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def bits(dataset) -> dict[str, tuple]:
    return {name: (array.dtype.str, array.shape, array.tobytes()) for name, array in dataset.arrays.items()}


def entry(cache: Path) -> Path:
    (index,) = cache.glob("*/arrays.json")
    return index.parent


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "gone": Path.unlink,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "flipped": flip,
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "nowhere": lambda path: (path.unlink(), path.symlink_to(path.parent / "nowhere")),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_whatever_file_of_a_data_set_is_damaged_it_is_built_anew(cache, damage):
    wanted = bits(open_dataset(SYSTEMS, ENERGY))
    names = [path.name for path in entry(cache).iterdir() if path.stat().st_size]
    assert {"arrays.json", "groups.i8.bin", "species.i2.bin"} <= set(names)
    for name in names:
        damage(entry(cache) / name)
        assert bits(open_dataset(SYSTEMS, ENERGY, quiet=True)) == wanted
        assert len(list(cache.glob("*/arrays.json"))) == 1


def test_whatever_folder_is_replaced_by_a_file(cache):
    wanted = bits(open_dataset(SYSTEMS, ENERGY))
    for path in (entry(cache), cache / "unfinished"):
        name = entry(cache).name
        shutil.rmtree(cache / name)
        if path.exists():
            shutil.rmtree(path)
        path.write_text("not a folder")
        (cache / "unfinished").is_dir() and (cache / "unfinished" / f"{name}.lock").unlink(missing_ok=True)
        assert bits(open_dataset(SYSTEMS, ENERGY, quiet=True)) == wanted
    shutil.rmtree(entry(cache))
    lock = next((cache / "unfinished").glob("*.lock"), cache / "unfinished" / f"{name}.lock")
    lock.unlink(missing_ok=True)
    lock.mkdir()
    assert bits(open_dataset(SYSTEMS, ENERGY, quiet=True)) == wanted


def test_a_flipped_bit_in_what_was_not_finished(cache, monkeypatch):
    wanted = bits(open_dataset(SYSTEMS, ENERGY))
    finished, name = entry(cache), entry(cache).name
    for path in ("positions.f8.bin", "arrays.json"):
        shutil.copytree(finished, cache / "unfinished" / name)
        flip(cache / "unfinished" / name / path)
        shutil.rmtree(finished)
        assert bits(open_dataset(SYSTEMS, ENERGY, quiet=True)) == wanted


def test_the_pictures_are_unpacked_anew(cache):
    folder = sign_digits_path()
    pictures = sorted(folder.glob("*/*.jpg"))
    wanted = {path.relative_to(folder): path.read_bytes() for path in pictures}
    pictures[0].unlink()
    flip(pictures[1])
    (folder / "0" / "foreign.jpg").write_bytes(b"")
    again = sign_digits_path()
    assert {path.relative_to(again): path.read_bytes() for path in again.glob("*/*.jpg")} == wanted
    shutil.rmtree(folder)
    folder.write_text("not a folder")
    assert len(list(sign_digits_path().glob("*/*.jpg"))) == len(wanted)


ONE = System([[0, 0, 0], [0, 0, 1]], [1, 8], properties={"energy": 1.0})
DIFFERENT = {
    "one": ONE,
    "text": replace(ONE, info={"constraints": "FixAtoms"}),
    "other text": replace(ONE, info={"constraints": "FixAtom"}),
    "flag": replace(ONE, info={"constraints": True}),
    "number": replace(ONE, info={"constraints": 1}),
    "list": replace(ONE, info={"constraints": ["Fix", "Atoms"]}),
    "other list": replace(ONE, info={"constraints": ["FixAtoms"]}),
    "column": replace(ONE, arrays={"a": np.array([1.0, 2.0])}),
    "its bits": replace(ONE, arrays={"a": np.array([1.0, 2.0]).view(np.int64)}),
    "row": replace(ONE, arrays={"a": np.array([[1.0], [2.0]])}),
    "name": replace(ONE, arrays={"b": np.array([1.0, 2.0])}),
    "property": replace(ONE, properties={"energy": 1.0, "gap": 1.0}),
    "periodic": replace(ONE, cell=9 * np.eye(3), pbc=(True, True, True)),
    "slab": replace(ONE, cell=9 * np.eye(3), pbc=(True, True, False)),
    "objects": replace(ONE, arrays={"a": np.array(["x", None], dtype=object)}),
}


def test_different_data_have_different_hashes_and_equal_ones_the_same():
    hashes = {name: data_hash([system]) for name, system in DIFFERENT.items()}
    assert len(set(hashes.values())) == len(DIFFERENT)
    assert data_hash([ONE, ONE]) not in hashes.values()
    a, b = {"x": 1.5, "y": np.ones(3)}, {"y": np.ones(3), "x": 1.5}
    assert data_hash([replace(ONE, info=a)]) == data_hash([replace(ONE, info=b, origin=Origin("a.xyz", 3))])


def test_the_hash_in_a_run_of_before_is_still_known():
    """As commit 9d9a0a0 computed it."""
    before = "6a1378c0b76b8f41db2ce076a1ca0b59ae753b2226b5d4d170054795ff2c688f"
    assert data_hash(SYSTEMS, before) == before
    assert data_hash(SYSTEMS[:4], before) == data_hash(SYSTEMS[:4]) != before


def test_constraints_in_memory_are_not_stale(cache):
    recipe = Recipe(("energy",), 4.0, derivatives=LabelSpec(forces="forces"))
    free = [replace(system, arrays={"forces": np.zeros((2, 3))}) for system in SYSTEMS]
    fixed = [replace(system, info={"constraints": "FixAtoms"}) for system in free]
    assert not open_dataset(free, recipe).arrays["constrained"].any()
    assert open_dataset(fixed, recipe).arrays["constrained"].all()


def test_the_readers_code_and_the_files_name_are_part_of_the_key(cache, tmp_path, monkeypatch):
    write(tmp_path / "a.extxyz", SYSTEMS)
    shutil.copy(tmp_path / "a.extxyz", tmp_path / "a.xyz")
    open_dataset(tmp_path / "a.extxyz", ENERGY)
    open_dataset(tmp_path / "a.extxyz", ENERGY)
    assert len(list(cache.glob("*/arrays.json"))) == 1
    open_dataset(tmp_path / "a.xyz", ENERGY)
    monkeypatch.setattr(cache_module, "reader_version", lambda: "another")
    open_dataset(tmp_path / "a.extxyz", ENERGY)
    assert len(list(cache.glob("*/arrays.json"))) == 3


def test_the_oldest_go_and_those_in_use_stay(cache, monkeypatch, capsys):
    held = open_dataset(SYSTEMS[:2], ENERGY)
    for n in (3, 4):
        open_dataset(SYSTEMS[:n], ENERGY)
    first, second, third = (
        path for path in sorted(cache.glob("*/arrays.json"), key=lambda path: path.stat().st_mtime_ns)
    )
    for k, index in enumerate((first, second, third)):
        for path in (*index.parent.iterdir(), index.parent):
            os.utime(path, times=2 * (time.time() - 10 * 86400 + k,))
    size = {each.path: each.size for each in cache_entries()}
    monkeypatch.setenv("EMPNET_CACHE_LIMIT", f"{sum(size.values()) - 1}")
    assert [each.path for each in keep_within_limit()] == [second.parent]
    monkeypatch.setenv("EMPNET_CACHE_LIMIT", "1kB")
    with_last = open_dataset(SYSTEMS, ENERGY)  # larger than the limit itself
    assert "EMPNET_CACHE_LIMIT" in capsys.readouterr().err
    assert first.exists()
    assert not third.exists()
    assert len(with_last) == 5
    assert [each.path for each in remove_entries()[1]].count(first.parent) == 1
    assert map_arrays(first.parent).keys() == held.arrays.keys()
    del held
    assert first.parent in [each.path for each in remove_entries()[0]]
    monkeypatch.setenv("EMPNET_CACHE_LIMIT", "much")
    with pytest.raises(EmpnetError, match="EMPNET_CACHE_LIMIT: 'much' is not a size"):
        keep_within_limit()


def call(*arguments: str):
    return CliRunner().invoke(app, ["cache", *arguments])


def test_the_command(cache, tmp_path):
    write(tmp_path / "water.extxyz", SYSTEMS)
    open_dataset(tmp_path / "water.extxyz", ENERGY)
    (cache / "precious.txt").write_text("not ours")
    for listed in (call(), call("list")):
        assert listed.exit_code == 0
        assert str(tmp_path / "water.extxyz") in listed.stdout
        assert "20.0 GB" in listed.stdout
    assert '"kind": "data"' in call("list", "--json").stdout
    asked = call("clear")
    assert isinstance(asked.exception, EmpnetError)
    assert "--force" in str(asked.exception)
    assert "'soon' is not a time such as 12h" in str(call("clear", "--older-than", "soon").exception)
    assert "'everything' is not one of" in str(call("clear", "--kind", "everything").exception)
    assert "removed 0 entries" in call("clear", "--older-than", "1d", "--force").stdout
    assert "removed 0 entries" in call("clear", "--kind", "loops", "--force").stdout
    assert len(list(cache.glob("*/arrays.json"))) == 1
    cleared = call("clear", "--force")
    assert cleared.exit_code == 0
    assert "removed 1 entries" in cleared.stdout
    assert not list(cache.glob("*/arrays.json"))
    assert (cache / "precious.txt").exists()
