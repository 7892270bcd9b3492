"""What data call things, and their units, belong to the data: they are said where the data are read."""

import json
from dataclasses import replace
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import units
from typer.testing import CliRunner

from empnet.audit import audit
from empnet.cli import app
from empnet.errors import EmpnetError
from empnet.files.read import read
from empnet.files.write import write
from empnet.inspection import inspect_data
from empnet.pages.map import map_run
from empnet.prediction.evaluate import evaluate
from empnet.prediction.load import load
from empnet.prediction.predict import predict_file
from empnet.system.system import System
from empnet.training.overfit import overfit
from empnet.training.start_run import run_training as train

SMALL = {"width": 8, "layers": 1, "moments": 0, "batch": 8, "epochs": 4, "threads": 1, "quiet": True}


def springs(n: int = 40) -> list[System]:
    """Energy (d - 1.2)^2 - 3 eV with its forces; beside them a cheap energy."""
    found = []
    for d in np.random.default_rng(0).uniform(0.9, 2.0, n):
        force = 2 * (d - 1.2)
        found.append(
            System(
                [[0, 0, 0], [0, 0, d]],
                [1, 8],
                properties={"energy": float((d - 1.2) ** 2 - 3), "cheap": -3 + 0.1 * float(d)},
                arrays={"forces": np.array([[0, 0, force], [0, 0, -force]])},
            )
        )
    return found


def in_bohr(system: System) -> System:
    """The same with numbers in bohr and Hartree."""
    properties = {key: value / units.Hartree for key, value in system.properties.items()}
    forces = {"forces": system.arrays["forces"] / (units.Hartree / units.Bohr)}
    return replace(system, positions=system.positions / units.Bohr, properties=properties, arrays=forces)


def renamed(system: System) -> System:
    """The same under other names."""
    properties = {f"REF_{key}": value for key, value in system.properties.items()}
    return replace(system, properties=properties, arrays={"REF_forces": system.arrays["forces"]})


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write(folder / "plain.extxyz", springs())
    write(folder / "bohr.extxyz", [in_bohr(system) for system in springs()])
    write(folder / "named.extxyz", [renamed(system) for system in springs()])
    frames = ase.io.read(folder / "plain.extxyz", ":")
    for name in ("a.traj", "a.db", "a.json"):
        ase.io.write(folder / name, frames)
    return folder


@pytest.fixture(scope="module")
def plain(files) -> Path:
    return train(files / "plain.extxyz", "energy", forces="forces", out=files / "run", **SMALL).run


@pytest.fixture(scope="module")
def bohr(files) -> Path:
    """A run on the same data in bohr and Hartree."""
    settings = {**SMALL, "length_unit": "bohr", "unit": "Hartree", "forces": "forces"}
    return train(files / "bohr.extxyz", "energy", out=files / "bohr", **settings).run


@pytest.fixture(scope="module")
def delta(files) -> Path:
    return train(files / "plain.extxyz", "energy", baseline_key="cheap", out=files / "delta", **SMALL).run


def errors(run: Path, data, **reading) -> tuple[float, float]:
    (found,) = evaluate(load(run), data, quiet=True, **reading)
    return found.metrics["mae"].value, found.derivatives["forces"].metrics["mae"].value


@pytest.mark.parametrize("file", ["plain.extxyz", "a.traj", "a.db", "a.json"])
def test_a_model_learned_in_bohr_reads_other_files_as_they_are(files, bohr, file):
    """Its own data in bohr, and the same data in angstrom (ASE gives all but XYZ in it): the same errors."""
    expected = errors(bohr, files / "bohr.extxyz", length_unit="bohr")
    assert errors(bohr, files / file, unit="eV") == pytest.approx(expected, rel=1e-3)
    own = evaluate(load(bohr), quiet=True)[0].metrics["mae"].value
    assert own < 10 * expected[0]  # its own test set, in the unit of its own configuration


def test_predictions_do_not_depend_on_the_training_files_unit(files, bohr, tmp_path):
    predictor = load(bohr)
    for file, length_unit in (("plain.extxyz", None), ("a.traj", None), ("bohr.extxyz", "bohr")):
        out = tmp_path / f"{file}.out.extxyz"
        predict_file(predictor, files / file, out, length_unit=length_unit, quiet=True)
        values = [system.properties["empnet_energy"] for system in read(out)]
        np.testing.assert_allclose(values, predictor.predict(springs()).values[:, 0], rtol=1e-5)
        np.testing.assert_allclose(read(out)[0].positions, springs()[0].positions, atol=1e-6)  # written in angstrom


@pytest.mark.parametrize("file", ["a.traj", "a.db", "a.json"])
def test_a_format_with_a_unit_of_its_own_contradicts_another(files, plain, tmp_path, file):
    told = "length unit bohr is given, but ASE gives the format .* in angstrom"
    calls = [
        lambda path: read(path, length_unit="bohr"),
        lambda path: train(path, "energy", length_unit="bohr", out=tmp_path / "run", **SMALL),
        lambda path: evaluate(load(plain), path, length_unit="bohr", quiet=True),
        lambda path: inspect_data(path, length_unit="bohr", quiet=True),
    ]
    for call in calls:
        with pytest.raises(EmpnetError, match=told):
            call(files / file)
    assert not (tmp_path / "run").exists()
    assert len(read(files / file, length_unit="A")) == 40  # another word for the same unit


def test_bundled_data_are_in_angstrom():
    with pytest.raises(EmpnetError, match="bundled data are in angstrom"):
        read("qm7", length_unit="bohr")


def test_systems_in_memory_are_in_angstrom(plain, tmp_path):
    calls = [
        lambda: train(springs(), "energy", length_unit="bohr", out=tmp_path / "run", **SMALL),
        lambda: overfit(springs(), "energy", systems=4, length_unit="bohr", quiet=True),
        lambda: evaluate(load(plain), springs(), length_unit="bohr", quiet=True),
        lambda: audit(load(plain), springs(), length_unit="bohr", quiet=True),
        lambda: map_run(plain, springs(), length_unit="bohr", out=tmp_path / "map.html", quiet=True),
        lambda: inspect_data(springs(), length_unit="bohr", quiet=True),
    ]
    for call in calls:
        with pytest.raises(EmpnetError, match=r"systems in memory are in angstrom; convert them first: empnet.read"):
            call()
    assert list(tmp_path.iterdir()) == []


def test_names_in_the_data(files, plain):
    expected = errors(plain, files / "plain.extxyz")
    names = {"property": "REF_energy", "forces": "REF_forces"}
    assert errors(plain, files / "named.extxyz", **names) == pytest.approx(expected)
    assert errors(plain, [renamed(system) for system in springs()], **names) == pytest.approx(expected)
    names["property"] = "energy=REF_energy"
    assert errors(plain, files / "named.extxyz", **names) == pytest.approx(expected)
    names["property"] = {"energy": "REF_energy"}
    assert errors(plain, files / "named.extxyz", **names, forces_unit="eV/angstrom") == pytest.approx(expected)


def test_a_name_that_is_given_wins_over_the_models_own(files, plain):
    (found,) = evaluate(load(plain), files / "plain.extxyz", property="cheap", quiet=True)
    np.testing.assert_allclose(found.targets, [system.properties["cheap"] for system in springs()], rtol=1e-6)


@pytest.mark.parametrize(
    ("reading", "told"),
    [
        ({}, "no property 'energy'; .* did you mean 'REF_energy'. then use --property REF_energy"),
        ({"property": "REF_enrgy"}, "no property 'REF_enrgy'; .* then use --property REF_energy"),
        ({"property": "gap=REF_energy"}, "'gap' is not predicted; there are: energy"),
        ({"property": "REF_energy", "forces": "REF_force"}, "no forces 'REF_force' .* did you mean 'REF_forces'"),
        ({"property": "REF_energy", "forces": "REF_forces", "forces_unit": "eV"}, "'eV' of the forces is an energy"),
        ({"property": "REF_energy", "stress": "s", "virial": "v"}, "both stress and virial"),
        ({"propperty": "REF_energy"}, "unknown argument 'propperty'; did you mean 'property'"),
        ({"property": "REF_energy", "baseline_key": "cheap"}, "'cheap' is not predicted; there are none"),
    ],
)
def test_what_data_do_not_have_is_told_with_the_option(files, plain, reading, told):
    with pytest.raises(EmpnetError, match=told):
        evaluate(load(plain), files / "named.extxyz", quiet=True, **reading)


def test_several_properties(files, tmp_path):
    run = train(
        files / "plain.extxyz", ["energy", "cheap"], unit="eV", pooling="sum", out=tmp_path / "run", **SMALL
    ).run
    predictor, data = load(run), files / "named.extxyz"
    expected = [each.metrics["mae"].value for each in evaluate(predictor, files / "plain.extxyz", quiet=True)]
    names = ["energy=REF_energy", "cheap=REF_cheap"]
    assert [e.metrics["mae"].value for e in evaluate(predictor, data, property=names, quiet=True)] == expected
    with pytest.raises(EmpnetError, match="give --property NAME=REF_energy"):
        evaluate(predictor, data, property="REF_energy", quiet=True)
    found = map_run(predictor, data, property="cheap=REF_cheap", out=tmp_path / "map.html", quiet=True)
    assert (found.name, np.isfinite(found.target).all()) == ("cheap", True)


def test_the_baseline_key_has_a_name_in_the_data_too(files, delta, tmp_path):
    predictor = load(delta)
    expected = evaluate(predictor, files / "plain.extxyz", quiet=True)[0].metrics["mae"].value
    names = {"property": "REF_energy", "baseline_key": "REF_cheap"}
    found = evaluate(predictor, files / "named.extxyz", quiet=True, **names)[0].metrics["mae"].value
    assert found == pytest.approx(expected)
    with pytest.raises(EmpnetError, match=r"no property 'cheap'; .* then use --baseline-key REF_cheap"):
        predict_file(predictor, files / "named.extxyz", tmp_path / "a.extxyz", quiet=True)
    predict_file(predictor, files / "named.extxyz", tmp_path / "a.extxyz", baseline_key="REF_cheap", quiet=True)
    values = [system.properties["empnet_energy"] for system in read(tmp_path / "a.extxyz")]
    np.testing.assert_allclose(values, predictor.predict(springs()).values[:, 0], rtol=1e-6)
    assert "cheap" not in read(tmp_path / "a.extxyz")[0].properties  # every frame as it was


def test_nothing_can_be_said_of_the_runs_own_data(plain):
    for option in ({"property": "energy=x"}, {"length_unit": "bohr"}, {"unit": "eV"}):
        with pytest.raises(EmpnetError, match="describes DATA, but no DATA are named"):
            evaluate(load(plain), quiet=True, **option)
        with pytest.raises(EmpnetError, match="describes DATA, but no DATA are named"):
            audit(load(plain), quiet=True, **option)


def test_assumed_units_are_told(files, plain, capsys):
    evaluate(load(plain), files / "plain.extxyz")
    told = capsys.readouterr().out
    assert "energy: assuming eV, the run's unit (change with --unit)" in told
    assert "forces: assuming eV/angstrom (change with --forces-unit)" in told
    evaluate(load(plain), files / "named.extxyz", property="REF_energy")
    assert "no forces 'forces' in any of 40 frames" in capsys.readouterr().out  # not left out in silence


def test_the_command_line_has_the_options(files, plain, bohr, delta, tmp_path):
    def run(*words: object) -> str:
        found = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
        assert found.exit_code in (0, 1), found.output  # 1: a check may fail on data that no one trained for
        return found.stdout  # not output: a model that is worse than its baseline is a warning on standard error

    names = ("--property", "REF_energy", "--forces", "REF_forces")
    found = json.loads(run("evaluate", plain, files / "named.extxyz", *names, "--json", "--plot", tmp_path / "p.png"))
    assert found[0]["forces"]["components"] == 40 * 6
    lengths = ("--length-unit", "bohr", "--unit", "Hartree")
    assert "bohr.extxyz: 40 systems" in run("check", bohr, files / "bohr.extxyz", *lengths)
    page = tmp_path / "map.html"
    run("map", plain, files / "named.extxyz", "--property", "energy=REF_energy", "--colour", "error", "--out", page)
    assert page.exists()
    out = tmp_path / "out.extxyz"
    run("predict", delta, files / "named.extxyz", "--baseline-key", "REF_cheap", "--out", out)
    run("predict", bohr, files / "bohr.extxyz", "--length-unit", "bohr", "--out", out, "--force")
    assert len(read(out)) == 40
