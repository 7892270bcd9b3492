"""All measurements of the study of the transpose autoencoder."""

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
    """All measurements; each is made when a claim first needs it, and cached by its premises.

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
        """Passes of several optimisers."""
        return race(self.premises.cloud, self.premises.batch_size, self.premises.precision, self.quick)

    @property
    def batches(self) -> BatchSizes:
        """Passes by batch size."""
        return batch_sizes(self.premises.cloud, self.premises.accuracy, self.quick)

    @property
    def principal(self) -> Principal:
        """Comparison with principal component analysis."""
        return principal(self.premises.cloud, self.premises.n_components, self.quick)

    @property
    def sphere(self) -> dict[int, Training]:
        """The four parametrisations of |a| = 1, by number."""
        return sphere(self.premises.cloud, self.premises.start, self.premises.repair, self.quick)

    @property
    def encoder(self) -> EncoderOnly:
        """The loss of the encoder alone."""
        return encoder_only(self.premises.cloud, self.premises.unit, self.quick)


def measure(premises: TransposePremises, effort: Effort) -> Measured:
    """Return measurements that are made on demand, since few claims need all of them.

    Arguments:
        premises: Data, start and training.
        effort: Quick: fewer starts, seeds and sizes.
    """
    return Measured(premises, effort.quick)
