"""The forest of a run: fitted on descriptors of its training set, kept in the run folder, asked again later."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import safetensors
import torch
from jaxtyping import Float64, Int64
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from empnet.dataset.dataset import Dataset
from empnet.errors import EmpnetError
from empnet.preparation.invariants import LOG_SIZE, descriptor
from empnet.runtime.durable_files import replacing
from empnet.training.forest.trees import Trees
from empnet.training.run.integrity import file_of_tensors, hash_of_tensors, refuse_flipped
from empnet.training.run.model_file import ModelCard

__all__ = ["FILE", "Forest", "descriptors", "fit_forest", "load_forest", "save_forest"]

FILE = "forest.safetensors"

TREES = 300
"""Number of trees; more change nothing that an interval would show."""

FLOOR = 1e-3
"""Probability that a class has at least: a share of trees can be zero, and its logarithm then infinite."""


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """A random forest beside a network.

    Arguments:
        trees: The trees.
        card: Card of the network: classes, scale power, species.
    """

    trees: Trees
    card: ModelCard

    def predict(self, dataset: Dataset, indices: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, "n F_prime"]:
        """Return logarithms of the classes' probabilities, or the property in its unit.

        Arguments:
            dataset: The data.
            indices: Indices of the systems.
        """
        found = self.trees.predict(descriptors(dataset, indices, self.card))
        if self.card.classes:
            return np.log(found.clip(FLOOR))
        power = self.card.architecture.scale_power
        return found if power is None else np.exp(found + power * _log_sizes(dataset, indices))


def _log_sizes(dataset: Dataset, indices: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, "n 1"]:
    return np.asarray(dataset.arrays["clouds"])[indices][:, [LOG_SIZE]]


def descriptors(dataset: Dataset, indices: Int64[np.ndarray, " n"], card: ModelCard) -> Float64[np.ndarray, "n D"]:
    """Return a row for each system: of clouds its descriptor, of others the number of particles of each species.

    Arguments:
        dataset: The data.
        indices: Indices of the systems.
        card: Species of the model.
    """
    if "clouds" not in dataset.arrays:
        return dataset.composition(card.encoder)[indices]
    firsts, rows = np.cumsum(dataset.sizes) - dataset.sizes, []
    for index in indices:
        of_points = np.asarray(dataset.arrays["features"][firsts[index] : firsts[index] + dataset.sizes[index]])
        rows.append(descriptor(of_points, np.asarray(dataset.arrays["clouds"][index])))
    return np.array(rows)


def fit_forest(dataset: Dataset, train: Int64[np.ndarray, " n"], card: ModelCard) -> Forest:
    """Fit a forest of extremely randomised trees to the training set; takes seconds.

    References:
        Extremely randomized trees, Geurts et al., 2006, https://doi.org/10.1007/s10994-006-6226-1.

    Arguments:
        dataset: The data with targets.
        train: Indices of the training set.
        card: Card of the network beside it.
    """
    rows, targets = descriptors(dataset, train, card), dataset.targets[train][:, 0]
    power = card.architecture.scale_power
    if card.classes:
        forest = ExtraTreesClassifier(TREES, class_weight="balanced", random_state=0).fit(rows, targets)
        return Forest(Trees.of(forest, len(card.classes)), card)
    if power is not None:
        targets = np.log(targets) - power * _log_sizes(dataset, train)[:, 0]
    fitted = ExtraTreesRegressor(TREES, min_samples_leaf=2, random_state=0).fit(rows, targets)
    return Forest(Trees.of(fitted, 0), card)


def save_forest(folder: Path, forest: Forest) -> None:
    """Write ``forest.safetensors``, whole or not at all.

    Arguments:
        folder: The run folder.
        forest: The fitted forest.
    """
    trees = forest.trees
    tensors = {each.name: torch.from_numpy(np.ascontiguousarray(getattr(trees, each.name))) for each in fields(trees)}
    with replacing(folder / FILE) as unfinished:
        unfinished.write_bytes(file_of_tensors(tensors, {"sha256": hash_of_tensors(tensors)}))


def load_forest(folder: str | Path, card: ModelCard) -> Forest | None:
    """Read the forest of a run; None if it has none.

    Arguments:
        folder: The run folder.
        card: Card of the network beside it.

    Raises:
        EmpnetError: If the file is damaged.
    """
    path = Path(folder) / FILE
    if not path.exists():
        return None
    remedy = "remove it to do without the baseline"
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            written = file.metadata() or {}
            kept = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        trees = Trees(**{each.name: kept[each.name].numpy() for each in fields(Trees)})
    except (safetensors.SafetensorError, OSError, KeyError, TypeError) as error:
        raise EmpnetError(f"is damaged ({error})", where=path, remedy=remedy) from None
    refuse_flipped(written.get("sha256"), hash_of_tensors(kept), where=path, remedy=remedy)
    return Forest(trees, card)
