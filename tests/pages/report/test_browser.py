"""The page in a real browser, without a screen: it runs, it turns, it adapts, and it asks nobody for anything."""

import shutil
from contextlib import contextmanager

import pytest

from empnet.pages.report import write_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium; install it to test pages in a browser")

OFFLINE = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
BY_PROCESSOR = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")  # WebGL without a graphics card
PHONE = {"width": 390, "height": 844}
CALM = {"reduced_motion": "reduce"}


@pytest.fixture(scope="module")
def path(trained):
    return write_report(trained, audited=False, quiet=True)


@pytest.fixture(scope="module")
def launched():
    """Starts browsers with options of the command line."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # a container's root may not use the sandbox; the page is our own
        yield lambda *options: playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", *OFFLINE, *options]
        )


@pytest.fixture(scope="module")
def browser(launched):
    browser = launched(*BY_PROCESSOR)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def flat_browser(launched):
    """Without WebGL: quicker, where nothing need turn."""
    browser = launched("--disable-3d-apis")
    yield browser
    browser.close()


@pytest.fixture
def opened(browser, path):
    """Opens the page; the page, once it has loaded, and what was heard of it: messages, errors, requests."""
    with contexts_of(browser, path) as opening:
        yield opening


@pytest.fixture
def opened_flat(flat_browser, path):
    """The same without WebGL."""
    with contexts_of(flat_browser, path) as opening:
        yield opening


@contextmanager
def contexts_of(browser, path):
    contexts = []

    def opening(**settings):
        contexts.append(browser.new_context(**settings))
        return listened(contexts[-1].new_page(), path)

    yield opening
    for context in contexts:  # else its pictures go on turning
        context.close()


def listened(page, path):
    heard = []
    page.on("console", lambda message: heard.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    page.on("request", lambda request: heard.append(request.url) if request.url[:5] not in ("file:", "data:") else None)
    page.goto(path.as_uri())
    return page, heard


def awake(page, stage):
    """A viewer that has been scrolled to and has started."""
    stage.scroll_into_view_if_needed()
    page.wait_for_function("stage => stage.classList.contains('live')", arg=stage.element_handle())
    return stage


def picture(stage):
    return stage.locator("canvas").evaluate("canvas => canvas.toDataURL()")


def test_every_picture_comes_alive_nothing_is_said_and_nobody_asked(opened):
    page, heard = opened(**CALM)
    stages = page.locator(".stage").all()
    assert len(stages) == 12
    for stage in stages:
        assert awake(page, stage).locator("canvas").count() == 1
    assert page.locator("canvas").count() == 8  # no more than a browser can bear
    awake(page, stages[0])  # one that rested starts again
    assert heard == []


def test_all_figures_are_seen(opened_flat):
    page, _ = opened_flat(**CALM)
    figures = page.locator("figure svg[aria-label]")
    # for each of two properties: parity, residuals, distribution, size, species, learning curve, coverage of the
    # standard deviations and 6 systems; for both: loss, learning rate, filters of 2 interactions, and those of the
    # second for tensors
    assert figures.count() == 2 * (7 + 6) + 2 + 3
    for figure in figures.all():
        box = figure.bounding_box()
        assert box["width"] > 200
        assert box["height"] > 90


def test_a_picture_turns_until_somebody_points_at_it(opened):
    page, _ = opened()
    stage = awake(page, page.locator(".stage").first)
    first = picture(stage)
    page.wait_for_timeout(300)
    assert picture(stage) != first
    stage.hover()
    held = picture(stage)
    page.wait_for_timeout(300)
    assert picture(stage) == held


def test_a_picture_stands_still_where_motion_is_not_wanted_and_turns_by_hand(opened):
    page, _ = opened(**CALM)
    stage = awake(page, page.locator(".stage").first)
    first = picture(stage)
    page.wait_for_timeout(300)
    assert picture(stage) == first
    stage.focus()
    page.keyboard.press("ArrowRight")
    by_key = picture(stage)
    assert by_key != first
    box = stage.bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 100, steps=5)
    page.mouse.up()
    assert picture(stage) != by_key


def test_the_wheel_scrolls_the_page(opened):
    page, _ = opened(**CALM)
    awake(page, page.locator(".stage").first).hover()
    before = page.evaluate("scrollY")
    page.mouse.wheel(0, 200)
    page.wait_for_function("before => scrollY > before", arg=before)


def test_a_browser_without_webgl_shows_still_pictures(opened_flat):
    page, heard = opened_flat()
    assert page.locator("canvas").count() == 0
    assert page.locator("svg.still").count() == 12
    assert all(still.is_visible() for still in page.locator("svg.still").all())
    assert heard == []


def test_on_paper_the_pictures_are_still(opened):
    page, _ = opened(**CALM)
    stage = awake(page, page.locator(".stage").first)
    assert not stage.locator("svg.still").is_visible()
    page.emulate_media(media="print")
    assert stage.locator("svg.still").is_visible()
    assert not stage.locator("canvas").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_paper_and_ink(opened_flat, scheme):
    page, _ = opened_flat(color_scheme=scheme, **CALM)
    ask = "name => getComputedStyle(document.body)[name].match(/\\d+/g).slice(0, 3).map(Number)"
    paper, ink = (max(page.evaluate(ask, name)) for name in ("backgroundColor", "color"))
    assert (paper < 60 and ink > 200) if scheme == "dark" else (paper > 200 and ink < 60)
    label = page.locator("figure svg text").first
    assert max(label.evaluate(ask.replace("document.body", "label").replace("name =>", "label =>")
                              .replace("[name]", ".fill"))) == ink  # fmt: skip


def test_on_a_phone_the_page_does_not_scroll_sideways(opened_flat):
    page, _ = opened_flat(viewport=PHONE, **CALM)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    # and its figures can be read: 9 pixels are the least that a phone's own captions have
    text = page.locator("figure svg text").all()
    heights = page.evaluate(
        "() => [...document.querySelectorAll('figure svg:not(.still)')].map(svg =>"
        " svg.getScreenCTM().a * Math.min(...[...svg.querySelectorAll('text')].map(text =>"
        " parseFloat(getComputedStyle(text).fontSize))))"
    )
    assert text
    assert min(heights) >= 9


def test_names_from_data_are_no_code(opened_flat):
    page, heard = opened_flat(**CALM)
    dialogs = []
    page.on("dialog", lambda dialog: dialogs.append(dialog) or dialog.dismiss())
    assert page.locator("script").count() == 1
    assert page.locator("h1").inner_text().count("<script>alert") == 1
    assert not dialogs
    assert heard == []
