"""The network for whole clouds: interactions, then mean, deviation and maximum over the points, then a network."""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from empnet.kernels.pairs import POOLINGS
from empnet.model.architecture import Architecture
from empnet.model.coarser_level import coarser_level
from empnet.model.feature_network import FeatureNetwork
from empnet.model.system_model import BatchPrediction
from empnet.preparation.invariants import LOG_SIZE
from empnet.system.batch import Batch
from empnet.system.composition import Pooling

__all__ = ["PooledModel"]

HEAD = 128
"""Width of the networks before and after the pooling."""

FAR_OUT = 3.0
"""Deviation, in standard deviations of the training set, at which features saturate."""


class PooledModel(FeatureNetwork):
    r"""Predicts properties or classes of whole systems from their particles' features, pooled in three ways.

    .. math::
        h_j = \mathrm{SiLU}(W \, \mathrm{norm}(f^L_j) + b), \quad
        H = \big[\operatorname{mean}_j h_j, \; \operatorname{std}_j h_j, \; \max_j h_j, \; g\big], \quad
        o = \mathrm{readout}(\mathrm{norm}(H))

    g are features of the whole system. For properties, y = b + s o, with b and s fixed before training; with a scale
    power p, y = R^p exp(b + s o), R being the radius of gyration; for classes, o + b are the logits.

    Clouds are unevenly dense: particles with 200 neighbours are beside some with none, and products of four sums of
    200 overflow within two interactions. So features are normalised between interactions, and tensors are divided by
    the root of 1 + their mean square norm, which no rotation changes.

    With a coarser level the first M points of each cloud, which are far from each other
    (:mod:`~empnet.model.coarser_level`), exchange messages once more over a wider cutoff, and H holds their mean, std
    and max, too: :math:`\tilde f = \mathrm{interaction}(\mathrm{norm}(f^L_j)), \; j < M`.

    Features beside the species, and g, enter in standard deviations of the training set, and saturate at three.

    References:
        PointNet, Qi et al., 2017, https://arxiv.org/abs/1612.00593 (the maximum);
        PointNet++, Qi et al., 2017, https://arxiv.org/abs/1706.02413 (levels of points);
        Layer normalization, Ba et al., 2016, https://arxiv.org/abs/1607.06450.

    Arguments:
        architecture: Sizes, cutoff, number of outputs.

    Example:
        >>> from empnet.dataset.dataset import collate
        >>> from empnet.system.one_hot import OneHot
        >>> from empnet.system.system import System
        >>> model = PooledModel(Architecture(n_species=1, pooling=("mean",), readout="pooled", classes=3)).eval()
        >>> model(collate([System([[0, 0, 0], [0, 0, 1.0]])], 5.0, OneHot([0]))).shape
        torch.Size([1, 3])
    """

    baseline: Tensor
    scale: Tensor
    feature_mean: Tensor
    feature_scale: Tensor
    cloud_mean: Tensor
    cloud_scale: Tensor

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        a = architecture
        joined = (6 if a.coarser else 3) * HEAD + a.n_cloud
        self.between = torch.nn.ModuleList(torch.nn.LayerNorm(a.width) for _ in range(a.layers - 1))
        self.norm, self.point = _before_pooling(a.width)
        if a.coarser:
            self.coarser_interaction = self._interaction(0, alone=True)
            self.before_coarser = torch.nn.LayerNorm(a.width)
            self.coarser_norm, self.coarser_point = _before_pooling(a.width)
        self.readout = torch.nn.Sequential(
            torch.nn.LayerNorm(joined),
            torch.nn.Dropout(a.dropout),
            torch.nn.Linear(joined, HEAD),
            torch.nn.SiLU(),
            torch.nn.Dropout(a.dropout),
            torch.nn.Linear(HEAD, a.n_outputs),
        )
        # a property's constant is the same for all particles: one row a species, as in the other model
        self.register_buffer("baseline", torch.zeros(a.n_species, a.n_outputs, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(a.n_outputs, dtype=torch.float64))
        for name, size in (("feature", a.n_features), ("cloud", a.n_cloud)):
            self.register_buffer(f"{name}_mean", torch.zeros(size, dtype=torch.float64))
            self.register_buffer(f"{name}_scale", torch.ones(size, dtype=torch.float64))
        torch.nn.init.normal_(self.embedding.weight, std=(a.n_species + a.n_features) ** -0.5)

    def standardised(self, batch: Batch) -> Float[Tensor, "N F"]:
        """Return the particles' features with those beside the species in standard deviations."""
        K = self.architecture.n_species
        if not self.architecture.n_features:
            return batch.features
        further = _saturated((batch.features[:, K:].double() - self.feature_mean) / self.feature_scale)
        return torch.cat([batch.features[:, :K], further.to(self.dtype)], dim=1)

    def features(self, batch: Batch) -> Float[Tensor, "N F"]:
        """Features of the particles after the last interaction."""
        geometry = self.geometry(batch)
        f, V = self.embedding(self.standardised(batch)), None
        for t, interaction in enumerate(self.interactions):
            if t:
                f, V = self.between[t - 1](f), _bounded(V)
            f, V = interaction(f, V, geometry)
        return f  # type: ignore[no-any-return]

    def pooled(self, batch: Batch) -> Float[Tensor, "B G"]:
        """Return H: the particles' features pooled in three ways, on both levels, and the system's own features."""
        a, f = self.architecture, self.features(batch)
        parts = [_pooled_in_three_ways(self.point(self.norm(f)), batch)]
        if a.coarser:
            kept, coarse = coarser_level(batch, a.coarser, a.cutoff)
            f, _ = self.coarser_interaction(self.before_coarser(f[kept]), None, self.geometry(coarse))
            parts.append(_pooled_in_three_ways(self.coarser_point(self.coarser_norm(f)), coarse))
        if a.n_cloud:
            assert batch.clouds is not None  # own invariant: a model with such features has a preparation
            g = batch.clouds[:, LOG_SIZE + 1 :]
            parts.append(_saturated((g - self.cloud_mean) / self.cloud_scale).to(f.dtype))
        return torch.cat(parts, dim=1)

    def outputs(self, batch: Batch) -> Float64[Tensor, "B F_prime"]:
        """Return b + s o: the properties, their logarithms over R^p, or the logits of the classes."""
        return self._outputs(self.readout[:-1](self.pooled(batch)))

    def _outputs(self, hidden: Float[Tensor, "B F"]) -> Float64[Tensor, "B F_prime"]:
        return self.baseline[0] + self.scale * self.readout[-1](hidden).double()

    def in_units(self, outputs: Float64[Tensor, "B F_prime"], batch: Batch) -> Float64[Tensor, "B F_prime"]:
        """Return the properties in their units from the network's outputs; logits stay as they are.

        Arguments:
            outputs: Outputs of the network.
            batch: The systems, for their sizes.
        """
        power = self.architecture.scale_power
        if power is None:
            return outputs
        assert batch.clouds is not None  # own invariant
        return torch.exp(outputs + power * batch.clouds[:, [LOG_SIZE]])

    def predict(self, batch: Batch) -> BatchPrediction:
        """Return the properties of each system, or the logits of its classes."""
        hidden = self.readout[:-1](self.pooled(batch))
        return BatchPrediction(self.in_units(self._outputs(hidden), batch), None, hidden)

    def forward(self, batch: Batch) -> Float64[Tensor, "B F_prime"]:
        """Return the properties of each system in their units, or the logits of its classes."""
        return self.predict(batch).values

    def composition_baseline(self, batch: Batch) -> Float64[Tensor, "B F_prime"]:
        """Return the prediction without geometry: the constant b, and R^p exp(b) with a scale power."""
        return self.in_units(self.baseline[:1].expand(batch.n_systems, -1), batch)

    def representation(self, batch: Batch, pooling: Pooling) -> Float64[Tensor, "B F"]:
        """Return the input of the last, linear layer: a row for each whole system.

        Arguments:
            batch: The systems.
            pooling: Not used: this model pools in all three ways.
        """
        return self.readout[:-1](self.pooled(batch)).double()  # type: ignore[no-any-return]


def _before_pooling(F: int) -> tuple[torch.nn.Module, torch.nn.Module]:
    """Return norm and W, b of h = SiLU(W norm(f) + b)."""
    return torch.nn.LayerNorm(F), torch.nn.Sequential(torch.nn.Linear(F, HEAD), torch.nn.SiLU())


def _pooled_in_three_ways(h: Float[Tensor, "N H"], batch: Batch) -> Float[Tensor, "B 3*H"]:
    """Return mean, standard deviation and maximum of the particles' h in each system."""
    mean = POOLINGS["mean"](h, batch.system_of, batch.n_systems)
    square = POOLINGS["mean"](h.double().square(), batch.system_of, batch.n_systems)
    deviation = (square - mean.square()).clamp(min=1e-6).sqrt()
    lowest = torch.full((batch.n_systems, h.shape[1]), -torch.inf, dtype=h.dtype, device=h.device)
    highest = lowest.scatter_reduce(0, batch.system_of[:, None].expand_as(h), h, "amax")
    return torch.cat([mean.to(h.dtype), deviation.to(h.dtype), highest], dim=1)


def _bounded(V: Tensor | None) -> Tensor | None:
    """Return tensors of at most unit size for each particle."""
    return None if V is None else V * torch.rsqrt(1 + V.square().mean(dim=(1, 2), keepdim=True))


def _saturated(x: Tensor) -> Tensor:
    """Return deviations that saturate smoothly: the trees of a forest do not mind outliers, but a network does."""
    return FAR_OUT * torch.tanh(x / FAR_OUT)
