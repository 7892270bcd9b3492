"""A loss that is no number, or explodes, slows the run down, then stops it with its cause; the best weights stay."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from empnet.errors import EmpnetError
from empnet.prediction.load import load
from empnet.system.system import Origin, System
from empnet.training.start_run import run_training as train

SMALL = {"width": 8, "layers": 1, "moments": 0, "batch": 8, "val": 0.15, "test": 0.15, "threads": 1, "quiet": True}


def springs(n: int = 60) -> list[System]:
    distances = np.random.default_rng(0).uniform(0.8, 2.5, n)
    return [
        System([[0, 0, 0], [0, 0, d]], [1, 8], properties={"energy": (d - 1.2) ** 2}, origin=Origin("", k))
        for k, d in enumerate(distances)
    ]


def fails(tmp_path, systems: list[System], **settings) -> str:
    with pytest.raises(EmpnetError) as caught:
        train(systems, "energy", out=tmp_path / "run", **{**SMALL, **settings})
    assert np.isfinite(load(tmp_path / "run").predict(springs(3)).values).all(), "the weights kept are no good"
    told = str(caught.value)
    assert told in (tmp_path / "run" / "log.txt").read_text()
    return told


def test_a_learning_rate_that_is_far_too_high(tmp_path):
    told = fails(tmp_path, springs(), lr=1e6, epochs=50)
    assert "the loss is" in told or "the gradient" in told
    assert "learning rate" in told
    assert "--from" in told


def test_the_best_weights_so_far_are_kept(tmp_path, monkeypatch):
    from empnet.training.optimiser.objective import Objective

    healthy, steps = Objective.loss, []

    def loss(*arguments, **named):
        steps.append(1)
        value = healthy(*arguments, **named)
        return value * float("nan") if len(steps) > 30 else value

    monkeypatch.setattr(Objective, "loss", loss)
    told = fails(tmp_path, springs(), epochs=20)
    assert "the loss is nan at step" in told


def test_a_run_that_explodes_goes_on_from_its_best_weights_more_slowly(tmp_path, monkeypatch):
    from empnet.training.optimiser.objective import Objective

    healthy, steps = Objective.loss, []

    def loss(*arguments, **named):
        steps.append(1)
        return healthy(*arguments, **named) * (float("inf") if len(steps) == 30 else 1.0)

    def epochs_of(name: str) -> np.ndarray:
        run = train(springs(), "energy", out=tmp_path / name, epochs=10, **SMALL).run
        return np.genfromtxt(run / "metrics.csv", delimiter=",", names=True)

    calm = epochs_of("calm")
    monkeypatch.setattr(Objective, "loss", loss)
    epochs = epochs_of("run")
    told = (tmp_path / "run" / "log.txt").read_text()
    assert "the loss is inf at step 29" in told
    assert told.count("going on from the best weights with half the learning rate") == 1
    assert epochs["step"][-1] == len(steps) - 1  # once again with the best weights on the same batch
    early = epochs["step"] <= 30  # the rate of step 29 was set before its loss was known
    assert np.allclose(epochs["lr"], np.where(early, 1.0, 0.5) * calm["lr"])
    assert epochs["validation_loss"][-1] < epochs["validation_loss"][early][-1]
    assert np.isfinite(epochs["train_loss"]).all()


def test_a_validation_error_that_is_no_number(tmp_path, monkeypatch):
    from empnet.training.optimiser.objective import Objective

    healthy, scores = Objective.score, []

    def score(*arguments):
        scores.append(healthy(*arguments))
        return float("nan") if len(scores) == 3 else scores[-1]

    monkeypatch.setattr(Objective, "score", score)
    run = train(springs(), "energy", out=tmp_path / "run", epochs=5, **SMALL).run
    assert "the validation error is nan" in (run / "log.txt").read_text()
    assert (run / "results.json").exists()


def test_a_gradient_that_is_no_number_does_not_touch_the_weights(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.nn.utils.get_total_norm", lambda *_: torch.tensor(float("inf")))
    assert "the gradient of the loss is inf at step 3" in fails(tmp_path, springs(), epochs=1)  # it had three chances


def diverge_at(monkeypatch, frame: int) -> None:
    """Make the model predict nan for the system with this frame's distance, as a network with a hidden flaw would."""
    from empnet.model.property_model import PropertyModel

    z = springs()[frame].positions[1, 2]
    pooled = PropertyModel.pooled

    def flawed(self, c, batch):
        values = pooled(self, c, batch)
        struck = (batch.positions[:, 2] == z).double()
        hit = torch.zeros(batch.n_systems, dtype=torch.float64).index_add(0, batch.system_of, struck)
        return torch.where(hit[:, None] > 0, torch.nan, values)

    monkeypatch.setattr(PropertyModel, "pooled", flawed)


def test_the_system_is_named(tmp_path, monkeypatch):
    diverge_at(monkeypatch, 17)
    told = fails(tmp_path, springs(), epochs=2)
    assert "frame 17" in told
    assert "predicted nan eV" in told


def test_an_outlier_and_near_particles_are_named(tmp_path, monkeypatch):
    systems = springs(200)
    odd = replace(systems[17], positions=np.array([[0, 0, 0], [0, 0, 0.05]]), properties={"energy": 1e6})
    systems[17] = odd
    import empnet.training.loop as loop

    monkeypatch.setattr(loop.Explosion, "__call__", lambda self, loss: loss > 10)  # as a run gone wrong would be
    told = fails(tmp_path, systems, epochs=2, val=1, test=0)  # so that it lies on the training set
    assert "frame 17" in told
    assert "standard deviations from what its composition says" in told
    assert "0.05 angstrom apart" in told


def test_no_outlier_alone_counts_as_an_explosion():
    """All of a training set's scatter in one system: the loss of its batch is n / B at the worst."""
    from empnet.training.optimiser.diagnosis import Explosion

    n, batch = 5000, 32
    z = np.zeros(n)
    z[0] = 1.0
    z = (z - z.mean()) / z.std()
    worst = float(np.sort(z**2)[-batch:].mean())
    assert worst == pytest.approx(n / batch, rel=1e-2)
    assert not Explosion(n, batch)(worst)
