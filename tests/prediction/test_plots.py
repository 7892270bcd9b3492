"""What is drawn of errors can be seen: points, legends, and the numbers at all ticks lie within the figure."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from empnet.audit.record import in_words
from empnet.pages.map.colours import scale_of
from empnet.pages.map.gather import Points
from empnet.pages.page import paragraph
from empnet.pages.parity import draw_component_errors, draw_error_distribution, draw_parity, points_like
from empnet.pages.report.course import draw_losses
from empnet.pages.report.curves import Curves
from empnet.pages.ticks import number_ticks
from empnet.prediction.derivative_errors import DerivativeErrors
from empnet.prediction.evaluate import Evaluation
from empnet.training.uncertainty.bootstrap import Interval


def made(kind, **fields):
    """A record with these fields alone: no more of it is drawn."""
    record = object.__new__(kind)
    for name, value in fields.items():
        object.__setattr__(record, name, value)
    return record


def evaluation(y, errors):
    return made(Evaluation, targets=np.asarray(y), predicted=np.asarray(y) + errors, unit="eV", name="energy")


@pytest.mark.parametrize("offset", [0.0, -1500.0, 1e6])
@pytest.mark.parametrize("n", [1, 2, 60])
def test_the_numbers_of_a_parity_plot_lie_within_it(offset, n):
    rng = np.random.default_rng(n)
    figure = Figure(figsize=(4.6, 4.3), dpi=150, layout="constrained")
    axes = figure.subplots()
    draw_parity(axes, evaluation(offset + 400 * rng.random(n), rng.normal(size=n)))
    number_ticks(figure)
    figure.draw_without_rendering()
    figure.draw_without_rendering()
    assert axes.get_xlim() == axes.get_ylim()
    low, high = axes.get_xlim()
    for axis in (axes.xaxis, axes.yaxis):
        for place, label in zip(axis.get_majorticklocs(), axis.get_ticklabels(), strict=True):
            if low <= place <= high:
                box = label.get_window_extent()
                assert min(box.x0, box.y0) >= 0
                assert box.x1 <= figure.bbox.x1
                assert box.y1 <= figure.bbox.y1


def test_few_points_are_large_and_many_are_small():
    sizes = [points_like(n)["s"] for n in (1, 8, 60, 300, 2000, 1_000_000)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[1] >= 4 * sizes[-1]


@pytest.mark.parametrize("groups", [1, 2, 9])
def test_a_legend_hides_no_bar(groups):
    metric = Interval(1.0, 0.9, 1.1)
    named = {f"g{k}": {"mae": metric, "rmse": metric} for k in range(groups)}
    whole = named.pop("g0")
    errors = made(DerivativeErrors, metrics=whole, groups=named, unit="eV/angstrom", name="forces")
    figure = Figure(figsize=(4.6, 1.2 + 0.4 * groups), dpi=150, layout="constrained")
    axes = figure.subplots()
    draw_component_errors(axes, errors)
    figure.draw_without_rendering()
    figure.draw_without_rendering()
    legend = axes.get_legend().get_window_extent()
    assert legend.y0 >= max(bar.get_window_extent().y1 for bar in axes.patches)
    assert legend.y1 <= figure.bbox.y1


def test_only_what_is_far_off_is_drawn_at_the_edge():
    usual = np.linspace(-1, 1, 300)
    assert draw_error_distribution(Figure().subplots(), evaluation(np.zeros(8), np.linspace(-1, 1.5, 8))) == 0
    assert draw_error_distribution(Figure().subplots(), evaluation(np.zeros(300), usual)) == 0
    assert draw_error_distribution(Figure().subplots(), evaluation(np.zeros(300), np.r_[usual[:-1], 90])) > 0


@pytest.mark.parametrize("errors", [False, True])
def test_only_what_is_far_off_is_left_off_the_scale_of_a_map(errors):
    def scale(values):
        target = np.zeros_like(values) if errors else values
        points = made(Points, target=target, predicted=values, classes=(), name="e", unit="eV")
        return scale_of(points, errors=errors)

    assert scale(np.linspace(-1, 1, 8)).beyond == 0
    assert scale(np.r_[np.linspace(-1, 1, 300), 90.0]).beyond > 0
    assert scale(np.zeros(5)).low < scale(np.zeros(5)).high


@pytest.mark.parametrize("epochs", [1, 2, 3, 40])
def test_epochs_are_whole_numbers(epochs):
    import re

    some = np.linspace(1.0, 0.5, epochs)
    text = draw_losses(Curves(some, some, some, some, some, some[:, None]), "mse")
    axis = text[text.index('id="matplotlib.axis_1"') : text.index('id="matplotlib.axis_2"')]
    numbers = re.findall(r">([\d.]+)</text>", axis)
    assert numbers
    assert all(number.isdigit() for number in numbers), numbers


def test_a_share_just_above_its_limit_is_told_apart_from_it():
    assert in_words(1.0028, "") != in_words(1.0, "")
    assert in_words(None, "eV") == ""


def test_options_and_per_cents_are_not_cut_in_two():
    html = paragraph("try --time or --no-moments, 45 % less -- as it is <b>")
    assert '<span class="whole">--time</span>' in html
    assert '<span class="whole">--no-moments</span>' in html
    assert "45\N{NO-BREAK SPACE}%" in html
    assert "-- as it is &lt;b&gt;" in html


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    import empnet

    folder = tmp_path_factory.mktemp("plots")
    d = np.linspace(0.8, 2.0, 30)
    pairs = [empnet.System([[0, 0, 0], [0, 0, x]], [1, 1], properties={"energy": (x - 1) ** 2}) for x in d]
    return empnet.train(pairs, "energy", out=folder / "run", width=8, layers=1, moments=0, epochs=1, quiet=True), pairs


BEGINNINGS = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml", "": b"\x89PNG"}


@pytest.mark.parametrize("suffix", BEGINNINGS)
def test_a_plot_is_what_its_name_says(run, tmp_path, suffix):
    from empnet.pages.parity import parity_plot
    from empnet.prediction.evaluate import evaluate

    result, pairs = run
    (found,) = evaluate(result.run, pairs, quiet=True)
    parity_plot(found, tmp_path / f"plot{suffix}")
    assert (tmp_path / f"plot{suffix}").read_bytes().startswith(BEGINNINGS[suffix])


def test_a_plot_of_no_known_format_is_refused_before_the_work(run, tmp_path):
    words = [sys.executable, "-m", "empnet", "evaluate", str(run[0].run), "--plot", str(tmp_path / "plot.xyz")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, "is not the name of a plot" in done.stderr, done.stdout) == (2, True, "")
    assert not list(tmp_path.iterdir())
