"""Premises of the questions on message passing."""

from __future__ import annotations

from dataclasses import dataclass

from empnet.errors import EmpnetError
from empnet.studies.claim import Premises, premise
from empnet.studies.networks.symmetry_breaking import READOUTS

__all__ = ["MOST_PARTICLES", "MessagePassing"]

MOST_PARTICLES = 100
"""Largest number of particles in a system, since the literal loop visits each pair."""


@dataclass(frozen=True)
class MessagePassing(Premises):
    """Systems of particles, the network, and the networks that it is compared with."""

    systems: int = premise(3, "Random systems in the batch.", at_least=1, at_most=100)
    particles: int = premise(30, "Particles in each of them.", at_least=2, at_most=MOST_PARTICLES)
    features: int = premise(4, "Kinds of particles: their features are one-hot vectors.", at_least=1, at_most=100)
    features_out: int = premise(2, "Output features F' of the point-wise layer.", at_least=1, at_most=100)
    hidden: int = premise(128, "Required hidden units of phi and psi.", at_least=1)
    shift: float = premise(1e4, "Translation of systems in angstrom.", at_least=0.0, at_most=1e6)
    layer: str = premise("pointwise", "One perceptron per particle, or one for all.", one_of=("pointwise", "mixing"))
    kernel: int = premise(1, "Width of the convolution compared with the point-wise layer.", at_least=1)
    self_message: bool = premise(True, "Include a particle's own features in its sum.")
    filters: str = premise("shared", "One filter for all pairs, or one for each.", one_of=("shared", "per-pair"))
    distances: str = premise(
        "differences", "Distances from differences in float64, or by torch.cdist.", one_of=("differences", "cdist")
    )
    readout: str = premise("sum", "Readout of the property from the particles.", one_of=READOUTS)
    coordinates: bool = premise(False, "Add positions to the features.")
    labels: bool = premise(False, "Add each particle's number in the list to its features.")
    handedness: bool = premise(False, "Add a signed volume to the features.")
    network: str = premise(
        "coordinates",
        "Dense and convolutional network on coordinates, or message passing in their place.",
        one_of=("coordinates", "message-passing"),
    )
    augmentation: bool = premise(True, "Train one dense network on rotated copies.")
    cutoff: float = premise(2.0, "Cutoff of messages for the rings of side 1.5, in angstrom.", at_least=0.1)
    displaced: float = premise(0.0, "Displacement of one particle in one of two clouds, in angstrom.", at_least=0.0)

    def check(self) -> None:
        """Refuse an even kernel, which has no centre."""
        if self.kernel % 2 == 0:
            raise EmpnetError(f"--kernel {self.kernel}", wanted="an odd number")
