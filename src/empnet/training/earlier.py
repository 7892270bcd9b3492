"""Training data of the runs that a run was fine-tuned from: the network has seen them, too."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from empnet.dataset.cache import cached_dataset
from empnet.dataset.dataset import Dataset
from empnet.errors import EmpnetError
from empnet.files.read import iread
from empnet.model.system_model import SystemModel
from empnet.training.job import recipe_of
from empnet.training.own_data import find_data
from empnet.training.run.config import TrainConfig
from empnet.training.run.model_file import ModelCard, read_card
from empnet.training.run.run_folder import RunFolder
from empnet.training.uncertainty.rigidity import INSIDE, Deviation, deviations

__all__ = ["limits_with_earlier"]

MOST = 500
"""Largest number of systems taken from each earlier run: enough for a quantile, seconds for a potential."""


def limits_with_earlier(
    limits: Float64[np.ndarray, " F_prime"],
    sure: Deviation,
    model: SystemModel,
    config: TrainConfig,
    card: ModelCard,
) -> tuple[Float64[np.ndarray, " F_prime"], list[str]]:
    """Return limits of ordinary standard deviations for a network trained on one data set after another.

    The standard deviation is calibrated on the labels of the last run. Systems like the earlier ones rightly have a
    larger one, but the network has seen them. So the limit is raised to at least the 99.5 % quantile of the earlier
    training systems.

    Arguments:
        limits: Limits from the last run's own data.
        sure: Predictor of the standard deviations.
        model: The network or the ensemble.
        config: The last run's configuration.
        card: Its card.

    Returns:
        The limits, and a line for each earlier run whose data are no longer available.
    """
    lines: list[str] = []
    for run in _earlier_runs(config):
        try:
            dataset, chosen = _training_side(run)
        except EmpnetError as error:
            lines.append(f"systems like those of {run} may be called unlike the training data ({error})")
            continue
        found = deviations(sure.spread, model, dataset, chosen, card)
        limits = np.maximum(limits, np.quantile(found, INSIDE, axis=0, method="higher"))
    return limits, lines


def _earlier_runs(config: TrainConfig) -> Iterator[str]:
    """Yield the run that this one was fine-tuned from, the run before it, and so on, while their folders exist."""
    known: set[Path] = set()
    while config.fine_tune is not None and (path := Path(config.fine_tune).resolve()) not in known:
        known.add(path)
        yield config.fine_tune
        try:
            config = RunFolder(path).read_config()
        except EmpnetError:
            return


def _training_side(run: str) -> tuple[Dataset, Int64[np.ndarray, " n"]]:
    """Return some of a run's training systems, drawn at random: a data set and their indices in it.

    Raises:
        EmpnetError: If neither the cache nor the file holds them unchanged.
    """
    folder = RunFolder(run)
    config, card, indices = folder.read_config(), read_card(folder.path), folder.read_split().train
    chosen = np.sort(np.random.default_rng(0).permutation(indices)[:MOST])
    kept = cached_dataset(str(card.data.get("sha256")), recipe_of(config))
    if kept is not None:
        return kept, chosen
    data = find_data(folder, remedy="they are needed as they were")
    assert isinstance(data, str)  # find_data returns systems only if it is given systems
    frames = enumerate(islice(iread(data, length_unit=config.length_unit), int(chosen[-1]) + 1))
    wanted = set(chosen.tolist())
    systems = [system.join_features(card.features) for index, system in frames if index in wanted]
    return Dataset.from_systems(systems, card.architecture.cutoff), np.arange(len(systems))
