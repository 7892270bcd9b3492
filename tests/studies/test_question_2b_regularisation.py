"""The study of regularisation: counts and rules, a small version, and the verdicts on the committed results."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

from empnet.errors import EmpnetError
from empnet.studies import Effort
from empnet.studies.question_2b_regularisation import STUDY, training
from empnet.studies.question_2b_regularisation.evidence import Change, change, count, promising
from empnet.studies.question_2b_regularisation.premises import Remedies, plan, setting_of
from empnet.studies.question_2b_regularisation.training import sides, train_all, train_once
from empnet.studies.run import run

RESULTS = Path(__file__).parents[2] / "docs" / "studies" / "regularisation.json"

COMMITTED = {
    "II.B.1": "true",
    "II.B.2": "false",
    "II.B.3": "true",
    "II.B.4": "undecided",
    "II.B.5": "false",
    "II.B.6": "true",
    "II.B.7": "false",
    "II.B.8": "undecided",
    "II.B.a": "true",
    "II.B.b": "true",
}


@pytest.fixture(scope="module")
def quick():
    return run(STUDY, effort=Effort(quick=True, quiet=True))


def test_a_quick_run_decides_what_can_be_counted_and_nothing_else(quick):
    verdicts = {finding.claim.id: (finding.verdict, finding.counter.verdict) for finding in quick.findings}
    assert verdicts.pop("II.B.b") == ("true", "false")
    assert set(verdicts) == {f"II.B.{k}" for k in "12345678a"}
    assert set(verdicts.values()) == {("undecided", "undecided")}


def test_parameters_are_those_of_the_formula(quick):
    linear = {"nothing": 8 * 54**2, "without the first": 8 * 61**2, "without the second": 64 * 57**2}
    linear["without both"] = 3 * 64**2
    convolutions = {
        "nothing": 64 * 3 * 64 + 64 + 8 * 64 * 16 + 8,
        "without the first": 8 * 3 * 16 + 8,
        "without the second": 64 * 3 * 64 + 64,
        "without both": 0,
    }
    wanted = {name: convolutions[name] + (n + 1) * 2048 + 2049 * 8 for name, n in linear.items()}
    assert quick.measured.parameters == wanted
    reduced = count(Remedies(), reduced=True)  # each removal makes the reduced network larger or smaller, too
    assert {name: n > reduced["nothing"] for name, n in reduced.items()} == {
        name: n > wanted["nothing"] for name, n in wanted.items()
    }


def test_figures_of_a_quick_run(quick):
    for finding in quick.findings:
        if finding.claim.draw:
            assert finding.claim.draw(Figure(), quick.measured)


def test_intervals_are_those_of_the_t_test():
    d = np.random.default_rng(0).normal(-0.2, 0.3, 6)
    wanted = stats.ttest_1samp(d, 0).confidence_interval(0.95)
    c = change(d)
    assert (c.low, c.high) == pytest.approx(tuple(wanted))
    assert change([1.0]).low == -np.inf


@pytest.mark.parametrize(
    ("interval", "pairs", "message"),
    [
        ((-0.3, -0.1), 6, True),
        ((-0.3, -0.1), 3, None),
        ((-0.3, 0.1), 6, None),
        ((-0.04, 0.5), 6, False),
        ((-0.04, -0.01), 6, False),  # surely a gain, but surely none worth having
        ((-0.06, -0.01), 6, None),
        ((0.1, 0.5), 6, False),
    ],
)
def test_the_rule(interval, pairs, message):
    low, high = interval
    assert promising(Change((low + high) / 2, low, high, pairs)) is message


def test_no_hand_is_both_trained_on_and_held_out():
    from empnet.studies.data.sign_digits import number_in_name, sign_digits

    files = sign_digits().files
    torn = 0
    for fold in range(6):
        parts = sides(setting_of(Remedies(), "baseline", fold))
        numbers = [np.array([number_in_name(files[k]) for k in part]) for part in parts]
        held = np.concatenate(numbers[1:])
        outside = (numbers[0] < held.min()) | (numbers[0] > held.max())
        assert outside.all()
        torn += int((np.abs(numbers[1][:, None] - numbers[2][None]) == 1).sum())  # a hand's signs: consecutive numbers
        assert min(map(len, parts[1:])) > 100
    assert torn <= 2


def tiny(seed):
    p = Remedies(reduction=64, pictures=100, epochs=2)
    return setting_of(p, "baseline", seed)


def test_a_training_is_repeatable():
    one, two = train_once(tiny(0)), train_once(tiny(0))
    assert dataclasses.replace(one, seconds=0) == dataclasses.replace(two, seconds=0)
    assert len(one.training) == 1
    assert 1.9 < one.best < 2.4  # near log 8 = 2.08, the loss of equal probabilities


def test_results_are_kept_and_gone_on_with(tmp_path, monkeypatch):
    effort = Effort(quiet=True, folder=tmp_path)
    calls = []

    def interrupted(setting):
        calls.append(setting)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return train_once(setting)

    monkeypatch.setattr(training, "train_once", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_all([tiny(0), tiny(1)], effort)
    assert [each.name for each in tmp_path.iterdir()] == ["regularisation.json"]
    assert len(json.loads((tmp_path / "regularisation.json").read_text())["runs"]) == 1
    done = train_all([tiny(0), tiny(1), tiny(0)], effort)
    assert calls == [tiny(0), tiny(1), tiny(1)]
    assert done == train_all([tiny(0), tiny(1)], effort)  # read from the file
    assert len(calls) == 3
    (tmp_path / "regularisation.json").write_text("[]")
    with pytest.raises(EmpnetError, match=r"regularisation.json: is no results of this study"):
        train_all([tiny(0)], effort)


def test_a_damaged_file_in_the_cache_is_measured_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("EMPNET_CACHE", str(tmp_path))
    losses = training.Losses((1.0,), (2.0,), (3.0,), (0.5,))
    monkeypatch.setattr(training, "train_once", lambda setting: losses)
    monkeypatch.setattr(training, "cache_folder", lambda: tmp_path)
    file, effort = tmp_path / "regularisation.json", Effort(quiet=True)
    assert train_all([tiny(0)], effort) == {tiny(0): losses}
    for damaged in ("[]", file.read_text()[:-9], file.read_text().replace("2.0", "2.5")):
        file.write_text(damaged)
        assert train_all([tiny(0)], effort) == {tiny(0): losses}


def test_bad_premises():
    with pytest.raises(EmpnetError, match=r"there is no remedy 'prayer'; wanted all, none, or some of geometry"):
        Remedies(remedies="dropout,prayer")
    with pytest.raises(EmpnetError, match="--chosen-by"):
        Remedies(chosen_by="luck")
    with pytest.raises(EmpnetError, match="not of all classes"):
        train_once(dataclasses.replace(tiny(0), pictures=8))


def test_the_plan_pairs_each_variant_with_the_same_seed():
    for variant, seed, rerun, setting in plan(Remedies()):
        assert setting.fold == seed % 6
        assert setting.seed == seed + 1000 * rerun
        if variant == "baseline":
            assert setting == setting_of(Remedies(), "baseline", seed, rerun)
    assert len(plan(Remedies(remedies="none"))) == 0


@pytest.fixture(scope="module")
def committed(tmp_path_factory):
    """The verdicts on the results in docs/, without any training."""
    folder = tmp_path_factory.mktemp("results")
    shutil.copy(RESULTS, folder)

    def refuse(setting):
        raise AssertionError(f"not among the committed results: {setting}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "train_once", refuse)
        return run(STUDY, effort=Effort(quiet=True, folder=folder))


def test_verdicts_on_the_committed_results(committed):
    assert {finding.claim.id: finding.verdict for finding in committed.findings} == COMMITTED


def test_counter_cases_on_the_committed_results(committed):
    for finding in committed.findings:
        assert finding.counter.verdict != "undecided", finding.claim.id
        assert finding.counter.verdict != finding.verdict, finding.claim.id


def test_the_document_is_that_of_the_committed_results(committed):
    text = (RESULTS.parents[1] / "regularisation.md").read_text()
    assert f"{committed.measured.best:.2f} nats" in text
    for finding in committed.findings:
        assert f"| {finding.claim.id} | {finding.claim.statement} | {finding.verdict} |" in text
