"""The last words on a model: in every situation plain, true, with units, and no more than the systems allow."""

import itertools
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest
from typer.testing import CliRunner

from empnet.cli import app
from empnet.files.write import write
from empnet.prediction.accuracy import Accuracy, DerivativeAccuracy, of_results
from empnet.prediction.last_words import verdict_of_run
from empnet.prediction.verdict import LEAST, CourseFacts, verdict
from empnet.system.system import System
from empnet.training.uncertainty.bootstrap import Interval, mean_error, share_of
from empnet.training.uncertainty.calibration import Coverage, binomial_interval
from empnet.workflows.train import train

BASE = "composition baseline"


def accuracy(left: float = 0.05, systems: int = 200, **others) -> Accuracy:
    low, high = 0.9 * left, 1.1 * left
    share = Interval(left, low, high)
    usual = Accuracy("energy", "eV", "test", systems, left, BASE, 1.0, (low, high), share, rmse=1.2 * left)
    return replace(usual, **others)


def forces(share: float) -> DerivativeAccuracy:
    return DerivativeAccuracy("forces", "eV/angstrom", share, 1.0, 3000)


SITUATIONS = {
    "good": (accuracy(), {}, "good", "error is 5.0 % of the composition baseline's"),
    "tiny": (accuracy(1e-5), {}, "good", "less than 0.1 % of the"),
    "half": (accuracy(0.7), {}, "warn", "little was learned"),
    "not clear": (accuracy(0.95), {}, "warn", "not clearly better than the composition baseline"),
    "worse": (accuracy(1.3), {}, "bad", "worse than the composition baseline: do not use it"),
    "far worse": (accuracy(664300.3), {}, "bad", "over 1,000 times the composition baseline's"),
    "just worse": (accuracy(1.001), {}, "bad", "100.1 % of"),
    "equal": (accuracy(1.0), {}, "bad", "no better than the composition baseline"),
    "one system": (accuracy(systems=1), {}, "warn", "no verdict: 1 test system is too few"),
    "one bad system": (accuracy(1.3, systems=1), {}, "bad", "too few for a verdict"),
    "no test set": (accuracy(side="validation"), {}, "good", "validation set chose the weights"),
    "other data": (accuracy(side="given"), {}, "good", "on 200 systems"),
    "delta learning": (accuracy(baseline="'pbe' and composition baseline"), {}, "good", "of the 'pbe' and composition"),
    "baseline without error": (
        accuracy(0.1, systems=9), {"share": None}, "warn",
        "has no error on 9 test systems",
    ),
    "intensive": (accuracy(per_particle=None), {}, "good", "typical error (mean absolute) is 0.0500 eV"),
    "extensive": (accuracy(per_particle=0.004), {}, "good", "per particle 0.00400 eV/particle"),
    "potential": (
        accuracy(derivatives=(forces(0.04),)), {}, "good",
        "0.0400 eV/angstrom, 4.0 % of the size of the forces",
    ),
    "bad forces": (
        accuracy(derivatives=(forces(1.7),)), {}, "bad",
        "worse than predicting zero: do not use it for forces",
    ),
    "no forces": (
        accuracy(derivatives=(replace(forces(0.1), target_rms=0.0),)), {}, "warn", "all forces in the data are zero",
    ),
    "few forces": (
        accuracy(systems=2, derivatives=(forces(0.1),)), {}, "warn",
        "forces: no verdict from 2 test systems",
    ),
    "no interval": (accuracy(interval=None, share=Interval(0.05, np.nan, np.nan)), {}, "", "error is 5.0 %"),
    "calibrated": (accuracy(coverage=Coverage(200, 136, 190, 1.0)), {}, "good", "uncertainty: calibrated"),
    "too sure": (accuracy(coverage=Coverage(200, 100, 150, 1.6)), {}, "warn", "too small by a factor of about 1.60"),
    "too unsure": (accuracy(coverage=Coverage(200, 190, 200, 0.5)), {}, "warn", "too large by a factor of about 2.00"),
    "no deviation at all": (
        accuracy(coverage=Coverage(200, 3, 3, None)), {}, "warn",
        "standard deviations are too small",
    ),
    "few deviations": (accuracy(systems=10, coverage=Coverage(10, 7, 9, 1.0)), {}, "warn", "10 systems are too few"),
    "own calibration": (
        accuracy(side="validation", coverage=Coverage(200, 137, 190, 1.0)), {}, "warn", "used to calibrate it",
    ),
    "none predicted": (accuracy(), {}, "good", "uncertainty: the model predicts none"),
}  # fmt: skip


@pytest.mark.parametrize("name", SITUATIONS)
def test_each_situation(name):
    given, changed, kind, told = SITUATIONS[name]
    found = verdict([replace(given, **changed)])
    assert told in " ".join(found.lines)
    assert found.kind == kind
    assert (found.warnings != ()) == (kind == "bad")


COURSES = (
    CourseFacts(),
    CourseFacts("runs/a", steps=12),
    CourseFacts("runs/a", steps=20_000, loss_ratio=40.0),
    CourseFacts("runs/a", finished=False),
)


def test_all_of_them_speak_plainly():
    """No nan, no inf, no power of ten; the error has its unit; one line each."""
    for (given, changed, *_), course in itertools.product(SITUATIONS.values(), COURSES):
        found = verdict([replace(given, **changed), replace(given, name="gap", **changed)], course)
        text = "\n".join(found.lines)
        assert not re.search(r"\bnan\b|\binf\b|\de[+]\d|None", text), text
        assert len(text.splitlines()) == len(found.lines)
        assert found.lines[-1].startswith("Next: ")
        assert re.search(r"typical error \(mean absolute\) is \S+ eV\b", text)
        assert json.loads(json.dumps(found.to_json(), allow_nan=False))["lines"] == found.lines


@pytest.mark.parametrize("share", [1e-4, 0.05, 0.7, 0.95, 1.0, 1.3, 1e6])
def test_only_a_model_that_beats_its_baseline_may_be_used(share):
    told = verdict([accuracy(share)]).lines[-1]
    assert told.startswith("Next: use it") == (share < 0.5)
    assert told.startswith("Next: do not use") == (share >= 1)


def test_one_bad_property_of_several_is_told():
    found = verdict([accuracy(), replace(accuracy(2.0), name="gap")])
    assert found.kind == "bad"
    assert found.lines[-1].startswith("Next: do not use")
    assert [line.split(":")[0] for line in found.warnings] == ["gap"]


def test_what_comes_next_follows_the_run():
    assert "12 steps only" in verdict([accuracy()], COURSES[1]).lines[-1]
    assert "more data help most" in verdict([accuracy()], COURSES[2]).lines[-1]
    assert "--resume runs/a" in verdict([accuracy()], COURSES[3]).lines[-1]
    assert "worst ones" in verdict([replace(accuracy(), rmse=1.0)]).lines[-1]
    assert "measure on more systems" in verdict([accuracy(systems=LEAST - 1)]).lines[-1]


@pytest.mark.parametrize("steps", [100, 20_000])
def test_what_comes_next_for_a_potential_is_about_potentials(steps):
    """Neither QM7's numbers nor empnet learn-curve, which has no option for forces."""
    told = verdict([accuracy(derivatives=(forces(0.04),))], CourseFacts(steps=steps, loss_ratio=1.0)).lines[-1]
    assert "these errors are" in told
    assert "QM7" not in told
    assert "learn-curve" not in told
    told = verdict([accuracy(derivatives=(forces(0.04),))], CourseFacts(steps=steps, loss_ratio=9.0)).lines[-1]
    assert "more frames help most" in told
    assert "learn-curve" not in told


def test_nothing_measured_is_nothing_said():
    assert verdict([]).lines == []
    assert of_results({}) == []


def test_intervals_hold_what_they_say():
    """Of 200 samples the interval of the mean error misses the true one in 5 % by design; the bootstrap of 60 misses a
    little more often. More than 28 misses happen once in 100,000 (binomial at 5 %)."""
    rng = np.random.default_rng(0)
    misses = 0
    for _ in range(200):
        found = mean_error(rng.normal(size=60))
        misses += not found.low <= np.sqrt(2 / np.pi) <= found.high
    assert misses <= 28


def test_the_share_is_of_the_same_systems():
    base = np.random.default_rng(0).normal(size=100)
    found = share_of(0.1 * base, base, base + 5)
    assert (found.value, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))  # in every resample
    assert share_of(base, np.full(100, 1e-13), base + 5) is None  # rounding of a fit in float64


@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (7, 10), (402, 610), (610, 610)])
def test_the_interval_of_a_share_is_scipys(k, n):
    wanted = binomtest(k, n).proportion_ci(method="exact")
    assert binomial_interval(k, n) == pytest.approx((wanted.low, wanted.high))


def test_coverage_counts():
    assert Coverage.of(np.array([np.nan]), np.ones(1)) is None
    found = Coverage.of(np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.0, 2.0]))
    assert (found.within_one, found.within_two, found.factor) == (2, 2, None)


SMALL = {"width": 8, "layers": 1, "moments": 0, "epochs": 1, "pooling": "sum", "unit": "eV"}


def springs(n: int = 60) -> list[System]:
    d = np.random.default_rng(0).uniform(0.8, 2.5, n)
    return [System([[0, 0, 0], [0, 0, x]], [1, 8], properties={"energy": (x - 1.2) ** 2}) for x in d]


@pytest.fixture(scope="module")
def worse(tmp_path_factory):
    """A run that has learned a property of one file, and is worse than the baseline on its own test set."""
    folder = tmp_path_factory.mktemp("worse")
    write(folder / "springs.extxyz", springs())
    run = train(folder / "springs.extxyz", "energy", out=folder / "run", lr=1e-9, quiet=True, **SMALL).run
    results = json.loads((run / "results.json").read_text())
    assert results["test"]["energy"]["share_of_baseline"]["value"] > 1
    return run


def test_a_run_that_is_worse_says_so_everywhere(worse):
    runner, wanted = CliRunner(), verdict_of_run(worse)
    assert "worse than the composition baseline: do not use it" in wanted.lines[0]
    measured = runner.invoke(app, ["evaluate", str(worse)])
    assert measured.exit_code == 0
    assert f"warning: {wanted.warnings[0]}" in measured.stderr
    checked = runner.invoke(app, ["check", str(worse)])
    assert checked.exit_code == 1
    for line in wanted.lines:
        assert line in measured.stdout
        assert line in checked.stdout
    audited = json.loads(runner.invoke(app, ["check", str(worse), "--json"]).stdout)
    assert [line["verdict"] for line in audited["lines"] if line["name"] == "error of energy"] == ["fail"]
    page = " ".join((worse / "report.html").read_text().split())
    assert page.index("do not use it") < page.index("Audit: ")
    assert "do not use it" in (worse / "log.txt").read_text()


def test_training_ends_with_the_verdict_and_a_warning(tmp_path, capsys):
    run = train(springs(), "energy", out=tmp_path / "run", lr=1e-9, **SMALL).run
    told = capsys.readouterr()
    assert told.out.rstrip().endswith(verdict_of_run(run).lines[-1])
    assert "warning: energy: worse than the composition baseline" in told.err


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"test": 0}, "The validation set chose the weights"),
        ({"test": 1}, "1 test system"),
        ({"test": 1, "val": 1}, "too few"),
    ],
    ids=["no test set", "one test system", "one of each"],
)
def test_small_data_end_in_plain_words(tmp_path, settings, told):
    run = train(springs(40), "energy", out=tmp_path / "run", quiet=True, **SMALL | settings).run
    text = "\n".join([*verdict_of_run(run).lines, (run / "log.txt").read_text()])
    assert told in text
    assert not re.search(r"\bnan\b|\binf\b", text)
