"""The page and the tables of an inspection show what was found, and nothing from the data becomes markup."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from empnet import System
from empnet.inspection import inspect_data
from empnet.pages.inspect_page import write_inspection_page
from empnet.pages.inspect_table import print_inspection


@pytest.fixture(scope="module")
def inspection():
    """Pairs of atoms with a property, a group and an outlier; names that would be markup."""
    rng = np.random.default_rng(0)
    pairs = [
        System(
            [[0, 0, 0], [0, 0, d]],
            [8, 8],
            properties={"<i>gap</i>": float(d + 5.0 * (k == 3)), "[red]$x": float(d**2)},
            info={"group": "[bold]a"},
            arrays={"forces": np.array([[0, 0, d], [0, 0, -d]])},
        )
        for k, d in enumerate(rng.normal(1.2, 0.01, size=60))
    ]
    return inspect_data(pairs, quiet=True)


def words_of(page):
    """The words that a reader sees."""
    parts = []

    class Words(HTMLParser):
        def handle_data(self, data):
            parts.append(data)

    Words().feed(re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL))
    return " ".join(" ".join(parts).split())


def test_the_page(tmp_path, inspection):
    path = tmp_path / "data.html"
    write_inspection_page(inspection, path)
    page = path.read_text(encoding="utf-8")
    words = words_of(page)
    assert "<i>gap</i>" in words  # shown as text
    assert "<i>" not in page
    assert "1 of 60 frames lie more than 10 robust standard deviations" in words
    assert "warning" in words  # the level is a word, not a colour alone
    assert page.count("<svg") == len(inspection.histograms) == 6  # no sizes, for all are equal
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)  # the page needs nothing but itself
    assert [file.name for file in tmp_path.iterdir()] == ["data.html"]


def test_the_tables(capsys, inspection):
    print_inspection(inspection)
    shown = " ".join(capsys.readouterr().out.split())
    for words in ("60 (all open)", "O in 60", "[red]$x", "[bold]a", "<i>gap</i>", "vector 3", "warning: <i>gap</i>"):
        assert words in shown
    assert "1.2 angstrom" not in shown  # the shortest, not the mean
    assert f"{inspection.shortest:.4g} angstrom" in shown


def test_nothing_odd_is_said_aloud(tmp_path, capsys):
    one = inspect_data([System([[0, 0, 0]], species=[1])], quiet=True)
    print_inspection(one)
    assert "no problems found" in capsys.readouterr().out
    write_inspection_page(one, tmp_path / "one.html")
    assert "No problems found." in words_of((tmp_path / "one.html").read_text())
