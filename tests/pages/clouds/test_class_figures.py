"""Figures of classes show the counts, the shares and how far they can be trusted."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from scipy.stats import binomtest

from empnet.pages.clouds import confusion_figure as confusion_module
from empnet.pages.clouds import reliability_figure as reliability_module
from empnet.pages.clouds.confusion_figure import confusion_figure, draw_confusion
from empnet.pages.clouds.reliability_figure import draw_reliability, reliability_figure


def texts(element):
    return [" ".join("".join(node.itertext()).split()) for node in ET.fromstring(element).iter() if "text" in node.tag]


def drawn_texts(confusion, classes):
    axes = Figure().subplots()
    draw_confusion(axes, confusion, classes)
    return [text.get_text() for text in axes.texts]


def test_cells_have_their_count_and_their_share_of_the_row():
    shown = drawn_texts(np.array([[3, 1, 0], [0, 2, 0], [0, 0, 0]]), ("car", "tree", "pole"))
    assert shown == ["3\n75 %", "1\n25 %", "2\n100 %"]  # cells of 0 stay empty


def test_a_share_is_not_rounded_to_all_or_nothing():
    assert drawn_texts(np.array([[1, 999], [0, 1]]), ("a", "b")) == ["1\n<1 %", "999\n>99 %", "1\n100 %"]


def test_rows_say_how_many_are_right_and_absent_classes_have_none():
    shown = texts(confusion_figure(np.array([[30, 10], [0, 0]]), ("car", "tree"), "clouds"))
    assert "75 % of 40" in shown
    assert "none" in shown
    assert "right, of the class's clouds" in shown


@pytest.mark.parametrize(
    ("n", "letters"), [(1, 1), (1, 60), (2, 4), (5, 5), (6, 22), (7, 1), (15, 4), (15, 60), (16, 3), (40, 22)]
)
def test_texts_do_not_overlap_and_none_is_cut_off(n, letters, places_of_texts):
    confusion = np.random.default_rng(0).integers(0, 3, size=(n, n)) + 1000 * np.eye(n, dtype=np.int64)
    classes = [f"{k}".rjust(letters, "x") for k in range(n)]
    texts = places_of_texts(confusion_module, "confusion_figure", confusion, classes, "clouds")
    for k, (text, box) in enumerate(texts):
        for other, another in texts[:k]:
            shared = (min(box.x1, another.x1) - max(box.x0, another.x0)) * (
                min(box.y1, another.y1) - max(box.y0, another.y0)
            )
            assert not box.overlaps(another) or abs(shared) < 4, f"{text!r} and {other!r} overlap"


@settings(max_examples=20)
@given(st.integers(1, 6), st.integers(0, 10**6))
def test_any_matrix_is_drawn(n, seed):
    confusion = np.random.default_rng(seed).integers(0, 3, size=(n, n))
    assert len(drawn_texts(confusion, [f"c{k}" for k in range(n)])) == (confusion > 0).sum()


def points_and_bars(confidence, right):
    upper, lower = Figure().subplots(2, 1)
    draw_reliability(upper, confidence, right, lower)
    container = upper.containers[0]
    return container.lines[0].get_data(), container.lines[2][0].get_segments(), lower.patches


def test_points_are_shares_with_wilsons_intervals():
    confidence, right = np.repeat([0.65, 0.93], [10, 30]), np.r_[np.arange(10) < 6, np.arange(30) < 30]
    (x, y), segments, bars = points_and_bars(confidence, right)
    np.testing.assert_allclose(x, [0.65, 0.93])
    np.testing.assert_allclose(y, [0.6, 1.0])
    for segment, (k, n) in zip(segments, [(6, 10), (30, 30)], strict=True):
        ends = binomtest(k, n).proportion_ci(0.95, method="wilson")
        np.testing.assert_allclose(segment[:, 1], [ends.low, ends.high], atol=1e-9)
    assert [bar.get_height() for bar in bars] == [0, 0, 0, 0, 0, 0, 10, 0, 0, 30]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_systems_are_drawn(n):
    shown = texts(reliability_figure(np.ones(n), np.ones(n, dtype=bool), "clouds"))
    assert "clouds" in shown


def test_nothing_of_the_reliability_figure_is_cut_off(places_of_texts):
    confidence = np.linspace(0.2, 1.0, 2000)
    texts = places_of_texts(reliability_module, "reliability_figure", confidence, confidence > 0.5, "clouds")
    assert any(text == "250" for text, _ in texts)
