"""Settings that stand in config.toml and in model.json: both say the same, whatever a run began from."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from empnet.errors import EmpnetError
from empnet.files.write import write
from empnet.model.architecture import Architecture
from empnet.prediction.evaluate import evaluate
from empnet.prediction.load import load
from empnet.system.system import System
from empnet.training.loop import Trainer
from empnet.training.overfit import overfit
from empnet.training.run.agreement import SHARED, disagreements
from empnet.training.run.checkpoint import Progress
from empnet.training.run.config import TrainConfig
from empnet.training.run.model_file import ModelCard, read_card
from empnet.training.run.run_folder import RunFolder
from empnet.training.start_run import resume_training as resume
from empnet.training.start_run import run_training as train
from empnet.workflows.learning_curve import learning_curve
from empnet.workflows.train_ensemble import train_ensemble

SMALL = {"width": 8, "layers": 1, "moments": 0, "batch": 8, "epochs": 1, "threads": 1, "quiet": True}

OTHERS = {
    "property": "twice_energy",
    "unit": "meV",
    "features": "charge",
    "baseline_key": "cheap",
    "length_unit": "angstrom",
    "forces": "forces",
    "dtype": "float64",
    "cutoff": 4.0,
    "layers": 2,
    "width": 12,
    "moments": 1,
    "pooling": "mean",
    "threads": 1,
}
"""For each shared setting a value that is not the usual one (threads and length units have tests of their own)."""

TRUE_FOR_BOTH = {"property", "unit", "length_unit", "forces", "threads"}
"""What new data may have otherwise than those of the run that training starts from."""


def systems(n: int = 40, key: str = "energy") -> list[System]:
    found = []
    for d in np.random.default_rng(0).uniform(0.9, 2.0, n):
        force = np.array([[0, 0, 2 * (d - 1.2)], [0, 0, -2 * (d - 1.2)]])
        energy = float((d - 1.2) ** 2 - 3)
        properties = {key: energy, "twice_energy": 2 * energy, "cheap": -3 + 0.1 * float(d)}
        arrays = {"forces": force, "charge": np.array([0.5, -0.5])}
        found.append(System([[0, 0, 0], [0, 0, d]], [1, 8], properties=properties, arrays=arrays))
    return found


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "data.extxyz"
    write(path, systems())
    return path


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory) -> Path:
    return train(data, "energy", out=tmp_path_factory.mktemp("runs") / "finished", **SMALL).run


def differing(run: Path) -> list[str]:
    return list(disagreements(RunFolder(run).read_config(), read_card(run)))


def test_each_setting_that_both_hold_is_compared():
    """A new field of the card that is also a setting must stand in SHARED, or nobody would see it disagree."""
    card = {each.name for kind in (ModelCard, Architecture) for each in fields(kind)}
    of_card = card | {"property", "unit", "baseline_key"}  # there in the plural
    both = (set(TrainConfig.model_fields) & of_card) - {"data"}  # in the card: how it was found and its hash
    assert both | {"derivatives", "preparation"} == set(SHARED)


@pytest.mark.parametrize("name", list(OTHERS))
def test_what_is_asked_for_is_in_both(data, finished, tmp_path, name):
    """After training, and when the old run has another value: it is honoured, or refused with its name in a line."""
    settings = {**SMALL, "unit": "eV", name: OTHERS[name]}
    property_ = settings.pop("property", "energy")
    run = train(data, property_, out=tmp_path / "run", **settings).run
    assert differing(run) == []
    given = {
        key: value for key, value in settings.items() if key in (name, "unit", "batch", "epochs", "threads", "quiet")
    }
    try:
        tuned = train(data, property_, out=tmp_path / "tuned", fine_tune=str(finished), **given).run
    except EmpnetError as error:
        assert name in str(error)
        assert name not in TRUE_FOR_BOTH
        assert not (tmp_path / "tuned").exists()
        return
    assert name in TRUE_FOR_BOTH
    assert differing(tuned) == []
    assert RunFolder(tuned).read_config().model_dump()[name] == RunFolder(run).read_config().model_dump()[name]


@pytest.mark.parametrize("name", ["features", "baseline_key", "dtype", "cutoff", "layers", "width", "pooling"])
def test_what_is_not_given_is_taken_from_the_old_run(data, tmp_path, name):
    old = train(data, "energy", out=tmp_path / "old", **{**SMALL, name: OTHERS[name]}).run
    free = {key: SMALL[key] for key in ("batch", "epochs", "threads", "quiet")}
    tuned = train(data, "energy", out=tmp_path / "tuned", fine_tune=str(old), **free).run
    assert differing(tuned) == []
    assert SHARED[name](read_card(tuned)) == SHARED[name](read_card(old))


def test_the_property_is_the_old_runs_if_none_is_named(data, tmp_path):
    old = train(data, "twice_energy", unit="eV", out=tmp_path / "old", **SMALL).run
    free = {key: SMALL[key] for key in ("batch", "epochs", "threads", "quiet")}
    tuned = train(data, unit="eV", out=tmp_path / "tuned", fine_tune=str(old), **free).run
    assert read_card(tuned).properties == ("twice_energy",)


def test_a_preset_of_another_size_is_refused(data, finished, tmp_path):
    with pytest.raises(EmpnetError, match="is given; wanted"):
        train(data, "energy", out=tmp_path / "run", fine_tune=str(finished), size="small", epochs=1, quiet=True)


def test_forces_want_a_sum_in_the_old_run_too(data, tmp_path):
    mean = train(data, "energy", out=tmp_path / "mean", pooling="mean", **SMALL).run
    with pytest.raises(EmpnetError, match="pooling 'sum' is needed for forces"):
        train(data, "energy", out=tmp_path / "run", fine_tune=str(mean), forces="forces", epochs=1, quiet=True)


def test_features_of_another_width_are_refused(data, finished, tmp_path):
    one = train(data, "energy", out=tmp_path / "one", features="charge", **SMALL).run
    wide = [
        System(s.positions, s.species, properties=dict(s.properties), arrays={"charge": np.eye(2)}) for s in systems()
    ]
    with pytest.raises(EmpnetError, match="2 further features"):
        train(wide, "energy", out=tmp_path / "two", fine_tune=str(one), epochs=1, quiet=True)


def stopped(data: Path, out: Path, monkeypatch) -> Path:
    """A run that was stopped before its first step."""
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "fit", lambda trainer: False)
        return train(data, "energy", out=out, **SMALL).run


@pytest.mark.parametrize("name", list(OTHERS))
def test_resuming_with_another_value_is_refused(data, tmp_path, monkeypatch, name):
    run = stopped(data, tmp_path / "run", monkeypatch)
    other = {"length_unit": "bohr", "threads": 2}.get(name, OTHERS[name])
    with pytest.raises(EmpnetError, match=r"the configuration has changed|is given|with a baseline key|pooling"):
        resume(run, quiet=True, **{name: other})
    finished = resume(run, quiet=True).run
    assert differing(finished) == []


@pytest.mark.parametrize(("name", "edited"), [("cutoff = 5.0", "cutoff = 4.0"), ("width = 8", "width = 9")])
def test_an_edited_configuration_is_told(data, tmp_path, monkeypatch, name, edited):
    run = stopped(data, tmp_path / "run", monkeypatch)
    text = (run / "config.toml").read_text()
    assert name in text
    (run / "config.toml").write_text(text.replace(name, edited))
    told = rf"{name.split()[0]} is .* in config.toml, .* in model.json"
    with pytest.raises(EmpnetError, match=told):
        resume(run, quiet=True)
    assert Progress().step == 0


def test_an_edited_configuration_is_told_by_evaluate(data, tmp_path):
    run = train(data, "energy", out=tmp_path / "run", **SMALL).run
    text = (run / "config.toml").read_text()
    (run / "config.toml").write_text(text.replace('length_unit = "angstrom"', 'length_unit = "bohr"'))
    with pytest.raises(EmpnetError, match=r"length_unit is bohr in config.toml, angstrom in model.json"):
        evaluate(load(run), quiet=True)


def test_ensembles_and_curves_agree(data, finished, tmp_path):
    of = {key: SMALL[key] for key in ("batch", "epochs", "threads", "quiet")}
    ensemble = train_ensemble(data, "energy", members=2, out=tmp_path / "both", fine_tune=str(finished), **of).run
    assert [differing(path) for path in (ensemble, ensemble / "member-1", ensemble / "member-2")] == [[], [], []]
    with pytest.raises(EmpnetError, match="pooling 'mean' is given"):
        train_ensemble(
            data, "energy", members=2, out=tmp_path / "x", fine_tune=str(finished), pooling="mean", epochs=1, quiet=True
        )
    with pytest.raises(EmpnetError, match="pooling 'mean' is given"):
        learning_curve(
            data, "energy", sizes=[8, 16], out=tmp_path / "y", fine_tune=str(finished), pooling="mean", quiet=True
        )


def test_the_probe_says_that_it_starts_afresh(data, finished):
    with pytest.raises(EmpnetError, match="fresh weights"):
        overfit(data, "energy", systems=4, fine_tune=str(finished), quiet=True)


@pytest.fixture(scope="module")
def named(tmp_path_factory) -> Path:
    """Data whose energies have a name with no usual unit."""
    path = tmp_path_factory.mktemp("named") / "ref.extxyz"
    write(path, systems(key="REF_energy"))
    return path


def test_fine_tuning_on_an_unknown_unit_says_which_option(named, finished, tmp_path):
    with pytest.raises(EmpnetError, match="the unit of 'REF_energy' is not known; the run's is eV; say --unit"):
        train(named, "REF_energy", out=tmp_path / "run", fine_tune=str(finished), epochs=1, quiet=True)
    with pytest.raises(EmpnetError, match="the unit of 'REF_energy' is not known; the run's is eV; say --unit"):
        learning_curve(named, "REF_energy", sizes=[8, 16], out=tmp_path / "c", fine_tune=str(finished), quiet=True)
    of = {"epochs": 1, "quiet": True, "threads": 1}
    tuned = train(named, "REF_energy", unit="meV", out=tmp_path / "run", fine_tune=str(finished), **of).run
    assert (read_card(tuned).units, differing(tuned)) == (("meV",), [])


def test_a_run_without_a_unit_cannot_be_taken_to_one(named, data, tmp_path):
    old = train(named, "REF_energy", out=tmp_path / "old", **SMALL).run
    with pytest.raises(EmpnetError, match="never knew the unit of its 'REF_energy'; the new data's is eV"):
        train(data, "energy", out=tmp_path / "run", fine_tune=str(old), epochs=1, quiet=True)
    of = {"epochs": 1, "quiet": True, "threads": 1}
    tuned = train(named, "REF_energy", out=tmp_path / "run", fine_tune=str(old), **of).run
    assert read_card(tuned).units == ("file units",)
    with pytest.raises(EmpnetError, match="cannot convert eV to debye"):
        energies = train(data, "energy", out=tmp_path / "eV", **SMALL).run
        train(data, "energy", unit="debye", out=tmp_path / "no", fine_tune=str(energies), epochs=1, quiet=True)


def test_a_potential_without_a_unit_is_told_before_the_work(named, tmp_path, monkeypatch, capsys):
    settings = {**SMALL, "quiet": False}
    with monkeypatch.context() as patch:
        patch.setattr("empnet.training.job.open_data", lambda *_: pytest.fail(capsys.readouterr().out))
        with pytest.raises(pytest.fail.Exception, match="ASE can run no dynamics with this potential"):
            train(named, "REF_energy", forces="forces", out=tmp_path / "run", **settings)
