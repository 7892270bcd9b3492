"""Model files: data only, readable for ever, damage told in one line."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from empnet.data.dataset import collate
from empnet.data.errors import EmpnetError
from empnet.data.system import System
from empnet.learn.model_file import FORMAT_VERSION, load_model, save_card, save_weights

FIRST_VERSION = Path(__file__).parent / "model_v1"
"""Written by the first version of the package. Never write it anew: users' files of that version are not either."""


def test_a_file_of_the_first_version_predicts_what_it_did():
    model, card = load_model(FIRST_VERSION)
    expected = json.loads((FIRST_VERSION / "expected.json").read_text())
    water = System(expected["positions"], expected["species"])
    y = model(collate([water], card.architecture.cutoff, card.encoder, card.torch_dtype))
    assert y.item() == pytest.approx(expected["energy_eV"], rel=1e-6)  # float32 network
    assert (card.properties, card.units) == (("energy",), ("eV",))


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
