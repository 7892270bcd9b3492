"""The map of what a network has learned: its numbers, its page in a real browser, and what it refuses."""

import re
import shutil
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import special_ortho_group
from sklearn.decomposition import PCA

from empnet.errors import EmpnetError
from empnet.files.write import write
from empnet.pages.map import map_run
from empnet.pages.map.gather import MOST_PARTICLES, MOST_POINTS, Sample
from empnet.pages.map.layout import lay_out
from empnet.prediction.load import load
from empnet.system.system import System
from empnet.training.start_run import run_training as train

HOSTILE = '</script><script>alert("x")</script> $\\frac$'
ROUNDING = {"rtol": 1e-9, "atol": 1e-9}
"""Of a network in float64, whose numbers are of the order of one: some thousand operations of 1e-16 each."""


def chains(n=60):
    """Bent chains of 3 to 6 atoms; the one property adds up over the particles, the other does not."""
    rng, systems = np.random.default_rng(0), []
    for _ in range(n):
        size, bend = int(rng.integers(3, 7)), float(rng.uniform(0.0, 1.0))
        steps = np.arange(size)
        positions = np.stack([1.1 * steps, bend * (steps % 2), np.zeros(size)], axis=1)
        species = np.where(steps % 2, 1, rng.choice([6, 8]))
        systems.append(System(positions, species, properties={"gap": 2 + bend, HOSTILE: -5.0 * size + bend}))
    return systems


def without_properties(systems):
    return [replace(system, properties={}) for system in systems]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two properties, one with a hostile name and summed, one averaged."""
    folder = tmp_path_factory.mktemp("map")
    data = folder / "script><script>alert(1)<.extxyz"
    write(data, chains())
    settings = {
        "epochs": 2,
        "width": 8,
        "layers": 2,
        "moments": 0,
        "val": 10,
        "test": 20,
        "unit": "eV",
        "dtype": "float64",
    }
    return train(data, [HOSTILE, "gap"], out=folder / "run", quiet=True, **settings).run


@pytest.fixture(scope="module")
def predictor(run):
    return load(run)


@pytest.fixture(scope="module")
def mapped(run):
    return map_run(run, quiet=True)


def test_the_properties_are_pooled_in_both_ways(predictor):
    assert predictor.card.architecture.pooling == ("sum", "mean")


@pytest.mark.parametrize("name", [HOSTILE, "gap"])
def test_a_representation_does_not_depend_on_place_direction_or_order(predictor, name):
    systems, rng = chains(8), np.random.default_rng(1)
    moved = []
    for system in systems:
        order, turn = rng.permutation(len(system)), special_ortho_group.rvs(3, random_state=2)
        moved.append(replace(system, positions=system.positions[order] @ turn.T + 7, species=system.species[order]))
    assert np.allclose(predictor.represent(moved, name), predictor.represent(systems, name), **ROUNDING)


def test_the_last_layer_of_the_representation_is_the_prediction(predictor):
    systems, model = chains(12), predictor.model
    last, found = model.readout[-1], predictor.predict(systems)
    for k, name in enumerate((HOSTILE, "gap")):
        H = predictor.represent(systems, name)
        particles = np.array([len(system) for system in systems]) if name == HOSTILE else 1
        weight, bias = (values[k].detach().numpy() for values in (last.weight, last.bias))
        by_hand = found.baseline[:, k] + float(model.scale[k]) * (H @ weight + particles * bias)
        assert np.allclose(by_hand, found[name], **ROUNDING)


def test_two_copies_far_apart_sum_to_twice_and_average_to_the_same(predictor):
    one = chains(1)[0]
    two = System(np.concatenate([one.positions, one.positions + 100]), np.tile(one.species, 2))
    for name, factor in ((HOSTILE, 2), ("gap", 1)):
        of_one, of_two = predictor.represent([one, two], name)
        assert np.allclose(of_two, factor * of_one, **ROUNDING)


def test_an_unknown_property_is_refused(predictor):
    with pytest.raises(EmpnetError, match=r"'gip' is not predicted; did you mean 'gap'\?"):
        predictor.represent(chains(1), "gip")


@pytest.mark.parametrize("n", [3, 20, 700])
def test_the_layout_is_that_of_principal_components(n):
    rows = np.random.default_rng(n).normal(size=(n, 12)) * 0.7 ** np.arange(12) + 5
    layout, pca = lay_out(rows), PCA(2).fit(rows)
    # training ends at a gradient of 1e-8; the shares are off by its square over the curvature, far below 1e-9, ...
    assert layout.explained == pytest.approx(pca.explained_variance_ratio_, abs=1e-9)
    assert layout.pca == pytest.approx(pca.explained_variance_ratio_, abs=1e-12)
    # ... and the axes by the gradient over the gap of the spectrum, which is above 0.01 here
    assert np.abs(layout.places) == pytest.approx(np.abs(pca.transform(rows)), abs=1e-5)


def test_systems_on_a_line_are_laid_out_on_a_line():
    layout = lay_out(np.outer(np.arange(5.0), [1.0, 2.0, 2.0]))
    assert layout.explained == pytest.approx((1.0, 0.0), abs=1e-9)
    assert np.abs(np.diff(layout.places[:, 0])) == pytest.approx(3.0)
    assert np.abs(layout.places[:, 1]).max() < 1e-6


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (np.ones((1, 4)), "data: 1 system; wanted three or more"),
        (np.eye(2, 4), "data: 2 systems; wanted three or more"),
        (np.ones((9, 4)) + 1e-7 * np.eye(9, 4), "the model cannot distinguish the 9 systems"),
        (np.zeros((9, 4)), "the model cannot distinguish the 9 systems"),
        (np.arange(9.0)[:, None], "the representation is one number"),
    ],
)
def test_what_cannot_be_laid_out(rows, told):
    with pytest.raises(EmpnetError, match=told):
        lay_out(rows, "data")


def test_a_map_of_the_run_s_own_test_side(run, mapped):
    assert (mapped.page, mapped.picture) == (run / "map.html", run / "map.png")
    assert mapped.places.shape == (20, 2)
    assert mapped.shown.tolist() == list(range(20))
    assert (mapped.name, mapped.unit) == (HOSTILE, "eV")
    assert mapped.explained == pytest.approx(mapped.pca, abs=1e-6)  # what the docstring promises
    with Image.open(mapped.picture) as picture:
        assert min(picture.size) > 500
        assert len(np.unique(np.asarray(picture.convert("L")))) > 50  # not a blank one


def test_what_is_printed_and_what_the_page_says_of_variance(run, tmp_path, capsys):
    found = map_run(run, chains(30), out=tmp_path / "a.html")
    told, page = capsys.readouterr().out, found.page.read_text(encoding="utf-8")
    both = f"{100 * sum(found.pca):.3f} %"
    assert "map of 30 systems (systems in memory), 30 of them on the page" in told
    assert f"{both} by the transpose autoencoder's two axes" in told
    assert f"{both} by PCA's" in told
    assert page.count(both) == 2
    assert "All 30 systems are on this page; a.png shows them" in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)  # nothing from elsewhere


def test_colour_by_error_and_another_property(run, predictor, tmp_path):
    systems = chains(30)
    found = map_run(predictor, systems, colour="error", property="gap", out=tmp_path / "a.html", quiet=True)
    page = found.page.read_text(encoding="utf-8")
    assert found.name == "gap"
    assert np.allclose(found.predicted, predictor.predict(systems)["gap"], **ROUNDING)
    assert found.target.tolist() == [system.properties["gap"] for system in systems]
    assert "error of gap: predicted - true [eV]" in page
    assert "averaged over the particles like gap" in page


def test_data_without_the_property_are_coloured_by_the_prediction(run, tmp_path):
    systems = without_properties(chains(30))
    found = map_run(run, systems, property="gap", out=tmp_path / "a.html", quiet=True)
    page = found.page.read_text(encoding="utf-8")
    assert np.isnan(found.target).all()
    assert "The colour shows: gap predicted [eV]" in page
    assert "not in the data" in page


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"data": without_properties(chains(4)), "colour": "error"}, "no property '</script>"),
        ({"colour": "erorr"}, r"unknown colour 'erorr'; wanted property or error; did you mean 'error'\?"),
        ({"property": "nothing"}, "'nothing' is not predicted; there are: "),
        ({"data": chains(1)}, "systems in memory: 1 system; wanted three or more"),
        ({"data": chains(1) * 5}, "systems in memory: the model cannot distinguish the 5 systems"),
        ({"data": []}, "systems in memory: no systems; wanted three or more"),
        ({"data": [*chains(3), System([[0, 0, np.nan]], [6])]}, "position of particle 0 is not finite"),
    ],
)
def test_what_has_no_map_is_told_in_a_line_and_leaves_no_file(run, tmp_path, settings, told):
    with pytest.raises(EmpnetError, match=told) as caught:
        map_run(run, out=tmp_path / "a.html", quiet=True, **settings)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_run_on_systems_in_memory_needs_data(tmp_path):
    settings = {
        "epochs": 1,
        "width": 8,
        "layers": 1,
        "moments": 0,
        "unit": "eV",
        "property": "gap",
        "val": 5,
        "test": 5,
    }
    run = train(chains(20), out=tmp_path / "run", quiet=True, **settings).run
    with pytest.raises(EmpnetError, match="its data were systems in memory; name a data file"):
        map_run(run, quiet=True)


def test_a_broken_model_is_told(run, tmp_path):
    predictor = load(run)
    with torch.no_grad():
        predictor.model.embedding.weight[0] = torch.nan
    with pytest.raises(EmpnetError, match=r"frame \d+ is not finite; check whether the model or the system is damaged"):
        map_run(predictor, out=tmp_path / "a.html", quiet=True)


def test_nothing_is_replaced_unasked(run, mapped):
    with pytest.raises(EmpnetError, match=r"map\.html: already exists"):
        map_run(run, quiet=True)
    mapped.page.unlink()
    with pytest.raises(EmpnetError, match=r"map\.png: already exists"):
        map_run(run, quiet=True)
    assert map_run(run, force=True, quiet=True).page.exists()


def test_a_page_has_to_be_one(run, tmp_path):
    with pytest.raises(EmpnetError, match=r"--out: '.*map.svg' is not the name of a page; wanted a name that ends"):
        map_run(run, out=tmp_path / "map.svg", quiet=True)


def test_of_many_systems_some_are_on_the_page_and_that_is_said(run, tmp_path):
    pairs = [System([[0, 0, 0], [0, 0, d]], [6, 1]) for d in np.linspace(1.0, 2.0, MOST_POINTS + 50)]
    found = map_run(run, pairs, out=tmp_path / "a.html", quiet=True)
    page = found.page.read_text(encoding="utf-8")
    assert len(found.places) == MOST_POINTS + 50
    assert len(np.unique(found.shown)) == MOST_POINTS
    assert f"{MOST_POINTS:,} of the {MOST_POINTS + 50:,} systems, drawn at random, are on this page" in page
    assert len(page) < 5e6


def test_the_sample_is_bounded_and_drawn_evenly():
    def drawn(n, size, **bounds):
        sample = Sample(0, **bounds)
        for x in range(n):
            sample.offer(System(np.full((size, 3), float(x))))
        return [(number, int(system.positions[0, 0])) for number, system in sample.kept()]

    few = drawn(1000, 1, most=100)
    assert [number for number, _ in few] == [x for _, x in few]  # the numbers are those of the systems
    # uniform on 0..999: the mean has a standard deviation of 1000 / sqrt(12 * 100) = 29; three of them
    assert abs(np.mean(few) - 499.5) < 87
    assert len(drawn(30, 10, particles=95)) == 9
    assert len(drawn(3, 10, particles=5)) == 1
    assert MOST_PARTICLES >= MOST_POINTS * 20  # molecules of usual size are bounded by their number alone


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
in_a_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium; install it to test pages in a browser"
)
OFFLINE = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
KINDS = {"live": ("--use-angle=swiftshader", "--enable-unsafe-swiftshader"), "flat": ("--disable-3d-apis",)}
"""With WebGL by the processor, and without WebGL."""
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browsers():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # a container's root may not use the sandbox; the page is our own
        launched = {
            kind: playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *OFFLINE, *options])
            for kind, options in KINDS.items()
        }
        yield launched
        for browser in launched.values():
            browser.close()


@contextmanager
def opened(browser, path, **settings):
    """The page, and what was heard of it: messages, errors, requests, dialogs."""
    context, heard = browser.new_context(**{"reduced_motion": "reduce", **settings}), []
    page = context.new_page()
    page.on("console", lambda message: heard.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    page.on("request", lambda request: heard.append(request.url) if request.url[:5] not in ("file:", "data:") else None)
    page.on("dialog", lambda dialog: heard.append(dialog.message) or dialog.dismiss())
    page.goto(path.as_uri())
    yield page, heard
    context.close()


@pytest.fixture(scope="module")
def gaps(run, tmp_path_factory):
    """A page of the averaged property, with the systems that are on it."""
    systems = chains(25)
    return systems, map_run(run, systems, property="gap", out=tmp_path_factory.mktemp("page") / "map.html", quiet=True)


def told(page):
    """Heading and values of the chosen system."""
    rows = page.locator(".chosen tr")
    values = {row.locator("th").inner_text(): row.locator("td").inner_text() for row in rows.all()}
    return page.locator(".chosen h3").inner_text(), values


def click_on(page, number):
    page.locator(".chart").scroll_into_view_if_needed()
    box = page.locator(f'[data-point="{number}"]').bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


@in_a_browser
def test_a_click_shows_structure_and_values(browsers, gaps):
    systems, found = gaps
    with opened(browsers["live"], found.page) as (page, heard):
        page.wait_for_selector(".stage.live")
        # a point with nothing near it, other than the one chosen at first
        apart = [np.sort(np.linalg.norm((found.places - place) / np.ptp(found.places, 0), axis=1))[1]
                 for place in found.places]  # fmt: skip
        apart[int(page.locator(".stage").get_attribute("data-scene"))] = 0
        number = int(np.argmax(apart))
        before = page.locator(".stage canvas").evaluate("canvas => canvas.toDataURL()")
        click_on(page, number)
        system, (formula, values) = systems[number], told(page)
        assert formula == system.formula
        assert values["where"] == f"system {number}"
        assert values["particles"] == str(len(system))
        assert values["gap in the data"] == f"{system.properties['gap']:.6g}\u00a0eV"
        assert values["predicted"] == f"{found.predicted[number]:.6g}\u00a0eV"
        assert values["error"] == f"{found.predicted[number] - system.properties['gap']:+.4g}\u00a0eV"
        assert page.locator(".stage").get_attribute("data-scene") == str(number)
        assert page.locator(".stage svg.still circle").count() == len(system)
        assert page.locator(".stage canvas").count() == 1
        page.wait_for_function("before => document.querySelector('.stage canvas').toDataURL() !== before", arg=before)
        assert heard == []


def chosen(page):
    return int(page.locator(".stage").get_attribute("data-scene"))


@in_a_browser
def test_keys_alone_reach_every_system(browsers, gaps):
    systems, found = gaps
    by_value = np.argsort(found.target, kind="stable").tolist()
    with opened(browsers["flat"], found.page) as (page, heard):
        page.locator("nav a").last.focus()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "chart"
        assert page.locator(".chart").evaluate("chart => getComputedStyle(chart).outlineStyle") == "solid"
        page.keyboard.press("End")
        assert chosen(page) == by_value[-1]
        page.keyboard.press("Home")
        walk = [chosen(page)]
        for _ in systems[1:]:
            page.keyboard.press("PageUp")
            walk.append(chosen(page))
        assert walk == by_value
        page.keyboard.press("PageDown")
        assert chosen(page) == by_value[-2]
        assert heard == []


@in_a_browser
@pytest.mark.parametrize(
    ("key", "axis", "sign"), [("ArrowRight", 0, 1), ("ArrowLeft", 0, -1), ("ArrowUp", 1, 1), ("ArrowDown", 1, -1)]
)
def test_arrows_go_where_they_point(browsers, gaps, key, axis, sign):
    places = gaps[1].places
    with opened(browsers["flat"], gaps[1].page) as (page, _):
        page.locator(".chart").focus()
        walk = [chosen(page)]
        for _ in range(8):
            page.keyboard.press(key)
            walk.append(chosen(page))
        assert (sign * np.diff(places[walk, axis]) >= 0).all()
        page.keyboard.press({"ArrowRight": "ArrowLeft", "ArrowLeft": "ArrowRight"}.get(key, "ArrowRight"))
        assert len({*walk, chosen(page)}) > 1


@in_a_browser
def test_zoom_keeps_the_chosen_point_in_sight(browsers, gaps):
    with opened(browsers["flat"], gaps[1].page) as (page, heard):
        ring = page.locator(".ring")
        before, axis = ring.get_attribute("cx"), page.locator(".plane text").all_inner_texts()
        page.get_by_role("button", name="Zoom in").click()
        page.get_by_role("button", name="Zoom in").click()
        assert float(ring.get_attribute("cx")) == pytest.approx(float(before), abs=0.5)  # of a pixel
        assert page.locator(".plane text").all_inner_texts() != axis
        page.locator(".chart").focus()
        page.keyboard.press("Home")
        box, chart = ring.bounding_box(), page.locator(".chart").bounding_box()
        assert chart["x"] < box["x"] < chart["x"] + chart["width"]
        assert chart["y"] < box["y"] < chart["y"] + chart["height"]
        page.keyboard.press("0")
        assert page.locator(".plane text").all_inner_texts() == axis
        assert heard == []


@in_a_browser
def test_systems_that_lie_on_one_another_are_taken_in_turn(browsers, run, tmp_path):
    systems = [*chains(10), chains(10)[4], chains(10)[4]]
    found = map_run(run, systems, out=tmp_path / "map.html", quiet=True)
    with opened(browsers["flat"], found.page) as (page, _):
        page.locator(".chart").focus()
        page.keyboard.press("Home")
        seen = []
        for _ in range(3):
            click_on(page, 4)
            seen.append(chosen(page))
        assert sorted(seen) == [4, 10, 11]


@in_a_browser
def test_a_page_with_hostile_names_on_a_phone_in_the_dark_without_webgl(browsers, run, mapped):
    settings = {"viewport": PHONE, "color_scheme": "dark", "has_touch": True}
    with opened(browsers["flat"], map_run(run, force=True, quiet=True).page, **settings) as (page, heard):
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert page.locator("script").count() == 1
        assert page.locator("h1").inner_text().count("<script>alert") == 1
        assert page.locator(".stage canvas").count() == 0
        assert page.locator(".stage svg.still circle").first.is_visible()
        text = page.locator(".plane text")
        assert text.count() > 4
        assert min(text.nth(k).evaluate("text => parseFloat(getComputedStyle(text).fontSize)") for k in range(3)) >= 9
        ink = text.first.evaluate("text => getComputedStyle(text).fill.match(/\\d+/g).map(Number)")
        assert min(ink) > 200  # light on dark
        assert "frame" in told(page)[1]["where"]
        assert heard == []


@in_a_browser
def test_without_javascript_the_map_is_a_still_picture(browsers, gaps):
    with opened(browsers["flat"], gaps[1].page, java_script_enabled=False) as (page, _):
        assert page.locator(".chart svg[aria-label]").is_visible()
        assert page.locator("noscript").count() == 1


def test_properties_in_another_unit_are_converted(run, tmp_path):
    scaled = [
        replace(system, properties={name: 1000 * value for name, value in system.properties.items()})
        for system in chains(8)
    ]
    found, as_trained = (
        map_run(run, data, property="gap", unit=unit, out=tmp_path / f"{unit}.html", quiet=True)
        for data, unit in ((scaled, "meV"), (chains(8), None))
    )
    assert found.unit == "eV"
    np.testing.assert_allclose(found.target, as_trained.target, rtol=1e-12)  # one product and one quotient
