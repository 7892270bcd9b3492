"""Compiled loops are kept on disk: what is read back is what the sources say now."""

import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns

import empnet

HELPER = """
from empnet.data.compiled import compiled
{more}
@compiled(inline="always")
def step(x):
    return {factor}
"""

LOOP = """
from empnet.data.compiled import compiled
from empnet.data.probe_helper import step

@compiled()
def total(values):
    out = 0.0
    for x in values:
        out += step(x)
    return out
"""

RUN = """
import numpy as np
from empnet.data.probe import total
print(float(total(np.ones(4))), sum(total.stats.cache_hits.values()))
"""


def run(folder: Path) -> str:
    environment = os.environ | {"PYTHONPATH": str(folder), "EMPNET_CACHE": str(folder / "cache")}
    result = subprocess.run([sys.executable, "-c", RUN], env=environment, capture_output=True, text=True, check=True)
    return result.stdout.strip()


def test_a_loop_is_compiled_anew_when_a_helper_in_another_file_changes(tmp_path):
    package = tmp_path / "empnet"
    copytree(Path(empnet.__file__).parent, package, ignore=ignore_patterns("bundled", "studies", "__pycache__"))
    (package / "data" / "probe.py").write_text(LOOP)
    (package / "data" / "probe_constant.py").write_text("K = 5.0\n")

    def helper(factor: str, more: str = "") -> None:
        (package / "data" / "probe_helper.py").write_text(HELPER.format(factor=factor, more=more))

    helper("2.0 * x")
    assert run(tmp_path) == "8.0 0"
    assert run(tmp_path) == "8.0 1"  # read from the disk
    helper("3.0 * x")
    assert run(tmp_path) == "12.0 0"
    helper("K * x", more="from empnet.data.probe_constant import K\n")
    assert run(tmp_path) == "20.0 0"
    (package / "data" / "probe_constant.py").write_text("K = 7.0\n")  # a constant, two files away
    assert run(tmp_path) == "28.0 0"
