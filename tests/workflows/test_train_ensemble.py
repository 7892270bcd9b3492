"""Ensembles: members differ in their seed alone, the mean predicts, the spread is calibrated."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from empnet.audit import audit
from empnet.dataset.dataset import collate
from empnet.errors import EmpnetError
from empnet.files.write import write
from empnet.prediction.load import load
from empnet.system.system import System
from empnet.training.run.model_file import load_model
from empnet.training.run.run_folder import RunFolder
from empnet.training.start_run import resume_training as resume
from empnet.training.start_run import run_training as train
from empnet.training.uncertainty.ensemble_file import is_ensemble, load_ensemble
from empnet.workflows.train_ensemble import train_ensemble

SETTINGS = {"width": 8, "layers": 1, "moments": 0, "batch": 16, "epochs": 4, "val": 30, "test": 20, "quiet": True}


def pairs(n: int = 120) -> list[System]:
    rng = np.random.default_rng(0)
    return [System([[0, 0, 0], [0, 0, d]], [1, 8], properties={"energy": 1 / d}) for d in rng.uniform(0.8, 2.5, n)]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "pairs.extxyz"
    write(path, pairs())
    return path


@pytest.fixture(scope="module")
def run(data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "ensemble"
    return train_ensemble(data, "energy", members=3, out=out, seed=5, **SETTINGS).run


def batch_of(systems, card):
    return collate(systems, card.architecture.cutoff, card.encoder, card.torch_dtype)


def test_members_differ_in_their_seed_alone(run):
    folders = [RunFolder(run / f"member-{k}") for k in (1, 2, 3)]
    configs = [folder.read_config() for folder in folders]
    assert [config.seed for config in configs] == [5, 6, 7]
    assert len({config.model_copy(update={"seed": 0}).model_dump_json() for config in configs}) == 1
    assert len({json.dumps(folder.read_split().to_json()) for folder in folders}) == 1
    assert RunFolder(run).read_split().to_json() == folders[0].read_split().to_json()


def test_the_mean_and_the_spread_of_its_members(run):
    model, card, spread = load_ensemble(run)
    batch = batch_of(pairs(7), card)
    with torch.no_grad():
        found = model.predict(batch)
    alone = np.stack([load_model(run / f"member-{k}")[0](batch).detach().numpy() for k in (1, 2, 3)])
    assert np.allclose(found.values, alone.mean(axis=0), rtol=1e-12)
    std = spread.std(found, batch)
    assert np.allclose(std[:, 0], spread.calibrations[0].std(alone.std(axis=0, ddof=1)[:, 0]), rtol=1e-9)
    # float32 networks with tables made beforehand
    assert np.allclose(spread.std(model.frozen().predict(batch), batch), std, rtol=1e-3)


def test_two_thirds_of_the_validation_errors_are_smaller(run, data):
    model, card, spread = load_ensemble(run)
    systems = [pairs()[k] for k in RunFolder(run).read_split().validation]
    batch = batch_of(systems, card)
    errors = model(batch).detach().numpy()[:, 0] - [system.properties["energy"] for system in systems]
    # of 30 the 22nd is taken (31 times 0.6827, rounded up)
    assert (np.abs(errors) <= spread.std(model.predict(batch), batch)[:, 0] * (1 + 1e-6)).sum() == 22


def test_its_slopes_are_the_mean_slopes(run):
    model, card, _ = load_ensemble(run)
    batch = batch_of(pairs(3), card)
    batch.positions.requires_grad_()
    slopes = [torch.autograd.grad(each(batch).sum(), batch.positions)[0] for each in (model, *model.each())]
    assert torch.allclose(slopes[0], torch.stack(slopes[1:]).mean(0), rtol=1e-10)


def test_stopped_or_again(run, data, capsys):
    with pytest.raises(EmpnetError, match="already exists"):
        train_ensemble(data, "energy", members=3, out=run, seed=5, **SETTINGS)
    before = (run / "ensemble.json").read_bytes()
    (run / "ensemble.json").unlink()
    with pytest.raises(EmpnetError, match="has other settings: width was 8, is 12"):
        train_ensemble(data, "energy", members=3, out=run, seed=5, **{**SETTINGS, "width": 12})
    result = train_ensemble(data, "energy", members=3, out=run, seed=5, **SETTINGS)  # nothing is trained anew
    assert result.finished
    assert (run / "ensemble.json").read_bytes() == before
    assert json.loads((run / "results.json").read_text()) == result.results


def test_where_one_network_is_wanted(run, data, tmp_path):
    with pytest.raises(EmpnetError, match=r"is an ensemble.*the command that began it goes on"):
        resume(run)
    with pytest.raises(EmpnetError, match=r"is an ensemble.*member-1"):
        train(data, "energy", out=tmp_path / "run", fine_tune=str(run), epochs=1, quiet=True)
    assert not (tmp_path / "run").exists()


def test_it_can_be_checked(run):
    failed = [line.name for line in audit(load(run), quiet=True).lines if line.verdict == "fail"]
    assert set(failed) <= {"error of energy"}  # so few epochs may be worse than the baseline


@pytest.mark.parametrize("members", [-1, 0, 1])
def test_too_few_members(data, tmp_path, members):
    with pytest.raises(EmpnetError, match="wanted 2 or more"):
        train_ensemble(data, "energy", members=members, out=tmp_path / "run", **SETTINGS)
    assert not (tmp_path / "run").exists()


def test_a_folder_of_something_else(data, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(EmpnetError, match="is not an ensemble"):
        train_ensemble(data, "energy", members=2, out=tmp_path, force=True, **SETTINGS)
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"format_version": 1, "members": 3}', b"\xff\xfe"])
def test_a_damaged_file(tmp_path, content):
    (tmp_path / "ensemble.json").write_bytes(content)
    assert is_ensemble(tmp_path)
    with pytest.raises(EmpnetError, match=r"ensemble\.json: is damaged"):
        load_ensemble(tmp_path)


def test_a_later_version_is_refused(tmp_path):
    (tmp_path / "ensemble.json").write_text(json.dumps({"format_version": 2}))
    with pytest.raises(EmpnetError, match="update empnet"):
        load_ensemble(tmp_path)


def test_an_ensemble_ends_with_its_report_and_its_verdict_last(data, tmp_path, capsys):
    settings = SETTINGS | {"quiet": False, "epochs": 1}
    folder = train_ensemble(data, "energy", members=2, out=tmp_path / "run", **settings).run
    assert (folder / "report.html").exists()
    told = capsys.readouterr().out.splitlines()
    assert f"report: {folder / 'report.html'}" in told
    assert told[-1].startswith("Next: ")
    assert "Each of its 2 members was trained on 70 of 120 systems" in (folder / "report.html").read_text(
        encoding="utf-8"
    )
    assert told[-1] in (folder / "log.txt").read_text(encoding="utf-8").splitlines()


def test_an_ensemble_whose_report_fails_is_whole(data, tmp_path, monkeypatch, capsys):
    def fail(*_, **__):
        raise EmpnetError("no report today")

    monkeypatch.setattr("empnet.workflows.train.write_report", fail)
    settings = SETTINGS | {"quiet": False, "epochs": 1}
    result = train_ensemble(data, "energy", members=2, out=tmp_path / "run", **settings)
    assert result.finished
    assert "no report could be written (no report today)" in capsys.readouterr().out
