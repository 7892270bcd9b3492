"""Figures of clouds show every cloud whole, on one scale, and never fail on an odd one."""

import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from empnet.pages.clouds import confused_figure as confused_module
from empnet.pages.clouds import contact_sheet as sheet_module
from empnet.pages.clouds.confused_figure import confused_figure, draw_confused, most_confused
from empnet.pages.clouds.contact_sheet import COLUMNS, contact_sheet, draw_contact_sheet
from empnet.pages.clouds.one_view import CORNER, FRONT, SIDE, TOP, half_extent, round_length, thinned
from empnet.pages.clouds.page_figure import shortened
from empnet.pages.clouds.three_views import draw_views, three_views

ODD = {
    "no point": np.zeros((0, 3)),
    "one point": np.ones((1, 3)),
    "two points": np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1e-9]]),
    "all equal": np.ones((5, 3)),
    "only nan": np.full((4, 3), np.nan),
    "some nan": np.array([[np.nan, 0.0, 0.0], [0.0, np.inf, 0.0], [1.0, 2.0, 3.0]]),
    "a line": np.linspace(0, 1, 9)[:, None] * np.array([0.0, 0.0, 1.0]),
    "float32": np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32),
    "far from the origin": np.random.default_rng(0).normal(size=(50, 3)) + 5e6,
}


def cloud(n=200, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 3))


def texts(element):
    """The texts of an SVG; an error if it is no XML."""
    root = ET.fromstring(element)
    return [" ".join("".join(node.itertext()).split()) for node in root.iter() if node.tag.endswith("text")]


@pytest.mark.parametrize("points", ODD.values(), ids=list(ODD))
def test_odd_clouds_are_drawn(points):
    shown = texts(three_views(points))
    assert shown.count("front") == 1
    assert ("no points" in shown) == (not np.isfinite(points).all(axis=1).any())
    assert texts(contact_sheet([points], ["a"], ["car"]))
    assert texts(confused_figure([points], ["a"], ["car"], ["tree"], [0.9]))


@pytest.mark.parametrize("view", [FRONT, SIDE, TOP, CORNER], ids=lambda view: view.name)
def test_views_are_rotations(view):
    rotation = view.seen(np.eye(3)).T
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1.0)  # no mirror image


def test_three_views_have_one_scale_and_show_every_point():
    axes = Figure(figsize=(6, 2)).subplots(1, 3)
    points = cloud() * np.array([1.0, 5.0, 2.0])
    draw_views(axes, points, unit="m")
    assert len({(each.get_xlim(), each.get_ylim()) for each in axes}) == 1
    for each in axes:
        drawn = np.asarray(each.collections[0].get_offsets())
        assert len(drawn) == len(points)
        assert np.abs(drawn[:, 0]).max() <= each.get_xlim()[1]
        assert each.get_ylim()[0] <= drawn[:, 1].min()
        assert drawn[:, 1].max() <= each.get_ylim()[1]
        assert each.get_aspect() == 1.0


def test_near_points_are_drawn_last():
    axes = Figure().subplots(1, 3)
    points = np.array([[0.0, 0.0, 9.0], [1.0, -5.0, 1.0], [2.0, 5.0, 2.0]])
    draw_views(axes, points)
    nearest = [np.asarray(each.collections[0].get_array())[-1] for each in axes]  # shaded by height
    assert nearest == [1.0, 2.0, 9.0]  # the smallest y, the largest x, the largest z


def test_a_feature_shades_the_points_and_nan_is_allowed():
    axes = Figure().subplots(1, 3)
    draw_views(axes, cloud(3), np.array([7.0, np.nan, 8.0]))
    shades = np.ma.filled(axes[0].collections[0].get_array(), np.nan)
    assert set(shades[np.isfinite(shades)]) == {7.0, 8.0}
    assert three_views(cloud(3), np.array([1, 2, 3])).startswith("<svg")
    assert three_views(cloud(3), np.full(3, np.nan)).startswith("<svg")


def test_of_many_points_the_same_3000_are_drawn_twice():
    points = cloud(10_000)
    points[3] = np.nan
    chosen = thinned(points)
    assert len(chosen) == 3_000
    assert 3 not in chosen
    assert np.array_equal(chosen, thinned(points))
    assert not np.array_equal(chosen, thinned(points, seed=1))
    assert three_views(points) == three_views(points)


def test_the_bar_names_the_unit_or_says_that_there_is_none():
    assert "2 units of the file" in texts(three_views(np.array([[0.0, 0, 0], [0, 0, 5.0]])))
    assert "2 m" in texts(three_views(np.array([[0.0, 0, 0], [0, 0, 5.0]]), unit="m"))
    assert "lengths in units of the file" in texts(contact_sheet([cloud()], ["a"], [""]))


@given(st.floats(1e-12, 1e12))
def test_round_lengths_fill_most_of_the_room(most):
    length = round_length(most)
    assert length <= most < 2.5000001 * length
    assert float(f"{length:.1e}") == length


@settings(max_examples=25)
@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=24))
def test_a_contact_sheet_shows_each_cloud_once_in_the_order_of_its_classes(labels):
    figure = Figure()
    names = [f"cloud {k}" for k in range(len(labels))]
    draw_contact_sheet(figure, [cloud(3, k) for k in range(len(labels))], names, labels)
    titles = [axes.get_title().split("\n") for axes in figure.axes if axes.get_title()]
    assert sorted(title[0] for title in titles) == sorted(names)
    shown = [title[1] for title in titles]
    assert list(dict.fromkeys(shown)) == list(dict.fromkeys(labels))  # first seen, first drawn
    assert sum(a != b for a, b in pairwise(shown)) == len(set(labels)) - 1  # in one block each


def test_a_contact_sheet_has_at_most_24_clouds_and_six_columns():
    figure = Figure()
    draw_contact_sheet(figure, [cloud(3)] * 40, ["a"] * 40, ["car"] * 40)
    assert sum(bool(axes.get_title()) for axes in figure.axes) == 24
    assert len(figure.axes) == 24 == 4 * COLUMNS
    assert contact_sheet([], [], []) == ""


def test_names_of_any_letters_are_shown():
    name = "<b>&\x00\x1b $x_1$ 树.las"
    shown = texts(contact_sheet([cloud()], [name], ["</text>"], unit="m"))
    assert "<b>&?? $x_1$ 树.las" in shown
    assert "</text>" in shown


@given(st.text(), st.integers(3, 40))
def test_shortened_names_fit_and_keep_both_ends(text, most):
    short = shortened(text, most).replace(r"\$", "$")
    line = " ".join(text.split())
    assert len(short) <= most
    assert len(short) == min(len(line), most)
    assert short.isprintable()
    if line.isprintable() and len(line) > most:
        assert line.endswith(short.partition("…")[2]) or "…" in line


def test_the_most_confident_mistakes_come_first():
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.1, 0.9], [0.5, 0.5]])
    labels = np.array([1, 0, 0, 1, 1])
    assert most_confused(p, labels).tolist() == [0, 1, 4]
    assert most_confused(p, labels, most=1).tolist() == [0]
    assert most_confused(p, p.argmax(axis=1)).tolist() == []
    assert most_confused(np.zeros((0, 2)), np.zeros(0, dtype=np.int64)).tolist() == []


def test_confused_clouds_have_their_name_and_both_classes():
    shown = texts(confused_figure([cloud()], ["a.las"], ["car"], ["tree"], [0.98765]))
    assert {"a.las", "true car, predicted tree (0.988)"} <= set(shown)
    figure = Figure(layout="constrained")
    nine = [cloud(k + 2) for k in range(9)]
    values = [np.arange(len(points)) for points in nine]
    draw_confused(figure, nine, ["a"] * 9, ["car"] * 9, ["tree"] * 9, [0.9] * 9, values=values)
    assert len(figure.subfigs) == 6
    assert all(len(row.axes) == 3 for row in figure.subfigs)


def test_a_cloud_without_extent_has_none():
    assert half_extent(np.zeros((0, 3))) == half_extent(np.ones((4, 3))) == 0.0


@pytest.mark.parametrize("n", [1, 2, 7, 24])
@pytest.mark.parametrize("unit", ["", "m"])
def test_titles_of_a_contact_sheet_do_not_overlap(n, unit, places_of_texts):
    names, labels = (
        [f"a folder/with long names/n{k:03d}.las" for k in range(n)],
        [f"{'n' * 30}{k % 3}" for k in range(n)],
    )
    texts = places_of_texts(
        sheet_module, "contact_sheet", [1e3 * cloud(9, k) for k in range(n)], names, labels, unit=unit
    )
    for k, (text, box) in enumerate(texts):
        for other, another in texts[:k]:
            assert not box.overlaps(another), f"{text!r} and {other!r} overlap"


@pytest.mark.parametrize("n", [1, 3, 6])
def test_rows_of_confused_clouds_do_not_overlap(n, places_of_texts):
    names, classes = ["n" * 90] * n, ["n" * 40] * n
    texts = places_of_texts(
        confused_module, "confused_figure", [1e5 * cloud(9, k) for k in range(n)], names, classes, classes, [1.0] * n
    )
    for k, (text, box) in enumerate(texts):
        for other, another in texts[:k]:
            assert not box.overlaps(another), f"{text!r} and {other!r} overlap"
