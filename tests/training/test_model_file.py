"""Model files: data only, readable for ever, damage told in one line."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from empnet.dataset.dataset import collate
from empnet.errors import EmpnetError
from empnet.system.label_spec import LabelSpec
from empnet.system.system import System
from empnet.training.run.integrity import file_of_tensors
from empnet.training.run.model_file import FORMAT_VERSION, load_model, read_card, save_card, save_weights

FIRST_VERSION, SECOND_VERSION = (Path(__file__).parent / name for name in ("model_v1", "model_v2"))
"""Written by earlier versions of the package. Never write them anew: users' files of those versions are not either."""


@pytest.mark.parametrize("folder", [FIRST_VERSION, SECOND_VERSION])
def test_a_file_of_an_earlier_version_predicts_what_it_did(folder):
    model, card = load_model(folder)
    expected = json.loads((folder / "expected.json").read_text())
    system = System(expected["positions"], expected["species"])
    y = model(collate([system], card.architecture.cutoff, card.encoder, card.torch_dtype))
    assert y.item() == pytest.approx(expected["energy_eV"], rel=1e-6)  # float32 network
    assert (card.properties, card.units) == (("energy",), ("eV",))
    assert not card.derivatives  # which came with version 3
    assert (card.seen is None, card.baseline_keys) == ((True, ()) if folder == FIRST_VERSION else (False, ("cheap",)))


def test_what_was_learned_is_kept(tmp_path):
    _, card = load_model(FIRST_VERSION)
    learned = LabelSpec("forces", "kcal/mol/angstrom", "virial", "eV", virial=True, energy_unit="eV")
    save_card(tmp_path, replace(card, derivatives=learned))
    assert json.loads((tmp_path / "model.json").read_text())["format_version"] == FORMAT_VERSION == 5
    assert read_card(tmp_path).derivatives == learned


def test_round_trip(tmp_path):
    model, card = load_model(FIRST_VERSION)
    save_card(tmp_path, card)
    save_weights(tmp_path, model)
    again, card_again = load_model(tmp_path)
    assert card_again == card
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))


@pytest.fixture
def copied(tmp_path) -> Path:
    return Path(shutil.copytree(FIRST_VERSION, tmp_path / "run"))


def test_a_later_version_is_refused(copied):
    record = json.loads((copied / "model.json").read_text())
    (copied / "model.json").write_text(json.dumps({**record, "format_version": FORMAT_VERSION + 1}))
    with pytest.raises(EmpnetError, match="update empnet"):
        load_model(copied)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"format_version": 1}', b"\xff\xfe\x00"])
def test_a_damaged_card(copied, content):
    (copied / "model.json").write_bytes(content)
    with pytest.raises(EmpnetError, match=r"model\.json"):
        load_model(copied)


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_damaged_weights(copied, keep):
    path = copied / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(EmpnetError, match=r"model\.safetensors: is damaged"):
        load_model(copied)


def test_weights_of_another_model(copied):
    record = json.loads((copied / "model.json").read_text())
    record["architecture"]["width"] = 5
    (copied / "model.json").write_text(json.dumps(record))
    with pytest.raises(EmpnetError, match="is damaged"):
        load_model(copied)


def test_no_weights_yet(copied):
    (copied / "model.safetensors").unlink()
    with pytest.raises(EmpnetError, match="no weights yet"):
        load_model(copied)


def test_no_run(tmp_path):
    with pytest.raises(EmpnetError, match="no such folder"):
        load_model(tmp_path / "nowhere")


def test_equal_weights_make_equal_files():
    """safetensors writes metadata in another order each time: with six names, 720 orders."""
    metadata = {name: name for name in "fbdeac"}
    tensors = {"w": torch.arange(6.0).reshape(2, 3), "b": torch.zeros(0), "n": torch.tensor(3)}
    assert len({file_of_tensors(tensors, metadata) for _ in range(20)}) == 1
    found = safetensors.torch.load(file_of_tensors(tensors, metadata))
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
