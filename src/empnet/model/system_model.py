"""The one result of a network, and what prediction needs of a network or an ensemble of several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from empnet.basis.spline import CubicSpline
from empnet.model.architecture import Architecture
from empnet.system.batch import Batch
from empnet.system.composition import Pooling

__all__ = ["BatchPrediction", "SystemModel"]


@dataclass(frozen=True, slots=True, eq=False)
class BatchPrediction:
    """Predictions for a batch, as tensors; U is the unit of the first property, and N the number of all particles.

    Arguments:
        values: The properties of each system, or the logits of its classes, shape (B, F'), float64.
        contributions: Each particle's part of the properties, shape (N, F'), float64; None if they do not add up.
        hidden: Input of the network's last layer, from which its standard deviation is computed: a row for each
            particle, shape (N, F), or for each system, shape (B, F), if whole systems are read; None for an ensemble.
        members: Values by each member of an ensemble, shape (K, B, F'); None for a single network.
        forces: -dE/dr in U per angstrom, shape (N, 3), float64; None if not requested.
        stress: (1/V) dE / d strain in U per cubic angstrom, xx yy zz yz xz xy, with ASE's sign: positive if the system
            tends to shrink; shape (B, 6), float64; nan for a system without a volume; None if not requested.
    """

    values: Float64[Tensor, "B F_prime"]
    contributions: Float64[Tensor, "N F_prime"] | None
    hidden: Float[Tensor, "rows F"] | None = None
    members: Float64[Tensor, "K B F_prime"] | None = None
    forces: Float64[Tensor, "N 3"] | None = None
    stress: Float64[Tensor, "B 6"] | None = None

    def detach(self) -> BatchPrediction:
        """Return the same numbers without a graph."""
        parts = (self.contributions, self.hidden, self.members, self.forces, self.stress)
        return BatchPrediction(self.values.detach(), *(None if part is None else part.detach() for part in parts))


@runtime_checkable
class SystemModel(Protocol):
    """A network, or an ensemble of several, that predicts properties of whole systems."""

    @property
    def architecture(self) -> Architecture:
        """Sizes, cutoff and pooling."""
        ...

    @property
    def baseline(self) -> Float64[Tensor, "K F_prime"]:
        """Contribution of a particle of each species to the composition baseline."""
        ...

    @property
    def scale(self) -> Float64[Tensor, " F_prime"]:
        """Scale of the network's output, for each property."""
        ...

    @property
    def spline(self) -> CubicSpline:
        """Knots of the filters' tables."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of the network's arithmetic."""
        ...

    @property
    def is_frozen(self) -> bool:
        """True if the filters' tables are computed once."""
        ...

    def frozen(self) -> SystemModel:
        """Return a copy for predictions."""
        ...

    def predict(self, batch: Batch) -> BatchPrediction:
        """Return values, contributions, and what the standard deviation is computed from."""
        ...

    def composition_baseline(self, batch: Batch) -> Float64[Tensor, "B F_prime"]:
        """Return the prediction of the composition alone."""
        ...

    def representation(self, batch: Batch, pooling: Pooling) -> Float64[Tensor, "B F"]:
        """Return a row of features for each whole system."""
        ...

    def __call__(self, batch: Batch) -> Float64[Tensor, "B F_prime"]:
        """Return the properties of each system."""
        ...
