"""Compilation is announced when loops are really compiled, and only then."""

import subprocess
import sys

import numpy as np
import pytest

from empnet import System, write
from empnet.runtime.compilation import BEGUN, compiling
from empnet.runtime.compiled import compiled


def fresh_loop():
    """A loop that was never compiled."""

    def doubled(values):
        return 2 * values.sum()

    doubled.__module__ = "empnet.probe"  # a loop of this package
    return compiled(cache=False)(doubled)


def test_what_is_compiled_is_told_once_and_summed_up_at_the_end():
    lines, loop, other = [], fresh_loop(), fresh_loop()
    with compiling(lines.append):
        loop(np.ones(3))
        loop(np.ones(4))
        other(np.ones(3))
        assert lines == [BEGUN]
    assert len(lines) == 2
    assert lines[1].startswith("compiled 2 loops in ")
    with compiling(lines.append):
        loop(np.ones(5))  # known already
    assert len(lines) == 2


def test_a_block_within_a_block_tells_the_outer_one():
    outer, loop = [], fresh_loop()
    with compiling(outer.append):
        with compiling():
            loop(np.ones(3))
        assert len(outer) == 2


def test_without_a_block_standard_error_is_told(capsys):
    fresh_loop()(np.ones(3))
    assert BEGUN in capsys.readouterr().err
    with compiling():
        pass
    assert "compiled 1 loop in" in capsys.readouterr().err


def test_a_block_announces_its_own_loops_whatever_was_compiled_before_it(capsys):
    fresh_loop()(np.ones(3))  # outside of any block
    lines, loop = [], fresh_loop()
    with compiling(lines.append):
        loop(np.ones(3))
        assert lines == [BEGUN]
    assert lines[1].startswith("compiled 1 loop in ")
    assert "compiled 1 loop in" in capsys.readouterr().err  # the earlier one


def test_loops_of_other_libraries_are_their_own_affair(capsys):
    loop = compiled(cache=False)(lambda values: values.sum())
    with compiling():
        loop(np.ones(3))
    assert capsys.readouterr().err == ""


def test_a_loop_that_cannot_be_compiled_leaves_the_count_in_order():
    def wrong(values):
        return values.no_such_thing

    wrong.__module__ = "empnet.probe"
    lines = []
    with compiling(lines.append), pytest.raises(Exception, match="no_such_thing"):
        compiled(cache=False)(wrong)(np.ones(3))
    with compiling(lines.append):
        fresh_loop()(np.ones(3))
    assert [line.split(" in ")[0] for line in lines] == [BEGUN, "compiled 1 loop", BEGUN, "compiled 1 loop"]


WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = None  # importing it fails
from empnet.cli import main
main()
"""


def test_without_numba_a_model_is_trained_all_the_same(tmp_path):
    pairs = [System([[0, 0, 0], [0, 0, d]], [1, 1], properties={"energy": 1 / d}) for d in np.arange(1, 3, 0.1)]
    write(tmp_path / "pairs.extxyz", pairs)
    options = [
        "--property",
        "energy",
        "--epochs",
        "1",
        "--width",
        "8",
        "--layers",
        "1",
        "--moments",
        "0",
        "--out",
        "run",
    ]
    words = [sys.executable, "-c", WITHOUT_NUMBA, "train", "pairs.extxyz", *options]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Numba does not work here") == 1
    assert (tmp_path / "run" / "report.html").exists()
