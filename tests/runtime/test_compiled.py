"""Compiled loops are kept on disk: what is read back is what the sources say now."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns

import numpy as np
import pytest

import empnet
from empnet.runtime import compiled
from empnet.runtime.loop_files import LoopFiles

HELPER = """
from empnet.runtime.compiled import compiled
{more}
@compiled(inline="always")
def step(x):
    return {factor}
"""

LOOP = """
from empnet.runtime.compiled import compiled
{take}

@compiled()
def total(values):
    out = 0.0
    for x in values:
        out += {step}(x)
    return out
"""

TAKES = [("from empnet.runtime.probe_helper import step", "step")]
TAKES += [("from empnet.runtime import probe_helper", "probe_helper.step"), ("from .probe_helper import step", "step")]
TAKES += [("from . import probe_helper", "probe_helper.step")]
TAKES += [("import empnet.runtime.probe_helper as helper", "helper.step")]

RUN = """
import numpy as np
from empnet.runtime.probe import total
print(float(total(np.ones(4))), sum(total.stats.cache_hits.values()))
"""


def run(folder: Path) -> str:
    environment = os.environ | {"PYTHONPATH": str(folder), "EMPNET_CACHE": str(folder / "cache")}
    result = subprocess.run([sys.executable, "-c", RUN], env=environment, capture_output=True, text=True, check=True)
    return result.stdout.strip()


@pytest.fixture
def package(tmp_path) -> Path:
    """A copy of this one."""
    package = tmp_path / "empnet"
    copytree(Path(empnet.__file__).parent, package, ignore=ignore_patterns("bundled", "studies", "__pycache__"))
    return package


def test_a_loop_is_compiled_anew_when_a_helper_in_another_file_changes(tmp_path, package):
    (package / "runtime" / "probe.py").write_text(LOOP.format(take=TAKES[0][0], step=TAKES[0][1]))
    (package / "runtime" / "probe_constant.py").write_text("K = 5.0\n")

    def helper(factor: str, more: str = "") -> None:
        (package / "runtime" / "probe_helper.py").write_text(HELPER.format(factor=factor, more=more))

    helper("2.0 * x")
    assert run(tmp_path) == "8.0 0"
    assert run(tmp_path) == "8.0 1"  # read from the disk
    helper("3.0 * x")
    assert run(tmp_path) == "12.0 0"
    helper("K * x", more="from empnet.runtime.probe_constant import K\n")
    assert run(tmp_path) == "20.0 0"
    (package / "runtime" / "probe_constant.py").write_text("K = 7.0\n")  # a constant, two files away
    assert run(tmp_path) == "28.0 0"


@pytest.mark.parametrize(("take", "step"), TAKES)
def test_a_helper_is_found_however_it_is_imported(package, take, step, monkeypatch):
    (package / "runtime" / "probe.py").write_text(LOOP.format(take=take, step=step))
    (package / "runtime" / "probe_helper.py").write_text(HELPER.format(more="", factor="x"))
    monkeypatch.setattr(compiled, "__file__", str(package / "runtime" / "compiled.py"))
    found = compiled._package_imports("empnet.runtime.probe")
    assert {"empnet.runtime.probe", "empnet.runtime.probe_helper", "empnet.runtime.compiled"} <= found
    assert "empnet.runtime.durable_files" not in found  # it keeps loops, but is no part of them


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "flipped": lambda path: path.write_bytes(flipped(path.read_bytes())),
    "gone": Path.unlink,
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


def flipped(content: bytes) -> bytes:
    half = len(content) // 2
    return content[:half] + bytes([content[half] ^ 4]) + content[half + 1 :]


def test_a_damaged_loop_is_compiled_anew(tmp_path, package):
    (package / "runtime" / "probe.py").write_text(LOOP.format(take=TAKES[0][0], step=TAKES[0][1]))
    (package / "runtime" / "probe_helper.py").write_text(HELPER.format(more="", factor="2.0 * x"))
    assert run(tmp_path) == "8.0 0"
    (kept,) = (tmp_path / "cache").rglob("*total*.nbc")
    for name in ("flipped", "a folder"):
        DAMAGES[name](kept)
        assert run(tmp_path) == "8.0 0"
    if kept.is_dir():
        kept.rmdir()
    assert run(tmp_path) == "8.0 0"
    assert run(tmp_path) == "8.0 1"
    shutil.rmtree(tmp_path / "cache" / "kernels")
    (tmp_path / "cache" / "kernels").write_text("not a folder")
    assert run(tmp_path) == "8.0 0"


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_is_damaged_is_not_read(tmp_path, damage):
    files, key = LoopFiles(tmp_path, "loop"), ("float64", ("cpu",), ("a", "b"))
    files.save(key, np.arange(1000))
    assert files.load(key).tolist() == list(range(1000))
    damage(*tmp_path.iterdir())
    assert files.load(key) is None


def test_two_that_compile_at_once_keep_both(tmp_path):
    """Numba's own files are numbered: both processes would take number 1, and the index name it for the wrong one."""
    first, second = LoopFiles(tmp_path, "loop"), LoopFiles(tmp_path, "loop")
    first.save(("F = 32",), "code for 32")
    second.save(("F = 64",), "code for 64")
    assert [first.load((f"F = {F}",)) for F in (32, 64)] == ["code for 32", "code for 64"]
