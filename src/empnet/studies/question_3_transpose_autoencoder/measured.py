"""All that the study of the transpose autoencoder measures, part by part."""

from __future__ import annotations

from dataclasses import dataclass

from empnet.studies.claim import Effort
from empnet.studies.question_3_transpose_autoencoder.encoder_only import EncoderOnly, encoder_only
from empnet.studies.question_3_transpose_autoencoder.landscape import Landscape, landscape
from empnet.studies.question_3_transpose_autoencoder.premises import TransposePremises
from empnet.studies.question_3_transpose_autoencoder.principal import Principal, principal
from empnet.studies.question_3_transpose_autoencoder.race import BatchSizes, Race, batch_sizes, race
from empnet.studies.question_3_transpose_autoencoder.sphere import Training, sphere

__all__ = ["Measured", "measure"]


@dataclass(frozen=True)
class Measured:
    """What is measured, each part when a claim first asks for it, and remembered while its premises stay the same.

    Arguments:
        premises: Data, start and training.
        quick: Fewer starts, seeds and sizes.
    """

    premises: TransposePremises
    quick: bool

    @property
    def landscape(self) -> Landscape:
        """Ends of many descents, critical points, norms."""
        return landscape(self.premises.cloud, self.premises.start, self.premises.weight_decay, self.quick)

    @property
    def race(self) -> Race:
        """Optimisers."""
        return race(self.premises.cloud, self.premises.batch_size, self.premises.precision, self.quick)

    @property
    def batches(self) -> BatchSizes:
        """Batch sizes."""
        return batch_sizes(self.premises.cloud, self.premises.accuracy, self.quick)

    @property
    def principal(self) -> Principal:
        """Beside principal component analysis."""
        return principal(self.premises.cloud, self.premises.n_components, self.quick)

    @property
    def sphere(self) -> dict[int, Training]:
        """The four ways to norm one, by number."""
        return sphere(self.premises.cloud, self.premises.start, self.premises.repair, self.quick)

    @property
    def encoder(self) -> EncoderOnly:
        """The loss of the encoder alone."""
        return encoder_only(self.premises.cloud, self.premises.unit, self.quick)


def measure(premises: TransposePremises, effort: Effort) -> Measured:
    """Get ready to measure; the parts follow when they are asked for, since few claims need all of them.

    Arguments:
        premises: Data, start and training.
        effort: Number of starts, seeds and sizes.
    """
    return Measured(premises, effort.quick)
