"""Ensemble of networks that differ in their seed: the mean of their predictions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float64
from torch import Tensor

from empnet.basis.spline import CubicSpline
from empnet.model.architecture import Architecture
from empnet.model.network import Network
from empnet.model.property_model import PropertyModel
from empnet.model.system_model import BatchPrediction
from empnet.system.batch import Batch
from empnet.system.composition import Pooling

__all__ = ["Ensemble", "mean_prediction", "members_of"]


class Ensemble(torch.nn.Module):
    r"""Mean of several models of the same architecture.

    .. math:: y = \frac 1K \sum_k y_k

    Arguments:
        members: K models.

    Example:
        >>> from empnet.dataset.dataset import collate
        >>> from empnet.model.architecture import Architecture
        >>> from empnet.system.one_hot import OneHot
        >>> from empnet.system.system import System
        >>> models = [PropertyModel(Architecture(n_species=1, pooling=("sum",))) for _ in range(2)]
        >>> batch = collate([System([[0, 0, 0], [0, 0, 1.0]], species=[1, 1])], 5.0, OneHot([1]))
        >>> torch.allclose(Ensemble(models)(batch), (models[0](batch) + models[1](batch)) / 2)
        True
    """

    def __init__(self, members: Sequence[PropertyModel]) -> None:
        super().__init__()
        self.architecture: Architecture = members[0].architecture
        self.members = torch.nn.ModuleList(members)

    def each(self) -> Iterator[PropertyModel]:
        """Yield the members in order."""
        for member in self.members:
            assert isinstance(member, PropertyModel)  # invariant, for the type checker
            yield member

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of the networks."""
        return next(self.each()).dtype

    @property
    def is_frozen(self) -> bool:
        """True if the members' tables are precomputed and fixed."""
        return all(member.is_frozen for member in self.each())

    @property
    def baseline(self) -> Float64[Tensor, "K F_prime"]:
        """Contribution of a particle of each species to the composition baseline, averaged over the members."""
        return self._mean([member.baseline for member in self.each()])

    @property
    def scale(self) -> Float64[Tensor, " F_prime"]:
        """Largest of the members' scales, for each property."""
        return torch.stack([member.scale for member in self.each()]).amax(dim=0)

    @property
    def spline(self) -> CubicSpline:
        """Knots of the members' tables, the same for all members."""
        return next(self.each()).spline

    def frozen(self) -> Ensemble:
        """Return a copy for predictions: see :meth:`~empnet.model.property_model.PropertyModel.frozen`."""
        return Ensemble([member.frozen() for member in self.each()]).eval()

    def predict(self, batch: Batch) -> BatchPrediction:
        """Return the members' values, and the means of their values and contributions."""
        return mean_prediction([member.predict(batch) for member in self.each()])

    def forward(self, batch: Batch) -> Float64[Tensor, "B F_prime"]:
        """Return the mean of the members' predictions."""
        return self.predict(batch).values

    def composition_baseline(self, batch: Batch) -> Float64[Tensor, "B F_prime"]:
        """Return the composition baseline, averaged over the members."""
        return self._mean([member.composition_baseline(batch) for member in self.each()])

    def representation(self, batch: Batch, pooling: Pooling) -> Float64[Tensor, "B K_F"]:
        """Return the members' representations of each system, concatenated.

        Arguments:
            batch: The systems.
            pooling: ``"sum"`` or ``"mean"``.
        """
        return torch.cat([member.representation(batch, pooling) for member in self.each()], dim=1)

    @staticmethod
    def _mean(values: list[Tensor]) -> Tensor:
        return torch.stack(values).mean(dim=0)


def mean_prediction(found: Sequence[BatchPrediction]) -> BatchPrediction:
    """Return the values of several networks, and the means of all that they predict.

    Arguments:
        found: The prediction of each network for the same batch.
    """

    def mean(name: str) -> Tensor | None:
        parts = [getattr(each, name) for each in found]
        return None if parts[0] is None else torch.stack(parts).mean(dim=0)

    members = torch.stack([each.values for each in found])
    values = members.mean(dim=0)
    return BatchPrediction(values, mean("contributions"), None, members, mean("forces"), mean("stress"))


def members_of(model: Network | Ensemble) -> Sequence[Network]:
    """Return the members of an ensemble; any other model counts as its only member.

    Arguments:
        model: The model.
    """
    return list(model.each()) if isinstance(model, Ensemble) else [model]
