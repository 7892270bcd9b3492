"""Predictions for parts of a data set, and their plain errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Int64

from empnet.data.dataset import Dataset
from empnet.data.deal import deal, work_of
from empnet.learn.distribution import Processes
from empnet.learn.model_file import ModelCard
from empnet.nn.model import PropertyModel

__all__ = ["Measured", "measure", "measure_together"]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Predictions beside what they should be.

    Arguments:
        predicted: Shape (n, F'), in the properties' units.
        targets: The same shape.
        baseline: What the composition alone predicts.
    """

    predicted: Float64[np.ndarray, "n F_prime"]
    targets: Float64[np.ndarray, "n F_prime"]
    baseline: Float64[np.ndarray, "n F_prime"]

    @property
    def mae(self) -> Float64[np.ndarray, " F_prime"]:
        """Mean absolute error of each property."""
        return np.abs(self.predicted - self.targets).mean(axis=0)

    @property
    def baseline_mae(self) -> Float64[np.ndarray, " F_prime"]:
        """Mean absolute error of the composition baseline."""
        return np.abs(self.baseline - self.targets).mean(axis=0)

    def summary(self, card: ModelCard) -> dict[str, dict[str, float | str | int]]:
        """Errors by property, for ``results.json``."""
        rmse = np.sqrt(np.square(self.predicted - self.targets).mean(axis=0))
        return {
            name: {
                "mae": float(self.mae[k]),
                "rmse": float(rmse[k]),
                "baseline_mae": float(self.baseline_mae[k]),
                "baseline": card.baseline_names[k],
                "unit": card.units[k],
                "systems": len(self.targets),
            }
            for k, name in enumerate(card.properties)
        }


@torch.no_grad()
def measure(
    model: PropertyModel, dataset: Dataset, indices: Int64[np.ndarray, " n"], card: ModelCard, device: torch.device
) -> Measured:
    """Predict the systems of these indices, in pieces of bounded memory.

    Arguments:
        model: The model.
        dataset: Data with targets.
        indices: Which systems, at least one.
        card: Species and dtype of the model.
        device: Where the model is.
    """
    predicted, baseline = [], []
    encoder = card.encoder
    for piece in dataset.chunks(indices):
        batch = dataset.batch(piece, encoder, card.torch_dtype).to(device)
        predicted.append(model(batch).cpu().numpy())
        baseline.append(model.composition_baseline(batch).cpu().numpy())
    return Measured(np.concatenate(predicted), dataset.targets[indices], np.concatenate(baseline))


def measure_together(
    processes: Processes,
    model: PropertyModel,
    dataset: Dataset,
    indices: Int64[np.ndarray, " n"],
    card: ModelCard,
    device: torch.device,
) -> Measured:
    """Predict the systems of these indices on several processes, each of which knows all predictions in the end.

    Arguments:
        processes: Among which the systems are dealt out.
        model: The model, the same in all processes.
        dataset: Data with targets.
        indices: Which systems, at least one.
        card: Species and dtype of the model.
        device: Where the model is.
    """
    if processes.alone:
        return measure(model, dataset, indices, card, device)
    lots = deal(work_of(dataset.sizes[indices], dataset.arrays["n_pairs"][indices]), processes.size)
    mine = indices[lots[processes.rank]]

    def predict() -> tuple[np.ndarray, np.ndarray] | None:
        if not len(mine):
            return None
        part = measure(model, dataset, mine, card, device)
        return part.predicted, part.baseline

    targets = dataset.targets[indices]
    predicted, baseline = np.empty(targets.shape), np.empty(targets.shape)
    for lot, part in zip(lots, processes.gather(predict), strict=True):
        if part is not None:
            predicted[lot], baseline[lot] = part
    return Measured(predicted, targets, baseline)
