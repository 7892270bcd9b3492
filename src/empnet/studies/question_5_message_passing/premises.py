"""What the questions on message passing take for granted."""

from __future__ import annotations

from dataclasses import dataclass

from empnet.errors import EmpnetError
from empnet.studies.claim import Premises, premise
from empnet.studies.networks.symmetry_breaking import READOUTS

__all__ = ["MOST_PARTICLES", "MessagePassing"]

MOST_PARTICLES = 100
"""Most particles in a system: the literal loop visits each pair."""


@dataclass(frozen=True)
class MessagePassing(Premises):
    """Systems of particles, the network that sees them, and what it is compared with."""

    systems: int = premise(3, "Random systems in the batch.", at_least=1, at_most=100)
    particles: int = premise(30, "Particles in each of them.", at_least=2, at_most=MOST_PARTICLES)
    features: int = premise(4, "Kinds of particles: their features are one-hot vectors.", at_least=1, at_most=100)
    features_out: int = premise(2, "Features F' that leave the point-wise layer.", at_least=1, at_most=100)
    hidden: int = premise(128, "Hidden units that phi and psi are asked to have.", at_least=1)
    shift: float = premise(1e4, "How far systems are moved, in angstrom.", at_least=0.0, at_most=1e6)
    layer: str = premise("pointwise", "One perceptron a particle, or one for all.", one_of=("pointwise", "mixing"))
    kernel: int = premise(1, "Width of the convolution that the point-wise layer is compared with.", at_least=1)
    self_message: bool = premise(True, "Whether a particle's own features are in the sum that it receives.")
    filters: str = premise("shared", "One filter for all pairs, or one for each.", one_of=("shared", "per-pair"))
    distances: str = premise(
        "differences", "Distances from differences in float64, or by torch.cdist.", one_of=("differences", "cdist")
    )
    readout: str = premise("sum", "How particles become a property.", one_of=READOUTS)
    coordinates: bool = premise(False, "Whether positions are among the features.")
    labels: bool = premise(False, "Whether each particle's number in the list is among its features.")
    handedness: bool = premise(False, "Whether a signed volume is among the features.")
    network: str = premise(
        "coordinates",
        "The dense and the convolutional network are on coordinates, or message passing is in their place.",
        one_of=("coordinates", "message-passing"),
    )
    augmentation: bool = premise(True, "Whether one dense network is trained on turned copies.")
    cutoff: float = premise(2.0, "Range of a message for the rings of side 1.5, in angstrom.", at_least=0.1)
    displaced: float = premise(0.0, "How far one particle is moved in one of two clouds, in angstrom.", at_least=0.0)

    def check(self) -> None:
        """Refuse an even kernel, which has no middle."""
        if self.kernel % 2 == 0:
            raise EmpnetError(f"--kernel {self.kernel}", wanted="an odd number, so that there is a middle")
