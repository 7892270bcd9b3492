"""The page tells what the run folder holds, and says in words what it cannot tell."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from empnet.audit import audit
from empnet.errors import EmpnetError
from empnet.pages.report import words, write_report
from empnet.pages.report.uncertainty_section import _bins_figure
from empnet.prediction.evaluate import evaluate
from empnet.prediction.last_words import verdict_of_evaluations, verdict_of_run
from empnet.prediction.load import load
from empnet.training.start_run import run_training as train

from .conftest import HOSTILE, chains


def amount(value, unit=""):
    """As it reads: a space that does not break is a space."""
    return words.amount(value, unit).replace("\u00a0", " ")


class Page(HTMLParser):
    """What a browser would take for elements and for text."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.attributes, self.labels, self.texts, self.paragraphs = [], [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.paragraphs += [""] if tag == "p" else []
        self.attributes += attrs
        self.labels += [value for name, value in attrs if name == "aria-label" and tag == "svg"]

    def handle_data(self, data):
        self.texts.append(data)
        if self.paragraphs:
            self.paragraphs[-1] += data

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def page(trained):
    return Page(write_report(trained, quiet=True))


def test_the_verdict_comes_first_and_is_that_of_evaluate_check_and_training(page, trained):
    predictor = load(trained)
    told = verdict_of_evaluations(evaluate(predictor, quiet=True), "test", trained).lines
    assert verdict_of_run(trained).lines == told  # from results.json
    assert audit(predictor, quiet=True).words.lines == told
    for line, text in zip(page.paragraphs, told, strict=False):
        assert " ".join(line.split()).startswith(" ".join(text.split()))
    for evaluation in evaluate(predictor, quiet=True):
        mae = evaluation.metrics["mae"]
        assert f"the typical error (mean absolute) is {amount(mae.value, 'eV')}" in page.text


def test_all_figures_are_there(page):
    kinds = (
        "Parity plot of",
        "Residual plot of",
        "Distribution of the errors of",
        "Learning curve: validation error of",
        "Calibration of the uncertainty of",
    )
    for name in (HOSTILE, "gap"):
        assert all(f"{kind} {name}" in page.labels for kind in kinds)
        assert f"Learning curve: validation error of {name}" in page.labels
        assert f"Error of {name} by number of particles" in page.labels
        assert f"Error of {name} by species" in page.labels
    assert "Learning curves: loss of training and validation" in page.labels
    assert [f"Learned filters of interaction {number}" in page.labels for number in (1, 2, 3)] == [True, True, False]
    assert [f"Learned filters of tensors of interaction {number}" in page.labels for number in (1, 2)] == [False, True]
    assert sum(label.startswith("Picture of") for label in page.labels) == 12


def test_the_page_needs_nothing_else(page):
    wanted = [value for name, value in page.attributes if name in ("src", "href", "xlink:href", "data", "action")]
    assert wanted
    assert all(value.startswith(("#", "data:")) for value in wanted)
    assert not {"iframe", "object", "embed", "form"} & set(page.tags)


def test_names_from_data_stay_text(page, trained):
    assert page.tags.count("script") == 1  # ours
    assert HOSTILE in page.text
    assert "script><script>alert(1)<.extxyz, frame" in page.text
    text = (trained / "report.html").read_text(encoding="utf-8")
    assert text.count("</script>") == 1
    assert "<script>alert" not in text


def test_the_audit_is_told_line_by_line(page):
    assert "Audit: " in page.text
    assert "This is a short audit on 4 systems" in page.text
    for test in ("rotation", "translation", "permutation", "supercell", "smooth curvature", "determinism"):
        assert f" {test} " in page.text


def test_every_setting_and_file_is_listed(page, trained):
    for file in ("config.toml", "split.json", "model.safetensors", "metrics.csv", "checkpoint/state.safetensors"):
        assert file in page.text
    card = json.loads((trained / "model.json").read_text())
    assert card["data"]["sha256"] in page.text
    assert f"torch {card['versions']['torch']}" in page.text
    assert "cutoff 5.0 range of a message, angstrom" in page.text


def test_the_licence_comes_with_the_library(trained, page):
    text = (trained / "report.html").read_text(encoding="utf-8")
    assert "University of Pittsburgh" in text
    assert "BSD-3-Clause" in text


def test_a_report_is_replaced_by_the_same_report(run):
    path = write_report(run, audited=False, quiet=True)
    first = path.read_bytes()
    path.write_text("older")
    assert write_report(run, audited=False, quiet=True).read_bytes() == first
    assert not list(run.glob(".*"))


def test_results_of_an_earlier_version(run):
    """They have no intervals and no coverage: verdict and page say what there is."""
    results = json.loads((run / "results.json").read_text())
    for errors in (errors for side in results.values() for errors in side.values()):
        for key in ("mae_interval", "share_of_baseline", "coverage", "rmse"):
            del errors[key]
    (run / "results.json").write_text(json.dumps(results))
    (run / "config.toml").write_text(
        re.sub(r"^data = .*$", 'data = "gone"', (run / "config.toml").read_text(), flags=re.M)
    )
    told = " ".join(verdict_of_run(run).lines)
    assert "the error is" in told or "do not use it" in told
    assert "nan" not in told
    assert "it was not measured when training ended" in told
    assert verdict_of_run(run).lines[0] in Page(write_report(run, audited=False, quiet=True)).text


def test_data_that_are_gone(run):
    config = run / "config.toml"
    config.write_text(re.sub(r"^data = .*$", 'data = "gone.extxyz"', config.read_text(), flags=re.M))
    page = Page(write_report(run, audited=False, quiet=True))
    reported = json.loads((run / "results.json").read_text())["test"]["gap"]
    assert "are left out: no such file 'gone.extxyz'" in page.text
    assert f"gap: the typical error (mean absolute) is {amount(reported['mae'], 'eV')}" in page.text
    assert "measured when training ended" in page.text
    assert "Learned filters of interaction 1" in page.labels
    assert "script" not in page.tags  # no viewer without something to be viewed


def test_data_that_have_changed(run, tmp_path):
    data = tmp_path / "changed.extxyz"
    from empnet.files.write import write

    write(data, chains(59))
    config = run / "config.toml"
    config.write_text(re.sub(r"^data = .*$", f"data = {json.dumps(str(data))}", config.read_text(), flags=re.M))
    assert "has changed since training" in Page(write_report(run, audited=False, quiet=True)).text


def test_systems_in_memory_without_a_test_side(tmp_path):
    run = train(chains(30), "gap", out=tmp_path / "run", epochs=1, width=4, test=0, pooling="mean", quiet=True).run
    page = Page(write_report(run, audited=False, quiet=True))
    assert "its data were systems in memory" in page.text
    assert "validation systems" in page.text
    assert "The validation set chose the weights" in page.text


def test_without_a_test_side_the_validation_side_is_measured(tmp_path):
    from empnet.files.write import write

    write(tmp_path / "chains.extxyz", chains(30))
    settings = {"epochs": 1, "width": 4, "val": 10, "test": 0, "pooling": "mean", "unit": "eV"}
    run = train(tmp_path / "chains.extxyz", "gap", out=tmp_path / "run", quiet=True, **settings).run
    page = Page(write_report(run, audited=False, quiet=True))
    assert "10 validation systems" in page.text
    assert "whether it holds" in page.text  # of the uncertainty, which the same side has calibrated
    assert "no test set" in page.text


def test_a_run_that_has_only_begun(run):
    for file in ("results.json", "metrics.csv", "model.safetensors"):
        (run / file).unlink()
    page = Page(write_report(run, audited=False, quiet=True))
    assert "there are no trained weights yet" in page.text
    assert "no epoch is finished" in page.text
    assert "Training is not finished" in page.text


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(EmpnetError, match="run folder of empnet"):
        write_report(tmp_path, quiet=True)
    assert not list(Path(tmp_path).iterdir())


GARBAGE = {
    "bytes": lambda table: b"\xff\x00garbage,\n\x80\n",
    "a cut row": lambda table: table[: table.rindex(b",")],
    "words among numbers": lambda table: table + b"2,x,y,z\n",
    "no step": lambda table: table.replace(b"step", b"stop"),
    "a step that is none": lambda table: table.replace(b"\n1,", b"\n1,nan,", 1),
    "no column of a property": lambda table: table.replace(b"validation_mae_gap", b"gap"),
    "a quote": lambda table: table + b'2,"',
    "an endless time": lambda table: re.sub(rb"(?m)^1,(\d+),[^,]+", rb"1,\1,inf", table),
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_a_damaged_table_of_epochs_is_named_and_the_page_is_written(run, kind):
    table = (run / "metrics.csv").read_bytes()
    damaged = GARBAGE[kind](table)
    assert damaged != table
    (run / "metrics.csv").write_bytes(damaged)
    text = Page(write_report(run, audited=False, quiet=True)).text
    assert "metrics.csv: is damaged" in text
    assert not re.search(r"\b(nan|inf)\b", text)


def test_errors_per_particle_say_so_in_their_unit(page):
    found = re.search(r"mean absolute error, per particle (\S+) (\S+)", page.text)
    assert found is not None
    assert found[2] == "eV/particle"


def test_a_logarithmic_axis_has_plain_numbers():
    drawn = _bins_figure("energy", "eV", [(0.01, 0.02, 20), (0.1, 0.09, 20), (0.5, 0.4, 20)])
    assert "10^" not in drawn
    assert {"0.01", "0.1"} <= set(re.findall(r">\s*([\d.]+)\s*<", drawn)) | set(re.findall(r"<!-- ([\d.]+) -->", drawn))
