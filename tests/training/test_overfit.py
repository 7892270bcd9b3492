"""The capacity probe tells apart: learned by heart, too small, contradictory data, not reached."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from empnet.errors import EmpnetError
from empnet.system.system import Origin, System
from empnet.training import overfit as module
from empnet.training.overfit import NIL, overfit

SMALL = {"moments": 0, "threads": 1, "quiet": True, "val": 1, "test": 0}


def springs(n: int = 20) -> list[System]:
    return [
        System(
            [[0, 0, 0], [0, 0, d]],
            [1, 8],
            properties={"energy": np.sin(5 * d)},
            arrays={"forces": 5 * np.cos(5 * d) * np.array([[0.0, 0, 1], [0, 0, -1]])},
            origin=Origin("s.xyz", k),
        )
        for k, d in enumerate(np.random.default_rng(0).uniform(0.8, 2.5, n))
    ]


def test_a_batch_is_learned_by_heart():
    probe = overfit(springs(), "energy", systems=6, width=16, layers=1, **SMALL)
    assert (probe.verdict, probe.reached, probe.floor) == ("reached", True, 0.0)
    assert probe.attempts[-1].loss <= NIL
    assert probe.systems == 6


@pytest.mark.parametrize("moments", [0, 2])
def test_a_batch_is_learned_by_heart_with_its_forces(moments):
    given = {**SMALL, "moments": moments}
    probe = overfit(springs(), "energy", forces="forces", systems=4, width=16, layers=1, **given)
    assert (probe.verdict, probe.floor) == ("reached", 0.0)
    assert probe.attempts[-1].loss <= NIL


def test_a_network_that_is_too_small(monkeypatch):
    """With one feature no attempt gets there at once; a wider network does."""
    monkeypatch.setattr(module, "STEPS", 500)
    monkeypatch.setattr(module, "ITERATIONS", 60)
    monkeypatch.setattr(module, "_widened", lambda card, factor: _sized(card, {1: 1, 2: 32, 4: 64}[factor]))
    probe = overfit(springs(), "energy", systems=8, width=1, layers=1, **SMALL)
    assert probe.verdict == "network too small"
    assert [attempt.what.split(",")[0] for attempt in probe.attempts[:3]] == ["AdamW", "AdamW", "L-BFGS in float64"]
    assert min(attempt.loss for attempt in probe.attempts[:3]) > NIL


def _sized(card, width):
    return replace(card, architecture=replace(card.architecture, width=width, hidden=width, n_basis=16))


def test_contradictory_data():
    """The same system twice, turned and reordered, with another target: the loss cannot fall below their variance."""
    systems = springs(8)
    turned = systems[2].positions @ Rotation.from_euler("xyz", [0.4, 1.0, -2.0]).as_matrix().T + 7
    twin = System(turned[::-1], [8, 1], properties={"energy": systems[2].properties["energy"] + 3.0})
    data = [*systems, replace(twin, origin=Origin("s.xyz", 8))]
    probe = overfit(data, "energy", systems=8, width=16, layers=1, **{**SMALL, "seed": seed_with_both(data)})
    assert probe.verdict == "data contradict themselves"
    assert "s.xyz, frame 2" in probe.conclusion or "frame 2 " in probe.conclusion
    assert "frame 8" in probe.conclusion
    assert "3 eV" in probe.conclusion
    assert probe.floor > NIL
    lowest = min(attempt.loss for attempt in probe.attempts)
    assert probe.floor - 1e-9 <= lowest <= probe.floor + 10 * NIL


def seed_with_both(data) -> int:
    """A seed whose training set holds all systems but one that is neither frame 2 nor frame 8."""
    from empnet.dataset.split import split_systems

    for seed in range(50):
        train = split_systems(np.arange(len(data)), validation=1, test=0, seed=seed).train
        if {2, 8} <= set(train.tolist()):
            return seed
    raise AssertionError("no such seed")


def test_not_reached(monkeypatch):
    """No step is taken, so nothing can help: the probe must not blame the width or the data."""
    monkeypatch.setattr(module, "STEPS", 1)
    monkeypatch.setattr(module, "ITERATIONS", 19)
    probe = overfit(springs(), "energy", systems=10, width=4, layers=1, **SMALL)
    assert (probe.verdict, probe.reached) == ("not reached", False)


@pytest.mark.parametrize("systems", [0, 20])
def test_more_than_there_are(systems):
    with pytest.raises(EmpnetError, match="between 1 and 19, the training set"):
        overfit(springs(), "energy", systems=systems, **SMALL)


def test_settings_that_the_probe_does_not_use_are_named(capsys):
    data = [System([[0, 0, 0], [0, 0, d]], [1, 1], properties={"energy": 1 / d}) for d in np.arange(1, 3, 0.1)]
    overfit(data, "energy", systems=2, width=8, layers=1, moments=0, epochs=3, patience=2)
    assert "does not use: --epochs, --patience" in capsys.readouterr().out
