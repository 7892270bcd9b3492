"""What is to be learned from what."""

from __future__ import annotations

from dataclasses import dataclass

from empnet.dataset.dataset import Dataset
from empnet.dataset.split import Split
from empnet.training.optimiser.scales import Scales
from empnet.training.run.config import TrainConfig
from empnet.training.run.model_file import ModelCard
from empnet.training.run.sizes import balanced_batch

__all__ = ["Job"]


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What is to be learned from what.

    Arguments:
        config: The configuration.
        card: Species, properties and units.
        dataset: The data with targets.
        split: Its sides.
        scales: The loss's units.
    """

    config: TrainConfig
    card: ModelCard
    dataset: Dataset
    split: Split
    scales: Scales

    @property
    def batch(self) -> int:
        """Systems in a step: as configured, else by the size of the systems."""
        sizes, learned = self.dataset.sizes[self.split.train], bool(self.config.derivatives)
        return self.config.batch or balanced_batch(sizes, derivatives=learned)
