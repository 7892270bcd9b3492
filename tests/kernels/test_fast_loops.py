"""Sizes of networks without fast loops: training says so in one line, with the nearest fast width."""

import numpy as np
import pytest

from empnet.dataset.dataset import Dataset
from empnet.dataset.split import Split
from empnet.kernels.fast_loops import has_fast_loops, slow_loops_note
from empnet.system.system import System
from empnet.training.job import make_card
from empnet.training.run.config import TrainConfig
from empnet.training.run.journal import Journal

SLOW = "a step takes several times as long as at width"


@pytest.mark.parametrize(
    ("width", "moments", "note"),
    [
        (8, 2, f"width 8 has no fast loops for moments: {SLOW} 32"),
        (48, 2, f"width 48 has no fast loops for moments: {SLOW} 64"),
        (72, 2, f"width 72 has no fast loops for moments: {SLOW} 64"),
        (64, 1, "moments of degree 1 have no fast loops: a step takes longer than with --moments 2"),
        (72, 3, "moments of degree 3 have no fast loops: a step takes longer than with --moments 2 at width 64"),
        (64, 2, None),
        (96, 2, None),
        (48, 0, None),  # distances only: loops of any width are fast
    ],
)
def test_when_training_is_configured_a_slow_size_is_one_line(width, moments, note, capsys, monkeypatch):
    monkeypatch.delenv("EMPNET_KERNELS", raising=False)
    assert slow_loops_note(width, moments) == note
    assert lines_about_loops(width, moments, capsys) == ([] if note is None else [note])
    monkeypatch.setenv("EMPNET_KERNELS", "reference")  # in plain torch, no width is slower than the next
    assert lines_about_loops(width, moments, capsys) == []


def lines_about_loops(width, moments, capsys) -> list[str]:
    """Return the lines about fast loops that a configured training prints."""
    positions = [[0, 0, 0], [0, 0, 1.0]]
    systems = [System(positions, [1, 1], properties={"energy": float(k)}) for k in range(4)]
    config = TrainConfig(data="pairs", property="energy", unit="eV", width=width, moments=moments, pooling="sum")
    config = config.model_copy(update={"device": "cpu"})
    split = Split(np.arange(4), np.arange(0), np.arange(0))
    make_card(Dataset.from_systems(systems, 5.0), split, config, Journal())
    return [line for line in capsys.readouterr().out.splitlines() if "fast loops" in line]


def test_degrees_with_fast_loops():
    assert [degree for degree in range(4) if has_fast_loops(64, degree)] == [2]
