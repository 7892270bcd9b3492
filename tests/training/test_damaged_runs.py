"""Damage to a run's files, down to a bit: a line that names the file, or nothing changes. Never other numbers."""

import copy
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from empnet.cli import app
from empnet.errors import EmpnetError
from empnet.files.write import write
from empnet.pages.report.material import gather
from empnet.prediction.evaluate import evaluate, own_side
from empnet.prediction.load import load
from empnet.prediction.predictor import Predictor
from empnet.system.system import System
from empnet.training.optimiser.muon import new_optimizer
from empnet.training.run.checkpoint import load_checkpoint
from empnet.training.run.config import TrainConfig, read_config
from empnet.training.run.model_file import load_model, read_card
from empnet.training.run.run_folder import RunFolder
from empnet.training.start_run import run_training as train
from empnet.workflows.train_ensemble import train_ensemble

SMALL = {"width": 8, "layers": 1, "moments": 0, "batch": 8, "epochs": 2, "threads": 1, "quiet": True}

FUZZ = settings(max_examples=20, deadline=10_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""Seconds an example: a damaged file may neither hang nor fill the memory."""

FILES = (
    *("model.json", "model.safetensors", "uncertainty.safetensors"),
    *("config.toml", "split.json", "results.json", "metrics.csv"),
)


def pairs(n: int = 40) -> list[System]:
    distances = np.random.default_rng(0).uniform(0.8, 2.5, n)
    return [System([[0, 0, 0], [0, 0, d]], [1, 8], properties={"energy": (d - 1.2) ** 2}) for d in distances]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write(folder / "data.extxyz", pairs())
    return train(folder / "data.extxyz", "energy", out=folder / "run", **SMALL).run


@pytest.fixture(scope="module")
def expected(run) -> tuple[np.ndarray, np.ndarray]:
    return seen(run)


@pytest.fixture
def copied(run, tmp_path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "copied"))


def seen(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """What a user sees of a run: predictions and standard deviations of its own test set."""
    predictor = load(folder)
    found = predictor.predict(own_side(predictor))
    return found.values, np.zeros(0) if found.std is None else found.std


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    bit %= 8 * len(content)
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


@pytest.mark.parametrize("name", FILES)
@FUZZ
@given(bit=st.integers(0, 10**6))
def test_a_flipped_bit_never_changes_a_number(run, expected, tmp_path_factory, name, bit):
    folder = Path(shutil.copytree(run, tmp_path_factory.mktemp("flipped") / "run"))
    flip(folder / name, bit)
    try:
        values, std = seen(folder)
        gather(folder, audited=False, quiet=True)  # the report
    except EmpnetError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 1000
        return
    np.testing.assert_array_equal(values, expected[0])
    np.testing.assert_array_equal(std, expected[1])


@pytest.mark.parametrize("name", ["model.safetensors", "uncertainty.safetensors"])
def test_a_flipped_bit_in_a_number_is_told_by_every_command(copied, name):
    flip(copied / name, 8 * (copied / name).stat().st_size - 60)  # among the numbers, which lie behind the header
    with pytest.raises(EmpnetError, match=rf"{name}: is damaged: its numbers are not those that were written"):
        load(copied)
    for command in ("check", "evaluate"):
        found = CliRunner().invoke(app, [command, str(copied)])
        assert found.exit_code != 0
        assert isinstance(found.exception, EmpnetError)


def test_a_flipped_bit_in_a_checkpoint(copied):
    path = copied / "checkpoint" / "state.safetensors"
    flip(path, 8 * path.stat().st_size - 60)
    model, _ = load_model(copied)
    with pytest.raises(EmpnetError, match="its numbers are not those that were written"):
        load_checkpoint(copied, model, model, new_optimizer(model, 1e-3))


@pytest.mark.parametrize(
    ("name", "value"),
    [("units", ["meV"]), ("dtype", "float64"), ("properties", ["gap"]), ("length_unit", "bohr"), ("species", [8, 1])],
)
def test_a_card_that_was_changed_is_told(copied, name, value):
    record = json.loads((copied / "model.json").read_text())
    (copied / "model.json").write_text(json.dumps({**record, name: value}))
    with pytest.raises(EmpnetError, match=r"model\.json: is not the card that the weights were written with"):
        load_model(copied)
    (copied / "model.json").write_text(json.dumps({**record, "threads": 7, "versions": {}}))
    load_model(copied)  # how it was made: no prediction depends on it


@pytest.mark.parametrize("key", ["file", "sha256", "systems", "from_run"])
def test_what_a_card_says_of_its_data_has_its_type(copied, key):
    record = json.loads((copied / "model.json").read_text())
    record["data"][key] = [3]
    (copied / "model.json").write_text(json.dumps(record))
    with pytest.raises(EmpnetError, match=rf"model\.json: is damaged \(data\.{key}: Input should be a valid"):
        evaluate(copied, pairs(), quiet=True)


def test_weights_of_another_run_are_told_even_of_the_same_shape(copied, tmp_path):
    other = train(pairs(), "energy", out=tmp_path / "other", **{**SMALL, "cutoff": 4.0}).run
    shutil.copyfile(other / "model.safetensors", copied / "model.safetensors")
    with pytest.raises(EmpnetError, match="is not the card that the weights were written with"):
        load_model(copied)


def test_an_uncertainty_of_other_weights_is_told(copied, tmp_path):
    other = train(pairs(), "energy", out=tmp_path / "other", **{**SMALL, "seed": 5}).run
    shutil.copyfile(other / "uncertainty.safetensors", copied / "uncertainty.safetensors")
    with pytest.raises(EmpnetError, match="belongs to other weights"):
        load(copied)


def without_hashes(folder: Path) -> Path:
    """A run folder as earlier versions wrote it: then only types, bounds and shapes can tell damage."""
    for name in ("model.safetensors", "uncertainty.safetensors"):
        with safe_open(folder / name, "pt") as file:
            kept = {key: value for key, value in file.metadata().items() if key == "format_version"}
        save_file(load_file(folder / name), folder / name, metadata=kept)
    return folder


def test_files_without_hashes_load(copied, expected):
    np.testing.assert_array_equal(seen(without_hashes(copied))[0], expected[0])


STRANGE = [
    *(10**9, -1, 0, 1.5, 1e308, -1e308, 10**30, True, None, "", "x" * 5000, "nan", [], {}, [[]], [1, 1], "1e9"),
    *(float("nan"), float("inf"), ["a", "a"], {"a": 1}, [None], [-1], ["sum"] * 3, "((((" * 50, "\x00"),
]
"""What stands in the place of a value."""


def places(record: object, path: tuple = ()) -> list[tuple]:
    """All places in a nested record."""
    items = record.items() if isinstance(record, dict) else enumerate(record) if isinstance(record, list) else ()
    return [path, *(found for key, value in items for found in places(value, (*path, key)))]


def mutated(record: dict, draw: st.DataObject) -> dict:
    record = copy.deepcopy(record)
    for _ in range(draw.draw(st.integers(1, 2))):
        path = draw.draw(st.sampled_from([place for place in places(record) if place]))
        inner = record
        for key in path[:-1]:
            inner = inner[key]
        what = draw.draw(st.sampled_from(["replace", "replace", "remove", "add", "scale"]))
        if what == "remove":
            del inner[path[-1]]
        elif what == "add" and isinstance(inner, dict):
            inner["further"] = copy.deepcopy(draw.draw(st.sampled_from(STRANGE)))
        elif what == "scale" and isinstance(inner[path[-1]], int | float):
            inner[path[-1]] *= draw.draw(st.sampled_from([-1, 2, 1000, 10**9, 0.5]))
        else:
            inner[path[-1]] = copy.deepcopy(draw.draw(st.sampled_from(STRANGE)))
    return record


def usable_or_told(folder: Path) -> Predictor | None:
    """The predictor of a run folder, which predicts; None if it is refused in a line."""
    try:
        predictor = load(folder)
        predictor.predict(pairs(2))
    except EmpnetError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 1500
        return None
    return predictor


@FUZZ
@given(draw=st.data())
def test_a_mutated_card_is_told_in_a_line(run, tmp_path_factory, draw):
    folder = without_hashes(Path(shutil.copytree(run, tmp_path_factory.mktemp("card") / "run")))
    record = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(mutated(record, draw)))
    usable_or_told(folder)


@pytest.mark.parametrize(
    "change",
    [
        *({"width": 10**9}, {"layers": 10**9}, {"hidden": 10**9}, {"n_basis": 10**9}, {"knots": 10**9}),
        *({"n_features": 10**9}, {"n_species": 10**9}, {"moments": 3}, {"moments": -1}, {"cutoff": -5.0}),
        *({"cutoff": 1e9}, {"cutoff": 0}, {"cutoff": "5"}, {"cutoff": float("nan")}, {"pooling": ["max"]}),
        *({"pooling": []}, {"pooling": ["sum", "sum"]}, {"products": "yes"}, {"width": 10**3}, {"layers": 4}),
    ],
    ids=str,
)
def test_sizes_that_the_weights_do_not_have_are_told_before_anything_is_built(copied, change):
    without_hashes(copied)
    record = json.loads((copied / "model.json").read_text())
    record["architecture"] |= change
    (copied / "model.json").write_text(json.dumps(record))
    with pytest.raises(EmpnetError, match=r"model\.(json|safetensors): is damaged"):
        load_model(copied)


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"format_version": ' + b"9" * 6000 + b"}",
        b'{"format_version": -1}',
        b'{"format_version": true}',
        b'{"format_version": "3"}',
        b"null",
        b"\xff",
        b'"\xed\xa0\x80"',
    ],
    ids=range(9),
)
def test_what_is_no_card_is_told_in_a_line(copied, content):
    (copied / "model.json").write_bytes(content)
    with pytest.raises(EmpnetError, match=r"model\.json") as told:
        read_card(copied)
    assert len(str(told.value)) < 500


@FUZZ
@given(draw=st.data())
def test_mutated_sides_and_results(run, tmp_path_factory, draw):
    name = draw.draw(st.sampled_from(["split.json", "results.json"]))
    folder = Path(shutil.copytree(run, tmp_path_factory.mktemp("sides") / "run"))
    record = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(mutated(record, draw)))
    try:
        gather(folder, audited=False, quiet=True)
    except EmpnetError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 1500


def test_a_system_on_two_sides_is_told(copied):
    record = json.loads((copied / "split.json").read_text())
    record["test"][0] = record["train"][0]
    (copied / "split.json").write_text(json.dumps(record))
    with pytest.raises(EmpnetError, match=r"split\.json: is damaged \(a system occurs twice\)"):
        own_side(load(copied))


@FUZZ
@given(draw=st.data())
def test_a_mutated_configuration_is_told_in_a_line(run, draw):
    record = mutated(read_config(run / "config.toml"), draw)
    try:
        TrainConfig.make(record)
    except EmpnetError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 1000


@pytest.mark.parametrize("content", ["a = " + "[" * 100_000, "seed = " + "9" * 6000, "width = 1000000000", "lr = inf"])
def test_a_configuration_that_cannot_be_meant(copied, content):
    (copied / "config.toml").write_text(f'data = "a.xyz"\n{content}\n')
    with pytest.raises(EmpnetError, match=r"config\.toml: ") as told:
        RunFolder(copied).read_config()
    assert len(str(told.value)) < 500


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory) -> Path:
    return train_ensemble(
        pairs(), "energy", members=2, out=tmp_path_factory.mktemp("ensemble") / "run", **{**SMALL, "epochs": 1}
    ).run


@FUZZ
@given(draw=st.data())
def test_a_mutated_ensemble_is_told_in_a_line(ensemble, tmp_path_factory, draw):
    folder = Path(shutil.copytree(ensemble, tmp_path_factory.mktemp("mutated") / "run"))
    record = json.loads((folder / "ensemble.json").read_text())
    (folder / "ensemble.json").write_text(json.dumps(mutated(record, draw)))
    usable_or_told(folder)


def test_a_changed_calibration_is_told(ensemble, tmp_path):
    folder = Path(shutil.copytree(ensemble, tmp_path / "run"))
    record = json.loads((folder / "ensemble.json").read_text())
    record["limits"] = [2 * limit for limit in record["limits"]]
    (folder / "ensemble.json").write_text(json.dumps(record))
    with pytest.raises(EmpnetError, match=r"ensemble\.json: is damaged: its numbers are not those"):
        load(folder)
    del record["sha256"]  # as earlier versions wrote it
    (folder / "ensemble.json").write_text(json.dumps(record))
    assert load(folder).predict(pairs(2)).std.shape == (2, 1)


def test_members_of_different_units_are_told(ensemble, tmp_path):
    folder = Path(shutil.copytree(ensemble, tmp_path / "run"))
    record = json.loads((folder / "member-2" / "model.json").read_text())
    (folder / "member-2" / "model.json").write_text(json.dumps({**record, "units": ["meV"]}))
    save_file(load_file(folder / "member-2" / "model.safetensors"), folder / "member-2" / "model.safetensors")
    with pytest.raises(EmpnetError, match="is a model of another kind than member-1"):
        load(folder)


@FUZZ
@given(draw=st.data())
def test_uncertainty_of_other_shapes_is_told(run, tmp_path_factory, draw):
    folder = without_hashes(Path(shutil.copytree(run, tmp_path_factory.mktemp("sure") / "run")))
    path = folder / "uncertainty.safetensors"
    tensors = load_file(path)
    name = draw.draw(st.sampled_from([*tensors, "further"]))
    value = tensors.get(name, tensors["limits"])
    changes = {
        "type": value.float,
        "shape": value.flatten,
        "row": lambda: value[:0],
        "nan": lambda: value * float("nan"),
        "inf": lambda: value / 0,
    }
    what = draw.draw(st.sampled_from([*changes, "remove"]))
    if what == "remove":
        tensors.pop(name, None)
    else:
        tensors[name] = changes[what]().clone(memory_format=torch.contiguous_format)
    version = draw.draw(st.sampled_from(["1", "1", "1", "2", "x", ""]))
    save_file(tensors, path, metadata={"format_version": version})
    usable_or_told(folder)
